//! Runs of headless Chromium, each with a profile of its own and a time limit.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(100);

/// Its name on PATH; `None`, with a line, where there is none and none is demanded.
pub fn find() -> Option<&'static str> {
    let works = |name: &&str| {
        let version = Command::new(name).arg("--version").stdin(Stdio::null()).output();
        version.is_ok_and(|found| found.status.success())
    };
    let found = ["chromium", "chromium-browser"].into_iter().find(works);
    if found.is_none() {
        let demanded = std::env::var_os("ISOFLOP_REQUIRE_CHROMIUM").is_some_and(|v| v == "1");
        assert!(!demanded, "ISOFLOP_REQUIRE_CHROMIUM=1, but no `chromium` on PATH");
        println!("skipped: no `chromium` on PATH");
    }
    found
}

/// What it prints for a page in `folder`.
pub fn dom(program: &str, folder: &Path, page: &str) -> String {
    // Frames may read each other's files; time runs as fast as the work allows.
    let arguments = ["--allow-file-access-from-files", "--virtual-time-budget=60000", "--dump-dom"];
    run(program, &arguments.map(str::to_owned), folder, page);
    std::fs::read_to_string(folder.join("stdout")).unwrap()
}

/// The page as it prints it, for a reader who prefers dark pages.
pub fn pdf(program: &str, folder: &Path, page: &str) -> Vec<u8> {
    let file = folder.join("page.pdf");
    let to = format!("--print-to-pdf={}", file.display());
    let dark = "--blink-settings=preferredColorScheme=0".to_owned();
    run(program, &["--no-pdf-header-footer".to_owned(), dark, to], folder, page);
    std::fs::read(&file).unwrap_or_else(|error| panic!("no {}: {error}", file.display()))
}

fn run(program: &str, arguments: &[String], folder: &Path, page: &str) {
    let profile = tempfile::tempdir().unwrap();
    // Files, not pipes: nobody has to read while it runs.
    let [out, log] = ["stdout", "stderr"].map(|name| File::create(folder.join(name)).unwrap());
    let mut browser = Command::new(program)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"])
        .args(["--no-first-run", "--disable-extensions", "--disable-background-networking"])
        .args(["--disable-dev-shm-usage", "--window-size=1400,1000"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(arguments)
        .arg(format!("file://{}", folder.join(page).display()))
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(log)
        .spawn()
        .unwrap();
    let start = Instant::now();
    let status = loop {
        if let Some(status) = browser.try_wait().unwrap() {
            break Some(status);
        }
        if start.elapsed() > LIMIT {
            browser.kill().unwrap();
            browser.wait().unwrap();
            break None;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let log = || std::fs::read_to_string(folder.join("stderr")).unwrap_or_default();
    assert!(status.is_some_and(|s| s.success()), "{program}, {page}: {status:?}\n{}", log());
}
