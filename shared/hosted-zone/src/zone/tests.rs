//! Against a Route 53 in memory that refuses what the real one refuses.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use aws_sdk_route53::{
    config::{
        ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeTransmitInterceptorContextRef, retry::RetryConfig,
    },
    error::{BoxError, ErrorMetadata},
    operation::{
        change_resource_record_sets::{ChangeResourceRecordSetsError, ChangeResourceRecordSetsOutput},
        get_change::{GetChangeError, GetChangeOutput},
        get_hosted_zone::{GetHostedZoneError, GetHostedZoneOutput},
        list_resource_record_sets::{ListResourceRecordSetsError, ListResourceRecordSetsOutput},
    },
    primitives::DateTime,
    types::{ChangeInfo, DelegationSet, HostedZone as Description, HostedZoneConfig, ResourceRecord, RrType},
};
use aws_sdk_sts::operation::assume_role::{AssumeRoleError, AssumeRoleInput, AssumeRoleOutput};
use aws_smithy_mocks::{MockResponse, RuleMode, mock, mock_client};
use custom_resource::with_causes;

use super::*;

const ZONE: &str = "Z0123456789";

#[derive(Default)]
struct State {
    standing: Vec<ResourceRecordSet>,
    /// The batches that were accepted.
    batches: Vec<Vec<Change>>,
    /// How often each operation was called.
    calls: BTreeMap<&'static str, usize>,
    /// Operations that are refused, with the code, once for every entry.
    refusals: Vec<(&'static str, &'static str)>,
    /// What somebody else does to the records just before the next batches arrive.
    rivals: VecDeque<Vec<ResourceRecordSet>>,
    /// How often a change is still on its way when it is asked for.
    publication: usize,
    is_private: bool,
    roles: Vec<AssumeRoleInput>,
    /// The access keys that calls of Route 53 were signed with.
    keys: Vec<String>,
}

#[derive(Clone, Default)]
struct Route53(Arc<Mutex<State>>);

impl Route53 {
    fn with(standing: impl IntoIterator<Item = ResourceRecordSet>) -> Self {
        let fake = Self::default();
        fake.state(|state| state.standing = standing.into_iter().collect());
        fake
    }

    fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    fn refuse(&self, operation: &'static str, code: &'static str) {
        self.state(|state| state.refusals.push((operation, code)));
    }

    fn serve<O, E>(
        &self,
        operation: &'static str,
        generic: impl Fn(ErrorMetadata) -> E,
        work: impl FnOnce(&mut State) -> Result<O, &'static str>,
    ) -> MockResponse<O, E> {
        self.state(|state| {
            *state.calls.entry(operation).or_default() += 1;
            let refusal = state.refusals.iter().position(|(refused, _)| *refused == operation);
            let result = match refusal.map(|index| state.refusals.remove(index).1) {
                Some(code) => Err(code),
                None => work(state),
            };
            match result {
                Ok(output) => MockResponse::Output(output),
                Err(code) => {
                    let message = format!("{operation} said {code}");
                    MockResponse::Error(generic(ErrorMetadata::builder().code(code).message(message).build()))
                }
            }
        })
    }

