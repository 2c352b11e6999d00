//! Events of stacks, for people.

use std::time::SystemTime;

use deployment::events::Event;

use crate::style::Style;

/// How wide the longest status is that is shown in a column, `UPDATE_COMPLETE_CLEANUP_IN_PROGRESS` aside.
const STATUS_WIDTH: usize = 20;

/// An event as one line: time, stack, logical id, status, reason.
pub(crate) fn event_line(event: &Event, style: Style) -> String {
    let status = format!("{:STATUS_WIDTH$}", event.status);
    let status = if event.status.ends_with("_FAILED") {
        style.bad(&status)
    } else if event.status.ends_with("_COMPLETE") {
        style.good(&status)
    } else {
        status
    };
    let mut line =
        format!("{} {status} {} {}", style.faint(&clock(event.time)), style.faint(&event.stack), event.logical_id);
    if let Some(reason) = &event.reason {
        line.push_str(": ");
        line.push_str(reason);
    }
    line
}

/// The time of day in UTC, as the AWS console shows it to everybody alike.
pub(crate) fn clock(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs() % 86_400;
    format!("{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::style;

    #[test]
    fn an_event_is_one_line() {
        let event = Event {
            id: "1".to_owned(),
            time: SystemTime::UNIX_EPOCH + Duration::from_secs(3_661),
            stack: "bbb".to_owned(),
            stack_id: "arn".to_owned(),
            depth: 0,
            logical_id: "Certificate".to_owned(),
            physical_id: None,
            resource_type: "Custom::Certificate".to_owned(),
            status: "CREATE_FAILED".to_owned(),
            reason: Some("no zone".to_owned()),
        };
        let line = event_line(&event, style::plain());
        assert_eq!(line, "01:01:01Z CREATE_FAILED        bbb Certificate: no zone");
    }
}
