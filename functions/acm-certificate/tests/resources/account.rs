//! An AWS account in memory: ACM in every region, Route 53, STS.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_sdk_acm::{
    config::retry::RetryConfig,
    error::ErrorMetadata,
    operation::{
        add_tags_to_certificate::{AddTagsToCertificateError, AddTagsToCertificateOutput},
        delete_certificate::{DeleteCertificateError, DeleteCertificateOutput},
        describe_certificate::{DescribeCertificateError, DescribeCertificateOutput},
        list_certificates::{ListCertificatesError, ListCertificatesOutput},
        list_tags_for_certificate::{ListTagsForCertificateError, ListTagsForCertificateOutput},
        remove_tags_from_certificate::{RemoveTagsFromCertificateError, RemoveTagsFromCertificateOutput},
        request_certificate::{RequestCertificateError, RequestCertificateOutput},
    },
    primitives::DateTime,
    types::{
        CertificateDetail, CertificateStatus, CertificateSummary, CertificateType, DomainStatus, DomainValidation,
        FailureReason, KeyAlgorithm, RecordType, ResourceRecord, Tag, ValidationMethod,
    },
};
use aws_sdk_route53::{
    operation::{
        change_resource_record_sets::{ChangeResourceRecordSetsError, ChangeResourceRecordSetsOutput},
        get_change::{GetChangeError, GetChangeOutput},
        get_hosted_zone::{GetHostedZoneError, GetHostedZoneOutput},
        list_resource_record_sets::{ListResourceRecordSetsError, ListResourceRecordSetsOutput},
    },
    types::{
        ChangeAction, ChangeInfo, ChangeStatus, HostedZone, HostedZoneConfig, ResourceRecord as Value,
        ResourceRecordSet, RrType,
    },
};
use aws_sdk_sts::operation::assume_role::{AssumeRoleError, AssumeRoleOutput};
use aws_smithy_mocks::{MockResponse, RuleMode, mock, mock_client};
use tokio::time::Instant;

/// The region of the function.
pub(crate) const HOME: &str = "eu-west-1";

/// A certificate as ACM keeps it.
#[derive(Debug, Clone)]
pub(crate) struct Certificate {
    pub(crate) arn: String,
    pub(crate) region: String,
    pub(crate) names: Vec<String>,
    pub(crate) key_algorithm: String,
    pub(crate) kind: CertificateType,
    pub(crate) token: String,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) status: CertificateStatus,
    pub(crate) reason: Option<FailureReason>,
    pub(crate) users: Vec<String>,
    /// Whether a list shows the first of its names only.
    pub(crate) is_listed_in_part: bool,
    /// How much older than the test it is.
    pub(crate) age: Duration,
    born: Instant,
    /// How often it was described, and how often since its records stand.
    looks: usize,
    looks_when_valid: usize,
}

