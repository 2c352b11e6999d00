//! `Custom::Certificate`: a certificate, and with a hosted zone everything until it is issued.
//!
//! The properties are those of [`Properties`]. `Ref` is the certificate's ARN, and so is the attribute `CertificateArn`.
//!
//! Without a zone the certificate is requested and left pending; a template then uses the two companions. With `HostedZoneId`, or a zone
//! for every name in `DomainValidationOptions`, its validation records are written and the certificate is awaited.
//!
//! **Update.** Tags change in place, and missing records are written again. Another first name, set of names,
//! region, key algorithm, authority or export option makes another certificate; order and case of names do not. When an update is rolled
//! back, the certificate from before is found by its tags and stays.
//!
//! **Delete.** A certificate in use is waited for as long as there is time. Its records are removed unless another certificate of the account
//! has the same domain.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_sdk_acm::types::CertificateDetail;
use custom_resource::{Deletion, Outcome, Pending, Ready, Request, Resource, with_causes};
use hosted_zone::{Delegation, HostedZone, HostedZones, Record, RecordType, ZoneReference, delegation, normalised};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tracing::{info, warn};

pub use crate::properties::{DomainValidationOption, Options, Properties, Tag, ValidationMethod};
use crate::{
    Error,
    acm::{Certificates, Order, Removal},
    arn::CertificateArn,
    names::{all_names, validated_domain},
    properties::{acm_tag, hex, ownership_tags},
    relatives::{self, Own},
    validation::{self, Progress},
};

/// What `Fn::GetAtt` gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attributes {
    /// The certificate's ARN.
    pub certificate_arn: String,
}

/// What is remembered from one look to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Memory {
    /// Whether the validation records were seen to stand, or written.
    records_written: bool,
    /// The changes that are not known to be in effect yet.
    changes: Vec<(ZoneReference, String)>,
    /// How often another certificate was requested because the first was of no use.
    renewed_requests: u32,
    /// Name and value of the records of a certificate that is being deleted.
    doomed_records: Vec<(String, String)>,
}

/// The resource type.
pub struct Certificate {
    certificates: Certificates,
    zones: HostedZones,
}

/// How soon to look again for what takes seconds: ACM's records, a change of Route 53.
const SOON: Duration = Duration::from_secs(2);

/// How long ACM may take to know a certificate that it has just accepted.
pub(crate) const CONSISTENCY: Duration = Duration::from_secs(30);

/// After this time without validation something is probably wrong, and the delegation is looked into. ACM needs minutes at most.
const SUSPICION: Duration = Duration::from_secs(90);

/// The longest idempotency token ACM accepts.
const TOKEN_LENGTH: usize = 32;

impl Certificate {
    /// With access to ACM and Route 53.
    #[must_use]
    pub fn new(certificates: Certificates, zones: HostedZones) -> Self {
        Self { certificates, zones }
    }

    fn region<'a>(&'a self, properties: &'a Properties) -> &'a str {
        properties.region_or(self.certificates.home())
    }

    /// This resource's certificates with one of these first names.
    async fn own(&self, request: &Request, all: &[&Properties]) -> Result<Vec<Own>, Error> {
        let regions: BTreeSet<_> = all.iter().map(|properties| self.region(properties)).collect();
        let domains = all.iter().map(|properties| normalised(&properties.domain_name)).collect();
        let mut found = Vec::new();
        for region in regions {
            found.extend(relatives::own(&self.certificates, region, request, &domains).await?);
        }
        Ok(found)
    }

    /// Requests a certificate, or gets the one that an earlier try of the same request got.
    async fn request_new(&self, request: &Request, properties: &Properties) -> Result<String, Error> {
        let home = self.certificates.home();
        let renewed = request.recall::<Memory>().unwrap_or_default().renewed_requests;
        let seed = format!("{}|{}|{}|{renewed}", request.stack_id(), request.request_id(), properties.digest(home));
        let mut token = hex(&Sha256::digest(seed));
        token.truncate(TOKEN_LENGTH);
        let first = normalised(&properties.domain_name);
        let order = Order {
            alternatives: properties.names().into_iter().filter(|name| *name != first).collect(),
            domain_name: first,
            idempotency_token: properties.idempotency_token.clone().unwrap_or(token),
            options: properties.acm_options(),
            certificate_authority_arn: properties.certificate_authority_arn.clone(),
            key_algorithm: properties.key_algorithm.clone(),
            tags: properties.acm_tags(request, home),
        };
        let arn = self.certificates.request(self.region(properties), order).await?;
        request.created(&arn);
        info!(arn, "certificate requested");
        Ok(arn)
    }

