//! Nothing is wrong with the templates in any combination.

use stack_template::{Rule, check};

use crate::{definitions, deployments};

/// Names that whoever deploys a template alone chooses, and has to keep apart: the template, and the place of the name.
const CHOSEN: [(&str, &str); 1] = [("templates/application.yaml", "Resources/Group/Properties/AutoScalingGroupName")];

#[test]
fn nothing_is_wrong_in_any_combination() {
    let definitions = definitions();
    let report = check(&definitions, &deployments::all(&definitions), &deployments::POLICY);
    for evaluated in &report.evaluated {
        println!(
            "{}: {} combinations ({} more are refused by rules), which stand for {:.1e}; {} stacks evaluated",
            evaluated.template.display(),
            evaluated.combinations,
            evaluated.refused,
            evaluated.all,
            evaluated.stacks,
        );
    }
    let (chosen, findings): (Vec<_>, Vec<_>) = report.findings.iter().partition(|finding| {
        let of = |(template, place): &(&str, &str)| {
            finding.fault.template.ends_with(template) && finding.fault.pointer.contains(place)
        };
        finding.rule() == Rule::FixedName && CHOSEN.iter().any(of)
    });
    assert_eq!(chosen.len(), CHOSEN.len(), "what is no longer found need not be listed");
    let findings: Vec<String> = findings.into_iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}
