//! What each function is asked while it is measured, what AWS answers it, and what it must answer then.

use std::{collections::BTreeMap, fmt::Write as _};

use anyhow::{Context as _, Result, bail, ensure};
use benchmark_endpoint::{Played, Ports, Rule, Script};
use serde_json::{Value, json};

use crate::pool::{Death, Pool};

/// A function and what is asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Case {
    /// No function of ours: what the runtimes themselves cost.
    Empty,
    Certificate,
    Identity,
    Smtp,
    Image,
    LastResort,
    Lifecycle,
}

/// The pool of [`Case::Lifecycle`].
const POOL: Pool = Pool { servers: 4, dead: 0, death: Death::Refusing };

const CERTIFICATE: &str = "arn:aws:acm:eu-central-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef";
const TOKEN: &str = "QTKknzFg2J4ygwa+XvHAxUl1hyHoY0gVfZdfjIedHZ0=";

impl Case {
    pub(crate) const ALL: [Self; 7] =
        [Self::Empty, Self::Certificate, Self::Identity, Self::Smtp, Self::Image, Self::LastResort, Self::Lifecycle];

    /// The function.
    pub(crate) fn function(self) -> &'static str {
        match self {
            Self::Empty => "benchmark-empty-function",
            Self::Certificate => "acm-certificate",
            Self::Identity => "ses-identity",
            Self::Smtp => "smtp-credentials",
            Self::Image => "ami-finder",
            Self::LastResort => "last-resort",
            Self::Lifecycle => "scalelite-lifecycle",
        }
    }

    /// The name in the tables.
    pub(crate) fn name(self) -> &'static str {
        if self == Self::Empty { "(empty)" } else { self.function() }
    }

    /// What it does for one event.
    pub(crate) fn work(self) -> &'static str {
        match self {
            Self::Empty => "nothing",
            Self::Certificate => {
                "looks for its certificate, requests one (`Custom::Certificate` without a zone), answers"
            }
            Self::Identity => "looks for, makes and verifies an identity (`Custom::DomainIdentity`), answers",
            Self::Smtp => "computes an SMTP password (`Custom::SMTPPW`), answers",
            Self::Image => "lists 40 images and chooses one (`Custom::FindAMI`), answers",
            Self::LastResort => "answers for a function that died",
            Self::Lifecycle => "a tick over four servers with nothing to do",
        }
    }

    /// The Python module that does the same.
    pub(crate) fn module(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Certificate => "certificate",
            Self::Identity => "identity",
            Self::Smtp => "smtp",
            Self::Image => "image",
            Self::LastResort => "last_resort",
            Self::Lifecycle => "lifecycle",
        }
    }

    /// The function's memory, by its template, in megabytes.
    pub(crate) fn megabytes(self) -> u64 {
        self.template_number("MemorySize")
    }

    /// A number of the function's resource in its template; 128 for what has none.
    pub(crate) fn template_number(self, property: &str) -> u64 {
        let template = match self {
            Self::Empty => "",
            Self::Certificate => include_str!("../../templates/certificate.yaml"),
            Self::Identity | Self::Smtp => include_str!("../../templates/email.yaml"),
            Self::Image => include_str!("../../templates/ami.yaml"),
            Self::LastResort => include_str!("../../templates/last-resort.yaml"),
            Self::Lifecycle => include_str!("../../templates/server-pool.yaml"),
        };
        number_after(template, &format!("Code: ../target/lambda/{}/bootstrap.zip", self.function()), property)
            .unwrap_or(128)
    }

    /// The function's own variables.
    pub(crate) fn variables(self, ports: Ports) -> BTreeMap<String, String> {
        if self == Self::Lifecycle { Pool::variables(ports) } else { BTreeMap::new() }
    }

    /// The event, from the samples in `events/` where there is one.
    pub(crate) fn event(self, ports: Ports) -> Result<Value> {
        let sample = match self {
            Self::Empty => "{}",
            Self::Certificate => include_str!("../../events/certificate-without-zone-create.json"),
            Self::Identity => include_str!("../../events/domain-identity-create.json"),
            Self::Smtp => include_str!("../../events/smtp-password-create.json"),
            Self::Image => include_str!("../../events/find-ami-create.json"),
            Self::LastResort => include_str!("../../events/last-resort.json"),
            Self::Lifecycle => include_str!("../../events/server-pool-schedule.json"),
        };
        let mut event: Value = serde_json::from_str(sample).context("read a sample event")?;
        // As long as a presigned URL is.
        let url = format!(
            "https://localhost:{}/cloudformation-custom-resource-response-eucentral1/{}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature={:064x}",
            ports.answers,
            "arn%3Aaws%3Acloudformation%3Aeu-central-1%3A123456789012%3Astack/bbbexample/0a1b2c3d%7CResource%7C3f1c9a52-7c1e-4b55",
            1,
        );
        match self {
            Self::Empty | Self::Lifecycle => {}
            Self::LastResort => event["requestPayload"]["ResponseURL"] = url.into(),
            Self::Certificate | Self::Identity | Self::Smtp | Self::Image => event["ResponseURL"] = url.into(),
        }
        Ok(event)
    }

    /// What AWS answers.
    pub(crate) fn script(self) -> Result<Script> {
        let rules = match self {
            Self::Empty | Self::Smtp | Self::LastResort => Vec::new(),
            Self::Certificate => certificate_rules(),
            Self::Identity => identity_rules(),
            Self::Image => vec![rule(
                "ec2 DescribeImages",
                &["Action=DescribeImages"],
                200,
                &[("Content-Type", "text/xml;charset=UTF-8")],
                images(),
            )],
            Self::Lifecycle => return POOL.script(),
        };
        Ok(Script { rules, ..Script::default() })
    }

    /// Whether what came of `events` events is what should have come.
    ///
    /// # Errors
    /// When an answer is another, or something was called more or less often: what was measured then was a failure.
    pub(crate) fn check(self, events: u64, answers: &[Value], played: &Played) -> Result<()> {
        let calls: BTreeMap<String, u64> =
            self.calls().iter().map(|(call, number)| ((*call).to_owned(), number * events)).collect();
        if self == Self::Lifecycle {
            answers.iter().try_for_each(|answer| POOL.check(answer))?;
            // Secrets are kept from one tick to the next, by both.
            let without_secrets = played.calls.iter().filter(|(call, _)| !call.starts_with("secretsmanager"));
            let without_secrets: BTreeMap<_, _> =
                without_secrets.map(|(call, number)| (call.clone(), *number)).collect();
            ensure!(without_secrets == calls, "it called {:?}", played.calls);
            return Ok(());
        }
        ensure!(played.calls == calls, "it called {:?}, not {calls:?}", played.calls);
        let Some(expected) = self.answer() else { return Ok(()) };
        ensure!(played.answers.len() as u64 == events, "it sent {} answers", played.answers.len());
        for answer in &played.answers {
            let answer: Value = serde_json::from_str(answer).context("read an answer")?;
            for (field, value) in expected.as_object().into_iter().flatten() {
                if answer[field] != *value {
                    bail!("it answered {answer}, not {expected}");
                }
            }
        }
        Ok(())
    }

    /// The calls for one event.
    fn calls(self) -> &'static [(&'static str, u64)] {
        match self {
            Self::Empty | Self::Smtp | Self::LastResort => &[],
            Self::Certificate => &[("acm ListCertificates", 1), ("acm RequestCertificate", 1)],
            Self::Identity => {
                &[("sesv2 GetEmailIdentity", 1), ("sesv2 CreateEmailIdentity", 1), ("ses VerifyDomainIdentity", 1)]
            }
            Self::Image => &[("ec2 DescribeImages", 1)],
            Self::Lifecycle => &[
                ("autoscaling DescribeAutoScalingGroups", 1),
                ("ec2 DescribeInstances", 1),
                ("route53 ListResourceRecordSets", 1),
                ("scalelite getServers", 1),
                ("server getMeetings", 4),
                ("server pool-status", 4),
            ],
        }
    }

    /// What CloudFormation must get.
    fn answer(self) -> Option<Value> {
        let success = |id: &str, data: Value| json!({"Status": "SUCCESS", "PhysicalResourceId": id, "Data": data});
        match self {
            Self::Empty | Self::Lifecycle => None,
            Self::Certificate => Some(success(CERTIFICATE, json!({"CertificateArn": CERTIFICATE}))),
            Self::Identity => Some(success(
                "meet.example.org@eu-central-1",
                json!({
                    "Domain": "meet.example.org",
                    "Region": "eu-central-1",
                    "VerificationToken": TOKEN,
                    "RecordSets": [{
                        "TTL": "60",
                        "Weight": "1",
                        "SetIdentifier": "eu-central-1",
                        "Name": "_amazonses.meet.example.org.",
                        "Type": "TXT",
                        "ResourceRecords": [format!("\"{TOKEN}\"")],
                    }],
                }),
            )),
            // The documented example key's password; see functions/smtp-credentials/src/smtp.rs.
            Self::Smtp => Some(success(
                "SMTPPW@eu-central-1",
                json!({"SmtpPassword": "BF0/eIJm0ruTHsSjOkRuOGzGF+zeSyE3aiRzrzUQ8LwG"}),
            )),
            Self::Image => Some(success(
                "ami-00000000000000027",
                json!({
                    "ImageId": "ami-00000000000000027",
                    "Name": image_name(39),
                    "CreationDate": image_date(39),
                    "CodeName": "jammy",
                    "Architecture": "x86_64",
                    "RootDeviceName": "/dev/sda1",
                }),
            )),
            Self::LastResort => Some(json!({"Status": "FAILED", "PhysicalResourceId": "outcome-unknown"})),
        }
    }
}

