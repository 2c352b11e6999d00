//! SSM parameters: public ones that hold image ids, and the one in which the function keeps what it chose.
//!
//! CloudFormation keeps nothing for a custom resource but its properties and its physical id. When an update that found a newer image is
//! rolled back, it asks the old question again; without a memory the answer would be the newer image, and every server would be replaced.

use aws_sdk_ssm::{Client, types::ParameterType};
use function_runtime::AwsError;
use serde::{Deserialize, Serialize};

use crate::{Error, properties::Properties};

/// How many answers are kept: more than anybody rolls back, far fewer than the 4096 bytes of a parameter hold.
const KEPT: usize = 8;

/// SSM's parameters.
#[derive(Debug, Clone)]
pub struct Parameters {
    client: Client,
}

/// The answers so far, the latest last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct History(Vec<Answer>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Answer {
    question: String,
    image: String,
}

impl History {
    /// The image that was the answer to this question.
    pub(crate) fn answer(&self, question: &str) -> Option<&str> {
        self.0.iter().rev().find(|answer| answer.question == question).map(|answer| answer.image.as_str())
    }

    /// With one more answer; nothing if it is known already.
    pub(crate) fn with(&self, question: &str, image: &str) -> Option<Self> {
        if self.answer(question) == Some(image) {
            return None;
        }
        let mut answers: Vec<_> = self.0.iter().filter(|answer| answer.question != question).cloned().collect();
        answers.push(Answer { question: question.to_owned(), image: image.to_owned() });
        let superfluous = answers.len().saturating_sub(KEPT);
        Some(Self(answers.split_off(superfluous)))
    }
}

/// A question in a few characters that differ when it differs.
pub(crate) fn digest(question: &Properties) -> String {
    // FNV-1a: this is a key in a list of eight, not a secret, and does not deserve a dependency.
    let hash = format!("{question:?}")
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{hash:016x}")
}

impl Parameters {
    /// With this client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The value of a parameter, or nothing if there is none.
    pub(crate) async fn read(&self, name: &str) -> Result<Option<String>, Error> {
        match self.client.get_parameter().name(name).send().await.map_err(AwsError::from) {
            Ok(answer) => Ok(answer.parameter.and_then(|parameter| parameter.value)),
            Err(error) if error.is("ParameterNotFound") => Ok(None),
            Err(source) => Err(Error::ReadParameter { name: name.to_owned(), source }),
        }
    }

    /// The answers kept in a parameter; what cannot be read as such counts as none.
    pub(crate) async fn history(&self, name: &str) -> Result<History, Error> {
        Ok(self.read(name).await?.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    /// Keeps the answers.
    pub(crate) async fn keep(&self, name: &str, history: &History) -> Result<(), Error> {
        let failed = |source| Error::WriteParameter { name: name.to_owned(), source };
        let value = serde_json::to_string(history).unwrap_or_default();
        let call = self.client.put_parameter().name(name).value(value).r#type(ParameterType::String).overwrite(true);
        call.send().await.map_err(|error| failed(AwsError::from(error)))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_question_asked_again_gets_its_latest_answer() {
        let history = History::default().with("one", "ami-1").unwrap().with("two", "ami-2").unwrap();
        assert_eq!(history.answer("one"), Some("ami-1"));
        assert_eq!(history.with("one", "ami-1"), None);
        assert_eq!(history.with("one", "ami-3").unwrap().answer("one"), Some("ami-3"));
        assert_eq!(history.answer("three"), None);
    }

    #[test]
    fn another_refresh_is_another_question() {
        let one = Properties { name: "a*".into(), ..Properties::default() };
        let two = Properties { refresh: "2".into(), ..one.clone() };
        assert_ne!(digest(&one.question()), digest(&two.question()));
        let checked = Properties { expected_code_name: "jammy".into(), ..one.clone() };
        assert_eq!(digest(&one.question()), digest(&checked.question()));
    }

    proptest! {
        #[test]
        fn it_stays_small_and_knows_the_latest(questions in prop::collection::vec("[a-z]{1,3}", 1..40)) {
            let mut history = History::default();
            for (index, question) in questions.iter().enumerate() {
                history = history.with(question, &format!("ami-{index:017}")).unwrap_or(history);
            }
            prop_assert!(history.0.len() <= KEPT);
            prop_assert!(history.answer(questions.last().unwrap()).is_some());
            prop_assert!(serde_json::to_string(&history).unwrap().len() < 1000);
        }
    }
}
