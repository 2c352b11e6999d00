//! A pool: an account with a group, Scalelite, and the servers, moved by hand.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime},
};

use bigbluebutton::{
    Transport, TransportOptions,
    testing::{Agent, Clock as ServersClock, NewMeeting, Role, Server, Servers, StandIn as ServersStandIn},
};
use function_runtime::Handler as _;
use scalelite::testing::{Ids, Scalelite, StandIn};
use scalelite_lifecycle::{Clients, Clock, Environment, Error, Lifecycle, MetricLines, Scheme};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::account::{Account, GROUP, ZONE};

pub(crate) const DOMAIN: &str = "meet.example.org";
pub(crate) const OWNER: &str = "arn:aws:cloudformation:eu-west-1:123456789012:stack/pool/1";
/// The texts by which a leaked secret is found.
pub(crate) const SERVER_SECRET: &str = "hunter2-of-the-servers";
pub(crate) const SCALELITE_SECRET: &str = "hunter2-of-scalelite";
pub(crate) const HEADER: &str = "hunter2-of-the-header";

pub(crate) fn arn(name: &str) -> String {
    format!("arn:aws:secretsmanager:eu-west-1:123456789012:secret:{name}-AbCdEf")
}

pub(crate) struct World {
    pub(crate) account: Account,
    pub(crate) scalelite: Arc<Mutex<Scalelite>>,
    pub(crate) servers: Arc<Mutex<Servers>>,
    pub(crate) api: StandIn,
    _servers_api: ServersStandIn,
    now: Arc<Mutex<SystemTime>>,
    metrics: Arc<Mutex<Vec<Value>>>,
    transport: Transport,
    pub(crate) function: Lifecycle,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

pub(crate) fn variable(name: &str, scalelite: &str) -> Option<String> {
    let value = match name {
        "GROUP_NAME" => GROUP.to_owned(),
        "DOMAIN_NAME" => DOMAIN.to_owned(),
        "OWNER" => OWNER.to_owned(),
        "HOSTED_ZONE_ID" => ZONE.to_owned(),
        "LAUNCH_HOOK_NAME" => "launch".to_owned(),
        "TERMINATE_HOOK_NAME" => "terminate".to_owned(),
        "SCALELITE_URL" => scalelite.to_owned(),
        "SCALELITE_SECRET_ARN" => arn("scalelite"),
        "SCALELITE_HEADER_SECRET_ARN" => format!("{}:value::", arn("header")),
        "BBB_SECRET_ARN" => arn("servers"),
        _ => return None,
    };
    Some(value)
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Ids::HostNames).await
    }

    pub(crate) async fn with(ids: Ids) -> Self {
        let account = Account::new();
        account.state(|state| {
            state.secrets.insert(arn("servers"), SERVER_SECRET.to_owned());
            state.secrets.insert(arn("scalelite"), SCALELITE_SECRET.to_owned());
            state.secrets.insert(arn("header"), json!({"value": HEADER}).to_string());
        });
        // Some moment of the autumn term.
        let now = Arc::new(Mutex::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_341_600)));
        let clock = Arc::clone(&now);
        let servers_clock = ServersClock::new(move || *lock(&clock));
        let scalelite = Arc::new(Mutex::new(Scalelite::new(SCALELITE_SECRET, ids)));
        let servers = Arc::new(Mutex::new(Servers::new()));
        let servers_api = ServersStandIn::start(Arc::clone(&servers), servers_clock.clone()).await.unwrap();
        let api = StandIn::start(Arc::clone(&scalelite), Arc::clone(&servers), servers_clock).await.unwrap();
        api.require_header("X-Scalelite-Management", HEADER);
        let options = TransportOptions { proxy: Some(servers_api.proxy()), ..TransportOptions::default() };
        let transport = Transport::new(&options).unwrap();
        let metrics = Arc::new(Mutex::new(Vec::new()));
        let function = function(&account, &transport, &now, &metrics, &api.url());
        Self { account, scalelite, servers, api, _servers_api: servers_api, now, metrics, transport, function }
    }

    /// Another process of the function, which remembers nothing.
    pub(crate) fn start_again(&mut self) {
        self.function = function(&self.account, &self.transport, &self.now, &self.metrics, &self.api.url());
    }

    pub(crate) fn now(&self) -> SystemTime {
        *lock(&self.now)
    }

    pub(crate) fn pass(&self, duration: Duration) {
        *lock(&self.now) += duration;
    }

    /// Hands the function an event.
    pub(crate) async fn invoke(&self, event: &Value) -> Result<Value, Error> {
        self.function.handle(&event.to_string(), Instant::now() + Duration::from_secs(20)).await
    }

    pub(crate) async fn ask(&self, event: Value) -> Value {
        self.invoke(&event).await.unwrap()
    }

    /// A tick, and then a minute with a poll of Scalelite.
    pub(crate) async fn minute(&self) -> Value {
        let answer = self.ask(scheduled()).await;
        self.poll();
        self.pass(Duration::from_secs(61));
        answer
    }

    pub(crate) async fn minutes(&self, count: usize) {
        for _ in 0..count {
            self.minute().await;
        }
    }

    pub(crate) fn poll(&self) {
        lock(&self.scalelite).poll(&mut lock(&self.servers), self.now());
    }

    /// What was published so far, oldest first.
    pub(crate) fn metrics(&self) -> Vec<Value> {
        lock(&self.metrics).clone()
    }

    pub(crate) fn host(id: &str) -> String {
        format!("vc-{}.{DOMAIN}", id.trim_start_matches("i-"))
    }

    /// Launches a server, on which BigBlueButton runs as soon as its name stands.
    pub(crate) fn launch(&self) -> String {
        let now = i64::try_from(self.now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()).unwrap();
        let id = self.account.state(|state| {
            state.desired += 1;
            state.launch(now)
        });
        let mut server = Server::new(SERVER_SECRET);
        server.agent = Agent::Writes;
        lock(&self.servers).insert(Self::host(&id), server);
        id
    }

    /// Launches servers, and waits until they serve.
    pub(crate) async fn serving(&self, count: usize) -> Vec<String> {
        let ids: Vec<String> = (0..count).map(|_| self.launch()).collect();
        self.minutes(6).await;
        let answer = self.ask(json!({"request": "list"})).await;
        for id in &ids {
            assert_eq!(state(&answer, id)["state"], "serving", "{answer:#}");
        }
        ids
    }

    /// Somebody begins a meeting; the server that it is on.
    pub(crate) fn create(&self, meeting: &str, recorded: bool) -> String {
        let kind = NewMeeting { recorded, breakout_of: None };
        let (mut scalelite, mut servers) = (lock(&self.scalelite), lock(&self.servers));
        let host = scalelite.create(meeting, kind, None, &mut servers, self.now()).unwrap();
        scalelite.join(meeting, Role::Moderator, &mut servers, self.now()).unwrap();
        let id = scalelite.server(&host).unwrap().url;
        let digits = id.trim_start_matches("https://vc-").split('.').next().unwrap();
        format!("i-{digits}")
    }

    /// Everybody leaves.
    pub(crate) fn leave(&self, meeting: &str, id: &str) {
        lock(&self.servers).get_mut(&Self::host(id)).unwrap().leave(meeting, Role::Moderator, self.now()).unwrap();
    }

    /// How many people were thrown out of meetings so far.
    pub(crate) fn cut(&self) -> u32 {
        lock(&self.servers).values().flat_map(|server| server.ends().to_vec()).map(|end| end.people).sum()
    }

    /// The names that stand, without the domain.
    pub(crate) fn names(&self) -> Vec<String> {
        self.account.state(|state| {
            let suffix = format!(".{DOMAIN}.");
            let names = state.records.iter().map(|set| set.name().trim_end_matches(suffix.as_str()).to_owned());
            let mut names: Vec<_> = names.collect();
            names.dedup();
            names
        })
    }
}

