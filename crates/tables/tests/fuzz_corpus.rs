//! The corpora of the fuzz targets.

#[path = "../../../fuzz/readers/table_csv.rs"]
mod table_csv;
#[path = "../../../fuzz/readers/table_json.rs"]
mod table_json;
#[path = "../../../fuzz/readers/walk.rs"]
mod walk;

#[test]
fn corpus_of_table_csv() {
    walk::walk("table_csv", table_csv::read);
}

#[test]
fn corpus_of_table_json() {
    walk::walk("table_json", table_json::read);
}