impl Certificate {
    /// An issued one that nobody has tagged.
    pub(crate) fn issued(region: &str, id: &str, names: &[&str]) -> Self {
        Self {
            arn: format!("arn:aws:acm:{region}:123456789012:certificate/{id}"),
            region: region.to_owned(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            key_algorithm: "RSA_2048".to_owned(),
            kind: CertificateType::AmazonIssued,
            token: String::new(),
            tags: BTreeMap::new(),
            status: CertificateStatus::Issued,
            reason: None,
            users: Vec::new(),
            is_listed_in_part: false,
            age: Duration::from_secs(86400),
            born: Instant::now(),
            looks: 0,
            looks_when_valid: 0,
        }
    }
}

/// The record that validates a name: its name and value, the same in every region of an account.
pub(crate) fn record_of(name: &str) -> (String, String) {
    let domain = name.strip_prefix("*.").unwrap_or(name);
    (format!("_token.{domain}."), format!("_value.{domain}.acm-validations.aws."))
}

#[derive(Debug, Clone)]
pub(crate) struct Zone {
    pub(crate) name: &'static str,
    pub(crate) is_private: bool,
    pub(crate) records: Vec<ResourceRecordSet>,
}

pub(crate) fn cname(name: &str, value: &str) -> ResourceRecordSet {
    let value = Value::builder().value(value).build().unwrap();
    ResourceRecordSet::builder().name(name).r#type(RrType::Cname).ttl(60).resource_records(value).build().unwrap()
}

/// What the account holds, and the habits of its services.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) certificates: Vec<Certificate>,
    pub(crate) zones: BTreeMap<&'static str, Zone>,
    /// Every call: the operation, and the region or the zone.
    pub(crate) calls: Vec<String>,
    /// How many records more ACM names at every look; all at once if not given.
    pub(crate) records_a_look: Option<usize>,
    /// How often ACM looks at records that stand before it has a verdict.
    pub(crate) looks_to_validate: usize,
    /// The verdict, if it is not that the certificate is issued.
    pub(crate) verdict: Option<(CertificateStatus, Option<FailureReason>)>,
    /// For how long ACM says that a new certificate is validated by mail.
    pub(crate) mail: Duration,
    /// Whether new certificates are missing in lists.
    pub(crate) is_list_stale: bool,
    /// Whether lists still show what is deleted.
    pub(crate) is_list_slow: bool,
    /// After how many looks at a certificate its users let go of it.
    pub(crate) looks_until_unused: Option<usize>,
    /// How often Route 53 says that a change is pending.
    pub(crate) publication: usize,
    /// The roles assumed, with the external ids.
    pub(crate) roles: Vec<(String, Option<String>)>,
    /// Which certificate a token led to, whether it still exists or not.
    tokens: BTreeMap<(String, String), String>,
    deleted: Vec<Certificate>,
    refusals: Vec<(String, &'static str, usize)>,
}

type Answer<O> = Result<O, &'static str>;

#[derive(Clone, Default)]
pub(crate) struct Account(Arc<Mutex<State>>);

impl Account {
    pub(crate) fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    /// Refuses the next calls of an operation (`ListCertificates`), or of it in one region or zone (`ListCertificates us-east-1`).
    pub(crate) fn refuse(&self, call: &str, code: &'static str, times: usize) {
        self.state(|state| state.refusals.push((call.to_owned(), code, times)));
    }

    fn serve<O, E>(
        &self,
        operation: &str,
        place: &str,
        generic: impl Fn(ErrorMetadata) -> E,
        work: impl FnOnce(&mut State) -> Answer<O>,
    ) -> MockResponse<O, E> {
        self.state(|state| {
            let call = format!("{operation} {place}");
            let refusal = state
                .refusals
                .iter_mut()
                .find(|(refused, _, left)| *left > 0 && (*refused == call || refused == operation));
            let code = refusal.map(|(_, code, left)| {
                *left -= 1;
                *code
            });
            state.calls.push(call);
            match code.map_or_else(|| work(state), Err) {
                Ok(output) => MockResponse::Output(output),
                Err(code) => {
                    let message = format!("{operation} said so");
                    MockResponse::Error(generic(ErrorMetadata::builder().code(code).message(message).build()))
                }
            }
        })
    }

