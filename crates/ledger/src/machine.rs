//! Which machine a record is of, by a name that tells the machines of a study apart.

use std::collections::BTreeMap;

use crate::passport::Passport;
use crate::read::Contents;

/// A machine of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The adapter, with as much of backend, driver and host as tells it from the others.
    pub name: String,
    /// Hashes of its passports: one, and one more for each change of software.
    pub passports: Vec<String>,
}

impl Contents {
    /// The machines behind the records, in the order of their first ones. Passports of one device, driver and host are one machine, whatever
    /// version of this program and of the system ran there.
    pub fn machines(&self) -> Vec<Machine> {
        let mut found: Vec<(Vec<String>, Vec<String>)> = Vec::new();
        for record in &self.records {
            let hash = &record.run.passport;
            let traits = traits(hash, self.passports.get(hash));
            match found.iter_mut().find(|(known, _)| *known == traits) {
                Some((_, passports)) if passports.contains(hash) => {}
                Some((_, passports)) => passports.push(hash.clone()),
                None => found.push((traits, vec![hash.clone()])),
            }
        }
        let names: Vec<String> = found
            .iter()
            .map(|(own, _)| {
                let alike: Vec<_> = found.iter().filter(|(other, _)| other[0] == own[0]).collect();
                let tells = |i: &usize| alike.iter().any(|(other, _)| other[*i] != own[*i]);
                let parts: Vec<&str> = (1..own.len())
                    .filter(tells)
                    .map(|i| own[i].as_str())
                    .filter(|part| !part.is_empty())
                    .collect();
                match parts.is_empty() {
                    true => own[0].clone(),
                    false => format!("{} ({})", own[0], parts.join(", ")),
                }
            })
            .collect();
        let machine = |(name, (_, passports))| Machine { name, passports };
        names.into_iter().zip(found).map(machine).collect()
    }

    /// The name of the machine of each passport that records refer to.
    pub fn machine_names(&self) -> BTreeMap<String, String> {
        let names = |machine: Machine| {
            let Machine { name, passports } = machine;
            passports.into_iter().map(move |passport| (passport, name.clone()))
        };
        self.machines().into_iter().flat_map(names).collect()
    }
}

/// What makes a machine, the most telling first.
fn traits(hash: &str, passport: Option<&Passport>) -> Vec<String> {
    let Some(Passport { device, host, .. }) = passport else {
        let unknown = if hash.is_empty() { "an unknown machine" } else { hash };
        let mut traits = vec![String::new(); 8];
        unknown.clone_into(&mut traits[0]);
        return traits;
    };
    let told = |value: &Option<String>| value.clone().unwrap_or_default();
    vec![
        device.adapter.clone(),
        device.backend.clone(),
        told(&device.shader_compiler),
        told(&device.driver),
        told(&host.cpu),
        format!("{} cores", host.cores),
        host.arch.clone(),
        device.kind.clone(),
    ]
}
