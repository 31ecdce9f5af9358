//! How long a ledger in 64 shards takes to read and to open, by its number of cells:
//! `cargo run --release -p isoflop-ledger --example shards`.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use isoflop_ledger::{
    Contents, LEDGER_FILE, Ledger, Record, RunInfo, RunResult, Status, Valid, parts, read, shard,
};
use isoflop_plan::{Config, DataFacts, Grid};

const SHARDS: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cells  lay out, s  read, s  open and look up, s  parts, s");
    for seeds in [250, 500, 1000, 2000] {
        let began = Instant::now();
        let grid = grid(seeds)?;
        let laid_out = began.elapsed();
        let folder = tempfile::tempdir()?;
        deal_out(&grid, folder.path())?;
        // Medians of five.
        let read_all = median(|| read(folder.path()).map(drop))?;
        let opened = median(|| {
            let ledger = Ledger::open(folder.path(), "example")?;
            let cells = grid.cells.iter().map(|planned| &planned.cell);
            assert!(ledger.remaining(cells).is_empty());
            Ok(())
        })?;
        let each = median(|| parts(folder.path()).map(drop))?;
        let cells = grid.cells.len();
        println!(
            "{cells:5}  {:10.3}  {read_all:7.3}  {opened:19.3}  {each:8.3}",
            laid_out.as_secs_f64()
        );
    }
    Ok(())
}

fn grid(seeds: usize) -> Result<Grid, Box<dyn Error>> {
    let seeds: Vec<String> = (0..seeds).map(|seed| seed.to_string()).collect();
    let text = format!(
        "[model]\ncontext = 64\n[grid]\nbudgets = [1e11]\nwidths = [16, 24, 32, 48, 64]\nseeds = [{}]\n",
        seeds.join(", ")
    );
    let facts = DataFacts {
        vocab: 256,
        train_tokens: None,
        data_sha256: "00".repeat(32),
        bytes_per_token: None,
    };
    Ok(Grid::build(&Config::parse(&text, "example.toml")?, &facts)?)
}

/// Finished cells, with a curve of 50 points each.
fn deal_out(grid: &Grid, folder: &Path) -> Result<(), Box<dyn Error>> {
    let record = |planned: &isoflop_plan::PlannedCell| {
        let cell = planned.cell.clone();
        let point = |i: u64| isoflop_ledger::CurvePoint {
            step: i * cell.steps / 50,
            tokens: i * cell.steps / 50 * cell.batch_tokens(),
            loss_nats: 5.0 / i as f64,
            learning_rate: 1e-3,
            grad_norm: Some(0.5),
        };
        let curve = (1..=50).map(point).collect();
        let mut result = RunResult::new("example", &"00".repeat(32), cell, Status::Finished);
        result.curve = curve;
        result.valid =
            Some(Valid { loss_nats: 2.0, bits_per_byte: None, tokens: 4096, true_loss_nats: None });
        Record::new(result, RunInfo::default())
    };
    for number in 0..SHARDS {
        let own = grid.cells.iter().skip(number).step_by(SHARDS).map(record).collect();
        let contents = Contents { records: own, ..Contents::default() };
        let place = shard(folder, &format!("task-{number:04}"));
        std::fs::create_dir_all(&place)?;
        std::fs::write(place.join(LEDGER_FILE), contents.ledger_jsonl())?;
    }
    Ok(())
}

fn median(
    mut work: impl FnMut() -> Result<(), isoflop_ledger::LedgerError>,
) -> Result<f64, isoflop_ledger::LedgerError> {
    let mut seconds = Vec::new();
    for _ in 0..5 {
        let began = Instant::now();
        work()?;
        seconds.push(began.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds[2])
}
