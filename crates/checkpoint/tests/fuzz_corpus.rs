//! The corpora of the fuzz targets.

#[path = "../../../fuzz/readers/checkpoint.rs"]
mod checkpoint;
#[path = "../../../fuzz/readers/walk.rs"]
mod walk;

#[test]
fn corpus_of_checkpoint() {
    walk::walk("checkpoint", checkpoint::read);
}
