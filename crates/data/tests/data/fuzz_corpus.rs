//! The corpora of the fuzz targets.

#[path = "../../../../fuzz/readers/shard.rs"]
mod shard;
#[path = "../../../../fuzz/readers/text.rs"]
mod text;
#[path = "../../../../fuzz/readers/walk.rs"]
mod walk;

#[test]
fn corpus_of_text() {
    walk::walk("text", text::read);
}

#[test]
fn corpus_of_shard() {
    walk::walk("shard", shard::read);
}
