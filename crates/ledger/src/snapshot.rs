//! The configuration that a folder's records belong to.

use isoflop_durable::{unseal_toml, write_atomic};
use isoflop_plan::{Config, Effect};

use crate::error::LedgerError;
use crate::ledger::Ledger;
use crate::read::{CHECKPOINT_FOLDER, CONFIG_FILE, read_or_empty};

/// What became of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// The folder had none; it has this one now.
    New,
    /// The folder already belonged to it.
    Same,
    /// It differs from the folder's in ways that leave every record true; it is the folder's now. One line per key.
    Updated(Vec<String>),
}

impl Ledger {
    /// Makes sure that the folder belongs to this configuration, and writes it there with every default resolved.
    ///
    /// # Errors
    ///
    /// As [`Ledger::check_config`]; [`LedgerError::Io`].
    pub fn settle_config(&mut self, config: &Config, extend: bool) -> Result<Settled, LedgerError> {
        let settled = self.check_config(config, extend)?;
        let path = self.folder().join(CONFIG_FILE);
        let sealed = unseal_toml(&read_or_empty(&path)?).is_ok_and(|old| old.sealed);
        if settled != Settled::Same || !sealed {
            write_atomic(&path, config.sealed_toml().as_bytes())?;
        }
        self.hold(CONFIG_FILE)?;
        Ok(settled)
    }

    /// What [`Ledger::settle_config`] would do; writes nothing.
    ///
    /// Keys that change no cell and no grid (names, device, fit) may change; with `extend`, so may keys that only decide which
    /// cells there are, and cells in common keep their records. While the folder holds neither a record nor a checkpoint, any key may.
    ///
    /// # Errors
    ///
    /// [`LedgerError::ConfigChanged`] with every change that would make records and configuration contradict each other;
    /// [`LedgerError::ConfigMissing`] and [`LedgerError::ConfigUnreadable`] where that cannot be told.
    pub fn check_config(&self, config: &Config, extend: bool) -> Result<Settled, LedgerError> {
        let mut path = self.folder().join(CONFIG_FILE);
        let mut old = read_or_empty(&path)?;
        if old.is_empty() {
            // A shard that begins is of the configuration of its study.
            path = self.study.join(CONFIG_FILE);
            old = read_or_empty(&path)?;
        }
        let records = self.contents().records.len();
        if old.is_empty() {
            if records > 0 {
                let folder = self.folder().to_owned();
                return Err(LedgerError::ConfigMissing { folder, records });
            }
            return Ok(Settled::New);
        }
        let unreadable =
            |reason: String| LedgerError::ConfigUnreadable { path: path.clone(), reason };
        let text = String::from_utf8(old).map_err(|error| unreadable(error.to_string()))?;
        let old =
            Config::parse(&text, CONFIG_FILE).map_err(|error| unreadable(error.to_string()))?;
        let differences = old.differences(config);
        if differences.is_empty() {
            return Ok(Settled::Same);
        }
        let touches = |effect| differences.iter().filter(move |d| d.effect == effect);
        let (cells, grid) = (touches(Effect::Cells).count(), touches(Effect::Grid).count());
        let contradicts = cells > 0 || (grid > 0 && !extend);
        if contradicts && (records > 0 || self.has_checkpoints()?) {
            let changes = touches(Effect::Cells).chain(touches(Effect::Grid));
            return Err(LedgerError::ConfigChanged {
                folder: self.folder().to_owned(),
                changes: changes.map(ToString::to_string).collect(),
                extendable: cells == 0,
            });
        }
        Ok(Settled::Updated(differences.iter().map(ToString::to_string).collect()))
    }

    fn has_checkpoints(&self) -> Result<bool, LedgerError> {
        let folder = self.folder().join(CHECKPOINT_FOLDER);
        match std::fs::read_dir(&folder) {
            Ok(mut entries) => Ok(entries.next().is_some()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(LedgerError::io("read", &folder)(error)),
        }
    }
}
