//! Learning-rate factors: warm-up, then the schedule.

use isoflop_plan::{Hyper, Schedule};

/// Learning rate of step `step` (from 0) of `steps`.
///
/// The warm-up is linear and ends at the peak; step 0 already moves. WSD decays as
/// `1 - sqrt(x)` (Hägele et al. 2024, section 3), the cosine over all steps after the warm-up.
pub fn learning_rate(hyper: &Hyper, step: u64, steps: u64) -> f64 {
    let warmup = hyper.warmup_steps;
    let ramp = if step < warmup { (step + 1) as f64 / warmup as f64 } else { 1.0 };
    let factor = match hyper.schedule {
        Schedule::Constant => 1.0,
        Schedule::Cosine { final_fraction } => {
            let length = steps.saturating_sub(warmup).max(1) as f64;
            let x = (step.saturating_sub(warmup) as f64 / length).min(1.0);
            final_fraction + (1.0 - final_fraction) * 0.5 * (1.0 + (std::f64::consts::PI * x).cos())
        }
        Schedule::Wsd { .. } => {
            let start = hyper.stable_steps(steps);
            if step < start {
                1.0
            } else {
                let x = (step + 1 - start) as f64 / (steps - start + 1) as f64;
                1.0 - x.sqrt()
            }
        }
    };
    hyper.learning_rate * ramp * factor
}

#[cfg(test)]
mod tests {
    use super::*;
    use isoflop_plan::{Optimizer, Precision};

    fn hyper(schedule: Schedule) -> Hyper {
        Hyper {
            batch_sequences: 4,
            learning_rate: 2.0,
            warmup_steps: 10,
            schedule,
            optimizer: Optimizer::AdamW,
            beta1: 0.9,
            beta2: 0.95,
            epsilon: 1e-8,
            weight_decay: 0.1,
            clip_norm: None,
            z_loss: 0.0,
            precision: Precision::F32,
        }
    }

    #[test]
    fn warm_up_peak_and_end() {
        for schedule in [
            Schedule::Cosine { final_fraction: 0.0 },
            Schedule::Wsd { cooldown_fraction: 0.2 },
            Schedule::Constant,
        ] {
            let h = hyper(schedule);
            assert!((learning_rate(&h, 0, 100) - 0.2).abs() < 1e-12);
            assert!((learning_rate(&h, 10, 100) - 2.0).abs() < 1e-12, "{schedule:?}");
            let end = learning_rate(&h, 99, 100);
            match schedule {
                Schedule::Constant => assert_eq!(end, 2.0),
                _ => assert!((0.0..0.06).contains(&end), "{schedule:?} ends at {end}"),
            }
        }
    }

    #[test]
    fn rates_never_rise_after_the_warm_up() {
        for schedule in
            [Schedule::Cosine { final_fraction: 0.1 }, Schedule::Wsd { cooldown_fraction: 0.2 }]
        {
            let h = hyper(schedule);
            let rates: Vec<f64> = (10..200).map(|s| learning_rate(&h, s, 200)).collect();
            assert!(rates.windows(2).all(|w| w[1] <= w[0] && w[1] > 0.0), "{schedule:?}");
        }
    }

    #[test]
    fn wsd_runs_share_their_stable_part() {
        let h = hyper(Schedule::Wsd { cooldown_fraction: 0.2 });
        let start = h.stable_steps(100);
        assert_eq!(start, 80);
        for step in 0..start {
            assert_eq!(learning_rate(&h, step, 100), learning_rate(&h, step, 300));
        }
        assert!(learning_rate(&h, start, 100) < learning_rate(&h, start, 300));
    }
}