    /// Opens the zone of every name, before anything is made that would have to be undone.
    async fn check_zones(&self, properties: &Properties) -> Result<(), Error> {
        if !properties.has_zones() {
            return Ok(());
        }
        let mut open = BTreeMap::new();
        for name in properties.names() {
            self.zone_for(properties, &name, &mut open).await?;
        }
        Ok(())
    }

    /// The zone of a name, opened once.
    async fn zone_for<'a>(
        &self,
        properties: &Properties,
        name: &str,
        open: &'a mut BTreeMap<ZoneReference, HostedZone>,
    ) -> Result<&'a mut HostedZone, Error> {
        let reference = properties.zone_of(name)?;
        let zone = match open.entry(reference) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                let zone = self.zones.open(entry.key()).await?;
                entry.insert(zone)
            }
        };
        let described = || (zone.id().to_owned(), zone.name().to_owned());
        if zone.is_private() {
            let (zone, zone_name) = described();
            return Err(Error::PrivateZone { zone, zone_name });
        }
        if !zone.holds(&validated_domain(name)) {
            let (zone, zone_name) = described();
            return Err(Error::WrongZone { name: name.to_owned(), zone, zone_name });
        }
        Ok(zone)
    }

    /// Brings a certificate from requested to issued, as far as it goes at the moment.
    async fn follow(
        &self,
        request: &Request,
        properties: &Properties,
        arn: &str,
    ) -> Result<Outcome<Attributes>, Error> {
        let ready = || Ready::new(arn, Attributes { certificate_arn: arn.to_owned() }).into();
        if !properties.has_zones() {
            return Ok(ready());
        }
        let mut memory: Memory = request.recall().unwrap_or_default();
        let Some(certificate) = self.certificates.describe(arn).await? else {
            return self.after_a_loss(request, properties, memory, Error::Gone(arn.to_owned())).await;
        };
        let progress = validation::progress(&certificate);
        if let Progress::Ended { status, reason } = &progress {
            let domain = properties.domain_name.clone();
            let error = Error::NotIssued { domain, status: status.clone(), reason: reason.clone() };
            // A token leads back to what an earlier try of this request got, and that may have ended since.
            let is_old =
                certificate.created_at().is_some_and(|created| epoch_now() - created.secs() > elapsed(request) + 60);
            return if is_old { self.after_a_loss(request, properties, memory, error).await } else { Err(error) };
        }
        let records = match validation::records(&certificate, epoch_now())? {
            Ok(records) => records,
            // A private authority asks for no records.
            Err(_) if progress == Progress::Issued => return Ok(ready()),
            Err(unknown) => {
                let names = unknown.join(", ");
                return Ok(Pending::new(format!("ACM has not named the validation records of {names} yet"))
                    .retry_after(SOON)
                    .into());
            }
        };
        if !memory.records_written {
            memory.changes = self.write(properties, &records).await?;
            memory.records_written = true;
            request.remember(&memory);
        }
        if !self.in_effect(request, &mut memory).await? {
            return Ok(Pending::new("Route 53 has not published the validation records yet").retry_after(SOON).into());
        }
        match progress {
            Progress::Waiting { names } => {
                let names = names.join(", ");
                let advice = self.advice(request, properties, &records).await;
                Ok(Pending::new(format!("ACM has not validated {names} yet, their validation records stand{advice}"))
                    .into())
            }
            Progress::Issued | Progress::Ended { .. } => Ok(ready()),
        }
    }

    /// The certificate that was requested is of no use: requests another, once.
    async fn after_a_loss(
        &self,
        request: &Request,
        properties: &Properties,
        mut memory: Memory,
        error: Error,
    ) -> Result<Outcome<Attributes>, Error> {
        if matches!(error, Error::Gone(_)) && request.elapsed() < CONSISTENCY {
            return Ok(Pending::new(error.to_string()).retry_after(SOON).into());
        }
        if memory.renewed_requests > 0 {
            return Err(error);
        }
        warn!(reason = %error, "requesting another certificate");
        memory = Memory { renewed_requests: 1, ..Memory::default() };
        request.remember(&memory);
        self.request_new(request, properties).await?;
        Ok(Pending::new(error.to_string()).retry_after(SOON).into())
    }

    /// Writes the records that do not stand, each zone's in one change.
    async fn write(&self, properties: &Properties, records: &[Record]) -> Result<Vec<(ZoneReference, String)>, Error> {
        let mut open = BTreeMap::new();
        let mut by_zone: BTreeMap<ZoneReference, Vec<Record>> = BTreeMap::new();
        for record in records {
            let domain = validated_by(&record.name);
            self.zone_for(properties, &domain, &mut open).await?;
            by_zone.entry(properties.zone_of(&domain)?).or_default().push(record.clone());
        }
        let mut changes = Vec::new();
        for (reference, records) in by_zone {
            if let Some(zone) = open.get(&reference)
                && let Some(change) = zone.ensure(&records).await?
            {
                changes.push((reference, change));
            }
        }
        Ok(changes)
    }

    /// Whether all changes have reached all name servers; those that have are forgotten.
    async fn in_effect(&self, request: &Request, memory: &mut Memory) -> Result<bool, Error> {
        while let Some((reference, change)) = memory.changes.last() {
            if !self.zones.open(reference).await?.is_in_sync(change).await? {
                return Ok(false);
            }
            memory.changes.pop();
            request.remember(&*memory);
        }
        Ok(true)
    }

    /// Why validation may not come, once it takes longer than it should.
    async fn advice(&self, request: &Request, properties: &Properties, records: &[Record]) -> String {
        if request.elapsed() < SUSPICION.min(request.remaining()) {
            return String::new();
        }
        let references: BTreeSet<_> =
            records.iter().filter_map(|record| properties.zone_of(&validated_by(&record.name)).ok()).collect();
        let mut all_right = true;
        for reference in references {
            match self.zones.open(&reference).await {
                Ok(zone) => match delegation(&zone).await {
                    Delegation::Wrong(problem) => return format!("; {problem}"),
                    Delegation::Right => {}
                    Delegation::Unknown => all_right = false,
                },
                Err(_) => all_right = false,
            }
        }
        if all_right {
            "; the delegation of the zone is right, so look for CAA records that do not allow amazon.com".to_owned()
        } else {
            "; check that the public DNS leads to the zone's name servers".to_owned()
        }
    }

    /// Changes in place what can be changed.
    async fn change_in_place(
        &self,
        request: &Request,
        arn: &str,
        properties: &Properties,
        old: Option<&Properties>,
    ) -> Result<(), Error> {
        let standing = self.certificates.tags(arn).await?;
        let digest = properties.digest(self.certificates.home());
        let wanted = ownership_tags(request, &digest);
        let wanted = wanted.into_iter().chain(properties.tags.iter().filter_map(|tag| acm_tag(&tag.key, &tag.value)));
        let missing = wanted.filter(|tag| standing.get(tag.key()).map(String::as_str) != tag.value()).collect();
        self.certificates.add_tags(arn, missing).await?;
        if let Some(old) = old {
            // Only what this resource set is removed; others may tag the certificate too.
            let kept: BTreeSet<_> = properties.tags.iter().map(|tag| tag.key.as_str()).collect();
            let dropped =
                old.tags.iter().filter(|tag| !kept.contains(tag.key.as_str()) && standing.contains_key(&tag.key));
            // Without a value ACM removes the tag whatever its value is.
            let dropped =
                dropped.filter_map(|tag| aws_sdk_acm::types::Tag::builder().key(&tag.key).build().ok()).collect();
            self.certificates.remove_tags(arn, dropped).await?;
        }
        Ok(())
    }

    /// Deletes what an update that is being rolled back made: certificates of this resource with the digest that is being left, and neither
    /// the one before nor the one after. Others of this resource are left alone, because a template may have asked to retain them.
    async fn tidy(&self, request: &Request, keep: [&str; 2], left: &str, all: &[&Properties]) {
        let own = match self.own(request, all).await {
            Ok(own) => own,
            Err(error) => {
                warn!(reason = %with_causes(&error), "leftovers of earlier updates were not looked for");
                return;
            }
        };
        for orphan in own.iter().filter(|own| own.digest == left && !keep.contains(&own.arn.as_str()) && !own.in_use) {
            match self.certificates.delete(&orphan.arn).await {
                Ok(_) => info!(arn = orphan.arn, "left behind by an earlier update, deleted"),
                Err(error) => warn!(reason = %with_causes(&error), "left behind by an earlier update, not deleted"),
            }
        }
    }

    /// Deletes one certificate, then its records.
    async fn remove(
        &self,
        request: &Request,
        arn: &str,
        properties: Option<&Properties>,
    ) -> Result<Option<Pending>, Error> {
        let mut memory: Memory = request.recall().unwrap_or_default();
        if let Some(certificate) = self.certificates.describe(arn).await? {
            memory.doomed_records = doomed(&certificate);
            request.remember(&memory);
            let in_use = || {
                let users = certificate.in_use_by().join(", ");
                let users = if users.is_empty() { "another resource".to_owned() } else { users };
                Pending::new(format!(
                    "the certificate {arn} is still in use by {users}: give that another certificate, or remove it"
                ))
            };
            if !certificate.in_use_by().is_empty() {
                return Ok(Some(in_use()));
            }
            if self.certificates.delete(arn).await? == Removal::InUse {
                return Ok(Some(in_use()));
            }
            info!(arn, "certificate deleted");
        }
        if let Some(properties) = properties.filter(|properties| properties.has_zones()) {
            self.remove_records(request, arn, properties, &memory.doomed_records).await?;
        }
        Ok(None)
    }

    /// Removes the records of a deleted certificate that nobody else needs.
    async fn remove_records(
        &self,
        request: &Request,
        arn: &str,
        properties: &Properties,
        doomed: &[(String, String)],
    ) -> Result<(), Error> {
        let domains: BTreeSet<_> = doomed.iter().map(|(name, _)| validated_by(name)).collect();
        if domains.is_empty() {
            return Ok(());
        }
        let needed = relatives::needed_elsewhere(&self.certificates, arn, request.partition(), &domains).await;
        for (name, value) in doomed.iter().filter(|(name, _)| !needed.contains(&validated_by(name))) {
            let Ok(reference) = properties.zone_of(&validated_by(name)) else { continue };
            let record =
                Record { name: name.clone(), record_type: RecordType::Cname, ttl: 0, values: vec![value.clone()] };
            let removed = match self.zones.open(&reference).await {
                Ok(zone) => zone.remove(&[record]).await,
                Err(error) => Err(error),
            };
            match removed {
                Ok(()) => {}
                Err(error) if error.is_transient() => return Err(error.into()),
                // The certificate is gone, and a record that cannot be removed (the zone is gone, the role is) harms nobody.
                Err(error) => warn!(name, reason = %with_causes(&error), "validation record not removed"),
            }
        }
        Ok(())
    }
}

