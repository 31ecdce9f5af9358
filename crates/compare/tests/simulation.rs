//! Error rates on made studies of known difference. `cargo run --release -p isoflop-compare --example compare` does many more.

#[path = "support/made.rs"]
mod made;

#[test]
fn a_machine_against_itself_is_rarely_called_different_and_mostly_equal() {
    let none = made::find(&made::FAULTS[0], 300, 3);
    assert!(none.different <= 0.08, "{}", none.different);
    assert!(none.equal >= 0.8, "{}", none.equal);
}

#[test]
fn faults_are_found_as_often_as_promised() {
    for fault in &made::FAULTS[1..3] {
        let found = made::find(fault, 300, 3);
        let off = (found.different - found.promised).abs();
        assert!(
            off < 0.1,
            "{}: found {}, promised {}",
            fault.name,
            found.different,
            found.promised
        );
    }
    // A difference that grows with size is found by its trend too.
    let found = made::find(&made::FAULTS[3], 300, 1);
    assert!(
        found.different > 0.95 && found.different >= found.promised - 0.05,
        "{}",
        found.different
    );
}

#[test]
fn the_interval_of_a_planted_gain_holds_it() {
    for planted in [1.0, 1.25] {
        let (covered, half_width) = made::cover(planted, 100);
        assert!(covered >= 0.9, "{planted}: {covered}");
        assert!(half_width < 0.25, "{planted}: {half_width}");
    }
}
