//! Puts the events of several stacks into one order.

use std::collections::{BTreeSet, VecDeque};

use super::Event;

/// Merges events by time, each stack's own order kept.
///
/// Of events at the same time the innermost comes first, so that a nested stack's end is shown before what its parent says
/// of it; but nothing of a nested stack comes before its parent has named it. `named` holds the nested stacks that were
/// named so far and is carried on.
pub(super) fn merge(stacks: Vec<Vec<Event>>, named: &mut BTreeSet<String>) -> Vec<Event> {
    let mut queues: Vec<VecDeque<Event>> = stacks.into_iter().map(VecDeque::from).collect();
    let mut merged = Vec::new();
    loop {
        let next = queues
            .iter()
            .enumerate()
            .filter_map(|(index, queue)| Some((index, queue.front()?)))
            .min_by_key(|(_, event)| {
                let unnamed = event.depth > 0 && !named.contains(&event.stack_id);
                (unnamed, event.time, std::cmp::Reverse(event.depth))
            })
            .map(|(index, _)| index);
        let Some(event) = next.and_then(|index| queues[index].pop_front()) else {
            return merged;
        };
        named.extend(event.nested_stack().map(str::to_owned));
        merged.push(event);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::events::STACK;

    fn event(stack: &str, depth: usize, millisecond: u64, about: &str) -> Event {
        Event {
            id: format!("{stack} {about} {millisecond}"),
            time: SystemTime::UNIX_EPOCH + Duration::from_millis(millisecond),
            stack: stack.to_owned(),
            stack_id: format!("arn:{stack}"),
            depth,
            logical_id: about.to_owned(),
            physical_id: Some(format!("arn:{about}")),
            resource_type: STACK.to_owned(),
            status: String::new(),
            reason: None,
        }
    }

    #[test]
    fn what_happens_at_once_is_told_from_the_inside_out_once_it_was_announced() {
        let root = vec![event("root", 0, 1, "root"), event("root", 0, 1, "inner"), event("root", 0, 1, "root")];
        let inner = vec![event("inner", 1, 1, "inner"), event("inner", 1, 1, "inner")];
        let merged = merge(vec![root, inner], &mut BTreeSet::new());
        let order: Vec<_> = merged.iter().map(|event| event.stack.as_str()).collect();
        assert_eq!(order, ["root", "root", "inner", "inner", "root"]);
    }

    #[test]
    fn otherwise_time_decides() {
        let root = vec![event("root", 0, 1, "inner"), event("root", 0, 3, "root")];
        let inner = vec![event("inner", 1, 2, "inner"), event("inner", 1, 4, "inner")];
        let merged = merge(vec![inner, root], &mut BTreeSet::new());
        let times: Vec<_> = merged
            .iter()
            .filter_map(|event| event.time.duration_since(SystemTime::UNIX_EPOCH).ok())
            .map(|time| time.as_millis())
            .collect();
        assert_eq!(times, [1, 2, 3, 4]);
    }
}
