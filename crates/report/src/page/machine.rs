//! Data, machines and whether they agree, and how to make the results again.

use isoflop_ledger::{Passport, Spending};

use super::{Page, filled};
use crate::chart::Rich;
use crate::document::{Block, Section};
use crate::{machines, number, spending};

pub(super) fn data(page: &Page) -> Option<Section> {
    let mut section = Section::new("data", "Data");
    section.folded = true;
    let facts = page.data.iter().map(|(name, value)| (name.as_str().into(), value.as_str().into()));
    let facts: Vec<(Rich, Rich)> = facts.collect();
    filled(section, if facts.is_empty() { Vec::new() } else { vec![Block::Facts(facts)] })
}

pub(super) fn passports(page: &Page) -> Option<Section> {
    let title = if page.passports.len() > 1 { "Machines" } else { "Machine" };
    let mut section = Section::new("passport", title);
    section.folded = true;
    filled(section, page.passports.iter().map(|p| Block::Facts(passport(page, p))).collect())
}

fn passport(page: &Page, p: &Passport) -> Vec<(Rich, Rich)> {
    let mut facts: Vec<(Rich, Rich)> = Vec::new();
    let mut push = |name: &str, value: String| {
        if !value.is_empty() {
            facts.push((name.into(), value.into()));
        }
    };
    push("Passport", p.hash());
    push("Device", format!("{} ({})", p.device.adapter, p.device.kind));
    let compiler = p.device.shader_compiler.as_ref().map(|s| format!(", {s}")).unwrap_or_default();
    push("Backend", format!("{}{compiler}", p.device.backend));
    push("Driver", p.device.driver.clone().unwrap_or_default());
    push("Precision", p.device.precisions.join(", "));
    for peak in &p.peaks {
        let precision = format!("{:?}", peak.precision).to_lowercase();
        let rate = number::scientific(peak.flops_per_second, 3);
        push("Peak of products", format!("{rate} FLOP/s in {precision}, side {}", peak.side));
    }
    let cpu = p.host.cpu.clone().unwrap_or_else(|| p.host.arch.clone());
    push(
        "Host",
        format!("{cpu}, {} cores, {}", p.host.cores, number::bytes(p.host.memory_bytes as f64)),
    );
    let here = page.records.iter().copied().filter(|record| record.run.passport == p.hash());
    let spending = Spending::of(here, &page.tariff);
    push("Spent on its cells", spending::in_words(&spending).unwrap_or_default());
    push("System", format!("{} ({})", p.host.os, p.host.arch));
    let commit = p.versions.commit.as_ref().map(|c| format!(", commit {c}")).unwrap_or_default();
    push("Isoflop", format!("{}{commit}, numerics {}", p.versions.isoflop, p.versions.numerics));
    let wgpu = p.versions.wgpu.as_ref().map(|v| format!(", wgpu {v}")).unwrap_or_default();
    push("burn", format!("{}{wgpu}", p.versions.burn));
    push("Data, SHA-256", p.data_sha256.clone());
    for (name, value) in &p.device.details {
        push(name, value.clone());
    }
    facts
}

pub(super) fn agreement(page: &Page) -> Option<Section> {
    let effects = page.study()?.machines.as_ref()?;
    let section = Section::new("machines", "Do the machines agree?");
    filled(section, vec![Block::Table(machines::table(effects))])
}

pub(super) fn reproduce(page: &Page) -> Option<Section> {
    if page.command.is_empty() {
        return None;
    }
    let how = "In the folder of this page. NEW is a new folder for the results: in their own folder no cell is left to \
               train. Paths of data are relative to the working directory.";
    let section = Section::new("reproduce", "Make it again");
    filled(section, vec![Block::Text(how.into()), Block::Code(page.command.to_owned())])
}
