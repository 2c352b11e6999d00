//! What can happen, and in which order it may.

use proptest::prelude::*;
use server_pool::Wish;

use crate::{cloud::WarmPool, sim::ROOMS};

/// A world to begin with.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) desired: u32,
    pub(crate) warm: WarmPool,
    /// Whether Scalelite's ids are host names.
    pub(crate) host_names: bool,
    /// Seconds.
    pub(crate) drain_deadline: Option<u64>,
    pub(crate) replace_at_once: u32,
    /// How many registrations and removals there may be in a tick.
    pub(crate) per_tick: u32,
}

/// Something that happens. Servers and rooms are picked by number, modulo how many there are.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// All goes well for some minutes: Scalelite polls, the pool ticks.
    Run(u8),
    /// Time passes, in seconds, and the pool does not tick; Scalelite's poller does.
    Pass(u16),
    /// A tick, in a world where not everything works.
    Tick(Trouble),
    /// What people do.
    User(User),
    /// What Scalelite's poller does beside its regular run: it reads, or writes what it has read.
    BeginPoll,
    FinishPoll,
    /// Scalelite's cache is replaced by an empty one.
    LoseCache,
    Scale(u8),
    NewTemplate,
    /// The template of before, as when an update is rolled back.
    OldTemplate,
    /// EC2 ends an instance without asking: spot, hardware, somebody at the console.
    Kill(u8),
    Stop(u8),
    Start(u8),
    /// Auto Scaling ends an instance because somebody told it to.
    Terminate(u8),
    /// Somebody abandons its termination hook.
    Abandon(u8),
    Detach(u8),
    StandbyByHand(u8),
    /// A server stops answering, or answers again.
    Hang(u8),
    Recover(u8),
    /// Its status is not written any more, or again.
    Silence(u8),
    Speak(u8),
    /// Its recordings are not processed any more.
    StickRecordings(u8),
    /// What the operator asks the pool for.
    Wish(u8, Option<Wish>),
    /// What somebody does in Scalelite by hand.
    HandCordon(u8),
    HandEnable(u8),
    HandTag(u8),
    HandSecret(u8),
    HandDelete(u8),
    HandAdd(u8),
    /// Somebody removes a name in DNS, or takes away whose it is.
    DropRecord(u8),
    DisownRecord(u8),
}

/// What people do.
#[derive(Debug, Clone)]
pub(crate) enum User {
    /// A meeting is created in a room, and so many join.
    Meet {
        room: u8,
        people: u8,
        recorded: bool,
    },
    /// Scalelite has chosen a server, which has not heard of it yet.
    BeginCreate {
        room: u8,
    },
    /// Now it has.
    FinishCreate,
    Leave {
        room: u8,
    },
    /// Somebody asks for servers with the tag that keeps everybody else away.
    MeetOnTagged {
        room: u8,
    },
}

/// What does not work in a tick.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trouble {
    /// By how many seconds the clock is wrong.
    pub(crate) clock: i32,
    pub(crate) group: Sight,
    pub(crate) instances: Sight,
    pub(crate) records: Sight,
    pub(crate) scalelite: Sight,
    /// Whether EC2 shows the tags of a while ago.
    pub(crate) old_tags: bool,
    /// Servers that are not asked, or do not answer in time; a bit for each.
    pub(crate) deaf: u8,
    /// What happens between the look and the deed.
    pub(crate) meanwhile: Vec<User>,
    /// What becomes of the actions, one after another and from the beginning again.
    pub(crate) outcomes: Vec<Outcome>,
}

impl Trouble {
    /// Whether there is none that keeps the pool from doing its work.
    pub(crate) fn is_none(&self) -> bool {
        let sights = [self.group, self.instances, self.records, self.scalelite];
        self.clock == 0
            && sights.iter().all(|sight| *sight == Sight::Whole)
            && self.outcomes.iter().all(|outcome| *outcome == Outcome::Done)
    }
}

/// How much of a source is seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Sight {
    #[default]
    Whole,
    Failed,
    /// An empty list although there is something.
    Empty,
}

/// What becomes of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// It fails and has done nothing.
    Nothing,
    /// It fails and has done half of what it consists of.
    Half,
    /// It is done, and its answer is lost.
    Unheard,
    /// The function dies before it.
    Death,
    /// It is done twice.
    Twice,
}

