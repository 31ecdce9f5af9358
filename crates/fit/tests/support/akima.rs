//! Akima's piecewise cubic, written from his paper (1970, "A new method of interpolation and smooth curve fitting based on
//! local procedures") apart from the crate's own.

/// The curve through `(x, y)` at each of `at`.
pub fn akima(x: &[f64], y: &[f64], at: &[f64]) -> Vec<f64> {
    let n = x.len();
    let mut chord: Vec<f64> = (1..n).map(|i| (y[i] - y[i - 1]) / (x[i] - x[i - 1])).collect();
    // Two chords beyond either end, in arithmetic progression.
    for _ in 0..2 {
        chord.insert(0, 2.0 * chord[0] - chord[1]);
        let last = chord.len() - 1;
        chord.push(2.0 * chord[last] - chord[last - 1]);
    }
    let change: Vec<f64> = chord.windows(2).map(|w| (w[1] - w[0]).abs()).collect();
    let largest = change.iter().copied().fold(0.0, f64::max);
    let slope = |i: usize| {
        let (before, after) = (change[i], change[i + 2]);
        if before + after <= 1e-9 * largest {
            return 0.5 * (chord[i + 1] + chord[i + 2]);
        }
        (after * chord[i + 1] + before * chord[i + 2]) / (before + after)
    };
    let one = |at: &f64| {
        let k = (1..n - 1).filter(|k| x[*k] <= *at).count();
        let (h, t) = (x[k + 1] - x[k], (at - x[k]) / (x[k + 1] - x[k]));
        // Hermite's basis.
        let (a, b) = (1.0 + 2.0 * t, 3.0 - 2.0 * t);
        let ends = y[k] * a * (1.0 - t).powi(2) + y[k + 1] * b * t * t;
        ends + h * t * (1.0 - t) * (slope(k) * (1.0 - t) - slope(k + 1) * t)
    };
    at.iter().map(one).collect()
}
