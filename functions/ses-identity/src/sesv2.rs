//! SES's current API, one method a call, in whatever region the identity is.

use std::collections::BTreeMap;

use aws_sdk_sesv2::{
    Client,
    operation::get_email_identity::GetEmailIdentityOutput,
    types::{
        BehaviorOnMxFailure as MxFailure, DkimSigningAttributesOrigin, DkimStatus, MailFromDomainStatus, Tag,
        VerificationStatus,
    },
};
use aws_types::SdkConfig;
use function_runtime::{AwsError, PerRegion, in_region};

use crate::{Error, ownership::Tags, properties::BehaviorOnMxFailure};

/// Identities in every region.
#[derive(Clone)]
pub struct Identities {
    clients: PerRegion<Client>,
}

/// What SES says of a thing that is not there.
const GONE: &str = "NotFoundException";

/// An identity as SES describes it, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) tags: Tags,
    pub(crate) may_send: bool,
    pub(crate) status: VerificationStatus,
    /// Why it is not verified, in SES's words.
    pub(crate) problem: Option<String>,
    pub(crate) dkim_status: DkimStatus,
    pub(crate) dkim_tokens: Vec<String>,
    pub(crate) dkim_zone: Option<String>,
    /// Whether its owner brought the keys.
    pub(crate) has_own_keys: bool,
    pub(crate) mail_from: Option<MailFrom>,
}

/// The MAIL FROM domain of an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MailFrom {
    pub(crate) domain: String,
    pub(crate) status: MailFromDomainStatus,
    pub(crate) behavior: BehaviorOnMxFailure,
}

/// What came of making an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Creation {
    Created,
    Existed,
}

/// Whether a thing was there to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Made,
    Gone,
}

/// What the account may send in a region.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limits {
    pub(crate) in_sandbox: bool,
    /// Mails in 24 hours.
    pub(crate) quota: f64,
}

