//! What holds for every timetable and however the pool is run.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use pool_simulation::{Load, Parameters, Prices, Recurrence, Scheduled, Timetable, study};
use proptest::prelude::*;

/// Lessons of a day, all of which end before its last hours.
fn load() -> impl Strategy<Value = Load> {
    let lesson = (0..72_u32, 1..180_u32, 1..150_u32, 1..8_u32, any::<bool>()).prop_map(
        |(start, minutes, participants, meetings, recorded)| {
            let (hour, minute) = (6 + start / 6, start % 6 * 10);
            format!(
                r#"{{"on": ["2026-09-07"], "start": "{hour:02}:{minute:02}", "minutes": {minutes},
                    "participants": {participants}, "meetings": {meetings}, "recorded": {recorded}}}"#
            )
        },
    );
    (proptest::collection::vec(lesson, 1..8), any::<u64>()).prop_map(|(lessons, seed)| {
        let lessons = lessons.join(",");
        let json = format!(r#"{{"from": "2026-09-07", "to": "2026-09-08", "lessons": [{lessons}]}}"#);
        Timetable::read(&json).unwrap().load(seed).unwrap()
    })
}

fn parameters() -> impl Strategy<Value = Parameters> {
    let scheduled = (0..24_u32, 0..8_u32)
        .prop_map(|(hour, min)| Scheduled { at: format!("0 {hour} * * *").parse::<Recurrence>().unwrap(), min });
    let numbers = (1..4_u32, 3..12_u32, 20..95_u32, any::<bool>(), 0..10_u32, 0..4_u32);
    let servers = (1..40_u32, 0..3_u32, 30..300_u32, proptest::option::of(1..120_u32));
    (numbers, servers, proptest::collection::vec(scheduled, 0..4)).prop_map(|(numbers, servers, schedule)| {
        let (min, max, target_percent, scale_in, warmup_minutes, warm_pool) = numbers;
        let (boot_minutes, recording_factor, seats_per_server, drain_deadline_minutes) = servers;
        let schedule = schedule.into_iter().map(|Scheduled { at, min }| Scheduled { at, min: min.min(max) }).collect();
        Parameters {
            min,
            max,
            target_percent,
            scale_in,
            warmup_minutes,
            schedule,
            warm_pool,
            boot_minutes,
            start_minutes: boot_minutes.div_ceil(5),
            recording_factor: f64::from(recording_factor),
            seats_per_server,
            drain_deadline_minutes,
        }
    })
}

proptest! {
    #[test]
    fn nobody_and_nothing_vanishes(load in load(), parameters in parameters()) {
        let study = study(&load, &parameters, &Prices::built_in().unwrap()).unwrap();
        let report = &study.report;
        let waiting = &report.waiting;
        // Everybody who came got a seat, or waited for one until the meeting was over.
        prop_assert_eq!(waiting.joins + waiting.gave_up, load.joins());
        let last = study.samples.last().unwrap();
        prop_assert_eq!((last.seated, last.waiting), (0, 0));
        for (sample, wanted) in study.samples.iter().zip(&study.wanted) {
            if waiting.thrown_out == 0 {
                prop_assert_eq!(sample.seated + sample.waiting, *wanted);
            } else {
                prop_assert!(sample.seated + sample.waiting <= *wanted);
            }
            prop_assert!(sample.serving + sample.launching + sample.draining >= sample.paid);
            prop_assert!(sample.seated_on_draining <= sample.seated);
        }
        // A meeting that nobody opened is one that everybody gave up.
        if waiting.gave_up == 0 && report.meetings_cut == 0 {
            prop_assert_eq!(report.meetings_held, report.meetings);
        }
        // Only a drain deadline ends a meeting or gives up a recording.
        if parameters.drain_deadline_minutes.is_none() {
            prop_assert_eq!((report.meetings_cut, report.recordings_lost, waiting.thrown_out), (0, 0, 0));
        }
        // No plan does with less than what the seats that are wanted need; a pool in which nobody waits is no such plan, unless it was lucky
        // enough to have no launch to pay for.
        if waiting.waited == 0 {
            let needed: u64 = study.wanted.iter().map(|seats| u64::from(seats.div_ceil(parameters.seats_per_server))).sum();
            prop_assert!(report.pool.server_hours * 60.0 + 0.5 >= needed as f64);
        }
    }
}
