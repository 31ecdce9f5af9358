//! Every transition.

use super::super::super::tests::wrong;
use super::super::tests::{broken, crash, crashed};
use super::*;
use Precision::{Bf16, F16, F32};

enum Said {
    Says(Answer),
    Ends(Exit),
}
use Said::{Ends, Says};

#[derive(Debug, PartialEq)]
enum Then {
    Goes(Session),
    Starts(Session),
    Done(SelfTest),
    Fails(SelfTestFailure),
}
use Then::{Done, Fails, Goes, Starts};

fn report(passed: &[Precision], refused: &[(Precision, SelfTestFailure)]) -> SelfTest {
    let refusal = |(precision, failure): &(_, SelfTestFailure)| Refusal {
        precision: *precision,
        failure: failure.clone(),
    };
    SelfTest {
        precisions: passed.to_vec(),
        refused: refused.iter().map(refusal).collect(),
        ..SelfTest::default()
    }
}

fn session(report: SelfTest, units: MatrixUnits, at: At, to_come: &[Precision]) -> Session {
    Session { report, to_come: to_come.to_vec(), matrix_units: units, at }
}

fn tested(precision: Precision, result: Result<(), SelfTestFailure>) -> Answer {
    let result = result.map(|()| Vec::new());
    Answer::Tested(Tested { precision, result, without_matrix_units: None })
}

fn step() -> Answer {
    Answer::Step { operation: "sum".into(), precision: F16, done: 1, total: 9 }
}

/// Passed, but without matrix units, by the process's own second try.
fn passed_without() -> Answer {
    let without_matrix_units = Some(wrong());
    Answer::Tested(Tested { precision: F16, result: Ok(Vec::new()), without_matrix_units })
}

