//! What people read of `sweep predict`.

use isoflop_fit::Estimate;
use isoflop_fit::published::{Form, PUBLISHED, Published};
use isoflop_report::number::{
    count, estimate, estimate_count, fixed, level as level_in_words, percent, scientific,
    significant,
};
use isoflop_report::table::{Align, Table};

use super::predicted::{Predicted, Target, Tuned};
use crate::commands::fit::show::{self, allocation_row, allocations};
use crate::terminal;

/// `sweep predict`.
pub fn predicted(p: &Predicted) -> String {
    let mut out = format!("{}\n", p.law);
    if let Some(law) = p.published {
        out += &format!(
            "source: {}\nverified: {}\nconvention: {}\n",
            law.source, law.verified, law.convention
        );
        if let Some((lo, hi)) = law.valid_flops {
            out += &format!("its runs: {} to {} FLOPs\n", scientific(lo, 3), scientific(hi, 3));
        }
        out += &format!("note: {}\n", law.note);
    }
    if let Some(r) = &p.as_kaplan_counts {
        out += &format!(
            "counted without embeddings, on models of 800 to 1.6e9 parameters, this law looks like N* ~ C^{} (with all parameters C^{}; its own exponent is {})\n",
            fixed(r.non_embedding.params, 3),
            fixed(r.total.params, 3),
            fixed(r.law, 3)
        );
    }
    if let Some(fit) = &p.fit {
        if let Some(choice) = &fit.law_choice {
            out += &format!("the law {}\n", choice.sentence());
        }
        out += &format!("{}\n", fit.outcome);
        match &fit.no_interval {
            Some(why) => out += &format!("{why}\n"),
            None if fit.draws > 0 => {
                out += &format!("{} bootstrap refits, {} failed\n", fit.draws, fit.failed_draws);
            }
            None => out += "no intervals: --draws is 0\n",
        }
        for note in &fit.source.notes {
            out += &format!("note: {note}\n");
        }
    }
    if let Some(why) = &p.no_interval {
        out += &format!("{why}\n");
    }
    if let Some(level) = p.level() {
        out += &format!("intervals: {}\n", level_in_words(level));
    }
    out.push('\n');
    for table in [splits(p), sizes(p)] {
        if !table.rows.is_empty() {
            out += &table.to_text(terminal::width());
            out.push('\n');
        }
    }
    for t in &p.tuning {
        out += &tuned(t);
    }
    if let Some(at) = &p.at {
        out += &format!(
            "N = {} and D = {} ({} FLOPs): a loss of {} nats{}",
            count(at.params, 3),
            count(at.tokens, 3),
            scientific(at.flops, 3),
            estimate(&at.loss_nats),
            match &at.law_nats {
                Some(law) => format!(" ({} by the law alone)", estimate(law)),
                None => " by the law".into(),
            }
        );
        if let Some(new) = &at.new_run_nats {
            out += &format!(", {} for a new run", estimate(new));
        }
        out += ".\n";
    }
    if let Some(t) = &p.target {
        out += &target(t);
    }
    if let Some((n, c)) = &p.for_tokens {
        out += &format!(
            "These tokens are the best for N = {}, {} FLOPs.\n",
            estimate_count(n),
            estimate(c)
        );
    }
    if let Some((d, c)) = &p.for_params {
        out += &format!(
            "This size is the best for D = {}, {} FLOPs.\n",
            estimate_count(d),
            estimate(c)
        );
    }
    if let Some(fit) = &p.fit {
        out.push('\n');
        out += &show::left_out(&fit.left_out);
        out += &show::warnings(&fit.warnings);
    } else if !p.warnings.is_empty() {
        out += &format!("\n{}", show::warnings(&p.warnings));
    }
    if let Some(r) = &p.registered {
        let forecasts = if r.forecasts == 1 { "forecast" } else { "forecasts" };
        out += &format!(
            "\nRegistered {} {forecasts} in {}, sha256 {}.\n",
            r.forecasts,
            r.file.display(),
            r.sha256
        );
    }
    out
}

