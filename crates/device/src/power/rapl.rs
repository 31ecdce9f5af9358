//! Energy counters of the processor's packages, as Linux shows them ("powercap").
//!
//! A package's counter takes in its cores, caches and memory controller with all that runs on them, of other programs too; main
//! memory and the rest of the machine are not in it. Intel's and AMD's processors have them under the same name.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::meter::{Gauge, Reading};

/// Where Linux shows them.
pub(super) const ROOT: &str = "/sys/class/powercap";

/// The counters come round after 65 kJ at the least, which no processor draws in this time.
const INTERVAL: Duration = Duration::from_secs(10);

/// All packages of a machine.
#[derive(Debug)]
pub(super) struct Rapl {
    packages: Vec<Package>,
}

#[derive(Debug)]
struct Package {
    counter: PathBuf,
    /// Microjoules at which the counter comes round to 0.
    range: u64,
    /// Its last value, and the microjoules since the first.
    last: u64,
    sum: u64,
}

impl Rapl {
    /// Finds the packages under `root`.
    ///
    /// # Errors
    /// What would be needed, in words.
    pub(super) fn open(root: &Path) -> Result<Self, String> {
        let counters = counters(root);
        if counters.is_empty() {
            return Err(format!(
                "this system shows no energy counters of the processor under {} (virtual machines and containers seldom do); set `device.watts`",
                root.display()
            ));
        }
        let packages = counters.into_iter().map(|folder| {
            let counter = folder.join("energy_uj");
            let last = number(&counter)?;
            let range = number(&folder.join("max_energy_range_uj"))?;
            Ok(Package { counter, range, last, sum: 0 })
        });
        Ok(Self { packages: packages.collect::<Result<_, String>>()? })
    }

    pub(super) fn packages(&self) -> usize {
        self.packages.len()
    }
}

impl Gauge for Rapl {
    fn read(&mut self) -> Result<Reading, String> {
        let mut sum = 0;
        for package in &mut self.packages {
            let now = number(&package.counter)?;
            package.sum += since(package.last, now, package.range);
            package.last = now;
            sum += package.sum;
        }
        Ok(Reading::Joules(sum as f64 * 1e-6))
    }

    fn interval(&self) -> Option<Duration> {
        Some(INTERVAL)
    }
}

/// Microjoules from one value of a counter to the next, round its range at most once.
fn since(before: u64, now: u64, range: u64) -> u64 {
    match now >= before {
        true => now - before,
        false => range.saturating_sub(before) + now,
    }
}

/// Folders of the packages' counters, in order. Parts of a package, which are counted in it, have a second colon in their names.
fn counters(root: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root) else { return Vec::new() };
    let of_a_package = |folder: &PathBuf| {
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
        let top = name.as_deref().and_then(|name| name.strip_prefix("intel-rapl:"));
        let domain = fs::read_to_string(folder.join("name")).unwrap_or_default();
        top.is_some_and(|top| !top.contains(':')) && domain.starts_with("package")
    };
    let mut found: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(of_a_package).collect();
    found.sort();
    found
}

fn number(path: &Path) -> Result<u64, String> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => format!(
            "the processor's energy counters are for root alone; `sudo chmod a+r {ROOT}/intel-rapl:*/energy_uj` opens them until the next start of the machine"
        ),
        _ => format!("{shown} cannot be read: {error}"),
    })?;
    text.trim().parse().map_err(|_| format!("{shown} holds no number but {:?}", text.trim()))
}

/// Where a file's name may hold a colon.
#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn domain(root: &Path, folder: &str, name: &str, energy: u64, range: u64) {
        let folder = root.join(folder);
        fs::create_dir_all(&folder).unwrap();
        for (file, value) in [
            ("name", name.to_owned()),
            ("energy_uj", energy.to_string()),
            ("max_energy_range_uj", range.to_string()),
        ] {
            fs::write(folder.join(file), value + "\n").unwrap();
        }
    }

    fn set(root: &Path, package: usize, energy: &str) {
        fs::write(root.join(format!("intel-rapl:{package}/energy_uj")), energy).unwrap();
    }

    /// Two packages, and what is not to be counted or counted twice.
    fn machine() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        domain(root.path(), "intel-rapl:0", "package-0", 1_000_000, 10_000_000);
        domain(root.path(), "intel-rapl:1", "package-1", 5_000_000, 10_000_000);
        domain(root.path(), "intel-rapl:0:0", "core", 900_000, 10_000_000);
        domain(root.path(), "intel-rapl:2", "psys", 8_000_000, 10_000_000);
        domain(root.path(), "intel-rapl-mmio:0", "package-0", 1_000_000, 10_000_000);
        fs::create_dir(root.path().join("intel-rapl")).unwrap();
        root
    }

    fn joules(rapl: &mut Rapl) -> f64 {
        match rapl.read().unwrap() {
            Reading::Joules(joules) => joules,
            Reading::Watts(_) => panic!("it counts"),
        }
    }

    #[test]
    fn packages_are_added_up_and_counters_come_round() {
        let root = machine();
        let mut rapl = Rapl::open(root.path()).unwrap();
        assert_eq!(rapl.packages(), 2);
        assert_eq!(joules(&mut rapl), 0.0);
        set(root.path(), 0, "3000000\n");
        set(root.path(), 1, "9000000\n");
        assert_eq!(joules(&mut rapl), 6.0);
        set(root.path(), 1, "500000\n"); // 1 J to the end of the range, and half a joule
        assert_eq!(joules(&mut rapl), 7.5);
        domain(root.path(), "intel-rapl:0:0", "core", 5_000_000, 10_000_000);
        assert_eq!(joules(&mut rapl), 7.5);
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let root = machine();
        let mut rapl = Rapl::open(root.path()).unwrap();
        set(root.path(), 0, "soon\n");
        let told = rapl.read().unwrap_err();
        assert!(told.contains("intel-rapl:0/energy_uj holds no number but \"soon\""), "{told}");
        fs::remove_file(root.path().join("intel-rapl:0/energy_uj")).unwrap();
        let told = rapl.read().unwrap_err();
        assert!(told.contains("energy_uj cannot be read: "), "{told}");
    }

    #[test]
    fn a_machine_without_counters_says_what_to_set() {
        let root = tempfile::tempdir().unwrap();
        for root in [root.path().to_owned(), root.path().join("not-there")] {
            let told = Rapl::open(&root).unwrap_err();
            assert!(told.contains("no energy counters") && told.contains("device.watts"), "{told}");
        }
    }

    /// Root reads whatever the mode says.
    #[test]
    fn counters_for_root_alone_come_with_the_command_that_opens_them() {
        use std::os::unix::fs::PermissionsExt;

        let root = machine();
        let counter = root.path().join("intel-rapl:0/energy_uj");
        fs::set_permissions(&counter, fs::Permissions::from_mode(0o000)).unwrap();
        match fs::read(&counter) {
            Ok(_) => assert_eq!(Rapl::open(root.path()).unwrap().packages(), 2),
            Err(_) => {
                let told = Rapl::open(root.path()).unwrap_err();
                assert!(told.contains("sudo chmod a+r"), "{told}");
            }
        }
    }
}