#[test]
fn every_transition() {
    use At::{Between, BrokenDown, NotOpened, Superseded, Testing};
    use MatrixUnits::{Allowed, Avoided, AvoidedAfter};
    let none = || report(&[], &[]);
    let f32_alone = || report(&[F32], &[]);
    let after = || AvoidedAfter(crashed());
    let without = |failure: SelfTestFailure, passed: &[Precision]| SelfTest {
        without_matrix_units: Some(failure),
        ..report(passed, &[])
    };
    let f16_refused = |failure| report(&[F32], &[(F16, failure)]);
    let all = [F32, F16, Bf16];
    let start = || session(none(), Allowed, Between, &all);
    let in_f16 = |units| session(f32_alone(), units, Testing(F16), &[Bf16]);
    let in_f32 = || session(none(), Allowed, Testing(F32), &[F16]);
    let rows: Vec<(&str, Session, Said, Then)> = vec![
        // What a process says.
        (
            "which precisions there are",
            start(),
            Says(Answer::Has(vec![F32, F16])),
            Goes(session(none(), Allowed, Between, &[F32, F16])),
        ),
        (
            "one is begun",
            start(),
            Says(Answer::Begins(F32)),
            Goes(session(none(), Allowed, Testing(F32), &[F16, Bf16])),
        ),
        ("an operation is begun", in_f16(after()), Says(step()), Goes(in_f16(after()))),
        (
            "it passes",
            in_f32(),
            Says(tested(F32, Ok(()))),
            Goes(session(f32_alone(), Allowed, Between, &[F16])),
        ),
        ("f32 is wrong", in_f32(), Says(tested(F32, Err(wrong()))), Fails(wrong())),
        (
            "a half precision is wrong",
            in_f16(Allowed),
            Says(tested(F16, Err(wrong()))),
            Goes(session(f16_refused(wrong()), Allowed, Between, &[Bf16])),
        ),
        (
            "it passes without matrix units alone",
            in_f16(Allowed),
            Says(passed_without()),
            Goes(session(without(wrong(), &[F32, F16]), Avoided, Between, &[Bf16])),
        ),
        (
            "tried again, it passes",
            in_f16(after()),
            Says(tested(F16, Ok(()))),
            Goes(session(without(crashed(), &[F32, F16]), Avoided, Between, &[Bf16])),
        ),
        (
            "tried again, it is wrong",
            in_f16(after()),
            Says(tested(F16, Err(wrong()))),
            Goes(session(f16_refused(wrong()), Allowed, Superseded, &[Bf16])),
        ),
        (
            "what follows on that does not count",
            session(f16_refused(wrong()), Allowed, Superseded, &[Bf16]),
            Says(tested(Bf16, Ok(()))),
            Goes(session(f16_refused(wrong()), Allowed, Superseded, &[Bf16])),
        ),
        (
            "it breaks down",
            in_f16(Allowed),
            Says(tested(F16, Err(broken()))),
            Goes(session(f32_alone(), Allowed, BrokenDown(F16, broken()), &[Bf16])),
        ),
        (
            "the device cannot be opened",
            start(),
            Says(Answer::Closed(broken())),
            Goes(session(none(), Allowed, NotOpened(broken()), &all)),
        ),
        (
            "it is lost meanwhile",
            in_f16(Allowed),
            Says(Answer::Closed(broken())),
            Goes(session(f32_alone(), Allowed, BrokenDown(F16, broken()), &[Bf16])),
        ),
        // How it ends.
        (
            "all is done, whatever happens on the way out",
            session(report(&all, &[]), Allowed, Between, &[]),
            Ends(crash()),
            Done(report(&all, &[])),
        ),
        (
            "it ends early, with f32",
            session(f32_alone(), Allowed, Between, &[F16]),
            Ends(crash()),
            Done(f16_refused(crashed())),
        ),
        ("it ends early, without f32", start(), Ends(crash()), Fails(crashed())),
        (
            "it could not open the device, with f32",
            session(f32_alone(), after(), NotOpened(broken()), &[F16]),
            Ends(Exit::Well),
            Done(f16_refused(broken())),
        ),
        (
            "it could not open the device, without f32",
            session(none(), Allowed, NotOpened(broken()), &all),
            Ends(Exit::Well),
            Fails(broken()),
        ),
        ("it dies in f32", in_f32(), Ends(crash()), Fails(crashed())),
        (
            "it dies in a half precision",
            in_f16(Allowed),
            Ends(crash()),
            Starts(session(f32_alone(), after(), Between, &[F16, Bf16])),
        ),
        (
            "it hangs in a half precision",
            in_f16(Allowed),
            Ends(Exit::Silent),
            Starts(session(f16_refused(Exit::Silent.failure()), Allowed, Between, &[Bf16])),
        ),
        (
            "it dies without matrix units too",
            in_f16(after()),
            Ends(crash()),
            Starts(session(f16_refused(crashed()), Allowed, Between, &[Bf16])),
        ),
        (
            "it dies in another one, where matrix units are avoided",
            session(without(wrong(), &[F32, Bf16]), Avoided, Testing(F16), &[]),
            Ends(crash()),
            Done(SelfTest {
                refused: f16_refused(crashed()).refused,
                ..without(wrong(), &[F32, Bf16])
            }),
        ),
        (
            "it dies in the last one, without matrix units too",
            session(f32_alone(), after(), Testing(F16), &[]),
            Ends(crash()),
            Done(f16_refused(crashed())),
        ),
        (
            "it broke down and dies for it",
            session(f32_alone(), Allowed, BrokenDown(F16, broken()), &[Bf16]),
            Ends(crash()),
            Starts(session(f32_alone(), AvoidedAfter(broken()), Between, &[F16, Bf16])),
        ),
        (
            "the rest is tested with matrix units",
            session(f16_refused(wrong()), Allowed, Superseded, &[Bf16]),
            Ends(Exit::Well),
            Starts(session(f16_refused(wrong()), Allowed, Between, &[Bf16])),
        ),
        (
            "there is no rest",
            session(f16_refused(wrong()), Allowed, Superseded, &[]),
            Ends(Exit::Well),
            Done(f16_refused(wrong())),
        ),
    ];
    for (what, before, said, then) in rows {
        let found = match said {
            Says(answer) => before.hear(answer).map(Goes),
            Ends(exit) => before.end(&exit).map(|next| match next {
                Next::Process(session) => Starts(session),
                Next::Done(report) => Done(report),
            }),
        };
        assert_eq!(found.unwrap_or_else(Fails), then, "{what}");
    }
}

#[test]
fn what_is_known_against_matrix_units_holds_from_the_start() {
    let known = SelfTest { without_matrix_units: Some(wrong()), ..SelfTest::default() };
    assert_eq!(Session::new(known, &[F32]).task(), (&[F32][..], false));
    assert_eq!(Session::new(SelfTest::default(), &[F32]).task(), (&[F32][..], true));
}
