//! The numbers as tables for people.

use crate::{
    Plan, Report,
    suggest::{Goal, Suggestion, Way},
};

/// A simulation's numbers.
#[must_use]
pub fn report(report: &Report) -> String {
    let mut text = format!(
        "{} to {}: {} meetings, {} joins, {} people at once at most\n\n",
        report.from,
        report.to,
        grouped(report.meetings),
        grouped(report.joins),
        grouped(u64::from(report.seats_wanted_at_most))
    );
    text += &format!("{:22}{:>8}{:>14}{:>14}{:>10}\n", "", "servers", "server-hours", report.currency, "ratio");
    let ratio = |plan: &Plan| plan.server_hours / report.clairvoyant.server_hours.max(f64::MIN_POSITIVE);
    for (name, plan) in
        [("the pool", &report.pool), ("always the same", &report.fixed), ("knowing the future", &report.clairvoyant)]
    {
        text += &format!(
            "{name:22}{:>8}{:>14.1}{:>14.2}{:>10.2}\n",
            plan.servers_at_most,
            plan.server_hours,
            plan.cost,
            ratio(plan)
        );
    }
    let waiting = &report.waiting;
    text.push('\n');
    let mut line = |name: &str, value: String| text += &format!("{name:34}{value}\n");
    line("meetings cut", grouped(report.meetings_cut));
    line("recordings lost", grouped(report.recordings_lost));
    line("joins that waited", format!("{} of {}", grouped(waiting.waited), grouped(report.joins)));
    line("  for longer than a minute", grouped(waiting.waited_longer));
    line("  and gave up", grouped(waiting.gave_up));
    line("  the longest", format!("{} min", waiting.longest));
    line("seats free at the worst moment", format!("{} ({})", report.seats_free_at_worst, report.worst_moment));
    let seats = report.parameters.seats_per_server;
    line("people on one server at most", format!("{} of {seats} seats", report.people_on_one_server_at_most));
    line("time on crowded servers", format!("{:.1} %", report.crowded_percent));
    line("launches and starts", grouped(report.launches));
    if report.pool.stopped_hours > 0.0 {
        line("hours stopped in the warm pool", format!("{:.1}", report.pool.stopped_hours));
    }
    text
}

/// What was suggested, the best first, and how to set it.
#[must_use]
pub fn suggestions(suggestions: &[Suggestion], goal: Goal) -> String {
    let mut text = format!(
        "To keep: no meeting cut, no recording lost, no join waiting longer than {} min\n\n{:46}{:>6}{:>8}{:>14}{:>12}{:>9}{:>11}\n",
        goal.longest_wait, "", "kept", "servers", "server-hours", "cost", "ratio", "longest"
    );
    for suggestion in suggestions {
        let report = &suggestion.report;
        text += &format!(
            "{:46}{:>6}{:>8}{:>14.1}{:>12.2}{:>9.2}{:>7} min\n",
            name(suggestion.way),
            if suggestion.kept { "yes" } else { "no" },
            report.pool.servers_at_most,
            report.pool.server_hours,
            report.pool.cost,
            report.pool_to_clairvoyant,
            report.waiting.longest
        );
    }
    for suggestion in suggestions.iter().filter(|suggestion| suggestion.kept) {
        text += &format!("\n{}:\n", name(suggestion.way));
        for line in settings(suggestion) {
            text += &format!("  {line}\n");
        }
    }
    text
}

fn name(way: Way) -> &'static str {
    match way {
        Way::Seats => "by the seats that are taken alone",
        Way::WarmPool => "the same, with stopped servers in a warm pool",
        Way::BusyTime => "with one busy time a day",
        Way::Steps => "with a scheduled action for each step",
    }
}

/// How a suggestion is set: the templates' parameters, and what they have none for.
fn settings(suggestion: &Suggestion) -> Vec<String> {
    let parameters = &suggestion.report.parameters;
    let mut lines = vec![
        format!(
            "application.yaml: MinInstances={} MaxInstances={} at least",
            parameters.min, suggestion.report.pool.servers_at_most
        ),
        format!("server-pool-scaling.yaml: TargetSeatsUsedPercent={}", parameters.target_percent),
    ];
    match &parameters.schedule[..] {
        [busy, quiet] if suggestion.way == Way::BusyTime => lines.push(format!(
            "server-pool-scaling.yaml: BusyFrom=\"{}\" BusyMinimum={} QuietFrom=\"{}\" QuietMinimum={}",
            busy.at, busy.min, quiet.at, quiet.min
        )),
        steps => lines.extend(steps.iter().enumerate().map(|(place, step)| {
            format!(
                "aws autoscaling put-scheduled-update-group-action --auto-scaling-group-name GROUP --time-zone ZONE \
                 --scheduled-action-name step-{} --recurrence \"{}\" --min-size {}",
                place + 1,
                step.at,
                step.min
            )
        })),
    }
    if parameters.warm_pool > 0 {
        let size = parameters.warm_pool;
        lines.push(format!("a warm pool of {size} stopped servers, which the templates have none of"));
    }
    lines
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_apart() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(23_950), "23,950");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
