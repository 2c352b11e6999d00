//! Nothing is wrong with the templates in any combination.

use stack_template::check;

use crate::{definitions, deployments};

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
    let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}
