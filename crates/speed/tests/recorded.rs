//! Runs that were recorded beside a load that came and went (`tests/recorded`, made by `scripts/record_progress.py`), replayed
//! through the forecast. Nothing here depends on the speed of the machine that replays them.
//!
//! The estimate at a moment is of the whole: the time so far and the seconds left. Its error at half time is taken relative to the
//! seconds that were then really left; its swing from one estimate to the next, from the first tenth of the run on.
//! `cargo test -p isoflop-speed --release --test recorded -- --nocapture` prints the table of the README.

use std::path::Path;

use isoflop_speed::{Forecast, StackWork};

/// One recorded run.
struct Recording {
    name: String,
    note: String,
    forecast: Forecast,
    events: Vec<Event>,
}

struct Event {
    at: f64,
    what: What,
    /// Seconds left that the version before told at the time.
    told: Option<f64>,
}

enum What {
    Begin(usize),
    Ready(usize, f64),
    Step(usize, f64),
    End(usize),
    Stop,
}

/// What estimates were worth.
#[derive(Debug, Clone, Copy)]
struct Score {
    error_at_half: f64,
    /// The largest ratio of one estimate of the whole to the next, either way.
    swing: f64,
    /// The largest estimate of the whole over the smallest.
    range: f64,
}

#[test]
fn runs_beside_a_load_that_comes_and_goes() {
    println!(
        "| run | seconds | error at half time | swing | range |\n| --- | --: | --: | --: | --: |"
    );
    let mut scores = Vec::new();
    for recording in recordings() {
        let Recording { name, note, mut forecast, events } = recording;
        let whole = events.last().expect("a run has events").at;
        let mut estimates = Vec::new();
        for event in &events {
            apply(&mut forecast, event);
            let left = forecast.seconds_left(event.at);
            estimates.push((event.at, left.map(|left| event.at + left)));
        }
        assert_eq!(estimates.last().unwrap().1, Some(whole), "{name}: nothing is left at the end");
        let told =
            events.iter().map(|e| (e.at, e.told.map(|left| e.at + left))).collect::<Vec<_>>();
        let (now, before) = (score(&estimates, whole), score(&told, whole));
        println!(
            "| {name}: {note} | {whole:.0} | {:.0}% ({:.0}%) | {:.2} ({:.2}) | {:.2} ({:.2}) |",
            100.0 * now.error_at_half,
            100.0 * before.error_at_half,
            now.swing,
            before.swing,
            now.range,
            before.range
        );
        assert!(now.swing < 2.0, "{name}: {now:?}");
        scores.push((now, before));
    }
    let median_of = |of: fn(&(Score, Score)) -> f64| {
        let mut values: Vec<f64> = scores.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0
    };
    let error = median_of(|score| score.0.error_at_half);
    let before = median_of(|score| score.1.error_at_half);
    println!("median error at half time: {:.1}% ({:.1}%)", 100.0 * error, 100.0 * before);
    assert!(scores.len() >= 10, "{}", scores.len());
    assert!(error < 0.15, "{error}");
    assert!(error < before, "{error} {before}");
}

fn apply(forecast: &mut Forecast, event: &Event) {
    match event.what {
        What::Begin(index) => forecast.begin(index, event.at),
        What::Ready(index, done) => forecast.ready(index, done, event.at),
        What::Step(index, done) => forecast.advance(index, done, event.at),
        What::End(index) => forecast.end(index, event.at),
        What::Stop => {}
    }
}

fn score(estimates: &[(f64, Option<f64>)], whole: f64) -> Score {
    let known = |from: f64| {
        estimates.iter().filter(move |e| e.0 >= from).filter_map(|&(at, of)| Some((at, of?)))
    };
    let half = known(0.0).take_while(|e| e.0 <= whole / 2.0).last().expect("known by half time").1;
    let later: Vec<f64> = known(whole / 10.0).map(|e| e.1).collect();
    let ratio = |pair: &[f64]| (pair[0] / pair[1]).max(pair[1] / pair[0]);
    let (least, most) = later
        .iter()
        .fold((f64::INFINITY, 0.0_f64), |(least, most), &of| (least.min(of), most.max(of)));
    Score {
        error_at_half: (half - whole).abs() / (whole / 2.0),
        swing: later.windows(2).map(ratio).fold(1.0, f64::max),
        range: most / least,
    }
}

/// All recordings, by name.
fn recordings() -> Vec<Recording> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded");
    let mut paths: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        parse(&text)
            .map(|found| Recording { name: name.clone(), ..found })
            .unwrap_or_else(|| panic!("{name} is no recording"))
    };
    paths.iter().map(read).collect()
}

fn parse(text: &str) -> Option<Recording> {
    let mut lines = text.lines();
    let note = lines.next()?.strip_prefix("# ")?.to_owned();
    let workers = lines.next()?.strip_prefix("workers ")?.parse().ok()?;
    let (stacks, events): (Vec<&str>, Vec<&str>) =
        lines.partition(|line| line.starts_with("stack "));
    let stack = |line: &&str| {
        let mut fields = line.split(' ').skip(1).map(number);
        let (step, flops, done) = (fields.next()??, fields.next()??, fields.next()??);
        Some(StackWork::new(flops, step).done(done).expected(fields.next()?))
    };
    let stacks: Vec<StackWork> = stacks.iter().map(stack).collect::<Option<_>>()?;
    let order = (0..stacks.len()).collect();
    let events: Vec<Event> = events.iter().map(|line| event(line)).collect::<Option<_>>()?;
    Some(Recording {
        name: String::new(),
        note,
        forecast: Forecast::new(stacks, order, workers),
        events,
    })
}

fn event(line: &str) -> Option<Event> {
    let fields: Vec<&str> = line.split(' ').collect();
    let &[at, what, index, done, told] = &fields[..] else { return None };
    let (index, done) = (index.parse().ok(), number(done));
    let what = match what {
        "begin" => What::Begin(index?),
        "ready" => What::Ready(index?, done?),
        "step" => What::Step(index?, done?),
        "end" => What::End(index?),
        "stop" => What::Stop,
        _ => return None,
    };
    Some(Event { at: at.parse().ok()?, what, told: number(told) })
}

/// A number, or nothing where a `-` stands.
fn number(field: &str) -> Option<f64> {
    field.parse().ok()
}
