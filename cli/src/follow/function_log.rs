//! The last lines of the log of a function whose failure failed a stack.

use std::time::Duration;

use aws_sdk_cloudwatchlogs::Client;
use deployment::events::{Cause, Event};
use tokio::time::sleep;

use crate::words::words_of;

/// How many lines are shown.
const LINES: i32 = 12;

/// How often the log is looked at: CloudWatch shows lines some seconds after they were written.
const LOOKS: u32 = 3;

/// How long to wait between two looks.
const PAUSE: Duration = Duration::from_secs(3);

/// Where a failed resource's function writes its log, as the resource's reason says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    stack: String,
    logical_id: String,
    group: String,
    stream: String,
}

/// What was found there, or why nothing was.
#[derive(Debug)]
pub(super) struct Excerpt {
    place: Place,
    found: Result<Vec<String>, String>,
}

impl Place {
    /// The place that the reason of a failed resource names: `... (log: GROUP, stream STREAM, request ID)`.
    pub(super) fn of(event: &Event) -> Option<Self> {
        let reason = event.reason.as_deref().filter(|_| event.status.ends_with("_FAILED"))?;
        let (_, pointer) = reason.rsplit_once("(log: ")?;
        let (group, rest) = pointer.split_once(", stream ")?;
        let (stream, _) = rest.split_once(", request ")?;
        Some(Self {
            stack: event.stack.clone(),
            logical_id: event.logical_id.clone(),
            group: group.to_owned(),
            stream: stream.to_owned(),
        })
    }
}

/// Reads the end of the log.
pub(super) async fn fetch(client: &Client, place: Place) -> Excerpt {
    let mut found = Ok(Vec::new());
    for look in 0..LOOKS {
        if look > 0 {
            sleep(PAUSE).await;
        }
        found = read(client, &place).await;
        if found.as_ref().is_ok_and(|lines| !lines.is_empty()) {
            break;
        }
    }
    Excerpt { place, found }
}

async fn read(client: &Client, place: &Place) -> Result<Vec<String>, String> {
    let request = client.get_log_events().log_group_name(&place.group).log_stream_name(&place.stream);
    let answer = request.limit(LINES).start_from_head(false).send().await.map_err(|error| words_of(&error))?;
    Ok(answer.events().iter().filter_map(|event| event.message()).map(|line| line.trim_end().to_owned()).collect())
}

impl Excerpt {
    /// Whether it is of the function that failed the operation.
    pub(super) fn is_of(&self, cause: &Cause) -> bool {
        self.place.stack == cause.stack && self.place.logical_id == cause.logical_id
    }

    /// The lines to show.
    pub(super) fn lines(&self) -> Vec<String> {
        match &self.found {
            Ok(lines) if lines.is_empty() => vec![format!("the log {} shows nothing yet", self.place.group)],
            Ok(lines) => {
                let mut shown = vec![format!("the function's last lines, in {}:", self.place.group)];
                shown.extend(lines.iter().cloned());
                shown
            }
            Err(why) => vec![format!("the log {} could not be read: {why}", self.place.group)],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn failed(reason: &str) -> Event {
        Event {
            id: "1".to_owned(),
            time: SystemTime::UNIX_EPOCH,
            stack: "inner".to_owned(),
            stack_id: "arn".to_owned(),
            depth: 1,
            logical_id: "Certificate".to_owned(),
            physical_id: None,
            resource_type: "Custom::Certificate".to_owned(),
            status: "CREATE_FAILED".to_owned(),
            reason: Some(reason.to_owned()),
        }
    }

    #[test]
    fn the_reason_says_where_the_log_is() {
        let reason = "Received response status [FAILED] from custom resource. Message returned: no zone \
                      (log: /aws/lambda/f, stream 2026/11/22/[$LATEST]ab, request 12-34) (RequestId: 56)";
        let place = Place::of(&failed(reason)).expect("a place");
        assert_eq!((place.group.as_str(), place.stream.as_str()), ("/aws/lambda/f", "2026/11/22/[$LATEST]ab"));
        assert_eq!(Place::of(&failed("no zone")), None);
        let waits = Event { status: "CREATE_IN_PROGRESS".to_owned(), ..failed(reason) };
        assert_eq!(Place::of(&waits), None);
    }
}
