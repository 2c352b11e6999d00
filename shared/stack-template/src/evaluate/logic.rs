//! What conditions and rules come to.

use super::Evaluation;
use crate::{
    definition::Place,
    expression::Node,
    fault::Rule,
    logic::{Assertions, Logic},
    value::{Data, Origin, Text},
};

/// The ways to leave a parameter unset. What only a deployment knows is none of them.
pub(crate) const UNSET: [&str; 3] = ["", "-", "AWS::NoValue"];

/// Whether a text is the name of a resource.
fn is_made_up(text: &Text) -> bool {
    text.resource().is_some()
}

impl<'a> Evaluation<'_, 'a> {
    /// What the condition `name`, asked for at `at`, comes to.
    pub(super) fn condition(&mut self, at: Place, name: &'a str) -> bool {
        match self.conditions.get(name) {
            Some(Some(value)) => return *value,
            Some(None) => {
                self.fault(at, Rule::Reference, format!("is under the condition {name}, which depends on itself"));
                return false;
            }
            None => {}
        }
        // One that is not declared is found elsewhere.
        let Some((_, logic)) = self.definition.conditions.get(name) else { return false };
        self.conditions.insert(name, None);
        let was_deciding = std::mem::replace(&mut self.is_deciding, true);
        let value = self.holds(logic);
        self.is_deciding = was_deciding;
        self.conditions.insert(name, Some(value));
        value
    }

    /// What a rule says about each of its assertions that does not hold.
    pub(super) fn violated(&mut self, rule: &'a Assertions) -> Vec<&'a str> {
        self.is_deciding = true;
        let violated = self.violated_assertions(rule);
        self.is_deciding = false;
        violated
    }

    fn violated_assertions(&mut self, rule: &'a Assertions) -> Vec<&'a str> {
        if rule.condition.as_ref().is_some_and(|condition| !self.holds(condition)) {
            return Vec::new();
        }
        let assertions = rule.assertions.iter();
        assertions
            .filter(|assertion| !self.holds(&assertion.holds))
            .map(|assertion| assertion.description.as_str())
            .collect()
    }

    fn holds(&mut self, logic: &'a Logic) -> bool {
        match logic {
            Logic::Equals(at, first, second) => {
                let (first, second) = (self.text(first), self.text(second));
                self.equal(*at, &first, &second)
            }
            // All are evaluated, so that nothing wrong hides behind another.
            Logic::And(all) => all.iter().filter(|logic| !self.holds(logic)).count() == 0,
            Logic::Or(any) => any.iter().filter(|logic| self.holds(logic)).count() > 0,
            Logic::Not(logic) => !self.holds(logic),
            Logic::Condition(at, name) => self.condition(*at, name),
            Logic::Contains(at, list, text) => {
                let (list, text) = (self.list(list), self.text(text));
                list.iter().any(|item| self.equal(*at, item, &text))
            }
            Logic::EachMemberEquals(at, list, text) => {
                let (list, text) = (self.list(list), self.text(text));
                list.iter().all(|item| self.equal(*at, item, &text))
            }
            Logic::EachMemberIn(at, list, of) => {
                let (list, of) = (self.list(list), self.list(of));
                list.iter().all(|item| of.iter().any(|other| self.equal(*at, item, other)))
            }
            Logic::Broken => false,
        }
    }

    /// Whether two texts are equal. What only a deployment knows equals itself, and never a way to leave a parameter unset; the name that AWS
    /// makes up for a resource equals no other. Anything else could be decided there alone, and must not be asked.
    fn equal(&mut self, at: Place, first: &Text, second: &Text) -> bool {
        if first == second {
            return true;
        }
        let is_broken = |text: &Text| text.runtimes().any(|runtime| runtime.origin == Origin::Broken);
        let decided = match (first.literal(), second.literal()) {
            _ if is_broken(first) || is_broken(second) => true,
            (Some(_), Some(_)) => true,
            (Some(known), None) | (None, Some(known)) => {
                UNSET.contains(&known) || is_made_up(first) || is_made_up(second)
            }
            (None, None) => is_made_up(first) && is_made_up(second),
        };
        if !decided {
            self.fault(
                at,
                Rule::Function,
                format!("compares {first} with {second}, which only a deployment can tell apart"),
            );
        }
        false
    }

    fn list(&mut self, node: &'a Node) -> Vec<Text> {
        let value = self.value(node);
        match &value.data {
            Data::List(items) if items.iter().all(|item| item.text().is_some()) => {
                items.iter().filter_map(|item| item.text().cloned()).collect()
            }
            _ => {
                self.fault(node.at, Rule::Function, "must be a list of text".to_owned());
                Vec::new()
            }
        }
    }
}
