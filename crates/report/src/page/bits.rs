//! Bits per byte, beside nats per token.

use isoflop_ledger::Record;

use super::Page;
use crate::chart::Rich;
use crate::number;

impl Page<'_> {
    /// Bits per byte of a nat per token on the held-out set; `None` where no run says, or where runs differ.
    pub(super) fn bits_per_nat(&self) -> Option<f64> {
        let ratio = |record: &&Record| {
            let valid = record.result.valid?;
            Some(valid.bits_per_byte? / valid.loss_nats).filter(|r| r.is_finite() && *r > 0.0)
        };
        let ratios: Vec<f64> = self.records.iter().filter_map(ratio).collect();
        let first = *ratios.first()?;
        ratios.iter().all(|r| (r / first - 1.0).abs() < 1e-6).then_some(first)
    }

    /// `Held-out loss, nats per token (×1.443: bits per byte)`, for an axis.
    pub(super) fn loss_label(&self, what: &str) -> String {
        match self.bits_per_nat() {
            Some(bits) => {
                let factor = number::significant(bits, 4);
                format!("{what}, nats per token (×{factor}: bits per byte)")
            }
            None => format!("{what}, nats per token"),
        }
    }

    /// What a column of bits per byte says beside one of nats.
    pub(super) fn bits_note(&self) -> Option<Rich> {
        let factor = number::significant(self.bits_per_nat()?, 4);
        Some(
            format!("Bits per byte: {factor} times the nats per token, and so their intervals.")
                .into(),
        )
    }

    /// A loss in bits per byte, where they are known.
    pub(super) fn bits(&self, nats: f64) -> String {
        self.bits_per_nat().map_or_else(|| "—".into(), |bits| number::significant(nats * bits, 4))
    }
}
