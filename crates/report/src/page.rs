//! The report of a study: what was fitted and recorded, made into a [`Document`].

mod bits;
mod certainty;
mod dependence;
mod digest;
mod frontier;
mod headline;
mod hyper;
mod machine;
mod missing;
mod observed;
mod optimum;
mod residuals;
mod runs;
mod sensitivity;
mod shape_residuals;
mod shapes;
mod slices;
mod smoothing;
mod training;
mod truth;

use std::collections::BTreeMap;

use isoflop_fit::study::Study;
use isoflop_fit::{Convention, Counting, Estimate, Table as FitTable, told};
use isoflop_ledger::{Passport, Record, Tariff};
use isoflop_plan::Grid;
use isoflop_text::MOST_NAMES;

use crate::chart::Rich;
use crate::document::{Block, Document, Notice, Section};
use crate::plots::Sensitivity;
use crate::{glossary, number};

pub use shapes::{ShapeComparison, ShapeLoss, ShapeOptima, ShapeOptimum, SizeShapes, Ways};

/// What the fits came to.
#[derive(Debug, Clone, Copy)]
pub enum Fitted<'a> {
    /// The study, and the table it was given (before the convention was applied).
    Study(&'a Study, &'a FitTable),
    /// No fit at all: why, with its `hint:` line if there is one.
    Refused(&'a str),
}

/// A law from the literature: the best split of some budgets.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishedLaw {
    /// Short name: `Hoffmann 2022`.
    pub name: String,
    /// `(C, N*, D*)`, ascending in C.
    pub allocations: Vec<(f64, f64, f64)>,
}

/// Everything that a report is made of. Fields may be empty where a study has nothing to say: a
/// table of runs from elsewhere has no records, passports or grid.
#[derive(Debug, Clone)]
pub struct Page<'a> {
    /// Small line above the name.
    pub kicker: &'a str,
    /// Name of the study.
    pub name: &'a str,
    /// What was trained on what, in a sentence; may be empty.
    pub about: &'a str,
    /// The fits.
    pub fitted: Fitted<'a>,
    /// The records that count of each cell (`Contents::repeats`).
    pub records: Vec<&'a Record>,
    /// The machines.
    pub passports: Vec<&'a Passport>,
    /// What an hour and a kilowatt-hour come to.
    pub tariff: Tariff,
    /// Names of the machines by the hashes of their passports (`Contents::machine_names`).
    pub machines: BTreeMap<String, String>,
    /// The plan: cells still to be trained, and where hyper-parameters come from.
    pub grid: Option<&'a Grid>,
    /// Laws drawn for orientation.
    pub published: Vec<PublishedLaw>,
    /// Experiments on learning rate or batch.
    pub sensitivities: Vec<Sensitivity>,
    /// Shapes beside the rule's.
    pub shapes: Option<ShapeComparison>,
    /// Doubts beyond those of the fit and of the plan.
    pub notices: Vec<Notice>,
    /// Facts about the data, by name.
    pub data: Vec<(String, String)>,
    /// Commands that make the results again, one in a line, as typed in the folder of the page.
    pub command: &'a str,
    /// Text of the last line, such as the date; may be empty.
    pub footer: &'a str,
}

impl<'a> Page<'a> {
    /// A page of fits alone.
    pub fn new(name: &'a str, fitted: Fitted<'a>) -> Self {
        Self {
            kicker: "isoFLOP study",
            name,
            about: "",
            fitted,
            records: Vec::new(),
            passports: Vec::new(),
            tariff: Tariff::default(),
            machines: BTreeMap::new(),
            grid: None,
            published: Vec::new(),
            sensitivities: Vec::new(),
            shapes: None,
            notices: Vec::new(),
            data: Vec::new(),
            command: "",
            footer: "",
        }
    }

    /// The fits, if there are any.
    pub fn study(&self) -> Option<&'a Study> {
        match self.fitted {
            Fitted::Study(study, _) => Some(study),
            Fitted::Refused(_) => None,
        }
    }

    /// The page, ready to be written as HTML, text or Markdown; its figures can be drawn one by one.
    pub fn document(&self) -> Document {
        let sections = [
            sensitivity::section(self),
            slices::section(self),
            optimum::section(self),
            certainty::section(self),
            certainty::checks(self),
            machine::agreement(self),
            truth::section(self),
            training::section(self),
            shapes::section(self),
            hyper::section(self),
            machine::data(self),
            machine::passports(self),
            observed::left_out(self),
            runs::section(self),
            observed::section(self),
            machine::reproduce(self),
        ];
        glossary::explained(Document {
            kicker: self.kicker.into(),
            title: self.name.into(),
            headline: headline::sentence(self),
            cards: headline::cards(self),
            digest: digest::table(self),
            notices: self.all_notices(),
            sections: sections.into_iter().flatten().collect(),
            footer: Rich::plain(self.footer),
        })
    }

    fn all_notices(&self) -> Vec<Notice> {
        let mut notices = self.notices.clone();
        for told in told(self.study().map(|s| s.warnings.as_slice()).unwrap_or_default()) {
            notices.push(Notice { text: told.text.into(), advice: told.advice.into() });
        }
        for doubt in self.grid.map(Grid::doubts).unwrap_or_default() {
            let advice = doubt.advice.replace('\n', " ");
            notices.push(Notice { text: doubt.text().into(), advice: advice.into() });
        }
        together(notices)
    }
}

