//! How far an operation is, and what it waits for.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use deployment::events::Event;

/// How many of the resources that are being worked on are named.
const NAMED: usize = 3;

/// What is known of an operation from its events.
#[derive(Debug)]
pub(super) struct Tracker {
    total: Option<usize>,
    finished: usize,
    /// What was begun and did not end, with the time when it began: the stack's id and the logical id.
    open: BTreeMap<(String, String), SystemTime>,
    last: SystemTime,
}

impl Tracker {
    pub(super) fn new(total: Option<usize>) -> Self {
        Self { total, finished: 0, open: BTreeMap::new(), last: SystemTime::UNIX_EPOCH }
    }

    /// Takes note of an event. How far the operation is, if the event is worth showing.
    pub(super) fn see(&mut self, event: &Event) -> Option<String> {
        self.last = self.last.max(event.time);
        let key = (event.stack_id.clone(), event.logical_id.clone());
        if event.status.ends_with("_IN_PROGRESS") {
            self.open.entry(key).or_insert(event.time);
            return event.is_about_its_stack().then(|| self.progress());
        }
        self.open.remove(&key);
        if event.status.ends_with("_COMPLETE") && !event.is_about_its_stack() {
            self.finished += 1;
        }
        Some(self.progress())
    }

    fn progress(&self) -> String {
        match self.total {
            // After a failure there are more events than there was to do.
            Some(total) if self.finished <= total => format!("[{:>3}/{total}]", self.finished),
            _ => format!("[{:>3}]", self.finished),
        }
    }

    /// What is waited for, when nothing happened for as long as `patience`: the innermost and oldest of it.
    pub(super) fn waiting_for(&self, patience: Duration) -> Option<String> {
        self.waiting_since(patience, SystemTime::now())
    }

    fn waiting_since(&self, patience: Duration, now: SystemTime) -> Option<String> {
        if self.open.is_empty() || now.duration_since(self.last).unwrap_or_default() < patience {
            return None;
        }
        let mut open: Vec<(&SystemTime, &str)> =
            self.open.iter().map(|((_, id), since)| (since, id.as_str())).collect();
        // What began last is what the others wait for: stacks wait for their resources.
        open.sort_by(|a, b| b.cmp(a));
        let named: Vec<String> = open
            .iter()
            .take(NAMED)
            .map(|(since, id)| {
                let minutes = now.duration_since(**since).unwrap_or_default().as_secs() / 60;
                format!("{id} ({minutes} min)")
            })
            .collect();
        Some(format!("still waiting for {}", named.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(second: u64, logical_id: &str, status: &str) -> Event {
        Event {
            id: second.to_string(),
            time: SystemTime::UNIX_EPOCH + Duration::from_secs(second),
            stack: "bbb".to_owned(),
            stack_id: "arn".to_owned(),
            depth: 0,
            logical_id: logical_id.to_owned(),
            physical_id: (logical_id == "bbb").then(|| "arn".to_owned()),
            resource_type: "AWS::IAM::Role".to_owned(),
            status: status.to_owned(),
            reason: None,
        }
    }

    #[test]
    fn ends_are_shown_and_counted() {
        let mut tracker = Tracker::new(Some(12));
        assert_eq!(tracker.see(&event(1, "bbb", "CREATE_IN_PROGRESS")).as_deref(), Some("[  0/12]"));
        assert_eq!(tracker.see(&event(2, "Role", "CREATE_IN_PROGRESS")), None);
        assert_eq!(tracker.see(&event(3, "Role", "CREATE_COMPLETE")).as_deref(), Some("[  1/12]"));
        assert_eq!(tracker.see(&event(4, "Other", "CREATE_FAILED")).as_deref(), Some("[  1/12]"));
    }

    #[test]
    fn a_long_silence_is_explained() {
        let mut tracker = Tracker::new(None);
        tracker.see(&event(0, "bbb", "CREATE_IN_PROGRESS"));
        tracker.see(&event(60, "Database", "CREATE_IN_PROGRESS"));
        let at = |second| SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        let patience = Duration::from_secs(60);
        assert_eq!(tracker.waiting_since(patience, at(100)), None);
        let said = tracker.waiting_since(patience, at(360)).expect("said");
        assert_eq!(said, "still waiting for Database (5 min), bbb (6 min)");
    }
}