pub(crate) fn setting() -> impl Strategy<Value = Setting> {
    let warm = prop_oneof![
        4 => Just(WarmPool { size: 0, stopped: false, reuse: false }),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(stopped, reuse)| WarmPool { size: 1, stopped, reuse }),
    ];
    let deadline = prop_oneof![2 => Just(None), 1 => Just(Some(1800)), 1 => Just(Some(86_400))];
    (1..5_u32, warm, prop::bool::weighted(0.7), deadline, 1..4_u32, prop_oneof![Just(1_u32), Just(50)]).prop_map(
        |(desired, warm, host_names, drain_deadline, replace_at_once, per_tick)| Setting {
            desired,
            warm,
            host_names,
            drain_deadline,
            replace_at_once,
            per_tick,
        },
    )
}

pub(crate) fn schedule() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(event(), 1..60)
}

fn event() -> impl Strategy<Value = Event> {
    let n = any::<u8>;
    prop_oneof![
        12 => (1..12_u8).prop_map(Event::Run),
        6 => prop_oneof![1..200_u16, 1..200_u16, 1000..5000_u16].prop_map(Event::Pass),
        14 => trouble().prop_map(Event::Tick),
        14 => user().prop_map(Event::User),
        2 => Just(Event::BeginPoll),
        2 => Just(Event::FinishPoll),
        2 => Just(Event::LoseCache),
        6 => (1..6_u8).prop_map(Event::Scale),
        2 => Just(Event::NewTemplate),
        1 => Just(Event::OldTemplate),
        2 => n().prop_map(Event::Kill),
        2 => n().prop_map(Event::Stop),
        2 => n().prop_map(Event::Start),
        2 => n().prop_map(Event::Terminate),
        1 => n().prop_map(Event::Abandon),
        1 => n().prop_map(Event::Detach),
        1 => n().prop_map(Event::StandbyByHand),
        2 => n().prop_map(Event::Hang),
        2 => n().prop_map(Event::Recover),
        1 => n().prop_map(Event::Silence),
        1 => n().prop_map(Event::Speak),
        1 => n().prop_map(Event::StickRecordings),
        4 => (n(), wish()).prop_map(|(number, wish)| Event::Wish(number, wish)),
        1 => n().prop_map(Event::HandCordon),
        1 => n().prop_map(Event::HandEnable),
        1 => n().prop_map(Event::HandTag),
        1 => n().prop_map(Event::HandSecret),
        1 => n().prop_map(Event::HandDelete),
        1 => n().prop_map(Event::HandAdd),
        1 => n().prop_map(Event::DropRecord),
        1 => n().prop_map(Event::DisownRecord),
    ]
}

fn wish() -> impl Strategy<Value = Option<Wish>> {
    prop_oneof![
        2 => Just(None),
        1 => Just(Some(Wish::Cordon)),
        2 => Just(Some(Wish::Drain)),
        1 => Just(Some(Wish::Remove)),
    ]
}

fn user() -> impl Strategy<Value = User> {
    let room = || 0..ROOMS;
    prop_oneof![
        6 => (room(), 0..5_u8, any::<bool>()).prop_map(|(room, people, recorded)| User::Meet { room, people, recorded }),
        2 => room().prop_map(|room| User::BeginCreate { room }),
        2 => Just(User::FinishCreate),
        4 => room().prop_map(|room| User::Leave { room }),
        1 => room().prop_map(|room| User::MeetOnTagged { room }),
    ]
}

fn trouble() -> impl Strategy<Value = Trouble> {
    let sight = || prop_oneof![8 => Just(Sight::Whole), 1 => Just(Sight::Failed), 1 => Just(Sight::Empty)];
    let outcome = prop_oneof![
        6 => Just(Outcome::Done),
        2 => Just(Outcome::Nothing),
        1 => Just(Outcome::Half),
        2 => Just(Outcome::Unheard),
        1 => Just(Outcome::Death),
        1 => Just(Outcome::Twice),
    ];
    let clock = prop_oneof![6 => Just(0), 1 => -900..900_i32, 1 => -90_000..90_000_i32];
    (
        clock,
        (sight(), sight(), sight(), sight()),
        prop::bool::weighted(0.1),
        prop_oneof![3 => Just(0_u8), 1 => any::<u8>()],
        prop::collection::vec(user(), 0..3),
        prop::collection::vec(outcome, 1..6),
    )
        .prop_map(|(clock, (group, instances, records, scalelite), old_tags, deaf, meanwhile, outcomes)| Trouble {
            clock,
            group,
            instances,
            records,
            scalelite,
            old_tags,
            deaf,
            meanwhile,
            outcomes,
        })
}
