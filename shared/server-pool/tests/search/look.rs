//! What the function sees of the world.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bigbluebutton::{
    PoolStatus, pool_status,
    testing::{Reach, Stage},
};
use server_pool::{
    Answer, Group, InstanceId, Meeting, Meetings, Moment, Reading, Record, Registration, RegistrationState, Secret,
    Status, World,
};

use crate::{
    BIGBLUEBUTTON_SECRET, DOMAIN,
    schedule::{Sight, Trouble},
    sim::Sim,
};

impl Sim {
    /// The world as the function sees it.
    pub(crate) fn observe(&mut self, clock: i64, trouble: &Trouble) -> World {
        self.wire();
        let now = Moment::from_unix(self.now + clock);
        let group = self.cloud.group();
        let nobody = Group { members: BTreeMap::new(), ..group.clone() };
        let registrations: Vec<_> = self.scalelite.servers().into_iter().map(registration).collect();
        let records: Vec<Record> = self.cloud.zone.values().cloned().collect();
        let named = records.iter().filter_map(|record| InstanceId::of_host(&record.name, DOMAIN));
        let registered = registrations.iter().filter_map(|it| InstanceId::of_url(&it.url, DOMAIN));
        let members = group.members.keys().cloned();
        let asked: BTreeSet<_> = members.chain(named).chain(registered).collect();
        let answers = asked.into_iter().enumerate().map(|(place, id)| {
            let is_deaf = place < 8 && trouble.deaf >> place & 1 == 1;
            let answer = if is_deaf { unreachable() } else { self.ask(&id, now) };
            (id, answer)
        });
        let answers = answers.collect();
        World {
            now,
            group: seen(trouble.group, group, nobody),
            instances: seen(trouble.instances, self.cloud.instances(trouble.old_tags), BTreeMap::new()),
            records: seen(trouble.records, records, Vec::new()),
            scalelite: seen(trouble.scalelite, registrations, Vec::new()),
            answers,
        }
    }

    fn ask(&mut self, id: &InstanceId, now: Moment) -> Answer {
        let time = self.time();
        let clock = UNIX_EPOCH + Duration::from_secs(u64::try_from(now.unix()).unwrap());
        let Some(server) = self.server(id).filter(|server| server.reach == Reach::Answers) else {
            return unreachable();
        };
        let meetings = server.meetings(time).values().map(|meeting| Meeting {
            participants: meeting.people(),
            created: moment(meeting.created),
            breakout: meeting.kind.breakout_of.is_some(),
        });
        let meetings = Meetings::Listed(meetings.collect());
        let listed = server.recordings(time).iter().filter(|recording| recording.stage != Stage::Raw).count();
        let status = server.status(time).map(|status| pool_status::read(&status, clock));
        let status = match status {
            Some(PoolStatus::Reported(report)) => Some(Status {
                at: moment(report.written),
                ready: report.ready,
                unfinished_recordings: u32::try_from(report.unfinished_recordings).unwrap(),
            }),
            Some(PoolStatus::Silent(_)) | None => None,
        };
        Answer { meetings, unfinished_recordings: Some(u32::try_from(listed).unwrap()), status }
    }
}

fn seen<T>(sight: Sight, whole: T, empty: T) -> Reading<T> {
    match sight {
        Sight::Whole => Reading::Known(whole),
        Sight::Empty => Reading::Known(empty),
        Sight::Failed => Reading::Failed { why: "throttled".to_owned() },
    }
}

fn moment(time: SystemTime) -> Moment {
    Moment::from_unix(i64::try_from(time.duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap())
}

fn unreachable() -> Answer {
    Answer { meetings: Meetings::Unreachable { why: "time out".to_owned() }, ..Answer::default() }
}

fn registration(listed: scalelite::testing::Listed) -> Registration {
    Registration {
        secret: if listed.secret == BIGBLUEBUTTON_SECRET { Secret::Ours } else { Secret::Other },
        id: listed.id,
        url: listed.url,
        tag: listed.tag,
        state: match listed.state {
            scalelite::State::Enabled => RegistrationState::Enabled,
            scalelite::State::Cordoned => RegistrationState::Cordoned,
            scalelite::State::Disabled => RegistrationState::Disabled,
        },
        online: listed.online,
    }
}
