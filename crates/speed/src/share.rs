//! Work shared out among places that are not equally fast.

/// Who does what, in which order.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// Pieces of work of every place.
    pub places: Vec<Vec<usize>>,
    /// Seconds until the last of them is done.
    pub seconds: f64,
}

/// Gives each piece, in its order, to the place that would be done with it first: a slow place is left without work where a
/// faster one is done with all of it sooner (earliest completion time on unrelated machines; Ibarra and Kim 1977, J. ACM 24, 280).
/// `free_in` says in how many seconds each place is free, `seconds` how long a place takes for a piece.
pub fn share(
    free_in: &[f64],
    pieces: impl IntoIterator<Item = usize>,
    seconds: impl Fn(usize, usize) -> f64,
) -> Share {
    let mut loads = free_in.to_vec();
    let mut places = vec![Vec::new(); loads.len()];
    for piece in pieces {
        let done = |place: &usize| loads[*place] + seconds(*place, piece);
        let first = (0..loads.len()).min_by(|a, b| done(a).total_cmp(&done(b)));
        let Some(first) = first else { break };
        loads[first] = done(&first);
        places[first].push(piece);
    }
    Share { places, seconds: loads.into_iter().fold(0.0, f64::max) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_places_take_the_longest_that_is_left() {
        let work = [5.0, 4.0, 3.0, 3.0, 3.0];
        let shared = share(&[0.0, 0.0], 0..5, |_, piece| work[piece]);
        assert_eq!(shared.places, [vec![0, 3], vec![1, 2, 4]]);
        assert_eq!(shared.seconds, 10.0);
        let busy = share(&[6.0, 0.0], 0..5, |_, piece| work[piece]);
        assert_eq!(busy.places[0], [2, 3]);
    }

    #[test]
    fn a_slow_place_takes_what_the_fast_one_would_not_be_done_with_sooner() {
        // Ten times as slow: it takes none of three, and one of thirty.
        let seconds = |place: usize, _: usize| if place == 0 { 1.0 } else { 10.0 };
        let few = share(&[0.0, 0.0], 0..3, seconds);
        assert_eq!((few.places[1].len(), few.seconds), (0, 3.0));
        let many = share(&[0.0, 0.0], 0..30, seconds);
        assert_eq!((many.places[1].len(), many.seconds), (2, 28.0));
    }

    #[test]
    fn without_a_place_nothing_is_shared_out() {
        assert_eq!(share(&[], 0..3, |_, _| 1.0), Share { places: Vec::new(), seconds: 0.0 });
    }
}
