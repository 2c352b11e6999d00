//! How the pool is run: what the templates' parameters say, and what is assumed of the servers.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Error, Recurrence};

/// How the pool is run. The first half are parameters of the templates, with their defaults; the second is about the servers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// `SeatsPerServer` of server-pool.yaml: how many people a server is to hold.
    pub seats_per_server: u32,
    /// `MinInstances` of application.yaml.
    pub min: u32,
    /// `MaxInstances` of application.yaml; here it is far away by default, so that what is needed is seen.
    pub max: u32,
    /// `TargetSeatsUsedPercent` of server-pool-scaling.yaml.
    pub target_percent: u32,
    /// `ScaleIn` of server-pool-scaling.yaml.
    pub scale_in: bool,
    /// `WarmupSeconds` of server-pool-scaling.yaml, in minutes.
    pub warmup_minutes: u32,
    /// Scheduled actions that change the minimum: `BusyFrom` and `QuietFrom` of server-pool-scaling.yaml are two of them.
    pub schedule: Vec<Scheduled>,
    /// How many stopped servers a warm pool holds; the templates have none.
    pub warm_pool: u32,
    /// `DrainDeadlineMinutes` of server-pool.yaml; nothing for never.
    pub drain_deadline_minutes: Option<u32>,
    /// Minutes from the launch of an instance until it says that it is ready: 25 when BigBlueButton is installed on it, some 5 from an image
    /// that has it.
    pub boot_minutes: u32,
    /// The same for one that was stopped in the warm pool.
    pub start_minutes: u32,
    /// Minutes of processing for a minute of recording.
    pub recording_factor: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            seats_per_server: 200,
            min: 1,
            max: 100,
            target_percent: 80,
            scale_in: true,
            warmup_minutes: 3,
            schedule: Vec::new(),
            warm_pool: 0,
            drain_deadline_minutes: Some(24 * 60),
            boot_minutes: 25,
            start_minutes: 3,
            recording_factor: 1.0,
        }
    }
}

impl Parameters {
    /// Checks that each is in its range.
    ///
    /// # Errors
    /// When one is not.
    pub fn check(&self) -> Result<(), Error> {
        let check = |name, value: u32, from: u32, to: u32, range| {
            let fits = (from..=to).contains(&value);
            if fits { Ok(()) } else { Err(Error::Parameter { name, value: value.to_string(), range }) }
        };
        check("seats_per_server", self.seats_per_server, 1, 100_000, "from 1 to 100000")?;
        check("max", self.max, 1, 3_000, "from 1 to 3000")?;
        check("min", self.min, 0, self.max, "at most max")?;
        check("target_percent", self.target_percent, 5, 95, "from 5 to 95, as in the template")?;
        check("warmup_minutes", self.warmup_minutes, 0, 120, "at most 120, as in the template")?;
        check("warm_pool", self.warm_pool, 0, 3_000, "at most 3000")?;
        check(
            "drain_deadline_minutes",
            self.drain_deadline_minutes.unwrap_or(1),
            1,
            999_999,
            "from 1 to 999999, as in the template",
        )?;
        // The launch hook waits for an hour, and registering takes two minutes of it.
        check("boot_minutes", self.boot_minutes, 1, 55, "from 1 to 55: the group gives up a launch after an hour")?;
        check("start_minutes", self.start_minutes, 1, 55, "from 1 to 55: the group gives up a launch after an hour")?;
        for scheduled in &self.schedule {
            check("the minimum of a scheduled action", scheduled.min, 0, self.max, "at most max")?;
        }
        let factor = self.recording_factor;
        if !(0.0..=100.0).contains(&factor) {
            let range = "from 0 to 100";
            return Err(Error::Parameter { name: "recording_factor", value: factor.to_string(), range });
        }
        Ok(())
    }

    /// How many minutes the recording of a meeting of these minutes is processed.
    #[must_use]
    pub fn processing(&self, minutes: u32) -> u32 {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most a hundred times some days")]
        let processing = (f64::from(minutes) * self.recording_factor).ceil() as u32;
        processing
    }

    /// The least that the minimum ever is: what runs through the emptiest night.
    #[must_use]
    pub fn floor(&self) -> u32 {
        self.schedule.iter().map(|scheduled| scheduled.min).chain([self.min]).min().unwrap_or(self.min)
    }
}

/// A scheduled action: from then on there are at least so many servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scheduled {
    /// When.
    pub at: Recurrence,
    /// How many servers there are at least from then on.
    pub min: u32,
}

impl FromStr for Scheduled {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Scheduled(text.to_owned());
        let (at, min) = text.rsplit_once('=').ok_or_else(wrong)?;
        Ok(Self { at: at.trim().parse()?, min: min.trim().parse().map_err(|_no_number| wrong())? })
    }
}

impl fmt::Display for Scheduled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}={}", self.at, self.min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_in_range() {
        Parameters::default().check().unwrap();
        let wrong = Parameters { boot_minutes: 60, ..Parameters::default() };
        assert!(wrong.check().unwrap_err().to_string().contains("after an hour"));
    }

    #[test]
    fn a_scheduled_action_is_written_as_it_is_read() {
        let scheduled: Scheduled = "30 7 * * MON-FRI=6".parse().unwrap();
        assert_eq!((scheduled.min, scheduled.to_string().as_str()), (6, "30 7 * * MON-FRI=6"));
        assert!("30 7 * * MON-FRI".parse::<Scheduled>().is_err());
    }
}
