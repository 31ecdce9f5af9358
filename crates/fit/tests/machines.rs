//! Machines that trained the same cells: what they do to the loss, and what repeats may not do to the fits.

use isoflop_fit::intervals::IntervalOptions;
use isoflop_fit::isoflop::{IsoflopOptions, Noise, fit_isoflop};
use isoflop_fit::law::Hoffmann;
use isoflop_fit::parametric::{FitOptions, fit_law};
use isoflop_fit::study::{StudyOptions, run};
use isoflop_fit::{MachineEffects, Objective, Observation, Table, Warning};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

const LEVEL: f64 = 0.95;

/// A machine of a made world: its name, the sizes (of 12) that it trained, its shift of ln L at the middle size, and the change with ln N.
type Machine = (&'static str, std::ops::Range<i32>, f64, f64);

/// Cells have a noise of their own, far larger than that of a run, which machines share.
fn table(machines: &[Machine], sd: f64, random: &mut ChaCha8Rng) -> Table {
    let mut rows = Vec::new();
    let cells: Vec<f64> = (0..12).map(|_| 0.02 * random.sample::<f64, _>(StandardNormal)).collect();
    for (name, sizes, shift, slope) in machines {
        for k in sizes.clone() {
            let n = 1e6 * 1.5f64.powi(k);
            let off = shift + slope * (n / 1e6 / 1.5f64.powf(5.5)).ln();
            let noise = sd * random.sample::<f64, _>(StandardNormal);
            let loss = 3.0 * (-0.05 * f64::from(k) + cells[k as usize] + off + noise).exp();
            let mut row =
                Observation::new(format!("{k} on {name}"), n, 20.0 * n, 120.0 * n * n, loss);
            row.seed = Some("0".into());
            row.hardware = Some((*name).into());
            rows.push(row);
        }
    }
    Table::new(rows).unwrap()
}

fn random(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

#[test]
fn a_planted_effect_is_covered_and_none_is_seldom_claimed() {
    let tables = 400;
    let (mut covered, mut seen, mut trends, mut claimed) = (0, 0, 0, 0);
    for k in 0..tables {
        let planted = [("a", 0..12, 0.0, 0.0), ("b", 2..10, 0.004, 0.001)];
        let found = MachineEffects::of(&table(&planted, 0.002, &mut random(k)), LEVEL).unwrap();
        let effect = &found.effects[0];
        assert_eq!((found.shared_cells, effect.cells, effect.against.as_str()), (8, 8, "a"));
        let holds = |e: &isoflop_fit::Estimate, truth| e.interval.unwrap().contains(truth);
        covered += usize::from(holds(&effect.shift, 0.004));
        trends += usize::from(holds(&effect.trend.unwrap(), 0.001));
        seen += usize::from(effect.differs);
        let none = [("a", 0..12, 0.0, 0.0), ("b", 2..10, 0.0, 0.0)];
        let found = MachineEffects::of(&table(&none, 0.002, &mut random(k)), LEVEL).unwrap();
        claimed += usize::from(found.effects[0].differs);
    }
    let share = |count: usize| count as f64 / tables as f64;
    assert!(share(covered) >= 0.92, "{covered}");
    assert!(share(trends) >= 0.92, "{trends}");
    assert!(share(claimed) <= 0.07, "{claimed}");
    // The difference of two runs has sd .0028, its mean over 8 cells .001: four standard errors.
    assert!(share(seen) >= 0.9, "{seen}");
}

#[test]
fn machines_are_compared_through_others_and_claims_are_corrected() {
    let tables = 400;
    let machines = [
        ("a", 0..6, 0.0, 0.0),
        ("b", 2..10, 0.0, 0.0),
        ("c", 7..12, 0.0, 0.0),
        ("d", 0..12, 0.0, 0.0),
    ];
    let (mut covered, mut claimed) = (0, 0);
    for k in 0..tables {
        let found = MachineEffects::of(&table(&machines, 0.002, &mut random(k)), LEVEL).unwrap();
        let c = &found.effects[1];
        assert_eq!((c.machine.as_str(), c.against.as_str(), c.cells), ("c", "a", 5));
        assert_eq!(c.trend, None, "a and c have no cell in common");
        covered += usize::from(c.shift.interval.unwrap().contains(0.0));
        claimed += usize::from(found.effects.iter().any(|effect| effect.differs));
    }
    assert!(covered as f64 >= 0.92 * tables as f64, "{covered}");
    // Three claims, any of which would be false.
    assert!(claimed as f64 <= 0.07 * tables as f64, "{claimed}");
}

#[test]
fn two_machines_are_the_paired_test() {
    let planted = [("a", 0..12, 0.0, 0.0), ("b", 3..9, 0.01, 0.0)];
    let table = table(&planted, 0.002, &mut random(1));
    let found = MachineEffects::of(&table, LEVEL).unwrap();
    let loss = |name: String| table.rows().iter().find(|r| r.run == name).unwrap().loss_nats.ln();
    let pairs: Vec<f64> =
        (3..9).map(|k| loss(format!("{k} on b")) - loss(format!("{k} on a"))).collect();
    let paired = isoflop_fit::paired::mean_of(&pairs, LEVEL).unwrap();
    let (ours, theirs) = (found.effects[0].shift.interval.unwrap(), paired.interval.unwrap());
    assert!((ours.lo - theirs.lo).abs() < 1e-12 && (ours.hi - theirs.hi).abs() < 1e-12);
    assert_eq!(found.machines[1].runs, 6);
    assert!(found.effects[0].differs);
    let told = found.warnings()[0].to_string();
    assert!(
        told.starts_with("losses of b are +") && told.ends_with("from 6 shared cells"),
        "{told}"
    );
}

#[test]
fn what_cannot_be_told_is_not() {
    let of =
        |machines: &[Machine], sd| MachineEffects::of(&table(machines, sd, &mut random(3)), LEVEL);
    assert_eq!(of(&[("a", 0..12, 0.0, 0.0)], 0.01), None);
    // One cell: a difference, and nothing that says how sure.
    let one = of(&[("a", 0..6, 0.0, 0.0), ("b", 5..12, 0.1, 0.0)], 0.0).unwrap();
    assert!((one.effects[0].shift.point - 0.1).abs() < 1e-2 && !one.effects[0].differs);
    assert_eq!(one.effects[0].shift.interval, None);
    // None at all.
    let apart = of(&[("a", 0..6, 0.0, 0.0), ("b", 6..12, 0.1, 0.0), ("c", 6..12, 0.1, 0.0)], 0.01);
    let apart = apart.unwrap();
    assert_eq!(apart.groups, [vec!["a"], vec!["b", "c"]]);
    assert_eq!((apart.effects.len(), apart.effects[0].against.as_str()), (1, "b"));
    assert!(matches!(apart.warnings()[..], [Warning::MachinesApart { .. }]));
    // Bit for bit the same.
    let same = of(&[("a", 0..12, 0.0, 0.0), ("b", 0..12, 0.0, 0.0)], 0.0).unwrap();
    assert_eq!((same.effects[0].shift.point, same.effects[0].differs), (0.0, false));
    assert_eq!(same.warnings(), []);
}

/// Seven sizes in each of six slices, of which the second machine repeats some to `repeat`.
fn slices(repeat: impl Fn(usize, f64) -> Option<f64>) -> Table {
    let mut random = random(7);
    let mut rows = Vec::new();
    for k in 0..6 {
        let flops = 1e18 * 10f64.powf(0.5 * f64::from(k));
        for i in 0..7 {
            let n = 8e7 * 10f64.powf(0.2563 * f64::from(k)) * 4f64.powf(f64::from(i) / 3.0 - 1.0);
            let d = flops / 6.0 / n;
            let law = 1.8172 + 482.01 / n.powf(0.3478) + 2085.43 / d.powf(0.3658);
            for seed in 0..2 {
                let noise: f64 = random.sample(StandardNormal);
                let loss = law * (0.004 * noise).exp();
                let mut row = Observation::new(format!("{k}-{i}-{seed}"), n, d, flops, loss);
                row.seed = Some(seed.to_string());
                row.hardware = Some("a".into());
                let other = repeat(rows.len(), loss).map(|loss_nats| Observation {
                    run: format!("{} on b", row.run),
                    hardware: Some("b".into()),
                    loss_nats,
                    ..row.clone()
                });
                rows.push(row);
                rows.extend(other);
            }
        }
    }
    Table::new(rows).unwrap()
}

#[test]
fn repeats_share_one_vote_and_say_nothing_of_the_seeds() {
    let alone = slices(|_, _| None);
    // Losses of the same bits: nothing new was learned.
    let twice = slices(|_, loss| Some(loss));
    assert_eq!((twice.len(), twice.clusters().len()), (2 * alone.len(), alone.clusters().len()));
    let intervals = IntervalOptions { draws: 400, ..Default::default() };
    let options = FitOptions { objective: Objective::SquaredLog, intervals, ..Default::default() };
    let exponent = |table: &Table| {
        fit_law(table, &Hoffmann, &options).unwrap().result().unwrap().exponents.unwrap().params
    };
    let (a, b) = (exponent(&alone), exponent(&twice));
    assert!((a.point - b.point).abs() < 1e-6, "{a:?} {b:?}");
    let width = |e: isoflop_fit::Estimate| e.interval.unwrap().hi - e.interval.unwrap().lo;
    assert!((width(b) / width(a) - 1.0).abs() < 0.15, "{a:?} {b:?}");

    let noise = |table: &Table| {
        let options = IsoflopOptions { noise: Noise::Seeds, draws: 0, ..Default::default() };
        fit_isoflop(table, &options).unwrap().noise_sd
    };
    assert!((noise(&twice) / noise(&alone) - 1.0).abs() < 1e-9);
    let slices = |table: &Table| {
        let options = IsoflopOptions { draws: 400, ..Default::default() };
        fit_isoflop(table, &options).unwrap().params.exponent
    };
    let (a, b) = (slices(&alone), slices(&twice));
    assert!((a.point - b.point).abs() < 1e-3, "{a:?} {b:?}");
    assert!(width(b) > 0.8 * width(a), "{a:?} {b:?}");
}

#[test]
fn a_study_tells_the_effect() {
    let options = StudyOptions {
        fit: FitOptions {
            intervals: IntervalOptions { draws: 0, ..Default::default() },
            ..Default::default()
        },
        ..Default::default()
    };
    let other = slices(|i, loss| (i % 3 == 0).then_some(1.01 * loss));
    let study = run(&other, &[], &options).unwrap();
    let effect = &study.machines.as_ref().unwrap().effects[0];
    assert!((effect.shift.point - 1.01f64.ln()).abs() < 1e-9 && effect.differs);
    let told = study.warnings.iter().any(|w| matches!(w, Warning::MachinesDiffer { .. }));
    assert!(told, "{:?}", study.warnings);
    let alone = run(&slices(|_, _| None), &[], &options).unwrap();
    assert_eq!(alone.machines, None);
}
