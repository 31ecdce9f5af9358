//! What is handed over to Slurm, as scripts that one can read and change.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context;
use isoflop_durable::{create_folder, write_atomic};

use crate::cli::{SlurmArgs, SlurmAsk};
use crate::shell;

/// The folder of scripts, and what they are made of.
pub(super) struct Scripts {
    pub folder: PathBuf,
    pub results: PathBuf,
    /// This program.
    pub program: PathBuf,
    name: String,
    devices: Vec<String>,
    ask: SlurmAsk,
}

impl Scripts {
    pub fn new(results: &Path, name: &str, args: &SlurmArgs) -> anyhow::Result<Self> {
        Ok(Self {
            folder: results.join("slurm"),
            results: results.to_owned(),
            program: std::env::current_exe().context("cannot tell where this program is")?,
            name: name.to_owned(),
            devices: args.study.device.clone(),
            ask: args.ask.clone(),
        })
    }

    pub fn submit(&self) -> PathBuf {
        self.folder.join("submit.sh")
    }

    /// The log of a task.
    pub fn log(&self, task: &str) -> PathBuf {
        self.folder.join(format!("task-{task}.log"))
    }

    /// Writes the three scripts.
    pub fn write(&self, open: &[usize]) -> anyhow::Result<()> {
        create_folder(&self.folder)?;
        for (file, text) in [
            ("array.sh", self.array()),
            ("report.sh", self.report()),
            ("submit.sh", self.submission(open)),
        ] {
            write_atomic(&self.folder.join(file), text.as_bytes())?;
        }
        Ok(())
    }

    /// What this program is given to train a task.
    pub fn arguments(&self, number: usize) -> Vec<OsString> {
        let mut arguments: Vec<OsString> =
            vec!["task".into(), self.results.clone().into(), number.to_string().into()];
        for name in &self.devices {
            arguments.extend(["--device".into(), name.into()]);
        }
        arguments.push("--quiet".into());
        arguments
    }

    /// The command of an array's member.
    fn task(&self) -> String {
        let device = |name: &String| format!(" --device {}", shell::quote(name));
        let devices: String = self.devices.iter().map(device).collect();
        format!(
            "{} task {} \"$SLURM_ARRAY_TASK_ID\"{devices} --quiet",
            shell::quoted(&self.program),
            shell::quoted(&self.results),
        )
    }

    fn array(&self) -> String {
        let task = self.task();
        let options = self.options();
        let log = self.log("%a");
        format!(
            r#"#!/bin/bash
# Trains one task of the study for each member of a job array. `sweep slurm` wrote this and writes it anew.
#SBATCH --job-name={name}
#SBATCH --output={log}
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --ntasks=1
#SBATCH --signal=B:USR1@{before}
{options}
# Before the time limit Slurm sends USR1 to this script: the task saves, and goes on in another turn. One that is cancelled does not.
late=
trap 'late=1; kill -TERM "$work" 2>/dev/null' USR1
trap 'kill -TERM "$work" 2>/dev/null' TERM
{task} &
work=$!
wait "$work"
code=$?
while kill -0 "$work" 2>/dev/null; do
    wait "$work"
    code=$?
done
# Killed by something else, as for want of memory: three times at most.
if [ "$code" -eq 137 ] && [ "${{SLURM_RESTART_COUNT:-0}}" -lt 3 ]; then
    late=1
fi
if [ -n "$late" ] && [ "$code" -ne 0 ]; then
    scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"
fi
exit "$code"
"#,
            name = one_word(&self.name),
            log = log.display(),
            before = self.ask.save_seconds,
        )
    }

    fn report(&self) -> String {
        let (program, results) = (shell::quoted(&self.program), shell::quoted(&self.results));
        let log = self.folder.join("report.log");
        let place = [("partition", &self.ask.partition), ("account", &self.ask.account)];
        let place: String = place.into_iter().filter_map(option).collect();
        format!(
            "#!/bin/bash\n# Fits what the tasks trained, and writes the report. `sweep slurm` wrote this and writes it anew.\n#SBATCH --job-name={}-report\n#SBATCH --output={}\n#SBATCH --open-mode=append\n#SBATCH --ntasks=1\n{place}\nexec {program} report {results} --quiet\n",
            one_word(&self.name),
            log.display(),
        )
    }

    fn submission(&self, open: &[usize]) -> String {
        let folder = shell::quoted(&self.folder);
        format!(
            "#!/bin/bash\n# Hands the tasks that are not done over to Slurm, and the report behind them. Prints the numbers of both jobs.\nset -euo pipefail\narray=$(sbatch --parsable --array=\"${{1:-{}}}\" {folder}/array.sh)\nreport=$(sbatch --parsable --dependency=\"afterany:$array\" {folder}/report.sh)\necho \"$array $report\"\n",
            self.members(open)
        )
    }

    /// The members of the array, as sbatch takes them.
    pub fn members(&self, open: &[usize]) -> String {
        let most = self.ask.at_once.or(self.ask.nodes).map(|most| format!("%{most}"));
        numbers(open) + &most.unwrap_or_default()
    }

    fn options(&self) -> String {
        let ask = &self.ask;
        let cpus = ask.cpus.map(|cpus| cpus.to_string());
        let known = [
            ("partition", &ask.partition),
            ("account", &ask.account),
            ("gres", &ask.gres),
            ("time", &ask.time),
            ("cpus-per-task", &cpus),
            ("mem", &ask.mem),
        ];
        let whole = ask.nodes.map(|_| "#SBATCH --nodes=1\n#SBATCH --exclusive\n".to_owned());
        let other = ask.sbatch.iter().map(|option| format!("#SBATCH {option}\n"));
        known.into_iter().filter_map(option).chain(whole).chain(other).collect()
    }
}

fn option((name, value): (&str, &Option<String>)) -> Option<String> {
    value.as_ref().map(|value| format!("#SBATCH --{name}={value}\n"))
}

/// A name of a job, without blanks and what a script would take for more.
fn one_word(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' })
        .collect()
}

/// `0-3,7`.
pub(super) fn numbers(numbers: &[usize]) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let range = |(first, last): &(usize, usize)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    ranges.iter().map(range).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_a_row_are_a_range() {
        assert_eq!(numbers(&[]), "");
        assert_eq!(numbers(&[4]), "4");
        assert_eq!(numbers(&[0, 1, 2, 5, 7, 8]), "0-2,5,7-8");
    }

    #[test]
    fn a_job_has_a_name_of_one_word() {
        assert_eq!(one_word("my study; rm -rf"), "my-study--rm--rf");
    }
}