fn function(
    account: &Account,
    transport: &Transport,
    now: &Arc<Mutex<SystemTime>>,
    metrics: &Arc<Mutex<Vec<Value>>>,
    scalelite: &str,
) -> Lifecycle {
    let (now, metrics) = (Arc::clone(now), Arc::clone(metrics));
    let clients = Clients {
        auto_scaling: account.auto_scaling(),
        ec2: account.ec2(),
        zone: account.zone(),
        secrets: account.secrets(),
        transport: transport.clone(),
        scheme: Scheme::Http,
        clock: Clock::of(move || *lock(&now)),
    };
    let environment = Environment::read(|name| variable(name, scalelite)).unwrap();
    let lines = MetricLines::to(move |line| lock(&metrics).push(serde_json::from_str(line).unwrap()));
    Lifecycle::new(clients, environment, lines)
}

pub(crate) fn scheduled() -> Value {
    json!({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}})
}

/// What an answer says of a server.
pub(crate) fn state<'a>(answer: &'a Value, id: &str) -> &'a Value {
    let servers = answer["servers"].as_array().unwrap();
    servers.iter().find(|server| server["instance"] == id).unwrap_or(&Value::Null)
}

/// The steps that were taken for a server, with how they ended.
pub(crate) fn steps(answer: &Value, id: &str) -> Vec<(String, String)> {
    let name = |step: &Value| match step {
        Value::String(name) => name.clone(),
        other => other.as_object().unwrap().keys().next().unwrap().clone(),
    };
    let actions = answer["actions"].as_array().unwrap().iter().filter(|action| action["server"] == id);
    actions.map(|action| (name(&action["step"]), action["outcome"].as_str().unwrap().to_owned())).collect()
}
