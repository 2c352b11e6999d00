//! Target tracking, as Amazon EC2 Auto Scaling's user guide describes it.

use crate::Minute;

/// Datapoints above the target, one a minute, until a policy adds servers (the alarms that Auto Scaling makes for a custom metric).
const HIGH: u32 = 3;
/// Datapoints below the lower threshold until it removes servers.
const LOW: u32 = 15;
/// The lower threshold, as a part of the target: a tenth below.
const LOW_PART: f64 = 0.9;

/// A target tracking policy with its two alarms.
#[derive(Debug, Clone)]
pub(crate) struct Tracking {
    target: f64,
    scale_in: bool,
    high: u32,
    low: u32,
}

/// The group's servers, as a policy counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Capacity {
    /// In service and warmed up.
    pub(crate) warm: u32,
    /// On their way, or in service and not warmed up.
    pub(crate) warming: u32,
    /// On their way out.
    pub(crate) terminating: u32,
    /// How many the group wants.
    pub(crate) desired: u32,
}

impl Tracking {
    pub(crate) fn new(target_percent: u32, scale_in: bool) -> Self {
        Self { target: f64::from(target_percent), scale_in, high: 0, low: 0 }
    }

    /// How many servers the policy wants after this minute's datapoint; a missing one leaves both alarms without sufficient data.
    pub(crate) fn follow(&mut self, datapoint: Option<f64>, capacity: Capacity) -> u32 {
        let Some(value) = datapoint else {
            self.high = 0;
            self.low = 0;
            return capacity.desired;
        };
        self.high = if value > self.target { self.high + 1 } else { 0 };
        self.low = if value < self.target * LOW_PART { self.low + 1 } else { 0 };
        if self.high >= HIGH {
            scale_out(value, self.target, capacity)
        } else if self.low >= LOW && self.scale_in {
            scale_in(value, self.target, capacity)
        } else {
            capacity.desired
        }
    }
}

/// In proportion to the metric, rounded up. What is warming up is part of the capacity that was added already.
fn scale_out(value: f64, target: f64, capacity: Capacity) -> u32 {
    in_proportion(value, target, capacity.warm.max(1)).max(capacity.desired)
}

/// In proportion as well, rounded up, so that not too many go; not while one warms up; and what is going already counts as gone.
fn scale_in(value: f64, target: f64, capacity: Capacity) -> u32 {
    if capacity.warming > 0 {
        return capacity.desired;
    }
    let needed = in_proportion(value, target, capacity.warm).min(capacity.warm);
    let change = capacity.warm - needed;
    (capacity.warm + capacity.terminating).saturating_sub(change).min(capacity.desired)
}

fn in_proportion(value: f64, target: f64, servers: u32) -> u32 {
    // A proportion that is whole but for the last bit of a float is whole.
    let proportion = (f64::from(servers) * value / target - 1e-9).ceil();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as casts to whole numbers are bounded")]
    let needed = proportion.max(0.0) as u32;
    needed
}

/// Minutes until CloudWatch has a metric that the function wrote into its log.
pub(crate) const METRIC_DELAY: Minute = 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn capacity(warm: u32, warming: u32, terminating: u32, desired: u32) -> Capacity {
        Capacity { warm, warming, terminating, desired }
    }

    fn after(tracking: &mut Tracking, value: f64, times: u32, capacity: Capacity) -> u32 {
        (0..times).fold(0, |_, _| tracking.follow(Some(value), capacity))
    }

    #[test]
    fn three_datapoints_above_the_target_add_in_proportion() {
        let mut tracking = Tracking::new(50, true);
        let two = capacity(2, 0, 0, 2);
        assert_eq!(after(&mut tracking, 75.0, 2, two), 2);
        assert_eq!(after(&mut tracking, 75.0, 1, two), 3, "2 at 75 % are 3 at 50 %");
        assert_eq!(after(&mut tracking, 76.0, 1, two), 4, "rounded up");
    }

    #[test]
    fn what_warms_up_is_part_of_what_was_added() {
        // The example of AWS's answer on repost.aws: 4 servers and an alarm for one more; while that one warms up the same alarm adds nothing,
        // and an alarm for two more adds one.
        let mut tracking = Tracking::new(50, true);
        assert_eq!(after(&mut tracking, 60.0, 3, capacity(4, 0, 0, 4)), 5);
        assert_eq!(after(&mut tracking, 60.0, 1, capacity(4, 1, 0, 5)), 5);
        assert_eq!(after(&mut tracking, 70.0, 1, capacity(4, 1, 0, 5)), 6);
    }

    #[test]
    fn fifteen_datapoints_a_tenth_below_remove_in_proportion() {
        let mut tracking = Tracking::new(50, true);
        let ten = capacity(10, 0, 0, 10);
        assert_eq!(after(&mut tracking, 46.0, 100, ten), 10, "not a tenth below");
        assert_eq!(after(&mut tracking, 30.0, 14, ten), 10);
        assert_eq!(after(&mut tracking, 30.0, 1, ten), 6);
        assert_eq!(after(&mut tracking, 31.0, 1, ten), 7, "rounded up, so that fewer go");
    }

    #[test]
    fn nothing_is_removed_while_a_server_warms_up() {
        let mut tracking = Tracking::new(50, true);
        assert_eq!(after(&mut tracking, 10.0, 30, capacity(4, 1, 0, 5)), 5);
    }

    #[test]
    fn what_is_going_counts_as_capacity_when_more_are_to_go() {
        let mut tracking = Tracking::new(50, true);
        // Of 10 at 40 %, 2 are too many: they go, and while they drain no others do.
        assert_eq!(after(&mut tracking, 40.0, 15, capacity(10, 0, 0, 10)), 8);
        assert_eq!(after(&mut tracking, 40.0, 1, capacity(8, 0, 2, 8)), 8);
    }

    #[test]
    fn a_missing_datapoint_and_a_policy_without_scale_in_remove_nothing() {
        let mut tracking = Tracking::new(50, true);
        let four = capacity(4, 0, 0, 4);
        after(&mut tracking, 10.0, 14, four);
        tracking.follow(None, four);
        assert_eq!(after(&mut tracking, 10.0, 14, four), 4);
        assert_eq!(after(&mut Tracking::new(50, false), 10.0, 100, four), 4);
    }
}
