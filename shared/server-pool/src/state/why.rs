//! The sentence that says why a server is in its state.

use std::fmt::{Display, Formatter, Result};

use super::{Foreign, Join, Kept, Launch, Load, Source, State};
use crate::Moment;

impl Display for State {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        match self {
            Self::Launching { waits_for } => write!(formatter, "launching, waits for {waits_for}"),
            Self::Joining { waits_for } => write!(formatter, "works, waits for {waits_for}"),
            Self::Serving { load: Some(load), being_replaced: false } => write!(formatter, "gets meetings, has {load}"),
            Self::Serving { load: None, being_replaced: false } => {
                formatter.write_str("gets meetings, was not asked how many it has")
            }
            Self::Serving { being_replaced: true, .. } => {
                formatter.write_str("gets meetings until the one that takes its place serves")
            }
            Self::Cordoned { load: Some(load) } => {
                write!(formatter, "gets no new meetings as the operator wants, has {load}")
            }
            Self::Cordoned { load: None } => {
                formatter.write_str("gets no new meetings as the operator wants, does not say how many it has")
            }
            Self::Draining { since, kept_by } | Self::Finishing { since, kept_by } => {
                write!(formatter, "to leave{}, kept by {kept_by}", Since(*since))
            }
            Self::Retained { since, kept_by } => {
                write!(formatter, "to leave{}, no longer waited for by Auto Scaling, kept by {kept_by}", Since(*since))
            }
            Self::Unreachable { why } => write!(formatter, "in service, but does not answer: {why}"),
            Self::Warmed { lifecycle } => write!(formatter, "in the warm pool ({lifecycle})"),
            Self::Gone => formatter.write_str("its instance has ended, what is left of it is being removed"),
            Self::Foreign { because } => write!(formatter, "left alone: {because}"),
            Self::Unknown { missing } => {
                write!(formatter, "nothing is done with it, because {missing} could not be read")
            }
        }
    }
}

impl Display for Launch {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        match self {
            Self::Address => formatter.write_str("EC2 to run it with a public address"),
            Self::Record => formatter.write_str("its DNS record"),
            Self::ForeignRecord => formatter.write_str("its DNS name, whose record belongs to another owner"),
            Self::Ready => formatter.write_str("the instance to say that it is ready"),
            Self::Answer { why } => write!(formatter, "BigBlueButton to answer: {why}"),
            Self::Secret => formatter.write_str("BigBlueButton to know the pool's secret, which it refuses"),
            Self::Service => formatter.write_str("Auto Scaling to take it into service"),
        }
    }
}

impl Display for Join {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        formatter.write_str(match self {
            Self::Scalelite => "Scalelite, whose list of servers could not be read",
            Self::Registration => "its registration in Scalelite",
            Self::Enabling => "being enabled in Scalelite",
            Self::Poller => "Scalelite's poller to find it",
        })
    }
}

impl Display for Kept {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        match self {
            Self::Meetings(load) => load.fmt(formatter),
            Self::Silence { why } => write!(formatter, "not knowing its meetings: {why}"),
            Self::Recordings { count } => write!(formatter, "{count} recordings that are not handed over"),
            Self::SilentRecordings => formatter.write_str("not knowing its recordings: the instance is silent"),
            Self::Scalelite => formatter.write_str("not knowing that Scalelite gives it no new meetings"),
            Self::SecondLook => formatter.write_str("the second look that is to show it empty"),
            Self::Removal => formatter.write_str("its removal from Scalelite"),
            Self::End => formatter.write_str("Auto Scaling, which is ending it"),
        }
    }
}

/// ` since <moment>`, if there is one.
struct Since(Option<Moment>);

impl Display for Since {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        self.0.iter().try_for_each(|since| write!(formatter, " since {since}"))
    }
}

impl Display for Foreign {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        formatter.write_str(match self {
            Self::Name => "its name is not one that the pool gives",
            Self::Unproven => "nothing proves that the pool gave it its name",
            Self::Detached => "its instance runs outside the group",
            Self::Answers => "its server answers although the pool has no such instance",
        })
    }
}

impl Display for Source {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        formatter.write_str(match self {
            Self::Group => "the Auto Scaling group",
            Self::Instances => "EC2's instances",
            Self::Records => "the DNS records",
            Self::Scalelite => "Scalelite's list of servers",
        })
    }
}

impl Display for Load {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        let plural = |count| if count == 1 { "" } else { "s" };
        let Self { meetings, participants, .. } = *self;
        write!(
            formatter,
            "{meetings} meeting{} with {participants} participant{}",
            plural(meetings),
            plural(participants)
        )
    }
}
