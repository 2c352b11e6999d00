//! Whether mail will reach its readers.

use super::finding::Finding;
use crate::aws::Aws;
use crate::words::words_of;

/// Mails a day that SES grants in its sandbox; a school sends more.
const FEW: f64 = 1000.0;

/// Looks at the account of SES, if the deployment is to send by it.
pub(super) async fn look(aws: &Aws, frontend: &str, set_up_elsewhere: &str) -> Vec<Finding> {
    if frontend != "Greenlight" || set_up_elsewhere == "true" {
        return Vec::new();
    }
    match aws.mail().get_account().send().await {
        Ok(account) => judge(
            account.production_access_enabled(),
            account.sending_enabled(),
            account.send_quota().map(aws_sdk_sesv2::types::SendQuota::max24_hour_send),
        ),
        Err(error) => vec![Finding::warning(
            format!("SES could not be asked ({})", words_of(&error)),
            "Whether invitations and new passwords will be sent is not known.",
            "let whoever deploys do ses:GetAccount; where there is no SES, name another region with BBBSesRegion",
        )],
    }
}

fn judge(production: bool, enabled: bool, a_day: Option<f64>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !production {
        findings.push(Finding::warning(
            "SES is in its sandbox",
            "Mail reaches addresses only that were verified one by one; everything else works.",
            "ask for production access: SES console, Account dashboard. AWS answers within a day or two",
        ));
    } else if a_day.is_some_and(|a_day| (0.0..FEW).contains(&a_day)) {
        findings.push(Finding::warning(
            format!("SES sends no more than {:.0} mails a day", a_day.unwrap_or_default()),
            "When they are used up, invitations and new passwords are not sent until the next day.",
            "ask for more in the console of Service Quotas",
        ));
    }
    if !enabled {
        findings.push(Finding::warning(
            "sending is paused in SES",
            "No mail is sent at all.",
            "see the account's reputation in the SES console, and answer what AWS asks there",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_mail_from_its_readers_is_said_and_refuses_nothing() {
        assert_eq!(judge(true, true, Some(50_000.0)), []);
        // SES says -1 for as many as one likes.
        assert_eq!(judge(true, true, Some(-1.0)), []);
        let found =
            [judge(false, true, Some(200.0)), judge(true, true, Some(200.0)), judge(true, false, None)].concat();
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(!found.iter().any(Finding::refuses));
    }
}
