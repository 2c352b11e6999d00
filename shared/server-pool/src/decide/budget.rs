//! How much is left to do in this tick.

use crate::Limits;

/// What is left of the [`Limits`].
#[derive(Debug)]
pub(super) struct Budget {
    registrations: u32,
    removals: u32,
    records: u32,
}

impl Budget {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { registrations: limits.registrations, removals: limits.removals, records: limits.records }
    }

    /// Whether one more server may be registered or enabled.
    pub(super) fn registration(&mut self) -> bool {
        take(&mut self.registrations)
    }

    /// Whether one more server may be taken out of Scalelite.
    pub(super) fn removal(&mut self) -> bool {
        take(&mut self.removals)
    }

    /// Whether one more name may be written or removed in DNS.
    pub(super) fn record(&mut self) -> bool {
        take(&mut self.records)
    }
}

fn take(left: &mut u32) -> bool {
    let there_is = *left > 0;
    *left = left.saturating_sub(1);
    there_is
}
