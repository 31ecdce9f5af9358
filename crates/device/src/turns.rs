//! Two ways to compute the same, timed in turns.

use std::time::Instant;

/// Rounds, of which the median counts.
const ROUNDS: usize = 5;

/// Seconds of the faster way in a round, about.
const SECONDS: f64 = 0.005;

/// How many times as fast one way is as the other. Each computes as often as it is told, and waits for the last result.
///
/// # Errors
/// The first failure of one of them.
pub(super) fn times_as_fast(
    one: &mut dyn FnMut(usize) -> Result<(), String>,
    other: &mut dyn FnMut(usize) -> Result<(), String>,
) -> Result<f64, String> {
    let seconds = |way: &mut dyn FnMut(usize) -> Result<(), String>, count: usize| {
        let began = Instant::now();
        way(count)?;
        Ok::<_, String>(began.elapsed().as_secs_f64() / count as f64)
    };
    // The first call compiles, the second is the length of one.
    let once = |way: &mut dyn FnMut(usize) -> Result<(), String>| {
        seconds(way, 1)?;
        seconds(way, 1)
    };
    // The same count for both: waiting costs each of them the same.
    let count = ((SECONDS / once(one)?.min(once(other)?)) as usize).clamp(1, 1000);
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let slow = seconds(other, count)?;
        ratios.push(slow / seconds(one, count)?);
    }
    ratios.sort_by(f64::total_cmp);
    Ok(ratios[ROUNDS / 2])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_shorter_way_is_faster() {
        let wait = |millis: u64| {
            move |count: usize| {
                std::thread::sleep(Duration::from_millis(millis * count as u64));
                Ok(())
            }
        };
        let ratio = times_as_fast(&mut wait(1), &mut wait(4)).unwrap();
        assert!(ratio > 1.5, "{ratio}");
        let failed = times_as_fast(&mut |_| Err("lost".into()), &mut wait(1));
        assert_eq!(failed, Err("lost".into()));
    }
}
