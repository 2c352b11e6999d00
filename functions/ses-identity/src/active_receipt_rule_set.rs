//! `Custom::ActiveReceiptRuleSet`: which receipt rule set is active in a region.
//!
//! | property | meaning |
//! | --- | --- |
//! | `RuleSetName` | the rule set |
//! | `Region` | the region of SES |
//!
//! `Ref` is `active-receipt-rule-set@<region>`. Where another rule set is active already, the resource is refused. Delete leaves what others made active.

use custom_resource::{Deletion, Outcome, Ready, Request, Resource};
use serde::Deserialize;
use tracing::{info, warn};

use crate::{Error, classic::Classic, properties};

/// The properties of `Custom::ActiveReceiptRuleSet`. Unknown ones are tolerated, as by the provider it replaces.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Properties {
    /// The rule set.
    pub rule_set_name: String,
    /// The region of SES.
    pub region: String,
}

/// The resource type.
pub struct ActiveReceiptRuleSet {
    classic: Classic,
}

/// What the physical id begins with; the region follows.
const PREFIX: &str = "active-receipt-rule-set@";

impl ActiveReceiptRuleSet {
    /// With access to SES.
    #[must_use]
    pub fn new(classic: Classic) -> Self {
        Self { classic }
    }

    async fn activate(&self, request: &Request, properties: &Properties, is_first: bool) -> Result<Outcome<()>, Error> {
        let name = properties::name("RuleSetName", &properties.rule_set_name)?;
        let region = properties::region(&properties.region)?;
        let active = self.classic.active_rule_set(region).await?;
        let id = format!("{PREFIX}{region}");
        match active {
            // As asked, perhaps by this very request delivered before.
            Some(active) if active == name => {}
            Some(active) if is_first => return Err(Error::RuleSetActive { region: region.to_owned(), name: active }),
            _ => {
                self.classic.set_active_rule_set(region, Some(name)).await?;
                info!(name, region, "receipt rule set is active");
            }
        }
        request.created(&id);
        Ok(Ready::new(id, ()).into())
    }
}

impl Resource for ActiveReceiptRuleSet {
    const TYPES: &'static [&'static str] = &["Custom::ActiveReceiptRuleSet", "Custom::SESActiveReceiptRuleSet"];
    type Properties = Properties;
    type Attributes = ();
    type Error = Error;

    async fn create(&self, request: &Request, properties: Properties) -> Result<Outcome<()>, Error> {
        self.activate(request, &properties, true).await
    }

    async fn update(
        &self,
        request: &Request,
        current: &str,
        properties: Properties,
        _: Option<Properties>,
    ) -> Result<Outcome<()>, Error> {
        let is_first = current.strip_prefix(PREFIX) != Some(properties.region.trim());
        self.activate(request, &properties, is_first).await
    }

    async fn delete(
        &self,
        _: &Request,
        current: Option<&str>,
        properties: Option<Properties>,
    ) -> Result<Deletion, Error> {
        let given = properties.as_ref().map(|properties| properties.region.trim());
        let region = current.map_or(given, |id| id.strip_prefix(PREFIX)).filter(|region| !region.is_empty());
        let (Some(region), Some(properties)) = (region, &properties) else { return Ok(Deletion::Deleted) };
        match self.classic.active_rule_set(region).await? {
            Some(active) if active == properties.rule_set_name => {
                self.classic.set_active_rule_set(region, None).await?;
                info!(region, "no receipt rule set is active any more");
            }
            Some(active) => warn!(active, region, "another receipt rule set is active by now, so it stays"),
            None => {}
        }
        Ok(Deletion::Deleted)
    }

    fn is_transient(&self, error: &Error) -> bool {
        error.is_transient()
    }
}
