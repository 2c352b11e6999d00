//! What parameters say together, which no pattern of one of them can.

use super::finding::Finding;

/// What has to be in this order, each with the names from the least to the most.
const ORDERS: [&[&str]; 5] = [
    &["BBBApplicationMinInstances", "BBBApplicationDesiredInstances", "BBBApplicationMaxInstances"],
    &["BBBECSMinInstances", "BBBECSDesiredInstances", "BBBECSMaxInstances"],
    &["BBBGreenlightMinReplicas", "BBBGreenlightMaxReplicas"],
    &["BBBScaleliteMinReplicas", "BBBScaleliteMaxReplicas"],
    &["BBBServerlessAuroraMinCapacity", "BBBServerlessAuroraMaxCapacity"],
];

/// The timetable's numbers, which cannot be more than there may be servers.
const TIMETABLE: [(&str, &str); 2] = [("BBBBusyFrom", "BBBBusyMinimum"), ("BBBQuietFrom", "BBBQuietMinimum")];

/// Memory that Fargate has for processor units: the least, the most and the steps between, in MiB
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html>).
const FARGATE: [(u32, u32, u32, u32); 5] = [
    (256, 512, 2048, 512),
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16384, 1024),
    (4096, 8192, 30720, 1024),
];

/// Looks at what parameters say together.
pub(super) fn judge(value: &dyn Fn(&str) -> String) -> Vec<Finding> {
    let number = |name: &str| value(name).parse::<f64>().ok();
    let mut findings = Vec::new();
    let mut ordered = |low: &str, high: &str| {
        let (Some(least), Some(most)) = (number(low), number(high)) else { return };
        if least > most {
            findings.push(Finding::refusal(
                format!("{low} is {least}, and {high} is {most}"),
                "AWS does not take the one to be more than the other.",
                format!("make {low} at most {most}, or {high} at least {least}"),
            ));
        }
    };
    for order in ORDERS {
        order.windows(2).for_each(|pair| ordered(pair[0], pair[1]));
    }
    for (when, minimum) in TIMETABLE {
        if !value(when).is_empty() {
            ordered(minimum, "BBBApplicationMaxInstances");
        }
    }
    if value("BBBECSInstanceType") == "fargate" {
        let tasks = [("BBBGreenlightCPU", "BBBGreenlightMemory"), ("BBBScaleliteCPU", "BBBScaleliteMemory")];
        findings.extend(tasks.iter().filter_map(|(cpu, memory)| task(cpu, &value(cpu), memory, &value(memory))));
    }
    findings
}

/// Whether Fargate has tasks of this size.
fn task(cpu: &str, units: &str, memory: &str, size: &str) -> Option<Finding> {
    let (units, size): (u32, u32) = (units.parse().ok()?, size.parse().ok()?);
    let (_, least, most, step) = FARGATE.iter().find(|(of, ..)| *of == units)?;
    // The smallest has 512, 1024 and 2048.
    let fits = (*least..=*most).contains(&size) && size % step == 0 && !(units == 256 && size == 1536);
    (!fits).then(|| {
        Finding::refusal(
            format!("{memory} is {size} with {cpu} {units}, and Fargate has no such tasks"),
            "The service could not start a task.",
            format!(
                "for {units} units choose {least} to {most} MiB in steps of {step}, or workers with BBBECSInstanceType"
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::parameters::value_of;

    fn judged(given: &[(&str, &str)]) -> Vec<Finding> {
        judge(&value_of(given))
    }

    #[test]
    fn the_defaults_are_in_order() {
        assert_eq!(judged(&[]), []);
    }

    #[test]
    fn numbers_out_of_order_refuse() {
        let found = judged(&[("BBBApplicationMinInstances", "3")]);
        assert!(found.len() == 1 && found[0].refuses(), "{found:?}");
        assert_eq!(judged(&[("BBBBusyFrom", "0 7 * * *"), ("BBBBusyMinimum", "5")]).len(), 1);
        assert_eq!(judged(&[("BBBBusyMinimum", "5")]), []);
    }

    #[test]
    fn every_name_is_the_templates() {
        let value = value_of(&[]);
        for name in ORDERS.iter().flat_map(|order| order.iter()).chain([&"BBBBusyMinimum", &"BBBQuietMinimum"]) {
            assert!(value(name).parse::<f64>().is_ok(), "{name} has the default {:?}", value(name));
        }
    }

    #[test]
    fn fargate_has_tasks_of_certain_sizes() {
        for (cpu, memory, fits) in [
            ("256", "512", true),
            ("256", "1536", false),
            ("512", "512", false),
            ("1024", "8192", true),
            ("1024", "8193", false),
            ("4096", "30720", true),
            ("2048", "3072", false),
        ] {
            let found = judged(&[("BBBGreenlightCPU", cpu), ("BBBGreenlightMemory", memory)]);
            assert_eq!(found.is_empty(), fits, "{cpu} {memory}: {found:?}");
        }
        assert_eq!(judged(&[("BBBGreenlightMemory", "700"), ("BBBECSInstanceType", "m5.large")]), []);
    }
}
