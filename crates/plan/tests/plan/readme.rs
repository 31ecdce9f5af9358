//! The reference in the README is the list of keys, word for word.

use isoflop_plan::config::reference;

#[test]
fn the_reference_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let (head, rest) = readme.split_once("<!-- reference").expect("the opening mark");
    let (mark, rest) = rest.split_once("-->\n").expect("the end of the opening mark");
    let (_, tail) = rest.split_once("<!-- end of reference").expect("the closing mark");
    let fresh =
        format!("{head}<!-- reference{mark}-->\n\n{}<!-- end of reference{tail}", reference());
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(path, &fresh).unwrap();
    } else {
        assert!(readme == fresh, "run UPDATE_REFERENCE=1 cargo test -p isoflop-plan");
    }
}
