//! Lines with the fewest points that draw the same (Ramer 1972; Douglas and Peucker 1973).

/// The points that keep every other one within `tolerance` of the line; the ends stay.
pub(crate) fn simplified(points: &[(f64, f64)], tolerance: f64) -> Vec<(f64, f64)> {
    let Some(last) = points.len().checked_sub(1).filter(|last| *last > 1) else {
        return points.to_vec();
    };
    let mut kept = vec![false; points.len()];
    kept[0] = true;
    kept[last] = true;
    let mut open = vec![(0, last)];
    while let Some((from, to)) = open.pop() {
        let off = |i: usize| (i, distance(points[i], points[from], points[to]));
        let furthest = (from + 1..to).map(off).max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((i, off)) = furthest
            && off > tolerance
        {
            kept[i] = true;
            open.extend([(from, i), (i, to)]);
        }
    }
    points.iter().zip(kept).filter(|(_, kept)| *kept).map(|(p, _)| *p).collect()
}

/// From a point to the stretch between two others.
fn distance(p: (f64, f64), a: (f64, f64), b: (f64, f64)) -> f64 {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let length = dx * dx + dy * dy;
    let share = ((p.0 - a.0) * dx + (p.1 - a.1) * dy) / length;
    let share = if length > 0.0 { share.clamp(0.0, 1.0) } else { 0.0 };
    (p.0 - a.0 - share * dx).hypot(p.1 - a.1 - share * dy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_corners_and_drops_what_lies_between() {
        let straight = [(0.0, 0.0), (1.0, 0.1), (2.0, -0.1), (3.0, 0.0)];
        assert_eq!(simplified(&straight, 0.2), [straight[0], straight[3]]);
        assert_eq!(simplified(&straight, 0.05), straight);
        let spike = [(0.0, 0.0), (1.0, 0.0), (1.1, 9.0), (1.2, 0.0), (2.0, 0.0)];
        assert_eq!(simplified(&spike, 0.2), spike);
        let closed = [(0.0, 0.0), (1.0, 1.0), (0.0, 0.0)];
        assert_eq!(simplified(&closed, 0.2), closed);
    }

    #[test]
    fn every_point_stays_within_the_tolerance() {
        let points: Vec<(f64, f64)> = (0..500)
            .map(|i| {
                (f64::from(i), 20.0 * (f64::from(i) / 40.0).sin() + f64::from(i * 7 % 5) / 9.0)
            })
            .collect();
        let kept = simplified(&points, 0.3);
        assert!(kept.len() < 450, "{}", kept.len());
        for p in &points {
            let near = kept.windows(2).map(|w| distance(*p, w[0], w[1])).fold(f64::MAX, f64::min);
            assert!(near <= 0.3, "{p:?} is {near} away");
        }
    }
}
