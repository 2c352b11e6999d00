//! How much time there is: the function's own deadline, and CloudFormation's.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::continuation::Continuation;

/// CloudFormation's own limit, and the default of `ServiceTimeout`.
pub(crate) const MAX_SERVICE_TIMEOUT: Duration = Duration::from_secs(3600);

/// The part of a time limit that is kept for giving the answer, and the most that is kept.
///
/// Fifteen seconds are what [`ATTEMPTS`](crate::delivery::ATTEMPTS) attempts take against an endpoint that refuses at once.
const RESERVE_PART: u32 = 5;
const MAX_RESERVE: Duration = Duration::from_secs(15);

fn reserve(limit: Duration) -> Duration {
    (limit / RESERVE_PART).min(MAX_RESERVE)
}

/// The invocation of the function that a request came with.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// When Lambda ends the process.
    pub deadline: Instant,
    /// Lambda's id of the invocation, by which its log lines are found.
    pub request_id: String,
    /// The log group of the function; empty when unknown.
    pub log_group: String,
    /// The log stream of this process; empty when unknown.
    pub log_stream: String,
}

impl Invocation {
    /// An invocation that may take `limit` from now on.
    #[must_use]
    pub fn within(limit: Duration) -> Self {
        Self {
            deadline: Instant::now() + limit,
            request_id: String::new(),
            log_group: String::new(),
            log_stream: String::new(),
        }
    }

    /// Where a person finds the log of this invocation.
    pub(crate) fn log_pointer(&self) -> String {
        match (self.log_group.as_str(), self.request_id.as_str()) {
            ("", "") => String::new(),
            ("", request) => format!(" (log: request {request})"),
            (group, request) => format!(" (log: {group}, stream {}, request {request})", self.log_stream),
        }
    }
}

/// The limits of one invocation of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    /// When the request was first seen.
    pub(crate) started: Instant,
    /// When CloudFormation must have its answer.
    pub(crate) ends: Instant,
    /// When `ends` is, as a wall-clock time that another process understands.
    pub(crate) ends_epoch_ms: u64,
    /// Until when the handler may work here.
    pub(crate) work_until: Instant,
    /// Whether another invocation would have more time.
    pub(crate) can_go_on_elsewhere: bool,
    /// When Lambda ends this process.
    pub(crate) deadline: Instant,
}

impl Budget {
    pub(crate) fn new(invocation: &Invocation, service_timeout: Duration, continuation: Option<&Continuation>) -> Self {
        let now = Instant::now();
        let epoch_ms = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis())
            .unwrap_or(u64::MAX);
        let (started, ends, ends_epoch_ms) = match continuation {
            Some(earlier) => {
                let left =
                    Duration::from_millis(earlier.ends_epoch_ms.saturating_sub(epoch_ms)).min(MAX_SERVICE_TIMEOUT);
                let ends = now + left;
                let past =
                    Duration::from_millis(epoch_ms.saturating_sub(earlier.started_epoch_ms)).min(MAX_SERVICE_TIMEOUT);
                (now.checked_sub(past).unwrap_or(now), ends, earlier.ends_epoch_ms)
            }
            None => {
                let span = u64::try_from(service_timeout.as_millis()).unwrap_or(u64::MAX);
                (now, now + service_timeout, epoch_ms.saturating_add(span))
            }
        };
        let here = invocation.deadline - reserve(invocation.deadline.saturating_duration_since(now));
        let all = ends.checked_sub(reserve(service_timeout)).unwrap_or(now);
        Self {
            started,
            ends,
            ends_epoch_ms,
            work_until: here.min(all),
            can_go_on_elsewhere: here < all,
            deadline: invocation.deadline,
        }
    }

    /// When the first invocation of this request began, in milliseconds since 1970.
    pub(crate) fn started_epoch_ms(&self) -> u64 {
        let span = u64::try_from(self.ends.saturating_duration_since(self.started).as_millis()).unwrap_or(0);
        self.ends_epoch_ms.saturating_sub(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_nearer_limit_counts() {
        let lambda = Budget::new(&Invocation::within(Duration::from_secs(300)), MAX_SERVICE_TIMEOUT, None);
        assert_eq!(lambda.work_until - lambda.started, Duration::from_secs(285));
        assert!(lambda.can_go_on_elsewhere);

        let service = Budget::new(&Invocation::within(Duration::from_secs(300)), Duration::from_secs(20), None);
        assert_eq!(service.work_until - service.started, Duration::from_secs(16));
        assert!(!service.can_go_on_elsewhere);
    }

    #[tokio::test(start_paused = true)]
    async fn a_continuation_inherits_what_is_left() {
        let first = Budget::new(&Invocation::within(Duration::from_secs(300)), Duration::from_secs(600), None);
        let carried = Continuation {
            hop: 1,
            started_epoch_ms: first.started_epoch_ms() - 400_000,
            ends_epoch_ms: first.ends_epoch_ms - 400_000,
            progress: crate::request::Progress::default(),
            waiting_for: String::new(),
        };
        let second =
            Budget::new(&Invocation::within(Duration::from_secs(300)), Duration::from_secs(600), Some(&carried));
        let left = second.ends - Instant::now();
        assert!(left <= Duration::from_secs(200) && left > Duration::from_secs(195), "{left:?}");
        assert!(!second.can_go_on_elsewhere);
    }
}