impl Identities {
    /// With this configuration; its region is the default.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        let home = config.region().map(ToString::to_string).unwrap_or_default();
        let config = config.clone();
        Self::connecting(&home, move |region| Client::new(&in_region(&config, region)))
    }

    /// With clients made by `connect` for a region; `home` is the default region.
    pub fn connecting(home: &str, connect: impl Fn(&str) -> Client + Send + Sync + 'static) -> Self {
        Self { clients: PerRegion::connecting(home, connect) }
    }

    /// The region of the function.
    pub(crate) fn home(&self) -> &str {
        self.clients.home()
    }

    /// The identity, or nothing if there is none.
    pub(crate) async fn get(&self, region: &str, identity: &str) -> Result<Option<Identity>, Error> {
        let call = self.clients.client(region).get_email_identity().email_identity(identity);
        match call.send().await.map_err(AwsError::from) {
            Ok(answer) => Ok(Some(read(answer))),
            Err(error) if error.is(GONE) => Ok(None),
            Err(source) => {
                Err(Error::ReadIdentity { identity: identity.to_owned(), region: region.to_owned(), source })
            }
        }
    }

    /// Makes the identity with these tags, and with Easy DKIM.
    pub(crate) async fn create(&self, region: &str, identity: &str, tags: &Tags) -> Result<Creation, Error> {
        let call = self
            .clients
            .client(region)
            .create_email_identity()
            .email_identity(identity)
            .set_tags(Some(tags.iter().filter_map(|(key, value)| tag(key, value)).collect()));
        match call.send().await.map_err(AwsError::from) {
            Ok(_) => Ok(Creation::Created),
            Err(error) if error.is("AlreadyExistsException") => Ok(Creation::Existed),
            Err(source) => {
                Err(Error::CreateIdentity { identity: identity.to_owned(), region: region.to_owned(), source })
            }
        }
    }

    /// Deletes the identity; that it is gone is fine.
    pub(crate) async fn delete(&self, region: &str, identity: &str) -> Result<(), Error> {
        let call = self.clients.client(region).delete_email_identity().email_identity(identity);
        match call.send().await.map_err(AwsError::from) {
            Ok(_) => Ok(()),
            Err(error) if error.is(GONE) => Ok(()),
            Err(source) => {
                Err(Error::DeleteIdentity { identity: identity.to_owned(), region: region.to_owned(), source })
            }
        }
    }

    /// Adds tags, or gives them other values.
    pub(crate) async fn tag(&self, region: &str, identity: &str, arn: &str, tags: &Tags) -> Result<(), Error> {
        if tags.is_empty() {
            return Ok(());
        }
        let tags = tags.iter().filter_map(|(key, value)| tag(key, value)).collect();
        let call = self.clients.client(region).tag_resource().resource_arn(arn).set_tags(Some(tags));
        let failed = |source| Error::TagIdentity { identity: identity.to_owned(), region: region.to_owned(), source };
        call.send().await.map_err(|error| failed(AwsError::from(error)))?;
        Ok(())
    }

    /// Removes tags; that the identity is gone is fine.
    pub(crate) async fn untag(&self, region: &str, identity: &str, arn: &str, keys: Vec<String>) -> Result<(), Error> {
        if keys.is_empty() {
            return Ok(());
        }
        let call = self.clients.client(region).untag_resource().resource_arn(arn).set_tag_keys(Some(keys));
        match call.send().await.map_err(AwsError::from) {
            Ok(_) => Ok(()),
            Err(error) if error.is(GONE) => Ok(()),
            Err(source) => Err(Error::TagIdentity { identity: identity.to_owned(), region: region.to_owned(), source }),
        }
    }

    /// Starts Easy DKIM, or starts it again, and gives its tokens.
    pub(crate) async fn start_dkim(&self, region: &str, identity: &str) -> Result<Vec<String>, Error> {
        let failed = |source| Error::Dkim { identity: identity.to_owned(), region: region.to_owned(), source };
        let answer = self
            .clients
            .client(region)
            .put_email_identity_dkim_signing_attributes()
            .email_identity(identity)
            .signing_attributes_origin(DkimSigningAttributesOrigin::AwsSes)
            .send()
            .await
            .map_err(|error| failed(AwsError::from(error)))?;
        Ok(answer.dkim_tokens.unwrap_or_default())
    }

    /// Sets the MAIL FROM domain, or none.
    pub(crate) async fn set_mail_from(
        &self,
        region: &str,
        identity: &str,
        mail_from_domain: Option<&str>,
        behavior: BehaviorOnMxFailure,
    ) -> Result<Change, Error> {
        let behavior = match behavior {
            BehaviorOnMxFailure::UseDefaultValue => MxFailure::UseDefaultValue,
            BehaviorOnMxFailure::RejectMessage => MxFailure::RejectMessage,
        };
        let call = self
            .clients
            .client(region)
            .put_email_identity_mail_from_attributes()
            .email_identity(identity)
            .set_mail_from_domain(mail_from_domain.map(str::to_owned))
            .behavior_on_mx_failure(behavior);
        match call.send().await.map_err(AwsError::from) {
            Ok(_) => Ok(Change::Made),
            Err(error) if error.is(GONE) => Ok(Change::Gone),
            Err(source) => Err(Error::MailFrom { identity: identity.to_owned(), region: region.to_owned(), source }),
        }
    }

    /// Whether bounces and complaints go to the sender by mail.
    pub(crate) async fn forward_feedback(&self, region: &str, identity: &str, forward: bool) -> Result<(), Error> {
        let failed = |source| Error::Forwarding { identity: identity.to_owned(), region: region.to_owned(), source };
        let call = self.clients.client(region).put_email_identity_feedback_attributes();
        call.email_identity(identity)
            .email_forwarding_enabled(forward)
            .send()
            .await
            .map_err(|error| failed(AwsError::from(error)))?;
        Ok(())
    }

    /// The policies of an identity by their names, or nothing if there is no identity.
    pub(crate) async fn policies(&self, identity: &str) -> Result<Option<BTreeMap<String, String>>, Error> {
        let call = self.clients.client(self.home()).get_email_identity_policies().email_identity(identity);
        match call.send().await.map_err(AwsError::from) {
            Ok(answer) => Ok(Some(answer.policies.unwrap_or_default().into_iter().collect())),
            Err(error) if error.is(GONE) => Ok(None),
            Err(source) => Err(Error::ReadPolicies { identity: identity.to_owned(), source }),
        }
    }

    /// Writes a new policy.
    pub(crate) async fn create_policy(&self, identity: &str, policy: &str, document: &str) -> Result<Creation, Error> {
        let call = self.clients.client(self.home()).create_email_identity_policy();
        let call = call.email_identity(identity).policy_name(policy).policy(document);
        match call.send().await.map_err(AwsError::from) {
            Ok(_) => Ok(Creation::Created),
            Err(error) if error.is("AlreadyExistsException") => Ok(Creation::Existed),
            Err(source) => Err(Error::WritePolicy { identity: identity.to_owned(), policy: policy.to_owned(), source }),
        }
    }

    /// Writes a policy that is there.
    pub(crate) async fn update_policy(&self, identity: &str, policy: &str, document: &str) -> Result<(), Error> {
        let failed = |source| Error::WritePolicy { identity: identity.to_owned(), policy: policy.to_owned(), source };
        let call = self.clients.client(self.home()).update_email_identity_policy();
        call.email_identity(identity)
            .policy_name(policy)
            .policy(document)
            .send()
            .await
            .map_err(|error| failed(AwsError::from(error)))?;
        Ok(())
    }

    /// Deletes a policy; that it or the identity is gone is fine.
    pub(crate) async fn delete_policy(&self, identity: &str, policy: &str) -> Result<(), Error> {
        let call = self.clients.client(self.home()).delete_email_identity_policy();
        match call.email_identity(identity).policy_name(policy).send().await.map_err(AwsError::from) {
            Ok(_) => Ok(()),
            Err(error) if error.is(GONE) => Ok(()),
            Err(source) => {
                Err(Error::DeletePolicy { identity: identity.to_owned(), policy: policy.to_owned(), source })
            }
        }
    }

    /// What the account may send.
    pub(crate) async fn limits(&self, region: &str) -> Result<Limits, Error> {
        let failed = |source| Error::Account { region: region.to_owned(), source };
        let answer =
            self.clients.client(region).get_account().send().await.map_err(|error| failed(AwsError::from(error)))?;
        let quota = answer.send_quota().map_or(0.0, aws_sdk_sesv2::types::SendQuota::max24_hour_send);
        Ok(Limits { in_sandbox: !answer.production_access_enabled(), quota })
    }
}