/// Doubts with one remedy are told as one, where the first of them stands: the first few, and how many more.
fn together(notices: Vec<Notice>) -> Vec<Notice> {
    let mut out: Vec<(Notice, usize)> = Vec::new();
    for notice in notices {
        let same = |other: &&mut (Notice, usize)| {
            !notice.advice.is_empty() && other.0.advice == notice.advice
        };
        match out.iter_mut().find(same) {
            Some((first, told)) => {
                *told += 1;
                if *told <= MOST_NAMES {
                    let before = without_stop(std::mem::take(&mut first.text));
                    first.text = before.then("; ").then(notice.text);
                }
            }
            None => out.push((notice, 1)),
        }
    }
    let counted = |(notice, told): (Notice, usize)| match told.saturating_sub(MOST_NAMES) {
        0 => notice,
        more => {
            let text = without_stop(notice.text).then(format!("; and {more} more"));
            Notice { text, ..notice }
        }
    };
    out.into_iter().map(counted).collect()
}

/// A sentence that goes on.
fn without_stop(mut text: Rich) -> Rich {
    if let Some(last) = text.0.last_mut() {
        last.text.truncate(last.text.trim_end_matches('.').len());
    }
    text
}

/// `95% intervals`: what the estimates that are shown have; `None` where none has one.
fn intervals(shown: impl IntoIterator<Item = Estimate>) -> Option<String> {
    let mut levels: Vec<f64> =
        shown.into_iter().filter_map(|e| e.interval).map(|i| i.level).collect();
    levels.sort_by(f64::total_cmp);
    levels.dedup();
    let levels: Vec<String> = levels.into_iter().map(number::level).collect();
    (!levels.is_empty()).then(|| format!("{} intervals", levels.join(" and ")))
}

/// Runs that a plot shows as dots; of more, about as many.
const MOST_DOTS: usize = 3000;

/// Which of many runs are drawn.
struct Thinned {
    /// One in so many.
    step: usize,
    /// What a subtitle says of it; empty where all are drawn.
    told: String,
}

impl Thinned {
    fn new(runs: usize) -> Thinned {
        match runs.div_ceil(MOST_DOTS) {
            0 | 1 => Thinned { step: 1, told: String::new() },
            step => Thinned { step, told: format!(" One run in {step} is drawn.") },
        }
    }

    /// Whether the run of this number is, by a multiplicative hash: what repeats in a table would beat with equal steps.
    fn keeps(&self, number: usize) -> bool {
        let hash = (number as u32).wrapping_mul(0x9e37_79b1);
        (u64::from(hash) * self.step as u64) >> 32 == 0
    }
}

/// A message of several lines in one.
fn one_line(text: &str) -> String {
    text.split('\n').map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join("; ")
}

/// How N is counted, for an axis.
fn params_label(convention: Counting, symbol: &str) -> String {
    match convention {
        Counting::AsGiven => format!("Parameters {symbol}"),
        Counting::By(Convention::Exact | Convention::SixNd) => {
            format!("Parameters {symbol}, embeddings included")
        }
        Counting::By(Convention::SixNdNonEmbedding) => {
            format!("Parameters {symbol}, without embedding and head")
        }
        Counting::By(Convention::SixNdNonEmbeddingWithHead) => {
            format!("Parameters {symbol}, without the embedding")
        }
    }
}

/// How C is counted, for an axis.
fn flops_label(convention: Counting) -> &'static str {
    match convention {
        Counting::AsGiven => "Compute C, FLOPs",
        Counting::By(Convention::Exact) => "Compute C, FLOPs (exact matrix products)",
        _ => "Compute C = 6ND, FLOPs",
    }
}

/// A section, if it has any contents.
fn filled(mut section: Section, blocks: Vec<Block>) -> Option<Section> {
    section.blocks = blocks;
    (!section.blocks.is_empty()).then_some(section)
}

/// `n` values from `low` to `high`, equal ratios apart.
fn ratios(low: f64, high: f64, n: usize) -> impl Iterator<Item = f64> {
    let (from, to) = (low.ln(), high.ln());
    (0..n).map(move |i| (from + (to - from) * i as f64 / (n - 1) as f64).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubts_with_one_remedy_are_one() {
        let notice = |text: &str, advice: &str| Notice { text: text.into(), advice: advice.into() };
        let all = vec![
            notice("few at 1.", "use more"),
            notice("few at 2", "use more"),
            notice("slow", "wait"),
            notice("few at 3", "use more"),
            notice("odd", ""),
            notice("strange", ""),
        ];
        let told: Vec<String> = together(all).iter().map(|n| n.text.to_text()).collect();
        assert_eq!(told, ["few at 1; few at 2; few at 3", "slow", "odd", "strange"]);
    }

    #[test]
    fn of_many_runs_some_are_drawn() {
        let few = Thinned::new(3000);
        assert!(few.told.is_empty() && (0..3000).all(|i| few.keeps(i)));
        let many = Thinned::new(100_000);
        assert_eq!(many.told, " One run in 34 is drawn.");
        let kept = (0..100_000).filter(|i| many.keeps(*i)).count();
        assert!((2900..3000).contains(&kept), "{kept}");
        let odd = (0..100_000).filter(|i| i % 50 == 7 && many.keeps(*i)).count();
        assert!((40..80).contains(&odd), "{odd}");
    }

    #[test]
    fn intervals_are_told_where_there_are_some() {
        let bare = Estimate::bare(1.0);
        let at = |level| Estimate {
            interval: Some(isoflop_fit::Interval { lo: 0.0, hi: 2.0, level }),
            ..bare
        };
        assert_eq!(intervals([]), None);
        assert_eq!(intervals([bare, bare]), None);
        assert_eq!(intervals([bare, at(0.975)]).unwrap(), "97.5% intervals");
        assert_eq!(intervals([at(0.95), at(0.9), at(0.95)]).unwrap(), "90% and 95% intervals");
    }
}
