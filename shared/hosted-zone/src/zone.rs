//! Finding a zone, and its records.

use aws_credential_types::Credentials;
use aws_sdk_route53::{
    Client,
    types::{Change, ChangeAction, ChangeBatch, ChangeStatus, ResourceRecordSet},
};
use aws_types::SdkConfig;
use function_runtime::AwsError;
use serde::{Deserialize, Serialize};
use tracing::info;

use crate::{
    Error, Record, RecordType,
    name::{is_within, normalised},
};

/// The role through which another account lets its zone be changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Role {
    /// The role's ARN.
    pub arn: String,
    /// What the role's trust policy asks for as `sts:ExternalId`.
    pub external_id: Option<String>,
}

/// A hosted zone by its id, and how to get at it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ZoneReference {
    /// The id, such as `Z0123456789ABCDEFGHIJ`.
    pub id: String,
    /// The role to assume, if the zone belongs to another account.
    pub role: Option<Role>,
}

/// How long an assumed role is good for, in seconds: the least that STS grants, and longer than a function lives.
const SESSION_SECONDS: i32 = 900;

/// Opens zones, of this account or of others.
#[derive(Debug, Clone)]
pub struct HostedZones {
    route53: Client,
    sts: aws_sdk_sts::Client,
}

impl HostedZones {
    /// With clients of this configuration.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self::from_clients(Client::new(config), aws_sdk_sts::Client::new(config))
    }

    /// With these clients.
    #[must_use]
    pub fn from_clients(route53: Client, sts: aws_sdk_sts::Client) -> Self {
        Self { route53, sts }
    }

    /// Reads which zone it is.
    ///
    /// # Errors
    /// When the role cannot be assumed or the zone not be read.
    pub async fn open(&self, reference: &ZoneReference) -> Result<HostedZone, Error> {
        let client = match &reference.role {
            None => self.route53.clone(),
            Some(role) => self.assume(role, &reference.id).await?,
        };
        let failed = |source| Error::GetHostedZone { zone: reference.id.clone(), source };
        let answer = client.get_hosted_zone().id(&reference.id).send().await.map_err(|error| failed(error.into()))?;
        let zone = answer.hosted_zone();
        Ok(HostedZone {
            client,
            id: reference.id.clone(),
            name: zone.map(|zone| normalised(zone.name())).unwrap_or_default(),
            is_private: zone
                .and_then(|zone| zone.config())
                .is_some_and(aws_sdk_route53::types::HostedZoneConfig::private_zone),
            name_servers: answer.delegation_set().map(|set| set.name_servers().to_vec()).unwrap_or_default(),
        })
    }

    async fn assume(&self, role: &Role, zone: &str) -> Result<Client, Error> {
        let failed = |source| Error::AssumeRole { role: role.arn.clone(), zone: zone.to_owned(), source };
        let answer = self
            .sts
            .assume_role()
            .role_arn(&role.arn)
            .role_session_name("custom-resource")
            .set_external_id(role.external_id.clone())
            .duration_seconds(SESSION_SECONDS)
            .send()
            .await
            .map_err(|error| failed(AwsError::from(error)))?;
        let mut config = self.route53.config().to_builder();
        if let Some(granted) = answer.credentials() {
            config = config.credentials_provider(Credentials::new(
                granted.access_key_id(),
                granted.secret_access_key(),
                Some(granted.session_token().to_owned()),
                None,
                "assumed-role",
            ));
        }
        Ok(Client::from_conf(config.build()))
    }
}

/// A zone that could be read.
#[derive(Debug, Clone)]
pub struct HostedZone {
    client: Client,
    id: String,
    name: String,
    is_private: bool,
    name_servers: Vec<String>,
}