    fn zones(&self) -> HostedZones {
        let [get, list, change, status, assume] = std::array::from_fn(|_| self.clone());
        let get = mock!(Client::get_hosted_zone).then_compute_response(move |input| {
            get.serve("GetHostedZone", GetHostedZoneError::generic, |state| {
                let config = HostedZoneConfig::builder().private_zone(state.is_private).build();
                let zone = Description::builder().id(input.id().unwrap()).name("Example.org.").caller_reference("r");
                let servers = DelegationSet::builder().name_servers("ns-1.awsdns-1.org").build().unwrap();
                Ok(GetHostedZoneOutput::builder()
                    .hosted_zone(zone.config(config).build().unwrap())
                    .delegation_set(servers)
                    .build())
            })
        });
        let list = mock!(Client::list_resource_record_sets).then_compute_response(move |input| {
            list.serve("ListResourceRecordSets", ListResourceRecordSetsError::generic, |state| {
                // From the name that was asked for on, whatever follows it.
                let start = normalised(input.start_record_name().unwrap());
                let from = state.standing.iter().position(|set| normalised(set.name()) == start);
                let sets = from.map_or(&[][..], |from| &state.standing[from..]).to_vec();
                let page = ListResourceRecordSetsOutput::builder().set_resource_record_sets(Some(sets));
                Ok(page.is_truncated(false).max_items(100).build().unwrap())
            })
        });
        let change = mock!(Client::change_resource_record_sets).then_compute_response(move |input| {
            change.serve("ChangeResourceRecordSets", ChangeResourceRecordSetsError::generic, |state| {
                if let Some(standing) = state.rivals.pop_front() {
                    state.standing = standing;
                }
                let batch = input.change_batch().unwrap().changes();
                state.standing = applied(state.standing.clone(), batch).ok_or("InvalidChangeBatch")?;
                state.batches.push(batch.to_vec());
                Ok(ChangeResourceRecordSetsOutput::builder().change_info(info(ChangeStatus::Pending)).build())
            })
        });
        let status = mock!(Client::get_change).then_compute_response(move |input| {
            status.serve("GetChange", GetChangeError::generic, |state| {
                assert_eq!(input.id(), Some("C1"));
                let left = state.publication;
                state.publication = left.saturating_sub(1);
                let status = if left == 0 { ChangeStatus::Insync } else { ChangeStatus::Pending };
                Ok(GetChangeOutput::builder().change_info(info(status)).build())
            })
        });
        let assume = mock!(aws_sdk_sts::Client::assume_role).then_compute_response(move |input| {
            assume.serve("AssumeRole", AssumeRoleError::generic, |state| {
                state.roles.push(input.clone());
                let granted = aws_sdk_sts::types::Credentials::builder()
                    .access_key_id("KEYOFTHEROLE")
                    .secret_access_key("secret")
                    .session_token("token")
                    .expiration(DateTime::from_secs(2_000_000_000));
                Ok(AssumeRoleOutput::builder().credentials(granted.build().unwrap()).build())
            })
        });
        let keys = Keys(self.clone());
        let route53 =
            mock_client!(aws_sdk_route53, RuleMode::MatchAny, [&get, &list, &change, &status], move |config| {
                config.retry_config(RetryConfig::disabled()).interceptor(keys.clone())
            });
        let sts = mock_client!(aws_sdk_sts, RuleMode::MatchAny, [&assume], |config| {
            config.retry_config(RetryConfig::disabled())
        });
        HostedZones::from_clients(route53, sts)
    }

    async fn zone(&self) -> HostedZone {
        self.zones().open(&ZoneReference { id: ZONE.to_owned(), role: None }).await.unwrap()
    }

    fn standing(&self) -> Vec<ResourceRecordSet> {
        self.state(|state| state.standing.clone())
    }

    fn batches(&self) -> usize {
        self.state(|state| state.batches.len())
    }

    fn calls(&self, operation: &str) -> usize {
        self.state(|state| state.calls.get(operation).copied().unwrap_or_default())
    }
}

/// Notes whose credentials a request is signed with.
#[derive(Clone)]
struct Keys(Route53);

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

impl Intercept for Keys {
    fn name(&self) -> &'static str {
        "Keys"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let authorization = context.request().headers().get("authorization").unwrap_or_default();
        let key = authorization.split(['=', '/']).nth(1).unwrap_or_default().to_owned();
        self.0.state(|state| state.keys.push(key));
        Ok(())
    }
}

/// The records after a batch, all of it or nothing.
fn applied(mut standing: Vec<ResourceRecordSet>, batch: &[Change]) -> Option<Vec<ResourceRecordSet>> {
    let alike = |one: &ResourceRecordSet, other: &ResourceRecordSet| {
        normalised(one.name()) == normalised(other.name()) && one.r#type() == other.r#type()
    };
    for change in batch {
        let set = change.resource_record_set().unwrap();
        match change.action() {
            ChangeAction::Create if !standing.iter().any(|found| alike(found, set)) => standing.push(set.clone()),
            ChangeAction::Delete => {
                standing.remove(standing.iter().position(|found| found == set)?);
            }
            _ => return None,
        }
    }
    Some(standing)
}