/// The domain that a record named `_token.DOMAIN.` validates.
fn validated_by(record_name: &str) -> String {
    let name = normalised(record_name);
    name.split_once('.').map(|(_, domain)| domain.to_owned()).unwrap_or_default()
}

/// Whether a certificate of which nothing else is known has the names and the kind of key that are asked for.
fn is_described_by(certificate: &CertificateDetail, properties: &Properties) -> bool {
    let first = certificate.domain_name().unwrap_or_default();
    let algorithm = certificate.key_algorithm().map_or("RSA_2048", |algorithm| algorithm.as_str());
    let wanted = properties.key_algorithm.as_deref().unwrap_or("RSA_2048");
    normalised(first) == normalised(&properties.domain_name)
        && all_names(first, certificate.subject_alternative_names()) == properties.names()
        // ACM describes the algorithm with a dash, and asks for it with an underscore.
        && algorithm.replace('-', "_") == wanted.replace('-', "_")
}

fn doomed(certificate: &CertificateDetail) -> Vec<(String, String)> {
    let records = certificate.domain_validation_options().iter().filter_map(|option| option.resource_record());
    let unique: BTreeSet<_> = records.map(|record| (record.name().to_owned(), record.value().to_owned())).collect();
    unique.into_iter().collect()
}

fn epoch_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

