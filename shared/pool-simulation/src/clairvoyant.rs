//! What the pool is measured by: the least that any plan costs, also one that knows the future.

mod recordings;

use crate::{Load, Minute, Parameters};

/// How many servers people need who want these many seats at each minute: as if everybody could be put anywhere at any time. No plan can do with
/// fewer.
pub(crate) fn needed(wanted: &[u32], seats_per_server: u32) -> Vec<u32> {
    wanted.iter().map(|seats| seats.div_ceil(seats_per_server)).collect()
}

/// How many minutes every plan pays for at least that knows the future, has a seat for everybody, leaves meetings where they were opened, and
/// processes recordings where they were made; with as many servers at each minute as seats are wanted, and never fewer than the floor.
pub(crate) fn least_minutes(load: &Load, parameters: &Parameters, needed: &[u32], floor: u32, lead: Minute) -> u64 {
    let stays = recordings::stays(load, parameters);
    let held = recordings::held(&stays, needed.len(), parameters.seats_per_server);
    let needed: Vec<_> = needed.iter().zip(held).map(|(needed, held)| held.max(*needed)).collect();
    recordings::least_minutes(&stays, &needed, parameters.seats_per_server, floor, lead)
}

/// A plan that knows the future: at each minute there are as many servers as are needed, and never fewer than the floor. A server is launched
/// early enough, and paid for from then on; where it is not needed for a while, it is kept if that costs no more than to launch another.
///
/// This is exact: the k-th server is needed when k or more are, whatever the others do, and each of its pauses is decided by itself.
pub(crate) fn server_minutes(needed: &[u32], floor: u32, lead: Minute) -> u64 {
    let most = needed.iter().copied().max().unwrap_or(0).max(floor);
    (1..=most).map(|level| if level <= floor { count(needed.len()) } else { paid(needed, level, lead) }).sum()
}

/// The minutes that the server of one level is paid for.
fn paid(needed: &[u32], level: u32, lead: Minute) -> u64 {
    let lead = u64::from(lead);
    let mut paid = 0;
    let mut since_needed: Option<u64> = None;
    for (minute, needed) in needed.iter().enumerate() {
        let minute = count(minute);
        if *needed >= level {
            let pause = since_needed.map_or(minute, |last| minute - last - 1);
            // What is needed from the first minute on was there before, and there is no time before it to be paid for.
            paid += 1 + pause.min(lead);
            since_needed = Some(minute);
        }
    }
    paid
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launch_is_paid_for_and_a_short_pause_kept() {
        // Nothing for 20 minutes, then one server for 10: launched 5 minutes before.
        let mut needed = vec![0; 20];
        needed.extend([1; 10]);
        assert_eq!(server_minutes(&needed, 0, 5), 15);
        // A pause of 3 minutes is cheaper kept than launched anew; one of 30 is not.
        let short = [needed.clone(), vec![0; 3], vec![1; 10]].concat();
        assert_eq!(server_minutes(&short, 0, 5), 28);
        let long = [needed.clone(), vec![0; 30], vec![1; 10]].concat();
        assert_eq!(server_minutes(&long, 0, 5), 30);
        // The floor is there all the time.
        assert_eq!(server_minutes(&long, 1, 5), 70);
    }

    #[test]
    fn levels_are_planned_one_by_one() {
        let needed = [1, 1, 3, 1, 1, 1, 1, 1, 2, 1];
        // Level 1: all 10. Level 2: minute 2 with 2 before, minute 8 with 2 before. Level 3: minute 2 with 2 before.
        assert_eq!(server_minutes(&needed, 0, 2), 10 + 3 + 3 + 3);
    }

    #[test]
    fn the_plan_is_the_cheapest_there_is() {
        // All plans for one server over a short time, tried out: on or off at each minute, where what was off takes `lead` minutes of being
        // on before it can be needed.
        let lead = 3_usize;
        for needed in 0_u32..1 << 10 {
            let needed: Vec<u32> = (0..10).map(|minute| needed >> minute & 1).collect();
            let cheapest = (0_u32..1 << 10)
                .filter(|plan| {
                    let on = |minute: usize| plan >> minute & 1 == 1;
                    (0..10).filter(|minute| needed[*minute] == 1).all(|minute| {
                        (minute.saturating_sub(lead)..=minute).all(on) || {
                            // It has been on since a time at which it had been launched long enough.
                            let since = (0..=minute).rev().take_while(|earlier| on(*earlier)).last();
                            since.is_some_and(|since| minute - since >= lead || since == 0)
                        }
                    })
                })
                .map(u32::count_ones)
                .min()
                .unwrap();
            assert_eq!(server_minutes(&needed, 0, 3), u64::from(cheapest), "{needed:?}");
        }
    }
}
