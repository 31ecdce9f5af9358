//! A device that breaks down in all ways, and the processes that it takes to know.

use super::super::compare::test_one;
use super::super::report::Refusal;
use super::super::tests::{ALL, wrong};
use super::*;

pub(super) fn crash() -> Exit {
    Exit::Badly { status: "signal 11".into(), stopped: false }
}

pub(super) fn crashed() -> SelfTestFailure {
    SelfTestFailure::Crashed { status: "signal 11".into() }
}

pub(super) fn broken() -> SelfTestFailure {
    not_opened("lost".into())
}

/// A device on which `what` becomes of a precision with matrix units or without, and the processes it took.
fn report_of(
    what: impl Fn(Precision, bool) -> Result<(), SelfTestFailure>,
    hangs: bool,
) -> (usize, Result<SelfTest, SelfTestFailure>) {
    let mut processes = 0;
    let report = in_processes(SelfTest::default(), &ALL, |precisions, matrix_units| {
        processes += 1;
        let all = precisions.to_vec();
        let mut answers = vec![Answer::Has(all.clone())];
        for precision in all {
            answers.push(Answer::Begins(precision));
            let mut compare = |p, units| what(p, units).map(|()| Vec::new());
            let tested = test_one(precision, matrix_units, &mut compare);
            if let Err(SelfTestFailure::Crashed { .. }) = tested.result {
                return (answers, if hangs { Exit::Silent } else { crash() });
            }
            let lost = matches!(tested.result, Err(SelfTestFailure::Broken { .. }));
            answers.push(Answer::Tested(tested));
            if lost {
                // And crashes on its way out, as lost devices make drivers do.
                return (answers, crash());
            }
        }
        (answers, Exit::Well)
    });
    (processes, report)
}

#[test]
fn what_breaks_down_is_tried_without_matrix_units_and_then_left_out() {
    let at = |bad: Precision, also_without: bool, failure: fn() -> SelfTestFailure| {
        move |precision, units| match precision == bad && (units || also_without) {
            true => Err(failure()),
            false => Ok(()),
        }
    };
    let all_well = report_of(|_, _| Ok(()), false);
    assert_eq!(all_well.0, 1);
    assert_eq!(all_well.1.unwrap().precisions, ALL);
    for failure in [crashed, broken] {
        let (processes, report) = report_of(at(Precision::F16, false, failure), false);
        let report = report.unwrap();
        assert_eq!((processes, &report.precisions[..]), (2, &ALL[..]));
        assert_eq!((report.without_matrix_units, report.refused), (Some(failure()), vec![]));
        // The other half precision is not lost with it.
        let (processes, report) = report_of(at(Precision::F16, true, failure), false);
        let report = report.unwrap();
        assert_eq!((processes, &report.precisions[..]), (3, &[ALL[0], ALL[2]][..]));
        let refusal = Refusal { precision: Precision::F16, failure: failure() };
        assert_eq!((report.without_matrix_units, report.refused), (None, vec![refusal]));
        // The last one has nothing behind it.
        let (processes, report) = report_of(at(Precision::Bf16, true, failure), false);
        assert_eq!((processes, report.unwrap().precisions.len()), (2, 2));
        let (processes, report) = report_of(at(Precision::F32, true, failure), false);
        assert_eq!((processes, report), (1, Err(failure())));
    }
    let (processes, report) = report_of(at(Precision::F16, true, wrong), false);
    assert_eq!((processes, report.unwrap().refused.len()), (1, 1));
    // Crashes with matrix units and is wrong without: the other one keeps them.
    let both = |precision, units| match (precision, units) {
        (Precision::F16, true) => Err(crashed()),
        (Precision::F16, false) => Err(wrong()),
        _ => Ok(()),
    };
    let (processes, report) = report_of(both, false);
    let report = report.unwrap();
    assert_eq!((processes, report.precisions.len()), (3, 2));
    assert_eq!(report.refused, [Refusal { precision: Precision::F16, failure: wrong() }]);
    assert_eq!(report.without_matrix_units, None);
    let (processes, report) = report_of(at(Precision::F16, false, crashed), true);
    assert_eq!((processes, report.unwrap().refused.len()), (2, 1), "who hangs is not asked again");
}

#[test]
fn a_process_that_says_nothing_has_crashed() {
    let silent = |exit: Exit| move |_: &[Precision], _| (Vec::new(), exit.clone());
    assert_eq!(in_processes(SelfTest::default(), &ALL, silent(crash())), Err(crashed()));
    let said = in_processes(SelfTest::default(), &ALL, silent(Exit::Well)).unwrap_err().to_string();
    assert!(said.contains("without an answer"), "{said}");
    let closed = || vec![Answer::Closed(broken())];
    let process = |_: &[Precision], _| (closed(), Exit::Well);
    assert_eq!(in_processes(SelfTest::default(), &ALL, process), Err(broken()));
    let f32_alone = || {
        let (precision, result) = (Precision::F32, Ok(Vec::new()));
        let tested = Tested { precision, result, without_matrix_units: None };
        vec![Answer::Has(vec![precision]), Answer::Begins(precision), Answer::Tested(tested)]
    };
    let on_its_way_out = |_: &[Precision], _| (f32_alone(), crash());
    assert_eq!(
        in_processes(SelfTest::default(), &ALL, on_its_way_out).unwrap().precisions,
        [Precision::F32]
    );
    // What it had still to say is refused, and so is what a later process cannot open the device for.
    let cut_off = |_: &[Precision], _| {
        let mut answers = f32_alone();
        answers[0] = Answer::Has(ALL.to_vec());
        (answers, Exit::Well)
    };
    let report = in_processes(SelfTest::default(), &ALL, cut_off).unwrap();
    assert_eq!((report.precisions.len(), report.refused.len()), (1, 2));
    let then_closed = |precisions: &[Precision], _| {
        let mut answers = f32_alone();
        answers[0] = Answer::Has(ALL.to_vec());
        answers.push(Answer::Begins(Precision::F16));
        let answers = if precisions.len() < ALL.len() { closed() } else { answers };
        (answers, crash())
    };
    let report = in_processes(SelfTest::default(), &ALL, then_closed).unwrap();
    assert_eq!((report.precisions.len(), report.refused.len()), (1, 2));
}
