//! Tables in plain and in other units.

use super::*;

/// 13M parameters at 20 to 300 tokens each, in other units.
fn table(flops: f64, params: f64, tokens: f64) -> Vec<Observation> {
    (0..9)
        .map(|k| {
            let (n, d) = (1e7 * 1.5f64.powi(k), 3e9 / 1.2f64.powi(k));
            let c = 6.18 * n * d;
            Observation::new(format!("{k}"), n / params, d / tokens, c / flops, 3.0)
        })
        .collect()
}

fn doubt(rows: &[Observation], given: Given) -> Option<Doubt> {
    Levels::of(&rows.iter().collect::<Vec<_>>()).unwrap().doubt(given)
}

#[test]
fn plain_units_are_not_doubted() {
    assert_eq!(doubt(&table(1.0, 1.0, 1.0), Given::All), None);
    // Counts of C between a forward pass and a large head.
    for count in [0.3, 3.0] {
        assert_eq!(doubt(&table(count, 1.0, 1.0), Given::All), None);
    }
}

#[test]
fn the_likely_unit_is_named_with_its_flag() {
    for (name, factor) in FLOPS_UNITS {
        let doubt = doubt(&table(factor, 1.0, 1.0), Given::All).unwrap();
        assert!(doubt.why.starts_with(&format!("C looks like {name}: C / 6ND = ")), "{doubt:?}");
        assert!(doubt.hint.starts_with(&format!("give --flops-unit {name} if so; ")));
    }
    for (name, factor) in &PARAMS_UNITS[1..] {
        let told = doubt(&table(1.0, *factor, 1.0), Given::All).unwrap();
        assert!(
            told.why.starts_with(&format!("N looks like {}: C / 6ND = ", in_words(name))),
            "{told:?}"
        );
        let told = doubt(&table(1.0, *factor, 1.0), Given::WithoutFlops).unwrap();
        assert!(told.why.starts_with(&format!("N looks like {}: ", in_words(name))), "{told:?}");
    }
    for (name, factor) in &TOKENS_UNITS[1..] {
        for given in [Given::All, Given::WithoutFlops] {
            let told = doubt(&table(1.0, 1.0, *factor), given).unwrap();
            let wanted = format!("D looks like {}: ", in_words(name));
            assert!(told.why.starts_with(&wanted), "{given:?} {told:?}");
        }
    }
}

#[test]
fn units_that_cancel_are_seen_by_the_size_of_n_and_d() {
    let told = doubt(&table(1e18, 1e9, 1e9), Given::All).unwrap();
    assert!(
        told.why
            .contains("C looks like EFLOPs, N looks like billions (B), D looks like billions (B)"),
        "{told:?}"
    );
    let told = doubt(&table(1.0, 1e6, 1e6), Given::WithoutFlops).unwrap();
    assert!(
        told.why.contains("N looks like millions (M), D looks like millions (M): N = "),
        "{told:?}"
    );
    let told = doubt(&table(1e9, 1.0, 1e9), Given::WithoutTokens).unwrap();
    assert!(told.why.starts_with("C looks like GFLOPs: "), "{told:?}");
}

#[test]
fn units_of_c_that_give_a_usual_d_are_all_named() {
    // D follows from C and N, so that D / N alone tells.
    let rows = |tokens_per_param: f64| -> Vec<Observation> {
        (0..9)
            .map(|k| {
                let n = 1e8 * 1.5f64.powi(k);
                let c = 6.0 * n * n * tokens_per_param / 8.64e19;
                Observation::new(format!("{k}"), n, c / 6.0 / n, c, 3.0)
            })
            .collect()
    };
    for (tokens_per_param, looks, flags) in [
        // 0.23 in EFLOPs, which no study has.
        (
            20.0,
            "PF-days (then D / N = 20) or ZFLOPs (then D / N = 231): ",
            "PF-days or --flops-unit ZFLOPs, ",
        ),
        (
            2000.0,
            "EFLOPs (then D / N = 23.1) or PF-days (then D / N = 2000): ",
            "EFLOPs or --flops-unit PF-days, ",
        ),
    ] {
        let told = doubt(&rows(tokens_per_param), Given::WithoutTokens).unwrap();
        assert!(told.why.starts_with(&format!("C looks like {looks}")), "{told:?}");
        assert!(told.hint.starts_with(&format!("give --flops-unit {flags}whichever")), "{told:?}");
    }
}

#[test]
fn steps_and_devices_are_thought_of() {
    let told = doubt(&table(1.03, 1.0, 524_288.0), Given::All).unwrap();
    assert!(told.why.contains("steps, of about 5.24e5 tokens each"), "{told:?}");
    let told = doubt(&table(1.03, 1.0, 262_144.0), Given::All).unwrap();
    assert!(told.why.contains("steps, of about 2.62e5 tokens each"), "{told:?}");
    assert!(told.hint.contains("such as 262144; "), "{told:?}");
    let told = doubt(&table(1.03, 1.0, 8.0), Given::All).unwrap();
    assert!(told.why.contains("C / 6ND = 8") && told.hint.contains("device"), "{told:?}");
}

#[test]
fn losses_beyond_any_vocabulary_are_doubted() {
    let mut rows = table(1.0, 1.0, 1.0);
    for row in &mut rows {
        row.loss_nats = row.loss_nats.exp();
    }
    assert!(doubt(&rows, Given::All).unwrap().why.contains("the loss is 20.1"));
}

#[test]
fn one_row_off_the_rule_is_found_and_half_a_table_is_not() {
    let mut rows = table(1.0, 1.0, 1.0);
    rows.extend(table(1.0, 1.0, 1.0));
    rows[4].tokens /= 3300.0;
    assert_eq!(off_rule(&rows.iter().collect::<Vec<_>>()), [4]);
    for row in rows.iter_mut().step_by(2) {
        row.flops *= 1e6;
    }
    assert!(off_rule(&rows.iter().collect::<Vec<_>>()).is_empty());
    let told = mixed(&rows.iter().collect::<Vec<_>>()).unwrap();
    assert!(told.why.contains(" of 18 rows"), "{told:?}");
    assert_eq!(mixed(&table(1.0, 1.0, 1.0).iter().collect::<Vec<_>>()), None);
}

#[test]
fn tiers_are_no_budgets() {
    let mut rows = table(1.0, 1.0, 1.0);
    for row in &mut rows {
        row.budget_flops = Some(1.2 * row.flops);
    }
    assert!(budgets_are_flops(&rows.iter().collect::<Vec<_>>()));
    for row in &mut rows {
        row.budget_flops = Some(3.0);
    }
    assert!(!budgets_are_flops(&rows.iter().collect::<Vec<_>>()));
}