    /// ACM in a region.
    pub(crate) fn acm(&self, region: &str) -> aws_sdk_acm::Client {
        use aws_sdk_acm::Client;
        let [request, describe, list, tags, add, remove, delete] =
            std::array::from_fn(|_| (self.clone(), region.to_owned()));
        let request = mock!(Client::request_certificate).then_compute_response(move |input| {
            let (account, region) = &request;
            account.serve("RequestCertificate", region, RequestCertificateError::generic, |state| {
                assert_eq!(input.validation_method(), Some(&ValidationMethod::Dns));
                let token = (region.clone(), input.idempotency_token().unwrap().to_owned());
                let answer = RequestCertificateOutput::builder();
                if let Some(arn) = state.tokens.get(&token) {
                    return Ok(answer.certificate_arn(arn).build());
                }
                let id = format!("{:08}", state.tokens.len() + 1);
                let names: Vec<_> = input.domain_name().into_iter().collect();
                let mut new = Certificate::issued(region, &id, &names);
                new.names.extend(input.subject_alternative_names().iter().cloned());
                new.token.clone_from(&token.1);
                new.tags = input.tags().iter().map(pair).collect();
                new.key_algorithm = input.key_algorithm().map_or("RSA_2048", KeyAlgorithm::as_str).to_owned();
                new.status = CertificateStatus::PendingValidation;
                new.age = Duration::ZERO;
                if input.certificate_authority_arn().is_some() {
                    (new.kind, new.status) = (CertificateType::Private, CertificateStatus::Issued);
                }
                let arn = new.arn.clone();
                state.tokens.insert(token, arn.clone());
                state.certificates.push(new);
                Ok(answer.certificate_arn(arn).build())
            })
        });
        let describe = mock!(Client::describe_certificate).then_compute_response(move |input| {
            let (account, region) = &describe;
            account.serve("DescribeCertificate", region, DescribeCertificateError::generic, |state| {
                let detail = state.look_at(region, input.certificate_arn())?;
                Ok(DescribeCertificateOutput::builder().certificate(detail).build())
            })
        });
        let list = mock!(Client::list_certificates).then_compute_response(move |input| {
            let (account, region) = &list;
            account.serve("ListCertificates", region, ListCertificatesError::generic, |state| {
                let types = input.includes().map(|filters| filters.key_types().to_vec()).unwrap_or_default();
                let asked = |one: &&Certificate| {
                    let key = KeyAlgorithm::from(one.key_algorithm.as_str());
                    let is_of_type = if types.is_empty() { key == KeyAlgorithm::Rsa2048 } else { types.contains(&key) };
                    one.region == *region && is_of_type && input.certificate_statuses().contains(&one.status)
                };
                let all: Vec<_> = if state.is_list_stale {
                    Vec::new()
                } else {
                    state.certificates.iter().chain(&state.deleted).filter(asked).map(summary).collect()
                };
                // Two a page.
                let from: usize = input.next_token().map_or(0, |token| token.parse().unwrap());
                let page = all.iter().skip(from).take(2).cloned().collect();
                let next = (all.len() > from + 2).then(|| (from + 2).to_string());
                Ok(ListCertificatesOutput::builder()
                    .set_certificate_summary_list(Some(page))
                    .set_next_token(next)
                    .build())
            })
        });
        let tags = mock!(Client::list_tags_for_certificate).then_compute_response(move |input| {
            let (account, region) = &tags;
            account.serve("ListTagsForCertificate", region, ListTagsForCertificateError::generic, |state| {
                let one = state.find(region, input.certificate_arn())?;
                let tags = one.tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build().unwrap());
                Ok(ListTagsForCertificateOutput::builder().set_tags(Some(tags.collect())).build())
            })
        });
        let add = mock!(Client::add_tags_to_certificate).then_compute_response(move |input| {
            let (account, region) = &add;
            account.serve("AddTagsToCertificate", region, AddTagsToCertificateError::generic, |state| {
                state.find(region, input.certificate_arn())?.tags.extend(input.tags().iter().map(pair));
                Ok(AddTagsToCertificateOutput::builder().build())
            })
        });
        let remove = mock!(Client::remove_tags_from_certificate).then_compute_response(move |input| {
            let (account, region) = &remove;
            account.serve("RemoveTagsFromCertificate", region, RemoveTagsFromCertificateError::generic, |state| {
                let one = state.find(region, input.certificate_arn())?;
                for tag in input.tags() {
                    // With a value, only the tag that has it.
                    let stays = tag.value().is_some_and(|value| one.tags.get(tag.key()).is_some_and(|is| is != value));
                    if !stays {
                        one.tags.remove(tag.key());
                    }
                }
                Ok(RemoveTagsFromCertificateOutput::builder().build())
            })
        });
        let delete = mock!(Client::delete_certificate).then_compute_response(move |input| {
            let (account, region) = &delete;
            account.serve("DeleteCertificate", region, DeleteCertificateError::generic, |state| {
                let one = state.find(region, input.certificate_arn())?;
                if !one.users.is_empty() {
                    return Err("ResourceInUseException");
                }
                let deleted = one.clone();
                state.certificates.retain(|one| one.arn != deleted.arn);
                if state.is_list_slow {
                    state.deleted.push(deleted);
                }
                Ok(DeleteCertificateOutput::builder().build())
            })
        });
        let rules = [&request, &describe, &list, &tags, &add, &remove, &delete];
        mock_client!(aws_sdk_acm, RuleMode::MatchAny, rules, |config| config.retry_config(RetryConfig::disabled()))
    }

