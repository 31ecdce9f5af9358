//! Who keeps the records of cells while stacks train.

use std::path::PathBuf;

use isoflop_ledger::{Append, CHECKPOINT_FOLDER, Ledger, LedgerError};
use isoflop_plan::CellId;
use isoflop_record::Record;

/// Who keeps the records of cells.
pub(crate) trait Book: Send {
    /// Whether a cell has ended.
    fn is_done(&self, cell: &CellId) -> bool;

    /// Keeps a record for good.
    ///
    /// # Errors
    /// As [`Ledger::append`].
    fn append(&mut self, record: Record) -> Result<Append, LedgerError>;

    /// Makes sure that records would still be found.
    ///
    /// # Errors
    /// As [`Ledger::check`].
    fn check(&mut self) -> Result<(), LedgerError>;

    /// Where checkpoints are to be written now.
    fn checkpoints(&mut self) -> PathBuf;
}

impl Book for Ledger {
    fn is_done(&self, cell: &CellId) -> bool {
        Ledger::is_done(self, cell)
    }

    fn append(&mut self, record: Record) -> Result<Append, LedgerError> {
        Ledger::append(self, record)
    }

    fn check(&mut self) -> Result<(), LedgerError> {
        Ledger::check(self)
    }

    fn checkpoints(&mut self) -> PathBuf {
        self.folder().join(CHECKPOINT_FOLDER)
    }
}
