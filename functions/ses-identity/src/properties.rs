//! What several types' properties have in common.

use serde::Deserialize;

use crate::{Error, ids::without_dot};

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Tag {
    /// Its key.
    pub key: String,
    /// Its value.
    #[serde(default)]
    pub value: String,
}

/// What happens to mail while the MX record of the MAIL FROM domain cannot be found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum BehaviorOnMxFailure {
    /// It is sent with a MAIL FROM of amazonses.com.
    #[default]
    UseDefaultValue,
    /// It is refused.
    RejectMessage,
}

/// What a template leaves empty is not given.
pub(crate) fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

/// A name that must be there, without its final dot.
pub(crate) fn name<'a>(property: &'static str, text: &'a str) -> Result<&'a str, Error> {
    Some(without_dot(text.trim())).filter(|name| !name.is_empty()).ok_or(Error::Empty(property))
}

/// A region that must be there.
pub(crate) fn region(text: &str) -> Result<&str, Error> {
    Some(text.trim()).filter(|region| !region.is_empty()).ok_or(Error::Empty("Region"))
}

/// The ARN of a topic that SES in this region can publish to.
pub(crate) fn topic<'a>(property: &'static str, arn: Option<&'a str>, region: &str) -> Result<Option<&'a str>, Error> {
    let Some(arn) = arn else { return Ok(None) };
    let parts: Vec<_> = arn.split(':').collect();
    let is_topic = matches!(parts[..], ["arn", _, "sns", region, account, name]
        if !region.is_empty() && !name.is_empty() && account.bytes().all(|byte| byte.is_ascii_digit()) && !account.is_empty());
    if !is_topic {
        return Err(Error::Property { property, problem: "is not the ARN of an SNS topic".to_owned() });
    }
    if parts[3] != region {
        let problem = format!("is a topic of {}; SES in {region} publishes only to topics of {region}", parts[3]);
        return Err(Error::Property { property, problem });
    }
    Ok(Some(arn))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_must_be_one_of_the_region() {
        let check = |arn| topic("BounceTopic", Some(arn), "eu-west-1").map_err(|error| error.to_string());
        assert_eq!(
            check("arn:aws:sns:eu-west-1:123456789012:t").unwrap(),
            Some("arn:aws:sns:eu-west-1:123456789012:t")
        );
        assert!(
            check("arn:aws:sns:us-east-1:123456789012:t").unwrap_err().contains("topic of us-east-1; SES in eu-west-1")
        );
        for other in
            ["t", "arn:aws:sqs:eu-west-1:123456789012:t", "arn:aws:sns:eu-west-1::t", "arn:aws:sns:eu-west-1:1:t:sub"]
        {
            assert_eq!(check(other).unwrap_err(), "BounceTopic: is not the ARN of an SNS topic");
        }
        assert_eq!(topic("BounceTopic", None, "eu-west-1").unwrap(), None);
    }
}
