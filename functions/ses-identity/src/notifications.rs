//! Where SES reports bounces, complaints and deliveries: what is set, what should be, and the calls from the one to the other.

use serde::{Deserialize, Serialize};

use crate::{Error, classic::Classic, sesv2::Identities};

/// What SES reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    Bounce,
    Complaint,
    Delivery,
}

/// In the order in which they are set.
pub(crate) const KINDS: [Kind; 3] = [Kind::Bounce, Kind::Complaint, Kind::Delivery];

impl Kind {
    pub(crate) fn topic_property(self) -> &'static str {
        ["BounceTopic", "ComplaintTopic", "DeliveryTopic"][self as usize]
    }

    pub(crate) fn headers_property(self) -> &'static str {
        [
            "HeadersInBounceNotificationsEnabled",
            "HeadersInComplaintNotificationsEnabled",
            "HeadersInDeliveryNotificationsEnabled",
        ][self as usize]
    }
}

/// Where SES reports to, by [`Kind`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) topics: [Option<String>; 3],
    pub(crate) headers: [bool; 3],
    pub(crate) forwarding: bool,
}

impl Default for Settings {
    /// Those of a new identity.
    fn default() -> Self {
        Self { topics: [None, None, None], headers: [false; 3], forwarding: true }
    }
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Step {
    Forward(bool),
    Topic(Kind, Option<String>),
    Headers(Kind, bool),
}

impl Settings {
    /// Whether bounces and complaints are told to somebody, which SES insists on.
    pub(crate) fn somebody_is_told(&self) -> bool {
        self.forwarding || (self.topics[0].is_some() && self.topics[1].is_some())
    }

    /// Without these topics: those that others set meanwhile stay. Mail takes over where nobody would be told.
    pub(crate) fn without(&self, own: &[Option<String>; 3]) -> Self {
        let mut left = self.clone();
        for kind in KINDS {
            let index = kind as usize;
            if own[index].is_some() && left.topics[index] == own[index] {
                left.topics[index] = None;
                left.headers[index] = false;
            }
        }
        if !left.somebody_is_told() || left.topics.iter().all(Option::is_none) {
            left.forwarding = true;
        }
        left
    }
}

/// The fewest calls from the one to the other, in an order in which somebody is told at every moment.
pub(crate) fn plan(from: &Settings, to: &Settings) -> Vec<Step> {
    let mut steps = Vec::new();
    if to.forwarding && !from.forwarding {
        steps.push(Step::Forward(true));
    }
    for kind in KINDS {
        let index = kind as usize;
        let (topic, wanted) = (&from.topics[index], &to.topics[index]);
        // SES takes the setting for headers only while there is a topic.
        if wanted.is_none() && topic.is_some() && from.headers[index] {
            steps.push(Step::Headers(kind, false));
        }
        if topic != wanted {
            steps.push(Step::Topic(kind, wanted.clone()));
        }
        if wanted.is_some() && from.headers[index] != to.headers[index] {
            steps.push(Step::Headers(kind, to.headers[index]));
        }
    }
    if !to.forwarding && from.forwarding {
        steps.push(Step::Forward(false));
    }
    steps
}

/// Makes the calls that are not done yet. SES takes about one a second, so each is noted as soon as it is done: a call that is refused for
/// the moment is where the next look goes on.
pub(crate) async fn take(
    steps: Vec<Step>,
    (classic, identities): (&Classic, &Identities),
    (region, identity): (&str, &str),
    mut done: Vec<Step>,
    note: impl Fn(&[Step]),
) -> Result<(), Error> {
    for step in steps {
        if done.contains(&step) {
            continue;
        }
        match &step {
            Step::Forward(forward) => identities.forward_feedback(region, identity, *forward).await?,
            Step::Topic(kind, topic) => classic.set_topic(region, identity, *kind, topic.as_deref()).await?,
            Step::Headers(kind, enabled) => classic.set_headers(region, identity, *kind, *enabled).await?,
        }
        done.push(step);
        note(&done);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// SES, as strict as the real one.
    fn apply(settings: &mut Settings, step: &Step) -> Result<(), String> {
        match step {
            Step::Forward(forward) => settings.forwarding = *forward,
            Step::Topic(kind, topic) => settings.topics[*kind as usize] = topic.clone(),
            Step::Headers(kind, enabled) => {
                if settings.topics[*kind as usize].is_none() {
                    return Err(format!("{kind:?} has no topic"));
                }
                settings.headers[*kind as usize] = *enabled;
            }
        }
        if settings.somebody_is_told() { Ok(()) } else { Err(format!("nobody is told after {step:?}")) }
    }

    fn settings() -> impl Strategy<Value = Settings> {
        let topic = || prop::option::of(prop::sample::select(vec!["a".to_owned(), "b".to_owned()]));
        (prop::array::uniform3(topic()), prop::array::uniform3(any::<bool>()), any::<bool>())
            .prop_map(|(topics, headers, forwarding)| {
                let headers = [0, 1, 2].map(|index| headers[index] && topics[index].is_some());
                Settings { topics, headers, forwarding }
            })
            .prop_filter("SES has no such state", Settings::somebody_is_told)
    }

    proptest! {
        #[test]
        fn a_plan_leads_there_and_somebody_is_told_at_every_moment(from in settings(), to in settings()) {
            let mut now = from.clone();
            let steps = plan(&from, &to);
            for step in &steps {
                let result = apply(&mut now, step);
                prop_assert!(result.is_ok(), "{:?}", result);
            }
            prop_assert_eq!(&now, &to);
            prop_assert_eq!(plan(&now, &to), vec![]);
            prop_assert!(steps.len() <= 7);
        }

        #[test]
        fn a_plan_begun_is_continued_not_repeated(from in settings(), to in settings(), at: prop::sample::Index) {
            let steps = plan(&from, &to);
            let done = if steps.is_empty() { 0 } else { at.index(steps.len()) };
            let mut now = from;
            for step in &steps[..done] { apply(&mut now, step).unwrap(); }
            let rest = plan(&now, &to);
            prop_assert!(rest.len() <= steps.len() - done);
        }

        #[test]
        fn leaving_takes_only_what_is_ours(now in settings(), own in settings()) {
            let left = now.without(&own.topics);
            prop_assert!(left.somebody_is_told());
            for index in 0..3 {
                let ours = own.topics[index].is_some() && now.topics[index] == own.topics[index];
                prop_assert_eq!(&left.topics[index], if ours { &None } else { &now.topics[index] });
            }
        }
    }

    #[test]
    fn the_samples_settings_take_five_calls() {
        let topic = Some("arn:aws:sns:eu-west-1:1:t".to_owned());
        let to =
            Settings { topics: [topic.clone(), topic.clone(), None], headers: [true, true, false], forwarding: false };
        assert_eq!(
            plan(&Settings::default(), &to),
            [
                Step::Topic(Kind::Bounce, topic.clone()),
                Step::Headers(Kind::Bounce, true),
                Step::Topic(Kind::Complaint, topic),
                Step::Headers(Kind::Complaint, true),
                Step::Forward(false),
            ]
        );
    }
}