fn elapsed(request: &Request) -> i64 {
    i64::try_from(request.elapsed().as_secs()).unwrap_or(i64::MAX)
}

impl Resource for Certificate {
    const TYPES: &'static [&'static str] = &["Custom::Certificate"];
    type Properties = Properties;
    type Attributes = Attributes;
    type Error = Error;

    async fn create(&self, request: &Request, properties: Properties) -> Result<Outcome<Attributes>, Error> {
        if let Some(arn) = request.recorded() {
            return self.follow(request, &properties, &arn).await;
        }
        self.check_zones(&properties).await?;
        let digest = properties.digest(self.certificates.home());
        let earlier = self.own(request, &[&properties]).await?.into_iter().find(|own| own.digest == digest);
        let arn = match earlier {
            Some(own) => {
                request.created(&own.arn);
                own.arn
            }
            None => self.request_new(request, &properties).await?,
        };
        self.follow(request, &properties, &arn).await
    }

    async fn update(
        &self,
        request: &Request,
        current: &str,
        properties: Properties,
        old: Option<Properties>,
    ) -> Result<Outcome<Attributes>, Error> {
        let home = self.certificates.home();
        let all: Vec<&Properties> = std::iter::once(&properties).chain(&old).collect();
        let arn = match request.recorded() {
            Some(arn) => arn,
            None => {
                self.check_zones(&properties).await?;
                let digest = properties.digest(home);
                let own = self.own(request, &all).await?;
                let standing = match CertificateArn::parse(current) {
                    Some(_) => self.certificates.describe(current).await?,
                    None => None,
                };
                // A certificate without tags is one from before this provider; what it is, the old properties say, or else its description.
                let old_digest = old.as_ref().map(|old| old.digest(home));
                let tagged = own.iter().find(|own| own.arn == current).map(|own| own.digest.clone());
                let is_current = match (tagged.as_ref().or(old_digest.as_ref()), &standing) {
                    (Some(before), _) => *before == digest,
                    (None, Some(standing)) => is_described_by(standing, &properties),
                    (None, None) => false,
                };
                let current_exists = standing.is_some();
                if current_exists && is_current {
                    // Recorded only then: a later look at a recorded certificate changes nothing in place.
                    self.change_in_place(request, current, &properties, old.as_ref()).await?;
                    request.created(current);
                    current.to_owned()
                } else if let Some(earlier) = own.iter().find(|own| own.digest == digest && own.arn != current) {
                    // Either this request was begun before, or an update is being rolled back to what it came from.
                    self.change_in_place(request, &earlier.arn, &properties, old.as_ref()).await?;
                    request.created(&earlier.arn);
                    earlier.arn.clone()
                } else {
                    if let (true, None, Some(old_digest)) = (current_exists, &tagged, &old_digest) {
                        // So that it is found again when this update is rolled back.
                        self.certificates.add_tags(current, ownership_tags(request, old_digest)).await?;
                    }
                    self.request_new(request, &properties).await?
                }
            }
        };
        let outcome = self.follow(request, &properties, &arn).await?;
        if let (Outcome::Ready(_), Some(old)) = (&outcome, &old) {
            self.tidy(request, [current, &arn], &old.digest(home), &all).await;
        }
        Ok(outcome)
    }

    async fn delete(
        &self,
        request: &Request,
        current: Option<&str>,
        properties: Option<Properties>,
    ) -> Result<Deletion, Error> {
        let doomed = match current {
            Some(id) if CertificateArn::parse(id).is_some() => vec![id.to_owned()],
            // The marker of another provider: it made nothing.
            Some(_) => Vec::new(),
            None => {
                let region = properties.as_ref().map_or(self.certificates.home(), |properties| self.region(properties));
                let domains = properties.iter().map(|properties| normalised(&properties.domain_name)).collect();
                let own = relatives::own(&self.certificates, region, request, &domains).await?;
                own.into_iter().map(|own| own.arn).collect()
            }
        };
        for arn in doomed {
            if let Some(pending) = self.remove(request, &arn, properties.as_ref()).await? {
                return Ok(pending.into());
            }
        }
        Ok(Deletion::Deleted)
    }

    fn is_transient(&self, error: &Error) -> bool {
        error.is_transient()
    }
}