impl HostedZone {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The domain it holds, without a final dot.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is seen only inside VPCs.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.is_private
    }

    /// The name servers that answer for it, to which the parent zone should delegate.
    #[must_use]
    pub fn name_servers(&self) -> &[String] {
        &self.name_servers
    }

    /// Whether a name belongs into this zone.
    #[must_use]
    pub fn holds(&self, name: &str) -> bool {
        is_within(name, &self.name)
    }

    /// Creates those of the records that do not stand yet, all or none, and gives the id of the change if there was one.
    ///
    /// # Errors
    /// When one of them stands with another value, or Route 53 refuses.
    pub async fn ensure(&self, records: &[Record]) -> Result<Option<String>, Error> {
        match self.create_missing(records).await {
            // Somebody was faster, perhaps this very request delivered twice: look again.
            Err(Error::ChangeRecords { source, .. }) if source.is("InvalidChangeBatch") => {
                self.create_missing(records).await
            }
            result => result,
        }
    }

    async fn create_missing(&self, records: &[Record]) -> Result<Option<String>, Error> {
        let mut missing = Vec::new();
        for record in records {
            let standing = self.standing(record).await?;
            match standing.iter().find(|found| !record.says_the_same_as(found)) {
                Some(other) => return Err(self.conflict(record, other)),
                None if standing.is_empty() => missing.push(record.to_record_set()?),
                None => {}
            }
        }
        if missing.is_empty() { Ok(None) } else { self.change(ChangeAction::Create, missing).await.map(Some) }
    }

    /// Removes those of the records that stand as simple records with exactly these values; a record with routing belongs to somebody else.
    ///
    /// # Errors
    /// When Route 53 refuses.
    pub async fn remove(&self, records: &[Record]) -> Result<(), Error> {
        let mut there = Vec::new();
        for record in records {
            let standing = self.standing(record).await?;
            there.extend(
                standing.into_iter().filter(|found| found.set_identifier().is_none() && record.says_the_same_as(found)),
            );
        }
        if there.is_empty() {
            return Ok(());
        }
        match self.change(ChangeAction::Delete, there).await {
            // Gone or changed since it was read: then it is not ours to remove.
            Err(Error::ChangeRecords { source, .. }) if source.is("InvalidChangeBatch") => Ok(()),
            result => result.map(drop),
        }
    }

    /// The values that stand under a name and type, those of an alias left out.
    ///
    /// # Errors
    /// When Route 53 refuses.
    pub async fn values(&self, name: &str, record_type: RecordType) -> Result<Vec<String>, Error> {
        let record = Record { name: name.to_owned(), record_type, ttl: 0, values: Vec::new() };
        let standing = self.standing(&record).await?;
        Ok(standing
            .iter()
            .flat_map(ResourceRecordSet::resource_records)
            .map(|found| found.value().to_owned())
            .collect())
    }

    /// Whether a change has reached all of the zone's name servers.
    ///
    /// # Errors
    /// When Route 53 does not say.
    pub async fn is_in_sync(&self, change: &str) -> Result<bool, Error> {
        let failed = |source| Error::GetChange { change: change.to_owned(), source };
        let answer = self.client.get_change().id(change).send().await.map_err(|error| failed(AwsError::from(error)))?;
        Ok(answer.change_info().is_none_or(|info| *info.status() == ChangeStatus::Insync))
    }

    /// The record sets of the record's name and type; several if they are routed by weight and the like.
    async fn standing(&self, record: &Record) -> Result<Vec<ResourceRecordSet>, Error> {
        let failed = |source| Error::ListRecords { name: record.name.clone(), zone: self.id.clone(), source };
        let answer = self
            .client
            .list_resource_record_sets()
            .hosted_zone_id(&self.id)
            .start_record_name(&record.name)
            .start_record_type(record.record_type.clone())
            .max_items(100)
            .send()
            .await
            .map_err(|error| failed(AwsError::from(error)))?;
        Ok(answer.resource_record_sets.into_iter().filter(|found| record.is_named_like(found)).collect())
    }

    async fn change(&self, action: ChangeAction, sets: Vec<ResourceRecordSet>) -> Result<String, Error> {
        let names: Vec<_> = sets.iter().map(|set| set.name().to_owned()).collect();
        let changes = sets
            .into_iter()
            .map(|set| Change::builder().action(action.clone()).resource_record_set(set).build())
            .collect::<Result<_, _>>()
            .map_err(Error::Incomplete)?;
        let batch = ChangeBatch::builder().set_changes(Some(changes)).build().map_err(Error::Incomplete)?;
        let failed = |source| Error::ChangeRecords { zone: self.id.clone(), source };
        let answer = self
            .client
            .change_resource_record_sets()
            .hosted_zone_id(&self.id)
            .change_batch(batch)
            .send()
            .await
            .map_err(|error| failed(AwsError::from(error)))?;
        info!(zone = self.id, action = action.as_str(), ?names, "records changed");
        Ok(answer.change_info().map(|info| info.id().to_owned()).unwrap_or_default())
    }

    fn conflict(&self, record: &Record, found: &ResourceRecordSet) -> Error {
        let existing: Vec<_> =
            found.resource_records().iter().map(aws_sdk_route53::types::ResourceRecord::value).collect();
        Error::Conflict {
            zone: self.id.clone(),
            name: normalised(&record.name),
            record_type: record.record_type.as_str().to_owned(),
            existing: if existing.is_empty() { "of an alias".to_owned() } else { existing.join(", ") },
            wanted: record.values.join(", "),
        }
    }
}

#[cfg(test)]
mod tests;
