//! The corpora of the fuzz targets.

#[path = "../../../../fuzz/readers/config.rs"]
mod config;
#[path = "../../../../fuzz/readers/walk.rs"]
mod walk;

#[test]
fn corpus_of_config() {
    walk::walk("config", config::read);
}
