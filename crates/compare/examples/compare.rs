//! Error rates of comparisons on made studies: false differences, the power that was promised, coverage of planted gains.
//!
//!     cargo run --release -p isoflop-compare --example compare

#[path = "../tests/support/made.rs"]
mod made;

fn main() {
    println!("| fault of the second machine | called different | promised | called equal |");
    println!("| --- | ---: | ---: | ---: |");
    for fault in &made::FAULTS {
        let found = made::find(fault, 1000, 3);
        let [different, promised, equal] =
            [found.different, found.promised, found.equal].map(|share| 100.0 * share);
        println!("| {} | {different:.1}% | {promised:.1}% | {equal:.1}% |", fault.name);
    }
    println!();
    for planted in [1.0, 1.05, 1.25, 2.0] {
        let (covered, half_width) = made::cover(planted, 400);
        println!(
            "gain {planted}: the interval holds it in {:.1}% of 400, half a width x{:.3}",
            100.0 * covered,
            half_width.exp()
        );
    }
}
