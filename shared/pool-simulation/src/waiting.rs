//! Who had to wait, and for how long.

use serde::Serialize;

use crate::Minute;

/// How long joins waited until the pool had a seat for them.
///
/// Without any server there is nowhere to go. With servers that are full, BigBlueButton lets people in all the same, and all on the server suffer; the
/// metric that the pool scales by sees them. They count as waiting until there are as many seats, so that the suffering has a number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Joins that got a seat, also after a wait.
    pub joins: u64,
    /// Of these, how many waited for a minute or longer.
    pub waited: u64,
    /// Of these, how many waited for longer than a minute.
    pub waited_longer: u64,
    /// The minutes that all of them waited, those who gave up included.
    pub minutes: u64,
    /// The longest wait in minutes, of those who gave up included.
    pub longest: Minute,
    /// Joins that never got one.
    pub gave_up: u64,
    /// People who were in a meeting that was cut.
    pub thrown_out: u64,
}

impl Waiting {
    pub(crate) fn seated(&mut self, waited: Minute, people: u32) {
        self.joins += u64::from(people);
        self.count(waited, people);
    }

    pub(crate) fn gave_up(&mut self, waited: Minute, people: u32) {
        self.gave_up += u64::from(people);
        self.count(waited, people);
    }

    pub(crate) fn thrown_out(&mut self, people: u32) {
        self.thrown_out += u64::from(people);
    }

    fn count(&mut self, waited: Minute, people: u32) {
        if people > 0 && waited > 0 {
            self.waited += u64::from(people);
            self.waited_longer += if waited > 1 { u64::from(people) } else { 0 };
            self.minutes += u64::from(waited) * u64::from(people);
            self.longest = self.longest.max(waited);
        }
    }
}
