//! Warnings as they are told.

use isoflop_text::listed_by;

use crate::Grid;

/// Warnings with one remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// What is doubtful: a sentence for each warning.
    pub texts: Vec<String>,
    /// What to do about it: a line for each step.
    pub advice: String,
}

impl Doubt {
    /// The first few of its sentences, and how many more.
    pub fn text(&self) -> String {
        listed_by(&self.texts, "; ")
    }
}

impl Grid {
    /// The warnings, those with one remedy together, where the first of them stands.
    pub fn doubts(&self) -> Vec<Doubt> {
        let mut out: Vec<Doubt> = Vec::new();
        for warning in &self.warnings {
            let (text, advice) = (warning.to_string(), warning.advice());
            match out.iter_mut().find(|doubt| doubt.advice == advice) {
                Some(doubt) => doubt.texts.push(text),
                None => out.push(Doubt { texts: vec![text], advice }),
            }
        }
        out
    }
}
