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

/// The releases of Ubuntu by the code name that a release of BigBlueButton begins with.
const UBUNTU: [(&str, &str); 4] = [("bionic", "18.04"), ("focal", "20.04"), ("jammy", "22.04"), ("noble", "24.04")];

/// Code names whose Ubuntu gets no more security updates (bionic since May 2023, focal since May 2025).
const UNSUPPORTED: [&str; 2] = ["bionic", "focal"];

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
    findings.extend(ubuntu(&value("BBBApplicationVersion"), &value("BBBApplicationInstanceAMIParameter")));
    findings
}

/// Whether the image has the Ubuntu that the release of BigBlueButton needs, as far as the image's parameter says which it has.
fn ubuntu(version: &str, image: &str) -> Vec<Finding> {
    let code_name = version.split('-').next().unwrap_or_default();
    let needed = UBUNTU.iter().find(|(name, _)| *name == code_name).map(|(_, number)| *number);
    let mut findings = Vec::new();
    if let Some(needed) = needed {
        let other = UBUNTU.iter().find(|(_, number)| *number != needed && image.contains(&format!("/{number}/")));
        if let Some((_, other)) = other {
            findings.push(Finding::refusal(
                format!("BigBlueButton {version} needs Ubuntu {needed}, and the image has {other}"),
                "Its installation would stop, and no server would come up.",
                format!("name an image of Ubuntu {needed} with BBBApplicationInstanceAMIParameter"),
            ));
        }
    }
    if UNSUPPORTED.contains(&code_name) {
        findings.push(Finding::warning(
            format!("BigBlueButton {version} runs on an Ubuntu that gets no more security updates"),
            "Known holes stay open, and its packages may vanish from where they are fetched.",
            "leave BBBApplicationVersion and BBBApplicationInstanceAMIParameter at their defaults",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::deploy::parameters::{Templates, Values};

    fn judged(given: &[(&str, &str)]) -> Vec<Finding> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
        let templates = Templates::read(root).expect("templates");
        let given: Values = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        judge(&|name| templates.value(name, &Values::new(), &given))
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
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
        let templates = Templates::read(root).expect("templates");
        let value = |name: &str| templates.value(name, &Values::new(), &Values::new());
        for name in ORDERS.iter().flat_map(|order| order.iter()).chain([&"BBBBusyMinimum", &"BBBQuietMinimum"]) {
            assert!(value(name).parse::<f64>().is_ok(), "{name} has the default {:?}", value(name));
        }
    }

    #[test]
    fn the_image_has_the_ubuntu_that_the_release_needs() {
        let found = judged(&[("BBBApplicationVersion", "noble-400")]);
        assert!(found.len() == 1 && found[0].refuses(), "{found:?}");
        let old = "/aws/service/canonical/ubuntu/server/20.04/stable/current/amd64/hvm/ebs-gp2/ami-id";
        let found = judged(&[("BBBApplicationVersion", "focal-270"), ("BBBApplicationInstanceAMIParameter", old)]);
        assert!(found.len() == 1 && !found[0].refuses(), "{found:?}");
    }
}
