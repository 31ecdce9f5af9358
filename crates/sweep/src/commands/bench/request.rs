//! What is to be measured: the command line, resolved.

use anyhow::bail;
use isoflop_device::TrainDevice;
use isoflop_plan::{Precision, Shader};

use super::shape::Model;
use crate::cli::BenchArgs;
use crate::failure::Misuse;

/// Replicas of a stack and stacks at once, at most.
pub const MOST: usize = 256;

/// Seconds of one measurement and its rounds, at most.
const MOST_SECONDS: f64 = 3600.0;
const MOST_ROUNDS: usize = 1000;

/// A number on the command line that can be left to the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Left to the machine.
    Auto,
    Of(usize),
}

/// A checked command line.
#[derive(Debug)]
pub struct BenchRequest {
    pub models: Vec<Model>,
    /// Replicas of a stack, one measurement each.
    pub replicas: Vec<Count>,
    /// Stacks at once, one measurement each.
    pub stacks_at_once: Vec<Count>,
    /// Whether the model's operations are kernels, one measurement each; `None` is what a sweep does.
    pub kernels: Vec<Option<bool>>,
    /// Precision of the matrix products.
    pub precision: Precision,
    /// Shader compiler.
    pub shader: Shader,
    /// Seconds of one measurement.
    pub seconds: f64,
    /// Rounds of one measurement.
    pub rounds: usize,
}

impl BenchRequest {
    /// Checks a command line.
    ///
    /// # Errors
    ///
    /// [`Misuse`], with a hint.
    pub fn read(args: &BenchArgs) -> anyhow::Result<Self> {
        let mut models: Vec<Model> = Vec::new();
        for name in &args.shapes {
            let model = Model::parse(name).map_err(Misuse)?;
            if models.iter().any(|known| known.name == model.name) {
                bail!(Misuse(format!("--shapes has {name} twice\nhint: leave one out")));
            }
            models.push(model);
        }
        let seconds = args.seconds;
        if !(seconds > 0.0 && seconds <= MOST_SECONDS) {
            let what =
                format!("--seconds is {seconds}\nhint: give seconds above 0, up to {MOST_SECONDS}");
            bail!(Misuse(what));
        }
        let rounds = args.rounds;
        if !(1..=MOST_ROUNDS).contains(&rounds) {
            let what = format!("--rounds is {rounds}\nhint: give a number from 1 to {MOST_ROUNDS}");
            bail!(Misuse(what));
        }
        Ok(Self {
            models,
            replicas: counts("--replicas", &args.replicas)?,
            stacks_at_once: counts("--stacks-at-once", &args.stacks_at_once)?,
            kernels: kernels(&args.kernels)?,
            precision: precision(&args.precision)?,
            shader: shader(&args.shader)?,
            seconds,
            rounds,
        })
    }

    /// Whether the device can do it.
    ///
    /// # Errors
    ///
    /// [`Misuse`], with a hint.
    pub fn check(&self, device: &TrainDevice) -> anyhow::Result<()> {
        if !device.precisions.contains(&self.precision) {
            let names: Vec<&str> = device.precisions.iter().map(|p| p.word()).collect();
            bail!(Misuse(format!(
                "--precision is {}, which {} does not compute right\nhint: use one of {}",
                self.precision.word(),
                device.info.label(),
                names.join(", ")
            )));
        }
        if self.kernels.contains(&Some(true)) && !device.choices.kernels {
            bail!(Misuse(format!(
                "--kernels has on, and {} trains without\nhint: leave --kernels out; the CPU has no kernels, and on other devices they must pass the self-test (`sweep devices --test`)",
                device.info.label()
            )));
        }
        let several = self.stacks_at_once.iter().find(|c| matches!(c, Count::Of(2..)));
        if let Some(Count::Of(stacks)) = several.filter(|_| !device.info.is_cpu()) {
            bail!(Misuse(format!(
                "--stacks-at-once is {stacks}, and {} trains one stack at a time\nhint: --replicas makes the stack wider; several stacks at once are for --device cpu",
                device.info.label()
            )));
        }
        Ok(())
    }
}

/// Numbers, each once; `auto` for one of them.
fn counts(option: &str, words: &[String]) -> anyhow::Result<Vec<Count>> {
    let mut counts: Vec<Count> = Vec::new();
    for word in words {
        let count = match word.parse() {
            Ok(number @ 1..=MOST) => Count::Of(number),
            Err(_) if word == "auto" => Count::Auto,
            _ => bail!(Misuse(format!(
                "{option} has {word:?}\nhint: give numbers from 1 to {MOST} such as {option} 1,4, or {option} auto"
            ))),
        };
        if counts.contains(&count) {
            bail!(Misuse(format!("{option} has {word} twice\nhint: leave one out")));
        }
        counts.push(count);
    }
    if counts.len() > 1 && counts.contains(&Count::Auto) && option == "--replicas" {
        bail!(Misuse(format!(
            "{option} has auto among others\nhint: auto begins with 1 and stands alone"
        )));
    }
    Ok(counts)
}

/// `auto`, `on` and `off`, each once.
fn kernels(words: &[String]) -> anyhow::Result<Vec<Option<bool>>> {
    let mut all = Vec::new();
    for word in words {
        let kernels = match word.as_str() {
            "auto" => None,
            "on" => Some(true),
            "off" => Some(false),
            _ => {
                bail!(Misuse(format!("--kernels has {word:?}\nhint: use auto, on, off or on,off")))
            }
        };
        if all.contains(&kernels) {
            bail!(Misuse(format!("--kernels has {word} twice\nhint: leave one out")));
        }
        all.push(kernels);
    }
    Ok(all)
}

fn precision(text: &str) -> anyhow::Result<Precision> {
    let all = [Precision::F32, Precision::F16, Precision::Bf16];
    match all.into_iter().find(|p| p.word() == text) {
        Some(precision) => Ok(precision),
        None => bail!(Misuse(format!("--precision is {text:?}\nhint: use f32, f16 or bf16"))),
    }
}

/// What `--shader` means.
///
/// # Errors
///
/// [`Misuse`], with a hint.
pub fn shader(text: &str) -> anyhow::Result<Shader> {
    match text {
        "auto" => Ok(Shader::Auto),
        "spirv" => Ok(Shader::Spirv),
        "wgsl" => Ok(Shader::Wgsl),
        _ => bail!(Misuse(format!("--shader is {text:?}\nhint: use auto, spirv or wgsl"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(option: &str, words: &[&str]) -> Result<Vec<Count>, String> {
        let words: Vec<String> = words.iter().map(|&w| w.to_owned()).collect();
        counts(option, &words).map_err(|e| e.to_string())
    }

    #[test]
    fn counts_are_numbers_or_auto() {
        assert_eq!(read("--replicas", &["1", "8"]).unwrap(), [Count::Of(1), Count::Of(8)]);
        assert_eq!(read("--replicas", &["auto"]).unwrap(), [Count::Auto]);
        let both = [Count::Of(1), Count::Auto];
        assert_eq!(read("--stacks-at-once", &["1", "auto"]).unwrap(), both);
        for words in [&["0"][..], &["257"], &["-1"], &["many"], &[""], &["2", "2"], &["1", "auto"]]
        {
            let error = read("--replicas", words).unwrap_err();
            assert!(error.starts_with("--replicas has "), "{error}");
            assert_eq!(error.matches("\nhint: ").count(), 1, "{error}");
        }
    }
}
