//! Work shared among workers.

/// Seconds until the last of several workers is done: each has `running` seconds of work at hand (fewer
/// entries than workers: the rest are idle) and the `queued` pieces go to whoever is free first.
pub(crate) fn makespan(
    workers: usize,
    running: &[f64],
    queued: impl IntoIterator<Item = f64>,
) -> f64 {
    let mut loads = running.to_vec();
    loads.resize(workers.max(running.len()).max(1), 0.0);
    for seconds in queued {
        let free = loads.iter_mut().min_by(|a, b| a.total_cmp(b)).expect("there is a worker");
        *free += seconds;
    }
    loads.into_iter().fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::makespan;

    #[test]
    fn queued_work_goes_to_the_first_who_is_free() {
        assert_eq!(makespan(1, &[], [3.0, 2.0, 1.0]), 6.0);
        assert_eq!(makespan(2, &[], [3.0, 2.0, 1.0]), 3.0);
        assert_eq!(makespan(2, &[5.0], [3.0, 1.0, 2.0]), 6.0);
        assert_eq!(makespan(0, &[4.0, 1.0], []), 4.0);
    }
}
