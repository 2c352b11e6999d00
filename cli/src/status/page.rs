//! A deployment as a page, or as JSON.

use serde::Serialize;
use serde_json::{Value, json};

use super::look::{Deployment, Seen, is_failed};
use crate::servers::table;
use crate::style::Style;

/// From how many days on a certificate that was not renewed is a worry: ACM renews its own 60 days before the end.
const WORRY_DAYS: i64 = 30;

/// The deployment for a program. What is unknown is an object with the reason.
pub(super) fn json(seen: &Deployment) -> Value {
    fn part<T: Serialize>(seen: &Seen<T>) -> Value {
        seen.as_ref().map_or_else(|why| json!({"unknown": why}), |value| json!(value))
    }
    json!({
        "stack": {"name": seen.stack.name, "status": seen.stack.status.as_str(), "reason": seen.stack.reason},
        "pool": seen.pool.as_ref().map_or_else(|why| json!({"unknown": why}), |pool| pool.whole.clone()),
        "services": part(&seen.services),
        "alarms": part(&seen.alarms),
        "certificate": part(&seen.certificate),
        "mail": part(&seen.mail),
        "events": part(&seen.events),
    })
}

/// The deployment for people.
pub(super) fn text(seen: &Deployment, style: Style) -> String {
    let mut page = Page { text: String::new(), style };
    let status = seen.stack.status.as_str();
    let painted = if is_failed(&seen.stack.status) { style.bad(status) } else { style.good(status) };
    page.line(&format!("{} {painted}", style.strong(&seen.stack.name)));
    if let Some(reason) = &seen.stack.reason {
        page.line(&format!("  {reason}"));
    }
    page.part("servers", &seen.pool, |page, pool| page.text.push_str(&table(pool, style)));
    page.part("services", &seen.services, |page, services| {
        for service in services {
            let count = format!("{} of {} running", service.running, service.desired);
            let count = if service.running < service.desired { style.bad(&count) } else { style.good(&count) };
            page.line(&format!("  {count}  {}", service.name));
        }
    });
    page.part("alarms", &seen.alarms, |page, alarms| {
        if alarms.is_empty() {
            page.line(&format!("  {}", style.good("none is on")));
        }
        for alarm in alarms {
            page.line(&format!("  {} {} {}", style.bad("ON"), alarm.name, alarm.description));
            page.line(&format!("     {}", alarm.reason));
        }
    });
    page.part("certificate", &seen.certificate, |page, certificate| {
        let days = match certificate.days {
            Some(days) if days < WORRY_DAYS => style.bad(&format!("ends in {days} days, and was not renewed")),
            Some(days) => format!("ends in {days} days"),
            None => "not issued".to_owned(),
        };
        page.line(&format!("  {}, {days}", certificate.status));
    });
    page.part("mail", &seen.mail, |page, mail| {
        let sandbox = if mail.sandbox {
            style.warning("sandbox: only verified addresses are reached; ask for production access in the SES console")
        } else {
            "production".to_owned()
        };
        let off = if mail.enabled { String::new() } else { style.bad(", sending is off") };
        page.line(&format!("  {sandbox}{off}"));
        page.line(&format!("  {:.0} of {:.0} mails sent in 24 hours", mail.sent_in_a_day, mail.allowed_in_a_day));
    });
    page.part("last events", &seen.events, |page, events| {
        for event in events {
            let reason = event.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
            page.line(&format!("  {} {} {}{reason}", style.faint(&event.at), event.status, event.resource));
        }
    });
    page.text
}

struct Page {
    text: String,
    style: Style,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn part<T>(&mut self, title: &str, seen: &Seen<T>, show: impl FnOnce(&mut Self, &T)) {
        let title = self.style.strong(title);
        match seen {
            Ok(value) => {
                self.line(&title);
                show(self, value);
            }
            Err(why) => {
                let unknown = self.style.warning("unknown");
                self.line(&format!("{title} {unknown}: {why}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aws_sdk_cloudformation::types::StackStatus;
    use deployment::stack::Stack;

    use super::super::look::{Alarm, Certificate, Service};
    use super::*;
    use crate::style;

    fn deployment() -> Deployment {
        let stack = Stack {
            id: "arn".to_owned(),
            name: "bbb".to_owned(),
            status: StackStatus::UpdateComplete,
            reason: None,
            parameters: BTreeMap::new(),
            outputs: BTreeMap::new(),
        };
        let denied = || "AccessDenied: not for you".to_owned();
        let service = Service { name: "Api".to_owned(), desired: 2, running: 1, pending: 1 };
        Deployment {
            stack,
            pool: Err(denied()),
            services: Ok(vec![service]),
            alarms: Ok(Vec::new()),
            certificate: Ok(Certificate { arn: "arn".to_owned(), status: "ISSUED".to_owned(), days: Some(12) }),
            mail: Err(denied()),
            events: Ok(Vec::new()),
        }
    }

    #[test]
    fn what_is_denied_is_unknown_and_no_failure() {
        let seen = deployment();
        assert!(!seen.is_wrong());
        assert_eq!(
            text(&seen, style::plain()),
            "bbb UPDATE_COMPLETE\n\
             servers unknown: AccessDenied: not for you\n\
             services\n  1 of 2 running  Api\n\
             alarms\n  none is on\n\
             certificate\n  ISSUED, ends in 12 days, and was not renewed\n\
             mail unknown: AccessDenied: not for you\n\
             last events\n"
        );
        assert_eq!(json(&seen)["mail"]["unknown"], "AccessDenied: not for you");
        assert_eq!(json(&seen)["services"][0]["running"], 1);
    }

    #[test]
    fn an_alarm_or_a_failed_stack_is_wrong() {
        let mut seen = deployment();
        seen.alarms = Ok(vec![Alarm { name: "a".to_owned(), description: String::new(), reason: String::new() }]);
        assert!(seen.is_wrong());
        let mut seen = deployment();
        seen.stack.status = StackStatus::UpdateRollbackFailed;
        assert!(seen.is_wrong());
    }
}
