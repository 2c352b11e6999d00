//! The local AWS's log, in which its functions' lines are marked.

use std::path::Path;

use super::LocalAwsError;

/// How many lines of a log an error shows.
const END: usize = 25;

/// What stands before a function's line: the emulator's logger for them, then the log group and the line.
const FUNCTION: &str = "[local_aws.functions.output] ";

/// The last lines of `log`, or why it cannot be read.
pub(super) async fn end_of(log: &Path) -> String {
    match tokio::fs::read(log).await {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let lines: Vec<_> = text.lines().collect();
            lines[lines.len().saturating_sub(END)..].join("\n")
        }
        Err(error) => format!("({error})"),
    }
}

/// The functions' lines in `log`.
pub(super) async fn of_functions(log: &Path) -> Result<Vec<String>, LocalAwsError> {
    let bytes = tokio::fs::read(log).await.map_err(|source| LocalAwsError::Log { log: log.to_path_buf(), source })?;
    Ok(lines_of_functions(&String::from_utf8_lossy(&bytes)))
}

fn lines_of_functions(log: &str) -> Vec<String> {
    log.lines().filter_map(|line| Some(line.split_once(FUNCTION)?.1.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_functions_lines_are_taken() {
        let log = "2026-01-01 00:00:00,000 INFO [ministack] PUT /?Signature=x\n\
                   2026-01-01 00:00:00,001 INFO [local_aws.functions.output] /aws/lambda/f {\"level\":\"INFO\"}\n";
        assert_eq!(lines_of_functions(log), ["/aws/lambda/f {\"level\":\"INFO\"}"]);
    }
}
