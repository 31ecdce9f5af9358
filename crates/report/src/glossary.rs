//! Terms of the field, explained at the end of the page: each one is linked where a section first uses it.

mod terms;

use std::collections::BTreeSet;

use crate::chart::{Piece, Rich, Span, SpanStyle, pieces};
use crate::document::{Block, Document, Section};
use crate::table::Table;

use terms::{TERMS, Term};

/// Links the terms of the headline's cards and of every section, and adds a section that explains those that occur, before
/// the last section.
pub(crate) fn explained(mut document: Document) -> Document {
    let mut used = BTreeSet::new();
    let mut cards = Linker::new(&mut used);
    for card in &mut document.cards {
        cards.text(&mut card.label);
        card.note.iter_mut().for_each(|note| cards.text(note));
    }
    let mut notices = Linker::new(&mut used);
    document.notices.iter_mut().for_each(|notice| notices.text(&mut notice.text));
    for section in &mut document.sections {
        let mut linker = Linker::new(&mut used);
        section.lead.iter_mut().for_each(|lead| linker.text(lead));
        for block in &mut section.blocks {
            match block {
                Block::Text(text) => linker.text(text),
                Block::Table(table) => linker.table(table),
                Block::Facts(facts) => facts.iter_mut().for_each(|(name, _)| linker.text(name)),
                Block::Figures(_) | Block::Code(_) => {}
            }
        }
    }
    if !used.is_empty() {
        let place = document.sections.len() - usize::from(!document.sections.is_empty());
        document.sections.insert(place, section(&used));
    }
    document
}

fn section(used: &BTreeSet<usize>) -> Section {
    let mut terms: Vec<&Term> = used.iter().map(|i| &TERMS[*i]).collect();
    terms.sort_by_key(|term| term.name.to_lowercase());
    let fact = |term: &&Term| (linked(term.name, term.id), Rich::markup(term.text));
    let mut section = Section::new("terms", "What the words mean");
    section.folded = true;
    section.blocks.push(Block::Facts(terms.iter().map(fact).collect()));
    section
}

fn linked(text: &str, id: &'static str) -> Rich {
    Rich(vec![Span { text: text.to_owned(), style: SpanStyle::Term(id) }])
}

/// Links the first use of each term.
struct Linker<'a> {
    used: &'a mut BTreeSet<usize>,
    here: BTreeSet<usize>,
}

impl<'a> Linker<'a> {
    fn new(used: &'a mut BTreeSet<usize>) -> Self {
        Self { used, here: BTreeSet::new() }
    }

    fn table(&mut self, table: &mut Table) {
        self.text(&mut table.title);
        // The heads of a table that can be sorted are buttons.
        if table.sheet.is_none() {
            table.columns.iter_mut().for_each(|(head, _)| self.cell(head));
            for cell in table.rows.iter_mut().flat_map(|(_, cells)| cells) {
                self.cell(cell);
            }
        }
        table.notes.iter_mut().for_each(|note| self.text(note));
    }

    /// A cell may hold the name of a run, so only one that is a term and nothing else is linked.
    fn cell(&mut self, cell: &mut Rich) {
        let text = cell.to_text();
        if let Some(link) = self.whole(&text) {
            *cell = link;
        }
    }

    /// The link of a text that is a term and nothing else; `None` also where the term was linked before.
    fn whole(&mut self, text: &str) -> Option<Rich> {
        let says = |term: &Term| [term.cells, term.words].iter().any(|all| all.contains(&text));
        let i = TERMS.iter().position(says)?;
        self.used.insert(i);
        self.here.insert(i).then(|| linked(text, TERMS[i].id))
    }

    fn text(&mut self, text: &mut Rich) {
        let mut out = Rich::default();
        for span in std::mem::take(&mut text.0) {
            if span.style != SpanStyle::Normal {
                out.0.push(span);
                continue;
            }
            for piece in pieces(&span.text) {
                out = match piece {
                    Piece::Plain(plain) => out.then(self.plain(plain)),
                    Piece::Code(code) => {
                        let link = self.whole(code);
                        out.then(link.unwrap_or_else(|| format!("`{code}`").into()))
                    }
                };
            }
        }
        *text = out;
    }

