//! The domain and its hosted zone: the most common reason why deployments of the sample failed.

use hosted_zone::{Delegation, Error, HostedZones, ZoneReference};

use super::finding::Finding;
use crate::aws::Aws;
use crate::words::words_of;

/// Domains that nobody can own (RFC 2606, RFC 6761).
const RESERVED: [&str; 7] = ["example.com", "example.net", "example.org", "example", "invalid", "localhost", "test"];

/// Looks at the zone and at where the public DNS leads.
pub(super) async fn look(aws: &Aws, zone: &str, domain: &str) -> Vec<Finding> {
    let mut findings: Vec<Finding> = reserved(domain, aws.is_elsewhere()).into_iter().collect();
    let reference = ZoneReference { id: zone.to_owned(), role: None };
    let zone = match HostedZones::new(aws.config()).open(&reference).await {
        Ok(zone) => zone,
        Err(Error::GetHostedZone { source, .. }) if source.is("NoSuchHostedZone") => {
            findings.push(Finding::refusal(
                format!("there is no hosted zone {zone} in this account"),
                "The records of the servers, of mail and of the certificate are written there.",
                "give the id of the zone that holds the domain: aws route53 list-hosted-zones",
            ));
            return findings;
        }
        Err(error) => {
            findings.push(Finding::warning(
                format!("the hosted zone {zone} could not be read ({})", words_of(&error)),
                "Whether it holds the domain is seen only when the certificate is asked for.",
                "let whoever deploys do route53:GetHostedZone",
            ));
            return findings;
        }
    };
    if zone.is_private() {
        findings.push(Finding::refusal(
            format!("the hosted zone {} is private", zone.id()),
            "Nobody outside the VPC sees its records, neither users nor those who issue certificates.",
            "give the id of the public zone of the same domain",
        ));
    }
    if !zone.holds(domain) {
        findings.push(Finding::refusal(
            format!("the hosted zone {} is for {}, which {domain} does not lie in", zone.id(), zone.name()),
            "No record of the deployment can be written into it.",
            format!("choose a domain in {}, or another zone", zone.name()),
        ));
    }
    if !zone.is_private() {
        findings.extend(delegated(&hosted_zone::delegation(&zone).await, zone.name(), aws.is_elsewhere()));
    }
    findings
}

/// A domain that is for examples only. At another endpoint than AWS's own that is what one tries things with.
fn reserved(domain: &str, is_elsewhere: bool) -> Option<Finding> {
    RESERVED.iter().find(|reserved| hosted_zone::is_within(domain, reserved))?;
    let what = format!("{domain} is a domain for examples");
    let meaning = "Nobody can own it, so no public DNS leads to its records and no certificate is issued for it.";
    let remedy = "give a domain that you own, and its hosted zone";
    Some(if is_elsewhere { Finding::warning(what, meaning, remedy) } else { Finding::refusal(what, meaning, remedy) })
}

fn delegated(delegation: &Delegation, name: &str, is_elsewhere: bool) -> Option<Finding> {
    let meaning = "Without the delegation nobody finds the records: the certificate is never issued, and the deployment fails after more than an hour.";
    match delegation {
        Delegation::Right => None,
        Delegation::Wrong(problem) if is_elsewhere => {
            Some(Finding::warning(problem.clone(), meaning, "nothing, as long as this is not AWS itself"))
        }
        Delegation::Wrong(problem) => Some(Finding::refusal(
            problem.clone(),
            meaning,
            format!(
                "see what the world sees: nslookup -type=NS {name}. A change needs up to two days to be seen everywhere"
            ),
        )),
        Delegation::Unknown => Some(Finding::warning(
            format!("the resolver said nothing useful of {name}"),
            meaning,
            "see whether the public DNS leads to the zone, or name another resolver: DNS_RESOLVER=9.9.9.9:53",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_for_examples_are_refused_at_aws() {
        for domain in ["example.com", "meet.example.org", "bbb.test"] {
            assert!(reserved(domain, false).expect("a finding").refuses(), "{domain}");
            assert!(!reserved(domain, true).expect("a finding").refuses(), "{domain}");
        }
        assert_eq!(reserved("myexample.com", false), None);
        assert_eq!(reserved("meet.school.edu", false), None);
    }

    #[test]
    fn a_wrong_delegation_refuses_and_an_unknown_one_warns() {
        let wrong = Delegation::Wrong("the public DNS has no name servers for x.edu".to_owned());
        assert!(delegated(&wrong, "x.edu", false).expect("a finding").refuses());
        assert!(!delegated(&wrong, "x.edu", true).expect("a finding").refuses());
        assert!(!delegated(&Delegation::Unknown, "x.edu", false).expect("a finding").refuses());
        assert_eq!(delegated(&Delegation::Right, "x.edu", false), None);
    }
}