    pub(crate) fn route53(&self) -> aws_sdk_route53::Client {
        use aws_sdk_route53::Client;
        let [get, list, change, status] = std::array::from_fn(|_| self.clone());
        let get = mock!(Client::get_hosted_zone).then_compute_response(move |input| {
            let id = input.id().unwrap();
            get.serve("GetHostedZone", id, GetHostedZoneError::generic, |state| {
                let zone = state.zone(id)?;
                let config = HostedZoneConfig::builder().private_zone(zone.is_private).build();
                let answer = HostedZone::builder().id(id).name(format!("{}.", zone.name)).caller_reference("r");
                Ok(GetHostedZoneOutput::builder().hosted_zone(answer.config(config).build().unwrap()).build())
            })
        });
        let list = mock!(Client::list_resource_record_sets).then_compute_response(move |input| {
            let id = input.hosted_zone_id().unwrap();
            list.serve("ListResourceRecordSets", id, ListResourceRecordSetsError::generic, |state| {
                let answer = ListResourceRecordSetsOutput::builder().is_truncated(false).max_items(100);
                Ok(answer.set_resource_record_sets(Some(state.zone(id)?.records.clone())).build().unwrap())
            })
        });
        let change = mock!(Client::change_resource_record_sets).then_compute_response(move |input| {
            let id = input.hosted_zone_id().unwrap();
            change.serve("ChangeResourceRecordSets", id, ChangeResourceRecordSetsError::generic, |state| {
                let zone = state.zone(id)?;
                for change in input.change_batch().unwrap().changes() {
                    let set = change.resource_record_set().unwrap();
                    let place = zone.records.iter().position(|found| found.name() == set.name());
                    match (change.action(), place) {
                        (ChangeAction::Create, None) => zone.records.push(set.clone()),
                        (ChangeAction::Delete, Some(place)) if zone.records[place] == *set => {
                            zone.records.remove(place);
                        }
                        _ => return Err("InvalidChangeBatch"),
                    }
                }
                Ok(ChangeResourceRecordSetsOutput::builder().change_info(change_info(ChangeStatus::Pending)).build())
            })
        });
        let status = mock!(Client::get_change).then_compute_response(move |input| {
            status.serve("GetChange", input.id().unwrap(), GetChangeError::generic, |state| {
                let left = state.publication;
                state.publication = left.saturating_sub(1);
                let status = if left == 0 { ChangeStatus::Insync } else { ChangeStatus::Pending };
                Ok(GetChangeOutput::builder().change_info(change_info(status)).build())
            })
        });
        mock_client!(aws_sdk_route53, RuleMode::MatchAny, [&get, &list, &change, &status], |config| {
            config.retry_config(RetryConfig::disabled())
        })
    }

    pub(crate) fn sts(&self) -> aws_sdk_sts::Client {
        let account = self.clone();
        let assume = mock!(aws_sdk_sts::Client::assume_role).then_compute_response(move |input| {
            let role = input.role_arn().unwrap();
            account.serve("AssumeRole", role, AssumeRoleError::generic, |state| {
                state.roles.push((role.to_owned(), input.external_id().map(str::to_owned)));
                Ok(AssumeRoleOutput::builder().build())
            })
        });
        mock_client!(aws_sdk_sts, RuleMode::MatchAny, [&assume], |config| config.retry_config(RetryConfig::disabled()))
    }
}

