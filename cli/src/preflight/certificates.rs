//! Whether Let's Encrypt gives the servers as many certificates as they need.

use super::finding::Finding;

/// New certificates for names of one registered domain in seven days (<https://letsencrypt.org/docs/rate-limits/>).
const A_WEEK: u32 = 50;

/// Looks at how many certificates are asked for.
pub(super) fn judge(value: &dyn Fn(&str) -> String) -> Vec<Finding> {
    if !matches!(value("BBBServerCertificateSecretArn").as_str(), "" | "-" | "AWS::NoValue") {
        return Vec::new();
    }
    let number = |name: &str| value(name).parse::<u32>().unwrap_or_default();
    let waiting = number("BBBApplicationWarmInstances");
    let first =
        number("BBBApplicationDesiredInstances").max(number("BBBApplicationMinInstances")).saturating_add(waiting);
    let most = number("BBBApplicationMaxInstances").saturating_add(waiting);
    let each_time = number("BBBBusyMinimum").saturating_sub(number("BBBQuietMinimum"));
    let timetable =
        if value("BBBBusyFrom").is_empty() { 0 } else { each_time.saturating_mul(days_a_week(&value("BBBBusyFrom"))) };
    let remedy = "give the servers one certificate for all of them with BBBServerCertificateSecretArn (docs/bbb-server.md), or ask Let's Encrypt for a higher limit";
    let meaning = "Every new server asks Let's Encrypt for a certificate. A server without one takes no meeting.";
    if first > A_WEEK {
        return vec![Finding::refusal(
            format!("{first} servers begin, and Let's Encrypt gives {A_WEEK} new certificates a week for a domain"),
            meaning,
            remedy,
        )];
    }
    if most > A_WEEK {
        return vec![Finding::warning(
            format!(
                "there may be {most} servers, and Let's Encrypt gives {A_WEEK} new certificates a week for a domain"
            ),
            meaning,
            remedy,
        )];
    }
    if timetable > A_WEEK {
        return vec![Finding::warning(
            format!(
                "the timetable starts {timetable} servers a week, and Let's Encrypt gives {A_WEEK} new certificates"
            ),
            meaning,
            remedy,
        )];
    }
    Vec::new()
}

/// On how many days of a week five fields of cron happen, at most.
fn days_a_week(cron: &str) -> u32 {
    const NAMES: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
    let fields: Vec<&str> = cron.split_whitespace().collect();
    let [_, _, day, _, weekdays] = fields.as_slice() else { return 7 };
    if *day != "*" || weekdays.contains('*') {
        return 7;
    }
    let number = |text: &str| {
        let named = NAMES.iter().position(|name| name.eq_ignore_ascii_case(text));
        named.or_else(|| text.parse().ok()).map(|day| day % 7)
    };
    let mut days = [false; 7];
    for part in weekdays.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (Some(first), Some(last)) = (number(first), number(last)) else { return 7 };
        // Sunday is 7 too, where a range ends with it.
        let last = if last < first { last + 7 } else { last };
        (first..=last).for_each(|day| days[day % 7] = true);
    }
    u32::try_from(days.iter().filter(|day| **day).count()).unwrap_or(7)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::parameters::value_of;

    fn judged(given: &[(&str, &str)]) -> Vec<Finding> {
        judge(&value_of(given))
    }

    #[test]
    fn a_few_servers_get_their_certificates() {
        assert_eq!(judged(&[]), []);
        assert_eq!(judged(&[("BBBApplicationMaxInstances", "50")]), []);
    }

    #[test]
    fn more_than_a_weeks_budget_warns_and_more_at_once_refuses() {
        let found = judged(&[("BBBApplicationMaxInstances", "48"), ("BBBApplicationWarmInstances", "3")]);
        assert!(found.len() == 1 && !found[0].refuses(), "{found:?}");
        let found = judged(&[("BBBApplicationMaxInstances", "60"), ("BBBApplicationDesiredInstances", "51")]);
        assert!(found.len() == 1 && found[0].refuses(), "{found:?}");
    }

    #[test]
    fn a_timetable_asks_every_day_anew() {
        let timetable =
            |busy| [("BBBBusyFrom", "30 7 * * MON-FRI"), ("BBBQuietFrom", "0 18 * * *"), ("BBBBusyMinimum", busy)];
        assert_eq!(judged(&timetable("11")), []);
        assert_eq!(judged(&timetable("12")).len(), 1);
    }

    #[test]
    fn with_an_own_certificate_nobody_is_asked() {
        let own = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x";
        assert_eq!(judged(&[("BBBApplicationDesiredInstances", "90"), ("BBBServerCertificateSecretArn", own)]), []);
    }

    #[test]
    fn days_of_the_week_are_counted() {
        for (cron, days) in [
            ("0 7 * * *", 7),
            ("0 7 * * MON-FRI", 5),
            ("0 7 * * 1,3", 2),
            ("0 7 * * fri-sun", 3),
            ("0 7 * * 0-6", 7),
            ("0 7 1 * MON", 7),
            ("", 7),
        ] {
            assert_eq!(days_a_week(cron), days, "{cron}");
        }
    }
}
