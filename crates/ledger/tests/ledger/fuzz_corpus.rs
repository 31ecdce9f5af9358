//! The corpora of the fuzz targets.

#[path = "../../../../fuzz/readers/ledger.rs"]
mod ledger;
#[path = "../../../../fuzz/readers/walk.rs"]
mod walk;

#[test]
fn corpus_of_ledger() {
    walk::walk("ledger", ledger::read);
}