impl State {
    fn find(&mut self, region: &str, arn: Option<&str>) -> Answer<&mut Certificate> {
        let found = self.certificates.iter_mut().find(|one| one.region == region && Some(one.arn.as_str()) == arn);
        found.ok_or("ResourceNotFoundException")
    }

    fn zone(&mut self, id: &str) -> Answer<&mut Zone> {
        self.zones.get_mut(id).ok_or("NoSuchHostedZone")
    }

    /// Describes a certificate. ACM goes on with its work between two looks.
    fn look_at(&mut self, region: &str, arn: Option<&str>) -> Answer<CertificateDetail> {
        let standing: BTreeSet<_> = self
            .zones
            .values()
            .filter(|zone| !zone.is_private)
            .flat_map(|zone| &zone.records)
            .map(|set| (set.name().to_owned(), set.resource_records()[0].value().to_owned()))
            .collect();
        let State { records_a_look, looks_to_validate, looks_until_unused, mail, .. } = *self;
        let (status, reason) = self.verdict.clone().unwrap_or((CertificateStatus::Issued, None));
        let one = self.find(region, arn)?;
        if looks_until_unused.is_some_and(|looks| one.looks >= looks) {
            one.users.clear();
        }
        let named = records_a_look.map_or(usize::MAX, |many| many * one.looks);
        one.looks += 1;
        let age = one.age + one.born.elapsed();
        let is_by_mail = age < mail;
        if one.status == CertificateStatus::PendingValidation
            && one.names.iter().all(|name| standing.contains(&record_of(name)))
        {
            one.looks_when_valid += 1;
            if one.looks_when_valid > looks_to_validate {
                (one.status, one.reason) = (status, reason);
            }
        }
        let options = one.names.iter().enumerate().map(|(index, name)| {
            let (record, value) = record_of(name);
            let record = ResourceRecord::builder().name(record).r#type(RecordType::Cname).value(value);
            let is_valid = one.status == CertificateStatus::Issued;
            DomainValidation::builder()
                .domain_name(name)
                .validation_method(if is_by_mail { ValidationMethod::Email } else { ValidationMethod::Dns })
                .validation_status(if is_valid { DomainStatus::Success } else { DomainStatus::PendingValidation })
                .set_resource_record((index < named && !is_by_mail).then(|| record.build().unwrap()))
                .build()
                .unwrap()
        });
        let options: Vec<_> = options.filter(|_| one.kind != CertificateType::Private).collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let created = i64::try_from((now - age).as_secs()).unwrap();
        Ok(CertificateDetail::builder()
            .certificate_arn(&one.arn)
            .domain_name(&one.names[0])
            .set_subject_alternative_names(Some(one.names.clone()))
            .set_domain_validation_options(Some(options))
            .status(one.status.clone())
            .set_failure_reason(one.reason.clone())
            .set_in_use_by(Some(one.users.clone()))
            .created_at(DateTime::from_secs(created))
            .build())
    }
}

fn summary(one: &Certificate) -> CertificateSummary {
    let names = if one.is_listed_in_part { &one.names[..1] } else { &one.names[..] };
    CertificateSummary::builder()
        .certificate_arn(&one.arn)
        .domain_name(&one.names[0])
        .set_subject_alternative_name_summaries(Some(names.to_vec()))
        .has_additional_subject_alternative_names(one.is_listed_in_part)
        .r#type(one.kind.clone())
        .status(one.status.clone())
        .in_use(!one.users.is_empty())
        .build()
}

fn pair(tag: &Tag) -> (String, String) {
    (tag.key().to_owned(), tag.value().unwrap_or_default().to_owned())
}

fn change_info(status: ChangeStatus) -> ChangeInfo {
    ChangeInfo::builder().id("C1").status(status).submitted_at(DateTime::from_secs(0)).build().unwrap()
}