    fn plain(&mut self, text: &str) -> Rich {
        let (mut out, mut rest) = (Rich::default(), text);
        while let Some((term, start, end)) = self.next(rest) {
            out = out.then(&rest[..start]).then(linked(&rest[start..end], TERMS[term].id));
            self.here.insert(term);
            self.used.insert(term);
            rest = &rest[end..];
        }
        out.then(rest)
    }

    /// The first place of a term that was not linked yet: its number, start and end. Of two at one place, the longer.
    fn next(&self, text: &str) -> Option<(usize, usize, usize)> {
        let fresh = TERMS.iter().enumerate().filter(|(i, _)| !self.here.contains(i));
        let places = fresh.flat_map(|(i, term)| {
            term.words.iter().filter_map(move |word| Some((i, find(text, word)?, word.len())))
        });
        let first = places.min_by_key(|(_, start, length)| (*start, std::cmp::Reverse(*length)));
        first.map(|(i, start, length)| (i, start, start + length))
    }
}

/// Where `word` stands by itself.
fn find(text: &str, word: &str) -> Option<usize> {
    let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '-' || c == '_');
    text.match_indices(word).map(|(at, _)| at).find(|&at| {
        let (before, after) =
            (text[..at].chars().next_back(), text[at + word.len()..].chars().next());
        !inside(before) && !inside(after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Align;

    fn document(section: Section) -> Document {
        let rest = Section::new("reproduce", "Make it again");
        explained(Document {
            kicker: "".into(),
            title: "bracketed".into(),
            headline: "".into(),
            cards: Vec::new(),
            notices: Vec::new(),
            sections: vec![section, rest],
            footer: "".into(),
        })
    }

    #[test]
    fn the_first_use_is_linked_and_only_terms_that_occur_are_explained() {
        let mut section = Section::new("a", "bracketed");
        let lead = "A minimum that is bracketed, a bracketed one, `bracketed`, and `hoffmann`.";
        section.lead = Some(lead.into());
        let mut table = Table::new("", [("Run", Align::Left), ("Outcome", Align::Left)]);
        table.row(["a bracketed run", "6nd-with-head"]);
        section.blocks.push(Block::Table(table));
        let document = document(section);
        let ids: Vec<&str> = document.sections.iter().map(|s| s.id.as_str()).collect();
        assert_eq!(ids, ["a", "terms", "reproduce"]);
        let html = document.to_html();
        let link = |id: &str| html.matches(&format!("href=\"#term-{id}\"")).count();
        assert_eq!(
            (link("bracketed"), link("outcome"), link("6nd-with-head")),
            (1, 1, 1),
            "{html}"
        );
        assert!(html.contains("<code>bracketed</code>") && html.contains(">a bracketed run</td>"));
        let explained = html.matches("<dt id=\"term-").count();
        assert_eq!(explained, 4, "{html}");
        let shown = document.sections[0].lead.as_ref().unwrap().to_text();
        assert_eq!(shown, lead.replace("`hoffmann`", "hoffmann"));
    }

    #[test]
    fn a_page_without_terms_has_no_list_of_them() {
        assert_eq!(document(Section::new("a", "b")).sections.len(), 2);
    }

    #[test]
    fn every_term_has_its_own_anchor_and_words() {
        let ids: BTreeSet<&str> = TERMS.iter().map(|term| term.id).collect();
        assert_eq!(ids.len(), TERMS.len());
        let words: Vec<&&str> = TERMS.iter().flat_map(|t| t.words.iter().chain(t.cells)).collect();
        assert_eq!(words.iter().collect::<BTreeSet<_>>().len(), words.len());
        for term in TERMS {
            let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(term.id.chars().all(letters) && term.text.ends_with('.'), "{}", term.id);
        }
    }
}
