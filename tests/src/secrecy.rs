//! Searches what processes wrote for what they must not.

/// Everything that one function wrote.
#[derive(Debug, Clone)]
pub struct Transcript {
    /// Whose it is.
    pub of: String,
    /// Standard output and standard error.
    pub text: String,
}

/// Where one of `secrets` (a name and the value) stands in one of `transcripts`. The secret itself is not shown.
#[must_use]
pub fn leaks(transcripts: &[Transcript], secrets: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for Transcript { of, text } in transcripts {
        for (name, secret) in secrets {
            // A short secret would be found by chance, an empty one everywhere.
            assert!(secret.len() >= 12, "{name} is too short to be searched for");
            for line in text.lines().filter(|line| line.contains(secret.as_str())) {
                let line: String = line.replace(secret.as_str(), "<HERE>").chars().take(400).collect();
                found.push(format!("{name} in what {of} wrote: {line}"));
            }
        }
    }
    found
}