/// The number that a property has next after a line of a template.
fn number_after(template: &str, line: &str, property: &str) -> Option<u64> {
    let (_, rest) = template.split_once(line)?;
    rest.lines().find_map(|line| line.trim().strip_prefix(property)?.strip_prefix(": ")?.parse().ok())
}

fn rule(call: &str, request: &[&str], status: u16, headers: &[(&str, &str)], body: String) -> Rule {
    let headers = [("x-amzn-RequestId", "b25f48e8-84fd-11e6-80d9-574e0c4664cb"), ("Connection", "keep-alive")]
        .iter()
        .chain(headers)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Rule {
        call: call.to_owned(),
        request: request.iter().map(|&text| text.to_owned()).collect(),
        status,
        headers: headers.collect(),
        body,
    }
}

fn certificate_rules() -> Vec<Rule> {
    let json_type = ("Content-Type", "application/x-amz-json-1.1");
    let other = |number: u8| {
        json!({
            "CertificateArn": format!("arn:aws:acm:eu-central-1:123456789012:certificate/{number:08x}-89ab-cdef-0123-456789abcdef"),
            "DomainName": format!("www{number}.example.org"),
            "SubjectAlternativeNameSummaries": [format!("www{number}.example.org"), format!("app{number}.example.org")],
            "HasAdditionalSubjectAlternativeNames": false,
            "Status": "ISSUED",
            "Type": "AMAZON_ISSUED",
            "KeyAlgorithm": "RSA-2048",
            "KeyUsages": ["DIGITAL_SIGNATURE", "KEY_ENCIPHERMENT"],
            "ExtendedKeyUsages": ["TLS_WEB_SERVER_AUTHENTICATION", "TLS_WEB_CLIENT_AUTHENTICATION"],
            "InUse": true,
            "RenewalEligibility": "ELIGIBLE",
            "NotBefore": 1_788_220_800.0,
            "NotAfter": 1_822_521_599.0,
            "CreatedAt": 1_788_249_600.5,
            "IssuedAt": 1_788_249_700.5,
        })
    };
    let listed = json!({"CertificateSummaryList": (1..=10).map(other).collect::<Vec<_>>()});
    vec![
        rule("acm ListCertificates", &["CertificateManager.ListCertificates"], 200, &[json_type], listed.to_string()),
        rule(
            "acm RequestCertificate",
            &["CertificateManager.RequestCertificate"],
            200,
            &[json_type],
            json!({"CertificateArn": CERTIFICATE}).to_string(),
        ),
    ]
}

