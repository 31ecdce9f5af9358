//! What people read of `sweep predict --score`.

use isoflop::registration::{Seal, Standing};
use isoflop_fit::Estimate;
use isoflop_fit::score::{Off, Question};
use isoflop_report::number::{
    count, estimate, estimate_count, fixed, percent, scientific, significant,
};
use isoflop_report::table::{Align, Table};

use super::score::{Answered, Report};
use crate::commands::fit::show;
use crate::terminal;

/// `sweep predict --score`.
pub fn report(r: &Report) -> String {
    let mut out = String::new();
    for refusal in &r.passed_over {
        out += &format!("WARNING: {refusal}\n");
    }
    out += &format!("registered {}: {}\n", r.registered_utc, r.law);
    if let Seal::Whole { sha256 } = &r.seal {
        out += &format!("as it was written: sha256 {sha256}\n");
    }
    let same = match (r.same_source, r.forecast_from) {
        (true, _) => ", byte for byte as it was then".to_owned(),
        (false, 0) => String::new(),
        (false, n) => format!(", which holds {n} of the runs that the forecast was made from"),
    };
    out += &format!("scored on {}{same}\n\n", r.source.path);
    for forecast in &r.forecasts {
        out += &table(forecast).to_text(terminal::width());
        out.push('\n');
    }
    for u in &r.unanswered {
        out +=
            &format!("{}: not answered\n  {}\n\n", asked(&u.question), u.why.replace('\n', "\n  "));
    }
    for note in &r.source.notes {
        out += &format!("note: {note}\n");
    }
    if r.source.provenance.is_none() {
        out += "note: a table does not tell what its runs were trained on or when: that their losses compare with the forecast is yours to know\n";
    }
    out += &show::left_out(&r.left_out);
    out.trim_end().to_owned() + "\n"
}

fn table(answered: &Answered) -> Table {
    let (l, r) = (Align::Left, Align::Right);
    let columns =
        [("", l), ("forecast", r), ("found", r), ("off by", r), ("half widths", r), ("", l)];
    let scored = &answered.scored;
    let mut t = Table::new(asked(&scored.question), columns);
    let row = |what: String, off: &Off, show: fn(&Estimate) -> String| {
        let inside = match off.inside {
            Some(true) => "inside",
            Some(false) => "outside",
            None => "",
        };
        [
            what,
            show(&off.forecast),
            show(&off.found),
            percent(off.relative, 2, true),
            off.half_widths.map_or_else(|| "-".into(), |h| fixed(h, 2)),
            inside.to_owned(),
        ]
    };
    let whole = matches!(scored.question, Question::Budget { .. });
    for run in &scored.runs {
        let name = if whole { "loss of the best run" } else { "loss of a run" };
        let what = format!("{name}, N = {}, D = {}", count(run.params, 3), count(run.tokens, 3));
        t.row(row(what, &run.loss, loss));
    }
    if let Some(m) = &scored.minimum {
        t.row(row("loss at the slice's minimum".into(), &m.loss, loss));
        if let Some(params) = &m.params {
            t.row(row("N* of the slice".into(), params, estimate_count));
        }
    }
    for note in notes(answered) {
        t.notes.push(note.into());
    }
    t
}

fn notes(answered: &Answered) -> Vec<String> {
    let scored = &answered.scored;
    let of = counted(scored.answered_by.len());
    let mut notes = vec![match scored.question {
        Question::Budget { .. } => format!(
            "{of}. The best is held against the interval of a new run, the minimum against that of the expected loss."
        ),
        Question::Split { .. } => format!("{of}, held against the interval of a new run."),
    }];
    notes.extend(scored.no_minimum.as_ref().map(|why| format!("No minimum of the slice: {why}.")));
    match answered.standing {
        Standing::After { ended_before, runs } => notes.push(format!(
            "No forecast: {ended_before} of {} had ended when the registration was written.",
            counted(runs)
        )),
        Standing::Before => {
            notes.push("A forecast: none had ended when it was registered.".into());
        }
        Standing::Unknown => {}
    }
    if !answered.own.is_empty() {
        notes.push(format!(
            "No forecast: it was made from {} of {of}: {}.",
            answered.own.len(),
            answered.own.join(", ")
        ));
    }
    notes
}

/// Of a run with more digits than estimates without an interval have.
fn loss(e: &Estimate) -> String {
    if e.interval.is_some() { estimate(e) } else { significant(e.point, 5) }
}

fn counted(runs: usize) -> String {
    if runs == 1 { "1 run".into() } else { format!("{runs} runs") }
}

fn asked(question: &Question) -> String {
    match question {
        Question::Budget { flops } => format!("Best loss of {} FLOPs, nats", scientific(*flops, 3)),
        Question::Split { params, tokens, flops } => format!(
            "Loss of N = {} and D = {} ({} FLOPs), nats",
            count(*params, 3),
            count(*tokens, 3),
            scientific(*flops, 3)
        ),
    }
}