fn info(status: ChangeStatus) -> ChangeInfo {
    ChangeInfo::builder().id("C1").status(status).submitted_at(DateTime::from_secs(0)).build().unwrap()
}

fn record(name: &str, value: &str) -> Record {
    Record { name: name.to_owned(), record_type: RrType::Cname, ttl: 300, values: vec![value.to_owned()] }
}

fn set(name: &str, ttl: i64, value: &str) -> ResourceRecordSet {
    Record { ttl, ..record(name, value) }.to_record_set().unwrap()
}

fn weighted(name: &str, value: &str, identifier: &str) -> ResourceRecordSet {
    let value = ResourceRecord::builder().value(value).build().unwrap();
    let set = ResourceRecordSet::builder().name(name).r#type(RrType::Cname).ttl(60).resource_records(value);
    set.weight(1).set_identifier(identifier).build().unwrap()
}

fn alias(name: &str) -> ResourceRecordSet {
    ResourceRecordSet::builder().name(name).r#type(RrType::Cname).build().unwrap()
}

#[tokio::test]
async fn a_zone_says_what_it_is() {
    let route53 = Route53::default();
    let zone = route53.zone().await;
    assert_eq!((zone.id(), zone.name(), zone.is_private()), (ZONE, "example.org", false));
    assert_eq!(zone.name_servers(), ["ns-1.awsdns-1.org"]);
    assert!(zone.holds("*.A.example.org.") && !zone.holds("badexample.org"));
    route53.state(|state| state.is_private = true);
    assert!(route53.zone().await.is_private());
}

#[tokio::test]
async fn only_what_is_missing_is_created_and_in_one_change() {
    let route53 = Route53::with([set("_b.example.org.", 300, "b.aws.")]);
    let zone = route53.zone().await;
    let records = ["a", "b", "c"].map(|label| record(&format!("_{label}.example.org."), &format!("{label}.aws.")));
    assert_eq!(zone.ensure(&records).await.unwrap().as_deref(), Some("C1"));
    let created: Vec<_> = route53.state(|state| {
        let [batch] = state.batches.as_slice() else { panic!("{:?}", state.batches) };
        batch.iter().map(|change| (change.action().clone(), change.resource_record_set().unwrap().clone())).collect()
    });
    let expected = ["a", "c"]
        .map(|label| (ChangeAction::Create, set(&format!("_{label}.example.org."), 300, &format!("{label}.aws."))));
    assert_eq!(created, expected);
    assert_eq!(zone.ensure(&records).await.unwrap(), None, "all stand");
    assert_eq!(route53.batches(), 1);
}

#[tokio::test]
async fn a_record_that_says_the_same_is_left_alone() {
    for standing in [
        set("_A.Example.ORG", 300, "x.aws."),
        set("_a.example.org.", 60, "x.aws."),
        set("_a.example.org.", 300, "X.AWS"),
        weighted("_a.example.org.", "x.aws.", "other-stack"),
    ] {
        let route53 = Route53::with([standing.clone()]);
        assert_eq!(route53.zone().await.ensure(&[record("_a.example.org.", "x.aws.")]).await.unwrap(), None);
        assert_eq!((route53.standing(), route53.batches()), (vec![standing], 0));
    }
}

#[tokio::test]
async fn a_text_that_differs_in_case_is_another_text() {
    let text = |value: &str| Record { record_type: RrType::Txt, ..record("a.example.org", value) };
    let route53 = Route53::with([text("\"Token\"").to_record_set().unwrap()]);
    let zone = route53.zone().await;
    assert_eq!(zone.ensure(&[text("\"Token\"")]).await.unwrap(), None);
    assert!(matches!(zone.ensure(&[text("\"token\"")]).await, Err(Error::Conflict { .. })));
}