/// A tag as SES takes it; one without a key is no tag.
fn tag(key: &str, value: &str) -> Option<Tag> {
    Tag::builder().key(key).value(value).build().ok()
}

fn read(answer: GetEmailIdentityOutput) -> Identity {
    let dkim = answer.dkim_attributes();
    let mail_from = answer.mail_from_attributes().filter(|mail_from| !mail_from.mail_from_domain().is_empty());
    let problem = answer.verification_info().and_then(|info| info.error_type());
    let origin = dkim.and_then(|dkim| dkim.signing_attributes_origin());
    Identity {
        tags: answer.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect(),
        may_send: answer.verified_for_sending_status(),
        status: answer.verification_status().cloned().unwrap_or(VerificationStatus::Pending),
        problem: problem.map(|problem| problem.as_str().to_owned()),
        dkim_status: dkim.and_then(|dkim| dkim.status().cloned()).unwrap_or(DkimStatus::NotStarted),
        dkim_tokens: dkim.map(|dkim| dkim.tokens().to_vec()).unwrap_or_default(),
        dkim_zone: dkim.and_then(|dkim| dkim.signing_hosted_zone()).map(str::to_owned),
        has_own_keys: origin == Some(&DkimSigningAttributesOrigin::External),
        mail_from: mail_from.map(|mail_from| MailFrom {
            domain: mail_from.mail_from_domain().to_owned(),
            status: mail_from.mail_from_domain_status().clone(),
            behavior: match mail_from.behavior_on_mx_failure() {
                MxFailure::RejectMessage => BehaviorOnMxFailure::RejectMessage,
                _ => BehaviorOnMxFailure::UseDefaultValue,
            },
        }),
    }
}
