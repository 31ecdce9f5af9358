//! A page of records and names that mean harm.

use std::path::Path;

use isoflop_ledger::{Passport, Record, Status};
use isoflop_report::Fitted;

use super::{Results, fit, page};
use crate::folder::Folder;
use crate::observations;

const QUICKSTART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../results/quickstart");

/// What breaks out of text, attributes, style, script, comments and paths, or fetches.
const HARM: [&str; 12] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</style></script></svg></td><iframe src=https://example.com>",
    "--><!--",
    "]]>",
    "&lt;b&gt; &amp; &#x3c;script&#x3e;",
    "javascript:alert(1)",
    "url(https://example.com/a.png)",
    "\u{0}\u{8}\u{1b}[31m\u{202e}\u{fffe}",
    "`code` **bold** [a](https://example.com) | x |",
    "${7*7}{{7*7}}\\u003cscript\\u003e",
];

/// Numbers that spread over the texts and the places where they are put.
struct Dice(u64);

impl Dice {
    fn text(&mut self) -> String {
        (0..3).map(|_| HARM[self.below(HARM.len())]).collect()
    }

    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % count
    }
}

/// A folder with harm in every name that a file, a driver or a user gives.
fn harmed(dice: &mut Dice) -> Folder {
    let mut folder = Folder::read(Path::new(QUICKSTART)).unwrap();
    folder.config.study.name = dice.text();
    folder.config.fit.bootstrap = 20;
    folder.path = dice.text().into();
    let hash = folder.contents.records[0].run.passport.clone();
    let passport: &mut Passport = folder.contents.passports.get_mut(&hash).unwrap();
    for name in
        [&mut passport.device.adapter, &mut passport.device.kind, &mut passport.device.backend]
    {
        *name = dice.text();
    }
    passport.device.driver = Some(dice.text());
    passport.device.details.insert(dice.text(), dice.text());
    passport.host.cpu = Some(dice.text());
    passport.versions.commit = Some(dice.text());
    for at in 0..folder.contents.records.len() {
        let record: &mut Record = &mut folder.contents.records[at];
        record.result.study = dice.text();
        record.result.status = match dice.below(6) {
            0 => Status::Failed { error: dice.text() },
            1 => Status::Diverged { step: 3, reason: dice.text() },
            _ => continue,
        };
        record.result.valid = None;
    }
    folder.data.source = dice.text();
    folder.data.notes = vec![dice.text()];
    folder.data.figures.push((dice.text(), dice.text()));
    folder
}

#[test]
fn harm_in_records_and_names_stays_text() {
    for seed in 0..40 {
        let folder = harmed(&mut Dice(seed));
        let why = Dice(seed + 1000).text();
        let results = Results {
            config: &folder.config,
            grid: &folder.grid,
            data: &folder.data,
            contents: &folder.contents,
            folder: &folder.path,
            command: &why,
        };
        // A fit takes longer than all the rest of a page.
        let table = observations::table(&folder.contents, &folder.grid).unwrap();
        let study = (seed < 4).then(|| fit(&table, &folder.config).unwrap());
        let fitted = match &study {
            Some(study) => Fitted::Study(study, &table),
            None => Fitted::Refused(&why),
        };
        let html = page(&results, fitted, None).to_html();
        let (head, rest) = html.split_once("<body>").unwrap();
        assert!(head.contains("default-src 'none'"), "{head}");
        let (body, script) = rest.rsplit_once("<script>").unwrap();
        assert!(!script.contains("alert(1)"), "seed {seed}");
        let document = format!("<body>{body}</body>");
        let tree = roxmltree::Document::parse(&document).unwrap_or_else(|e| panic!("{seed}: {e}"));
        for node in tree.descendants().filter(|node| node.is_element()) {
            let name = node.tag_name().name();
            assert!(
                !["script", "iframe", "object", "link", "base", "form"].contains(&name),
                "{seed}: {name}"
            );
            for attribute in node.attributes() {
                let (name, value) = (attribute.name(), attribute.value());
                assert!(!name.starts_with("on"), "seed {seed}: {name}={value}");
                let fetches = ["src", "href", "action", "style"].contains(&name);
                let outside =
                    ["example.com", "javascript:"].iter().any(|part| value.contains(part));
                assert!(!(fetches && outside), "seed {seed}: {name}={value}");
            }
        }
    }
}