#[tokio::test]
async fn a_record_that_says_something_else_is_a_conflict_and_nothing_is_written() {
    let records = [record("_new.example.org.", "x.aws."), record("_A.example.org.", "x.aws.")];
    for (standing, existing) in [
        (vec![set("_a.example.org.", 300, "y.aws.")], "y.aws."),
        (vec![weighted("_a.example.org.", "x.aws.", "1"), weighted("_a.example.org.", "y.aws.", "2")], "y.aws."),
        (vec![alias("_a.example.org.")], "of an alias"),
    ] {
        let route53 = Route53::with(standing.clone());
        let error = route53.zone().await.ensure(&records).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "the hosted zone {ZONE} already has a CNAME record _a.example.org with the value {existing}; \
                 remove it, or make it x.aws."
            )
        );
        assert!(!error.is_transient());
        assert_eq!((route53.standing(), route53.calls("ChangeResourceRecordSets")), (standing, 0));
    }
}

#[tokio::test]
async fn a_race_for_the_same_record_is_looked_at_again() {
    let route53 = Route53::default();
    route53.state(|state| state.rivals.push_back(vec![set("_a.example.org.", 60, "x.aws.")]));
    let records = [record("_a.example.org.", "x.aws."), record("_b.example.org.", "x.aws.")];
    assert_eq!(route53.zone().await.ensure(&records).await.unwrap().as_deref(), Some("C1"));
    assert_eq!(route53.state(|state| state.batches[0].len()), 1, "the rival's record is not written again");
}

#[tokio::test]
async fn a_race_lost_to_another_value_is_a_conflict() {
    let route53 = Route53::default();
    route53.state(|state| state.rivals.push_back(vec![set("_a.example.org.", 60, "y.aws.")]));
    let error = route53.zone().await.ensure(&[record("_a.example.org.", "x.aws.")]).await.unwrap_err();
    assert!(matches!(&error, Error::Conflict { existing, .. } if existing == "y.aws."), "{error}");
}

#[tokio::test]
async fn a_batch_that_stays_invalid_is_an_error_after_one_more_look() {
    let route53 = Route53::default();
    let zone = route53.zone().await;
    (0..3).for_each(|_| route53.refuse("ChangeResourceRecordSets", "InvalidChangeBatch"));
    let error = zone.ensure(&[record("_a.example.org.", "x.aws.")]).await.unwrap_err();
    assert_eq!(
        with_causes(&error),
        format!(
            "change records of the hosted zone {ZONE}: InvalidChangeBatch: ChangeResourceRecordSets said InvalidChangeBatch"
        )
    );
    assert_eq!((route53.calls("ListResourceRecordSets"), route53.calls("ChangeResourceRecordSets")), (2, 2));
}

#[tokio::test]
async fn a_record_is_removed_exactly_as_it_was_read() {
    let route53 = Route53::with([set("_A.Example.org.", 77, "X.aws."), set("_b.example.org.", 60, "b.aws.")]);
    route53.zone().await.remove(&[record("_a.example.org", "x.aws")]).await.unwrap();
    assert_eq!(route53.standing(), [set("_b.example.org.", 60, "b.aws.")]);
    let removed = route53.state(|state| state.batches[0][0].clone());
    assert_eq!(removed.action(), &ChangeAction::Delete);
    assert_eq!(removed.resource_record_set(), Some(&set("_A.Example.org.", 77, "X.aws.")));
}

#[tokio::test]
async fn what_is_not_exactly_that_record_is_not_removed() {
    let other_type = Record { record_type: RrType::Txt, ..record("_a.example.org.", "x.aws.") };
    for standing in [
        vec![],
        vec![set("_a.example.org.", 300, "y.aws.")],
        vec![weighted("_a.example.org.", "x.aws.", "other-stack")],
        vec![other_type.to_record_set().unwrap()],
        vec![alias("_a.example.org.")],
    ] {
        let route53 = Route53::with(standing.clone());
        route53.zone().await.remove(&[record("_a.example.org.", "x.aws.")]).await.unwrap();
        assert_eq!((route53.standing(), route53.calls("ChangeResourceRecordSets")), (standing, 0));
    }
}

