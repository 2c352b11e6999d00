//! No function wrote a response URL into its log.

use super::World;
use super::broken::ensure;

/// Parts of a presigned URL that open it; the names stand for their values, which differ each time.
const TELLING: [&str; 4] = ["Signature=", "X-Amz-Signature", "AWSAccessKeyId=", "X-Amz-Credential"];

pub(super) async fn run(world: &mut World<'_>) {
    world
        .promise("no response URL in any function's log", async |world| {
            let lines = world.aws.function_log().await?;
            ensure(!lines.is_empty(), || "the functions' log is empty, so that nothing could be searched".to_owned())?;
            let telling = lines.iter().filter(|line| gives_away(line)).count();
            ensure(telling == 0, || format!("{telling} of {} lines give one away", lines.len()))?;
            Ok(format!("{} lines searched", lines.len()))
        })
        .await;
}

fn gives_away(line: &str) -> bool {
    TELLING.iter().any(|part| line.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_found() {
        assert!(gives_away("GET https://b.s3.amazonaws.com/k?Expires=1&Signature=abc%3D"));
        assert!(!gives_away("the answer was sent to b.s3.amazonaws.com"));
    }
}