fn identity_rules() -> Vec<Rule> {
    let json_type = ("Content-Type", "application/json");
    let tokens =
        ["bw4k5jw7hwxjhvnvs6t6lqlxsj2fnpqw", "qv3vyh2brbqzxb2ndgkmjhvxwqzqvwyy", "zkk5vtcn4r3vt4jnmqxgxx2lbhyqgnvj"];
    vec![
        rule(
            "sesv2 GetEmailIdentity",
            &["GET /v2/email/identities/meet.example.org"],
            404,
            &[
                json_type,
                (
                    "x-amzn-ErrorType",
                    "NotFoundException:http://internal.amazon.com/coral/com.amazonaws.services.simpleemail.v2/",
                ),
            ],
            json!({"message": "Email identity meet.example.org does not exist."}).to_string(),
        ),
        rule(
            "sesv2 CreateEmailIdentity",
            &["POST /v2/email/identities"],
            200,
            &[json_type],
            json!({
                "IdentityType": "DOMAIN",
                "VerifiedForSendingStatus": false,
                "DkimAttributes": {
                    "SigningEnabled": true,
                    "Status": "NOT_STARTED",
                    "Tokens": tokens,
                    "SigningAttributesOrigin": "AWS_SES",
                    "NextSigningKeyLength": "RSA_2048_BIT",
                    "CurrentSigningKeyLength": "RSA_2048_BIT",
                },
            })
            .to_string(),
        ),
        rule(
            "ses VerifyDomainIdentity",
            &["Action=VerifyDomainIdentity"],
            200,
            &[("Content-Type", "text/xml")],
            format!(
                "<VerifyDomainIdentityResponse xmlns=\"http://ses.amazonaws.com/doc/2010-12-01/\"><VerifyDomainIdentityResult>\
                 <VerificationToken>{TOKEN}</VerificationToken></VerifyDomainIdentityResult><ResponseMetadata>\
                 <RequestId>94f6368e-9bf2-11e1-8ee7-c98a0037a2b6</RequestId></ResponseMetadata></VerifyDomainIdentityResponse>"
            ),
        ),
    ]
}

