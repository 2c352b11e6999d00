//! A tick: look, decide, act.

use server_pool::{Decision, decide};

use crate::{schedule::Trouble, sim::Sim};

impl Sim {
    /// A tick. What the pool must never do is an error.
    pub(crate) fn tick(&mut self, trouble: &Trouble) -> Result<Decision, String> {
        // A jump of the clock lasts one tick: of one that lasts, nobody can tell that it is none.
        let clock = if self.was_wrong { 0 } else { i64::from(trouble.clock) };
        self.was_wrong = clock != 0;
        self.slow = self.slow.max(-clock);
        self.saw_old_tags = trouble.old_tags;
        let world = self.observe(clock, trouble);
        for machine in self.cloud.machines.values_mut() {
            machine.old_tags = machine.tags.clone();
        }
        let decision = decide(&world, &self.settings);
        for user in &trouble.meanwhile {
            self.user(user);
        }
        let others = self.others();
        self.act(&decision.actions, &trouble.outcomes)?;
        let others_now = self.others();
        if others != others_now {
            return Err(format!("something was changed that is not the pool's:\n{others:#?}\n{others_now:#?}"));
        }
        if trouble.is_none() {
            self.last_good_tick = self.now;
        }
        self.broken.take().map_or(Ok(decision), Err)
    }
}
