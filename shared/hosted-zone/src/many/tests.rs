//! Against a Route 53 in memory that pages as the real one does and refuses a batch as a whole.

use std::{
    cmp::Reverse,
    sync::{Arc, Mutex},
};

use aws_sdk_route53::{
    config::retry::RetryConfig,
    error::ErrorMetadata,
    operation::{
        change_resource_record_sets::{ChangeResourceRecordSetsError, ChangeResourceRecordSetsOutput},
        list_resource_record_sets::{ListResourceRecordSetsError, ListResourceRecordSetsOutput},
    },
    primitives::DateTime,
    types::{AliasTarget, ChangeInfo, ChangeStatus},
};
use aws_smithy_mocks::{MockResponse, RuleMode, mock, mock_client};

use super::*;

#[derive(Default)]
struct State {
    standing: Vec<ResourceRecordSet>,
    page: usize,
    /// How many changes each call had.
    batches: Vec<usize>,
    lists: usize,
    /// Names that are refused.
    refused: Vec<&'static str>,
    /// With which code the list with this number fails.
    broken_list: Option<(usize, &'static str)>,
    /// With which code every change fails.
    broken_changes: Option<&'static str>,
}

#[derive(Clone, Default)]
struct Route53(Arc<Mutex<State>>);

/// Route 53's order: by the labels from the right, then by type.
fn place(set: &ResourceRecordSet) -> (Vec<String>, String) {
    (labels(set.name()), set.r#type().as_str().to_owned())
}

fn labels(name: &str) -> Vec<String> {
    normalised(name).rsplit('.').map(str::to_owned).collect()
}

impl Route53 {
    fn with(page: usize, mut standing: Vec<ResourceRecordSet>) -> Self {
        standing.sort_by_key(place);
        Self(Arc::new(Mutex::new(State { standing, page, ..State::default() })))
    }

    fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    fn records(&self) -> ZoneRecords {
        let (list, change) = (self.clone(), self.clone());
        let list = mock!(Client::list_resource_record_sets).then_compute_response(move |input| {
            list.state(|state| {
                state.lists += 1;
                if let Some((number, code)) = state.broken_list
                    && number == state.lists
                {
                    let error = ErrorMetadata::builder().code(code).build();
                    return MockResponse::Error(ListResourceRecordSetsError::generic(error));
                }
                let kind = input.start_record_type().map_or(String::new(), |kind| kind.as_str().to_owned());
                let start = (labels(input.start_record_name().unwrap()), kind);
                let mut rest = state.standing.iter().filter(|set| place(set) >= start).cloned();
                let page: Vec<_> = rest.by_ref().take(state.page).collect();
                let next = rest.next();
                let output = ListResourceRecordSetsOutput::builder()
                    .set_resource_record_sets(Some(page))
                    .is_truncated(next.is_some())
                    .set_next_record_name(next.as_ref().map(|next| next.name().to_owned()))
                    .set_next_record_type(next.as_ref().map(|next| next.r#type().clone()))
                    .max_items(300);
                MockResponse::Output(output.build().unwrap())
            })
        });
        let change = mock!(Client::change_resource_record_sets).then_compute_response(move |input| {
            change.state(|state| {
                let changes = input.change_batch().unwrap().changes();
                state.batches.push(changes.len());
                let names = changes.iter().map(|change| change.resource_record_set().unwrap().name().to_owned());
                let is_refused = names.clone().any(|name| state.refused.contains(&name.as_str()));
                match state.broken_changes.or(is_refused.then_some("InvalidChangeBatch")) {
                    Some(code) => {
                        let error = ErrorMetadata::builder().code(code).build();
                        MockResponse::Error(ChangeResourceRecordSetsError::generic(error))
                    }
                    None => {
                        let info = ChangeInfo::builder().id("C").status(ChangeStatus::Pending);
                        let info = info.submitted_at(DateTime::from_secs(0)).build().unwrap();
                        MockResponse::Output(ChangeResourceRecordSetsOutput::builder().change_info(info).build())
                    }
                }
            })
        });
        let client = mock_client!(aws_sdk_route53, RuleMode::MatchAny, [&list, &change], |config| {
            config.retry_config(RetryConfig::disabled())
        });
        ZoneRecords::new(client, "Z1")
    }
}

fn record(name: &str, record_type: RrType, value: &str) -> Record {
    Record { name: name.to_owned(), record_type, ttl: 60, values: vec![value.to_owned()] }
}

fn set(name: &str) -> ResourceRecordSet {
    record(name, RrType::A, "198.51.100.1").to_record_set().unwrap()
}

fn alias(name: &str) -> ResourceRecordSet {
    let target = AliasTarget::builder().hosted_zone_id("Z2").dns_name("elb.").evaluate_target_health(false);
    ResourceRecordSet::builder().name(name).r#type(RrType::A).alias_target(target.build().unwrap()).build().unwrap()
}

/// One group a name: its address, and the text beside it.
fn groups(count: usize) -> Vec<Together> {
    let group = |number| {
        let name = format!("vc-{number}.example.org.");
        vec![
            RecordChange::Upsert(record(&name, RrType::A, "198.51.100.1")),
            RecordChange::Upsert(record(&name, RrType::Txt, "\"me\"")),
        ]
    };
    (0..count).map(group).collect()
}

#[tokio::test]
async fn the_names_below_a_domain_page_by_page() {
    let mut standing: Vec<_> = (0..10).map(|number| set(&format!("vc-{number}.meet.example.org."))).collect();
    standing.push(record("vc-3.meet.example.org.", RrType::Txt, "\"me\"").to_record_set().unwrap());
    standing.push(alias("vc-a.meet.example.org."));
    standing.extend(["meet.example.org.", "tu-1.meet.example.org.", "vb.meet.example.org."].map(set));
    standing
        .extend(["x.vc-3.meet.example.org.", "vd.meet.example.org.", "vc-1.example.org.", "zz.example.org."].map(set));
    for page in [1, 3, 100] {
        let route53 = Route53::with(page, standing.clone());
        let found = route53.records().labelled("vc-", "meet.example.org").await.unwrap();
        let names: Vec<_> = found.iter().map(|found| found.name.trim_end_matches(".meet.example.org")).collect();
        let expected = ["vc-0", "vc-1", "vc-2", "vc-3", "vc-3", "vc-4", "vc-5", "vc-6", "vc-7", "vc-8", "vc-9", "vc-a"];
        assert_eq!(names, expected, "{page}");
        assert!(found.iter().all(|found| found.simple.is_some() == (found.name != "vc-a.meet.example.org")), "{page}");
        assert_eq!(found[0].simple, Some(record("vc-0.meet.example.org.", RrType::A, "198.51.100.1")));
        assert!(route53.state(|state| state.lists) <= 14usize.div_ceil(page), "{page}");
    }
    assert!(Route53::with(3, vec![]).records().labelled("vc-", "meet.example.org").await.unwrap().is_empty());
}

#[tokio::test]
async fn part_of_a_list_is_no_list() {
    let standing: Vec<_> = (0..10).map(|number| set(&format!("vc-{number}.example.org."))).collect();
    let route53 = Route53::with(3, standing);
    route53.state(|state| state.broken_list = Some((3, "Throttling")));
    assert!(matches!(route53.records().labelled("vc-", "example.org").await, Err(Error::ListRecords { .. })));
}

#[tokio::test]
async fn changes_go_together_as_many_as_fit() {
    let route53 = Route53::default();
    let results = route53.records().change_many(&groups(500)).await;
    assert!(results.len() == 500 && results.iter().all(Result::is_ok));
    assert_eq!(route53.state(|state| state.batches.clone()), [400, 400, 200]);
    assert!(route53.records().change_many(&[]).await.is_empty());
    assert!(route53.records().change_many(&[vec![]]).await[0].is_ok(), "nothing to change is no call");
    assert_eq!(route53.state(|state| state.batches.len()), 3);
}

#[tokio::test]
async fn what_cannot_be_changed_stops_nothing_else() {
    let route53 = Route53::default();
    route53.state(|state| state.refused = vec!["vc-3.example.org.", "vc-77.example.org."]);
    let results = route53.records().change_many(&groups(100)).await;
    let failed: Vec<_> = (0..100).filter(|&number| results[number].is_err()).collect();
    assert_eq!(failed, [3, 77]);
    let mut batches = route53.state(|state| state.batches.clone());
    batches.sort_by_key(|&size| Reverse(size));
    assert_eq!(batches[0], 200);
    assert!(batches.len() < 40, "{batches:?}");
}

#[tokio::test]
async fn a_zone_that_takes_nothing_is_not_asked_for_each() {
    for (code, most) in [("Throttling", 1), ("AccessDenied", 1), ("InvalidChangeBatch", 60)] {
        let route53 = Route53::default();
        route53.state(|state| state.broken_changes = Some(code));
        let results = route53.records().change_many(&groups(100)).await;
        assert!(results.len() == 100 && results.iter().all(Result::is_err), "{code}");
        let calls = route53.state(|state| state.batches.len());
        assert!(calls <= most, "{code}: {calls} calls");
    }
}