fn splits(p: &Predicted) -> Table {
    let mut t = allocations("Best split of a budget");
    for b in &p.budgets {
        let only_slices = b.by_slices.is_some() && b.by_law.is_none();
        let by = match &p.fit {
            Some(_) if only_slices => "slices",
            Some(_) => "all together",
            None => "law",
        };
        allocation_row(&mut t, by, &b.best);
        for (by, alone) in [("slices", &b.by_slices), ("law", &b.by_law)] {
            if let Some(alone) = alone.as_ref().filter(|_| !only_slices) {
                allocation_row(&mut t, by, alone);
            }
        }
        if let Some((least, _)) = p.published.and_then(|l| l.valid_flops)
            && b.best.flops < least
        {
            let factor = significant(least / b.best.flops, 3);
            let budget = scientific(b.best.flops, 3);
            let text =
                format!("{budget} FLOPs is {factor} times below the smallest run of the law.");
            t.notes.push(text.into());
        }
    }
    t
}

fn sizes(p: &Predicted) -> Table {
    let columns = ["C", "loss", "smallest N", "largest N"].map(|c| (c, Align::Right));
    let mut t = Table::new("Sizes within a tolerance of the best loss", columns);
    for b in &p.budgets {
        for r in &b.sizes {
            t.row([
                scientific(b.best.flops, 3),
                percent(r.tolerance, 2, true),
                estimate_count(&r.smallest),
                estimate_count(&r.largest),
            ]);
        }
    }
    t
}

fn tuned(t: &Tuned) -> String {
    format!(
        "Best learning rate at N = {}, D = {}: {}; best batch: {} tokens.\n",
        count(t.params, 3),
        count(t.tokens, 3),
        scientific(t.learning_rate, 3),
        count(t.batch_tokens, 3)
    )
}

fn target(t: &Target) -> String {
    let mut out = format!(
        "A loss of {} nats takes {} FLOPs: N = {}, D = {}{}.\n",
        t.loss_nats,
        estimate(&t.flops),
        estimate_count(&t.best.params),
        estimate_count(&t.best.tokens),
        because(&t.no_interval)
    );
    if let Some(flops) = &t.expected_flops {
        out += &format!(
            "  that is by the law alone; by slice minima and law together it takes {} FLOPs\n",
            estimate(flops)
        );
    }
    let counted = t.inference_tokens > 0.0;
    for o in &t.other {
        let flops = if counted { &o.lifetime_flops } else { &o.flops };
        let costs = costs(&o.tokens, &o.extra, flops, counted, &o.no_interval);
        out += &format!("  or N = {} {costs}\n", count(o.params, 3));
    }
    if let Some(o) = &t.lifetime {
        let costs = costs(&o.tokens, &o.extra, &o.lifetime_flops, counted, &o.no_interval);
        out += &format!("  best with inference: N = {} {costs}\n", estimate_count(&o.params));
    }
    out
}

fn costs(
    tokens: &Estimate,
    extra: &Estimate,
    flops: &Estimate,
    counted: bool,
    no_interval: &Option<String>,
) -> String {
    format!(
        "with D = {}: {} times the training compute, {} FLOPs{}{}",
        estimate_count(tokens),
        estimate(extra),
        estimate(flops),
        if counted { " with inference" } else { "" },
        because(no_interval)
    )
}

/// ` (no interval: ...)`, or nothing.
fn because(no_interval: &Option<String>) -> String {
    no_interval.as_ref().map_or_else(String::new, |why| format!(" ({why})"))
}

/// The published laws.
pub fn library() -> String {
    PUBLISHED.iter().map(entry).collect()
}

fn entry(law: &Published) -> String {
    let (a, b) = law.exponents();
    let show = |e: Option<f64>| e.map_or_else(|| "-    ".into(), |e| fixed(e, 3));
    let gives = match law.form {
        Form::Sum { .. } | Form::Joint { .. } => "loss, best split",
        Form::Split { .. } => "best split",
        Form::Exponents { .. } => "exponents only",
        Form::TuningOnly => "learning rate, batch",
    };
    let more = if law.tuning.is_some() && law.form != Form::TuningOnly {
        ", learning rate, batch"
    } else {
        ""
    };
    let mut out = format!("{:19} a {}  b {}  {}\n", law.key, show(a), show(b), law.title);
    let verified = format!("verified: {}", law.verified);
    for line in [&format!("gives: {gives}{more}"), law.source, &verified, law.convention] {
        out += &format!("{:19} {line}\n", "");
    }
    out
}
