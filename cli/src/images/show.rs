//! How far a copy is, by bytes.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use deployment::images::Progress;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::console::Console;

/// How often a terminal's line is written anew.
const ON_A_TERMINAL: Duration = Duration::from_millis(250);

/// How often a line is added elsewhere.
const ELSEWHERE: Duration = Duration::from_secs(10);

/// Shows how far it is until `work` is done.
pub(super) async fn showing<T>(progress: &Progress, console: &Console, work: impl Future<Output = T>) -> T {
    let is_terminal = std::io::stderr().is_terminal();
    let begun = Instant::now();
    let mut beat = interval(if is_terminal { ON_A_TERMINAL } else { ELSEWHERE });
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat.reset();
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => {
                if is_terminal {
                    clear();
                }
                console.done(&line(progress, begun.elapsed()));
                return done;
            }
            _ = beat.tick() => {
                let line = line(progress, begun.elapsed());
                if is_terminal {
                    eprint!("\r\u{1b}[K{line}");
                    // Whether it is seen changes nothing.
                    let _nobody_looks = std::io::stderr().flush();
                } else {
                    console.step(&line);
                }
            }
        }
    }
}

fn clear() {
    eprint!("\r\u{1b}[K");
}

fn line(progress: &Progress, passed: Duration) -> String {
    let (total, sent, there) = (progress.total(), progress.sent(), progress.there());
    let seconds = passed.as_secs_f64();
    format!(
        "{} of {} MB ({} MB were there), {:.0} s",
        megabytes(sent + there),
        megabytes(total),
        megabytes(there),
        seconds
    )
}

/// In whole ones, as they are paid for and waited for.
fn megabytes(bytes: u64) -> u64 {
    bytes.div_ceil(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_in_millions() {
        assert_eq!(line(&Progress::default(), Duration::from_secs(3)), "0 of 0 MB (0 MB were there), 3 s");
        assert_eq!((megabytes(1), megabytes(1_000_000), megabytes(1_000_001)), (1, 1, 2));
    }
}
