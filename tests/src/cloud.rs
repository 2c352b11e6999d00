//! The local AWS and what stands in it.

use std::collections::BTreeMap;

use aws_sdk_acm::types::{CertificateStatus, Tag};
use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType};
use rehearsal::local_aws::{ACCOUNT, LocalAws, REGION};
use serde_json::json;

use crate::{unique_word, workspace_root};

/// The local AWS, with clients.
#[derive(Debug)]
pub struct Cloud {
    aws: LocalAws,
    acm: aws_sdk_acm::Client,
    route53: aws_sdk_route53::Client,
    /// What the role for other accounts' zones asks for.
    pub external_id: String,
}

/// The role that may change zones, as another account's would.
pub const ZONE_ROLE: &str = "zones";

/// The ARN of a role in the local AWS.
#[must_use]
pub fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

impl Cloud {
    /// Starts it; installs it before if need be.
    pub async fn start() -> Self {
        Self::in_aws(start_local_aws().await).await
    }

    /// The same in a local AWS that runs.
    pub async fn in_aws(aws: LocalAws) -> Self {
        let config = aws.sdk_config();
        let cloud = Self {
            acm: aws_sdk_acm::Client::new(&config),
            route53: aws_sdk_route53::Client::new(&config),
            aws,
            external_id: unique_word("external-id-"),
        };
        cloud.make_zone_role().await;
        cloud
    }

    /// Ends its processes.
    pub async fn stop(self) {
        self.aws.stop().await.expect("the local AWS stops");
    }

    /// Where it answers.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.aws.endpoint()
    }

    /// How others reach it, as its root user.
    #[must_use]
    pub fn client_environment(&self) -> Vec<(&'static str, String)> {
        self.aws.client_environment()
    }

    /// Makes a public hosted zone and gives its id.
    pub async fn make_zone(&self, domain: &str) -> String {
        let made = self.route53.create_hosted_zone().name(domain).caller_reference(unique_word("zone-"));
        let made = made.send().await.expect("a hosted zone");
        made.hosted_zone().expect("a zone").id().trim_start_matches("/hostedzone/").to_owned()
    }

    /// The name servers of a zone.
    pub async fn name_servers(&self, zone: &str) -> Vec<String> {
        let zone = self.route53.get_hosted_zone().id(zone).send().await.expect("the zone");
        zone.delegation_set().expect("its name servers").name_servers().to_vec()
    }

    /// The local AWS itself.
    #[must_use]
    pub fn aws(&self) -> &LocalAws {
        &self.aws
    }

    /// Type, name and values of all records of a zone but those that every zone has.
    pub async fn all_records(&self, zone: &str) -> Vec<String> {
        let listed = self.route53.list_resource_record_sets().hosted_zone_id(zone).send().await.expect("records");
        let sets = listed.resource_record_sets().iter().filter(|set| !matches!(set.r#type(), RrType::Ns | RrType::Soa));
        sets.map(|set| {
            let values: Vec<_> = set.resource_records().iter().map(ResourceRecord::value).collect();
            format!("{} {} {values:?}", set.r#type().as_str(), set.name())
        })
        .collect()
    }

    /// Writes a record into a zone.
    pub async fn write_record(&self, zone: &str, name: &str, kind: RrType, value: &str) {
        let record = ResourceRecord::builder().value(value).build().expect("a value");
        let set = ResourceRecordSet::builder().name(name).r#type(kind).ttl(60).resource_records(record);
        let change = Change::builder().action(ChangeAction::Create).resource_record_set(set.build().expect("a record"));
        let batch = ChangeBatch::builder().changes(change.build().expect("a change")).build().expect("a batch");
        let change = self.route53.change_resource_record_sets().hosted_zone_id(zone).change_batch(batch);
        change.send().await.expect("a change");
    }

    /// The CNAME records of a zone: names and values, each as often as it stands there.
    pub async fn records(&self, zone: &str) -> Vec<(String, String)> {
        let listed = self.route53.list_resource_record_sets().hosted_zone_id(zone).send().await.expect("records");
        let sets = listed.resource_record_sets().iter().filter(|set| *set.r#type() == RrType::Cname);
        sets.flat_map(|set| set.resource_records().iter().map(|record| (set.name().into(), record.value().into())))
            .collect()
    }

    /// Asks for a certificate outside of any stack; gives its ARN.
    pub async fn request_certificate(&self, domain: &str, tags: &[(&str, &str)]) -> String {
        let tags = tags.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build().expect("a tag"));
        let request = self.acm.request_certificate().domain_name(domain).validation_method("DNS".into());
        let request = request.set_tags(Some(tags.collect::<Vec<_>>()).filter(|tags| !tags.is_empty()));
        request.send().await.expect("a certificate").certificate_arn.expect("an ARN")
    }

    /// The ARNs of the certificates whose first name is `domain`, whatever their status.
    pub async fn certificates(&self, domain: &str) -> Vec<String> {
        let mut pages = self.acm.list_certificates().into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(summary) = pages.next().await {
            let summary = summary.expect("certificates");
            if summary.domain_name() == Some(domain) {
                found.extend(summary.certificate_arn);
            }
        }
        found
    }

    /// The status of a certificate; `None` when it does not exist.
    pub async fn status(&self, arn: &str) -> Option<CertificateStatus> {
        let described = self.acm.describe_certificate().certificate_arn(arn).send().await;
        described.ok().and_then(|described| described.certificate?.status)
    }

    /// The tags of a certificate.
    pub async fn tags(&self, arn: &str) -> BTreeMap<String, String> {
        let tags = self.acm.list_tags_for_certificate().certificate_arn(arn).send().await.expect("tags");
        tags.tags().iter().map(|tag| (tag.key().into(), tag.value().unwrap_or_default().into())).collect()
    }

    async fn make_zone_role(&self) {
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{ACCOUNT}:root")}, "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": self.external_id}},
        }]});
        let policy = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "route53:*", "Resource": "*"},
        ]});
        let parameters = [("RoleName", ZONE_ROLE.to_owned()), ("AssumeRolePolicyDocument", trust.to_string())];
        self.iam("CreateRole", &parameters).await;
        let parameters = [
            ("RoleName", ZONE_ROLE.to_owned()),
            ("PolicyName", "zones".to_owned()),
            ("PolicyDocument", policy.to_string()),
        ];
        self.iam("PutRolePolicy", &parameters).await;
    }

    /// One call by hand: compiling `aws-sdk-iam` takes longer than all cases.
    async fn iam(&self, action: &'static str, parameters: &[(&str, String)]) {
        let parameters: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.aws.query("iam", REGION, action, &parameters).await.expect(action);
    }
}

/// The local AWS of this workspace, running.
pub async fn start_local_aws() -> LocalAws {
    let installation = LocalAws::install(&workspace_root(), |note| println!("{note}")).await.expect("an installation");
    LocalAws::start(&installation, &BTreeMap::new()).await.expect("the local AWS starts")
}