fn image_date(image: usize) -> String {
    format!("2026-{:02}-{:02}T04:12:31.000Z", 1 + image / 4, 1 + image % 4 * 7)
}

fn image_name(image: usize) -> String {
    let day: String = image_date(image)[..10].split('-').collect();
    format!("ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-{day}")
}

/// The images that Canonical has of one release, as EC2 lists them.
fn images() -> String {
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<DescribeImagesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\
                    <requestId>59dbff89-35bd-4eac-99ed-be587example</requestId><imagesSet>"
        .to_owned();
    for image in 0..40 {
        let (name, date) = (image_name(image), image_date(image));
        let _infallible = write!(
            text,
            "<item><imageId>ami-{image:017x}</imageId><imageLocation>amazon/{name}</imageLocation><imageState>available</imageState>\
             <imageOwnerId>099720109477</imageOwnerId><creationDate>{date}</creationDate><deprecationTime>2028-{}</deprecationTime>\
             <isPublic>true</isPublic><architecture>x86_64</architecture><imageType>machine</imageType><sriovNetSupport>simple</sriovNetSupport>\
             <imageOwnerAlias>amazon</imageOwnerAlias><name>{name}</name><description>Canonical, Ubuntu, 22.04 LTS, amd64 jammy image</description>\
             <rootDeviceType>ebs</rootDeviceType><rootDeviceName>/dev/sda1</rootDeviceName><blockDeviceMapping><item><deviceName>/dev/sda1\
             </deviceName><ebs><snapshotId>snap-{image:017x}</snapshotId><volumeSize>8</volumeSize><deleteOnTermination>true\
             </deleteOnTermination><volumeType>gp2</volumeType><encrypted>false</encrypted></ebs></item><item><deviceName>/dev/sdb</deviceName>\
             <virtualName>ephemeral0</virtualName></item><item><deviceName>/dev/sdc</deviceName><virtualName>ephemeral1</virtualName></item>\
             </blockDeviceMapping><virtualizationType>hvm</virtualizationType><hypervisor>xen</hypervisor><enaSupport>true</enaSupport>\
             <bootMode>uefi-preferred</bootMode><platformDetails>Linux/UNIX</platformDetails><usageOperation>RunInstances</usageOperation>\
             <imdsSupport>v2.0</imdsSupport></item>",
            &date[5..]
        );
    }
    text + "</imagesSet></DescribeImagesResponse>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_has_its_memory_in_a_template() {
        for case in Case::ALL.into_iter().filter(|case| *case != Case::Empty) {
            let number = |property: &str| case.template_number(property);
            assert!(number("MemorySize").is_multiple_of(64) && (3..=900).contains(&number("Timeout")), "{case:?}");
        }
        assert_eq!(number_after("Code: a\n  Timeout: 5\nCode: b\n  Timeout: 7\n", "Code: b", "Timeout"), Some(7));
        assert_eq!(number_after("Code: a\n", "Code: b", "Timeout"), None);
    }

    #[test]
    fn failures_are_not_taken_for_answers() {
        let answer = |status: &str, id: &str| {
            json!({"Status": status, "PhysicalResourceId": id, "Data": {"CertificateArn": id}}).to_string()
        };
        let check = |answers: Vec<String>, number: u64| {
            let calls = [("acm ListCertificates".to_owned(), 2), ("acm RequestCertificate".to_owned(), number)];
            let calls = BTreeMap::from(calls);
            Case::Certificate.check(2, &[], &Played { calls, answers, ..Played::default() })
        };
        let right = answer("SUCCESS", CERTIFICATE);
        assert!(check(vec![right.clone(), right.clone()], 2).is_ok());
        assert!(check(vec![right.clone()], 2).is_err());
        assert!(check(vec![right.clone(), right.clone()], 3).is_err());
        assert!(check(vec![right.clone(), answer("FAILED", CERTIFICATE)], 2).is_err());
        assert!(check(vec![right, answer("SUCCESS", "another")], 2).is_err());
    }
}
