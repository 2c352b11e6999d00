//! What is worth another try, and when.

use std::time::Duration;

use super::error::Fault;

/// How often something is tried: about a minute in all.
const TRIES: u32 = 7;

/// The first wait, which doubles.
const FIRST: Duration = Duration::from_millis(500);

/// Who wants to be left alone for longer is not waited for.
const LONGEST: Duration = Duration::from_secs(120);

/// The tries of one thing.
#[derive(Debug, Default)]
pub(super) struct Tries {
    done: u32,
}

impl Tries {
    /// Waits before the next try.
    ///
    /// # Errors
    ///
    /// When there is to be none.
    pub(super) async fn wait(&mut self, fault: &Fault) -> Result<(), ()> {
        self.done += 1;
        let Some(after) = passes(fault) else { return Err(()) };
        if self.done >= TRIES {
            return Err(());
        }
        // Not before the registry wants it, and not all at the same moment.
        tokio::time::sleep(after.unwrap_or_default() + pause(self.done, fastrand::f64())).await;
        Ok(())
    }
}

/// Whether the same may succeed a little later, and how much later the registry says.
fn passes(fault: &Fault) -> Option<Option<Duration>> {
    match fault {
        // Docker Hub's limit is one of hours; waiting a minute for it only hides it.
        Fault::TooMany { message, .. } if message.to_ascii_lowercase().contains("pull rate limit") => None,
        Fault::TooMany { after, .. } => Some(*after),
        Fault::Status { status, after, .. } => matches!(status, 408 | 500 | 502..=504).then_some(*after),
        Fault::Connection(_) | Fault::Length { .. } => Some(None),
        Fault::Denied { .. } | Fault::Digest { .. } | Fault::Protocol(_) => None,
    }
    .filter(|after| after.is_none_or(|after| after <= LONGEST))
}

/// Between half and all of what doubles, so that those who were refused together do not come back together.
fn pause(done: u32, chance: f64) -> Duration {
    FIRST.saturating_mul(1 << done.saturating_sub(1).min(10)).mul_f64(0.5 + chance / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, after: Option<u64>, message: &str) -> Fault {
        Fault::of(status, after.map(Duration::from_secs), message)
    }

    async fn tries(fault: &Fault) -> u32 {
        let mut tries = Tries::default();
        while tries.wait(fault).await.is_ok() {}
        tries.done
    }

    #[tokio::test(start_paused = true)]
    async fn what_passes_is_tried_again_and_what_does_not_is_not() {
        assert_eq!(tries(&answer(503, None, "")).await, TRIES);
        assert_eq!(tries(&answer(429, None, "Rate exceeded")).await, TRIES);
        assert_eq!(tries(&answer(429, None, "You have reached your unauthenticated pull rate limit.")).await, 1);
        assert_eq!(tries(&answer(429, Some(3600), "later")).await, 1);
        assert_eq!(tries(&answer(403, None, "")).await, 1);
        assert_eq!(tries(&answer(401, None, "")).await, 1);
        assert_eq!(tries(&Fault::Digest { came: String::new(), wanted: String::new() }).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_registry_is_left_alone_for_as_long_as_it_says() {
        let begun = tokio::time::Instant::now();
        assert_eq!(Tries::default().wait(&answer(429, Some(30), "later")).await, Ok(()));
        assert!(begun.elapsed() >= Duration::from_secs(30) && begun.elapsed() < Duration::from_secs(31));
    }

    #[test]
    fn waits_double() {
        assert_eq!(pause(1, 1.0), FIRST);
        assert_eq!(pause(4, 1.0), FIRST * 8);
        assert_eq!(pause(4, 0.0), FIRST * 4);
    }
}
