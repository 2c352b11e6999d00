//! The local AWS with what lies outside of it: stand-ins for BigBlueButton servers and Scalelite, on which meetings run, and time that passes.

use std::{collections::BTreeMap, fmt, time::Duration};

use bigbluebutton::testing::{Meeting, NewMeeting, Role, Server};
use rehearsal::{
    local_aws::LocalAws,
    outside::{Loss, Outside, Secrets},
};
use scalelite::State;
use tokio::time::sleep;

use crate::{cloud::Cloud, workspace_root};

const MINUTE: Duration = Duration::from_secs(60);

/// How long a minute takes at least, so that whoever watches sees it.
const PAUSE: Duration = Duration::from_millis(100);

/// The local AWS and what lies outside of it.
pub struct Site {
    cloud: Cloud,
    outside: Outside,
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("cloud", &self.cloud).finish_non_exhaustive()
    }
}

impl Site {
    /// Starts all of it.
    pub async fn open(domain: &str) -> Self {
        let outside = Outside::start(&workspace_root(), domain, false).await.expect("what lies outside");
        let installation =
            LocalAws::install(&workspace_root(), |note| println!("{note}")).await.expect("an installation");
        let (of_functions, own) = (outside.function_variables(), outside.local_aws_variables());
        let aws = LocalAws::start_with(&installation, &of_functions, &own).await.expect("the local AWS starts");
        Self { cloud: Cloud::in_aws(aws).await, outside }
    }

    /// Ends all of it.
    pub async fn close(self) {
        self.cloud.stop().await;
    }

    /// The local AWS.
    #[must_use]
    pub fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    /// Gives what lies outside the secrets that a deployment made, and the names of its zone.
    pub async fn belongs_to(&self, zone: &str, outputs: &BTreeMap<String, String>) {
        let config = self.cloud.aws().sdk_config();
        let secrets = aws_sdk_secretsmanager::Client::new(&config);
        self.outside.look_names_up_in(aws_sdk_route53::Client::new(&config), zone);
        self.outside.take(Secrets::of(&secrets, outputs).await.expect("the deployment's secrets"));
    }

    /// Lets a minute pass.
    pub async fn minute(&self) {
        self.cloud.aws().advance(MINUTE).await.expect("the clock moves");
        self.outside.minute();
    }

    /// Lets minutes pass until something is so, `most` of them.
    pub async fn until(&self, what: &str, most: u32, mut is_so: impl AsyncFnMut() -> bool) {
        for _ in 0..most {
            if is_so().await {
                return;
            }
            self.minute().await;
        }
        assert!(is_so().await, "not within {most} minutes: {what}");
    }

    /// Lets minutes pass until `work` is done.
    pub async fn meanwhile<T>(&self, work: impl Future<Output = T>) -> T {
        let passing = async {
            loop {
                self.minute().await;
                sleep(PAUSE).await;
            }
        };
        tokio::select! {
            done = work => done,
            () = passing => unreachable!("time passes for ever"),
        }
    }

    /// The hosts that get meetings.
    #[must_use]
    pub fn serving(&self) -> Vec<String> {
        let (scalelite, _servers) = self.outside.rooms();
        let serves = |host: &String| {
            scalelite.server(host).is_some_and(|one| one.state == State::Enabled && one.online && one.tag.is_empty())
        };
        self.outside.guests().into_values().map(|guest| guest.host).filter(serves).collect()
    }

    /// The hosts that run.
    #[must_use]
    pub fn running(&self) -> Vec<String> {
        self.outside.guests().into_values().map(|guest| guest.host).collect()
    }

    /// Starts a meeting that so many people join; the host that it is on.
    #[must_use]
    pub fn meet(&self, meeting: &str, people: u32) -> String {
        let now = self.outside.clock.now();
        let (mut scalelite, mut servers) = self.outside.rooms();
        let host = scalelite.create(meeting, NewMeeting::default(), None, &mut servers, now).expect("a meeting");
        for _ in 0..people {
            scalelite.join(meeting, Role::Viewer, &mut servers, now).expect("somebody joins");
        }
        host
    }

    /// How many people are in a meeting on a host.
    #[must_use]
    pub fn people_in(&self, host: &str, meeting: &str) -> u32 {
        let now = self.outside.clock.now();
        let (_scalelite, mut servers) = self.outside.rooms();
        let people = |server: &mut Server| server.meetings(now).get(meeting).map(Meeting::people);
        servers.get_mut(host).and_then(people).unwrap_or(0)
    }

    /// Everybody leaves a meeting.
    pub fn leave(&self, host: &str, meeting: &str) {
        let people = self.people_in(host, meeting);
        let now = self.outside.clock.now();
        let (_scalelite, mut servers) = self.outside.rooms();
        let server = servers.get_mut(host).expect("the host");
        for _ in 0..people {
            server.leave(meeting, Role::Viewer, now).expect("the meeting");
        }
    }

    /// The meetings that were cut, and the recordings that were lost.
    #[must_use]
    pub fn losses(&self) -> Vec<Loss> {
        self.outside.losses()
    }
}