#[tokio::test]
async fn a_record_that_goes_or_changes_meanwhile_needs_no_removal() {
    for meanwhile in [vec![], vec![set("_a.example.org.", 60, "x.aws.")]] {
        let route53 = Route53::with([set("_a.example.org.", 300, "x.aws.")]);
        route53.state(|state| state.rivals.push_back(meanwhile.clone()));
        route53.zone().await.remove(&[record("_a.example.org.", "x.aws.")]).await.unwrap();
        assert_eq!(route53.standing(), meanwhile);
    }
}

#[tokio::test]
async fn a_change_is_in_effect_when_route_53_says_so() {
    let route53 = Route53::default();
    route53.state(|state| state.publication = 2);
    let zone = route53.zone().await;
    assert_eq!(
        [zone.is_in_sync("C1").await, zone.is_in_sync("C1").await, zone.is_in_sync("C1").await].map(Result::unwrap),
        [false, false, true]
    );
}

#[tokio::test]
async fn the_zone_of_another_account_is_changed_as_its_role() {
    let route53 = Route53::default();
    let zones = route53.zones();
    let role = Role { arn: "arn:aws:iam::222222222222:role/dns".to_owned(), external_id: Some("shared".to_owned()) };
    let zone = zones.open(&ZoneReference { id: ZONE.to_owned(), role: Some(role.clone()) }).await.unwrap();
    zone.ensure(&[record("_a.example.org.", "x.aws.")]).await.unwrap();
    zone.is_in_sync("C1").await.unwrap();
    assert_eq!(route53.state(|state| state.keys.clone()), ["KEYOFTHEROLE"; 4], "get, list, change, get change");
    let asked = route53.state(|state| state.roles.remove(0));
    assert_eq!((asked.role_arn(), asked.external_id()), (Some(role.arn.as_str()), Some("shared")));
    assert_eq!(asked.duration_seconds(), Some(900));

    let own = zones.open(&ZoneReference { id: ZONE.to_owned(), role: None }).await.unwrap();
    own.is_in_sync("C1").await.unwrap();
    assert!(!route53.state(|state| state.keys[4..].iter().any(|key| key == "KEYOFTHEROLE")));
    let without_id = Some(Role { external_id: None, ..role });
    zones.open(&ZoneReference { id: ZONE.to_owned(), role: without_id }).await.unwrap();
    assert_eq!(route53.state(|state| state.roles[0].external_id().map(str::to_owned)), None);
}

#[tokio::test]
async fn errors_name_the_operation_and_the_zone_and_tell_what_passes() {
    let role = Some(Role { arn: "arn:aws:iam::2:role/dns".to_owned(), external_id: None });
    for (operation, said) in [
        ("AssumeRole", "assume the role arn:aws:iam::2:role/dns for the hosted zone Z0123456789"),
        ("GetHostedZone", "read the hosted zone Z0123456789"),
        ("ListResourceRecordSets", "look for the record _a.example.org. in the hosted zone Z0123456789"),
        ("ChangeResourceRecordSets", "change records of the hosted zone Z0123456789"),
        ("GetChange", "ask whether the change C1 is in effect"),
    ] {
        for (code, passes) in [("Throttling", true), ("PriorRequestNotComplete", true), ("AccessDenied", false)] {
            let route53 = Route53::default();
            route53.refuse(operation, code);
            let work = async {
                let zone = route53.zones().open(&ZoneReference { id: ZONE.to_owned(), role: role.clone() }).await?;
                zone.ensure(&[record("_a.example.org.", "x.aws.")]).await?;
                zone.is_in_sync("C1").await
            };
            let error = work.await.unwrap_err();
            assert_eq!(with_causes(&error), format!("{said}: {code}: {operation} said {code}"));
            assert_eq!(error.is_transient(), passes, "{operation} {code}");
        }
    }
}

#[tokio::test]
async fn a_removal_that_is_refused_is_an_error() {
    let route53 = Route53::with([set("_a.example.org.", 300, "x.aws.")]);
    let zone = route53.zone().await;
    route53.refuse("ChangeResourceRecordSets", "AccessDenied");
    let error = zone.remove(&[record("_a.example.org.", "x.aws.")]).await.unwrap_err();
    assert!(matches!(error, Error::ChangeRecords { .. }), "{error}");
}
