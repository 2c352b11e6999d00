//! Auto Scaling, EC2, Route 53 and Secrets Manager as far as the function calls them, at their service boundary, as strict as the real ones.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use aws_sdk_autoscaling::{
    operation::{
        complete_lifecycle_action::{
            CompleteLifecycleActionError, CompleteLifecycleActionInput, CompleteLifecycleActionOutput,
        },
        describe_auto_scaling_groups::{
            DescribeAutoScalingGroupsError, DescribeAutoScalingGroupsInput, DescribeAutoScalingGroupsOutput,
        },
        describe_warm_pool::{DescribeWarmPoolError, DescribeWarmPoolInput, DescribeWarmPoolOutput},
        enter_standby::{EnterStandbyError, EnterStandbyInput, EnterStandbyOutput},
        exit_standby::{ExitStandbyError, ExitStandbyInput, ExitStandbyOutput},
        record_lifecycle_action_heartbeat::{
            RecordLifecycleActionHeartbeatError, RecordLifecycleActionHeartbeatInput,
            RecordLifecycleActionHeartbeatOutput,
        },
        terminate_instance_in_auto_scaling_group::{
            TerminateInstanceInAutoScalingGroupError, TerminateInstanceInAutoScalingGroupInput,
            TerminateInstanceInAutoScalingGroupOutput,
        },
    },
    types::{AutoScalingGroup, Instance as Member, LaunchTemplateSpecification, LifecycleState, WarmPoolConfiguration},
};
use aws_sdk_ec2::{
    error::ErrorMetadata,
    operation::{
        create_tags::{CreateTagsError, CreateTagsInput, CreateTagsOutput},
        delete_tags::{DeleteTagsError, DeleteTagsInput, DeleteTagsOutput},
        describe_instances::{DescribeInstancesError, DescribeInstancesInput, DescribeInstancesOutput},
        describe_launch_templates::{
            DescribeLaunchTemplatesError, DescribeLaunchTemplatesInput, DescribeLaunchTemplatesOutput,
        },
    },
    primitives::DateTime,
    types::{Instance, InstanceState, InstanceStateName, LaunchTemplate, Reservation, Tag},
};
use aws_sdk_route53::{
    operation::{
        change_resource_record_sets::{
            ChangeResourceRecordSetsError, ChangeResourceRecordSetsInput, ChangeResourceRecordSetsOutput,
        },
        list_resource_record_sets::{
            ListResourceRecordSetsError, ListResourceRecordSetsInput, ListResourceRecordSetsOutput,
        },
    },
    types::{ChangeAction, ChangeInfo, ChangeStatus, ResourceRecordSet},
};
use aws_sdk_secretsmanager::operation::get_secret_value::{
    GetSecretValueError, GetSecretValueInput, GetSecretValueOutput,
};
use aws_smithy_mocks::{MockResponse, Rule, RuleMode, mock, mock_client};
use hosted_zone::ZoneRecords;
use scalelite_lifecycle::Secrets;

pub(crate) const GROUP: &str = "servers";
pub(crate) const ZONE: &str = "Z0123456789";
pub(crate) const GROUP_TAG: &str = "aws:autoscaling:groupName";

/// What is the matter with the next call of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It is refused with this code.
    Refused(&'static str),
    /// It does its work, and the answer is lost.
    Unanswered,
}

/// An instance of the group.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) lifecycle: LifecycleState,
    pub(crate) state: InstanceStateName,
    pub(crate) address: Option<String>,
    pub(crate) version: u64,
    pub(crate) launched: i64,
    pub(crate) tags: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// Whether the group exists.
    pub(crate) has_group: bool,
    pub(crate) has_warm_pool: bool,
    pub(crate) desired: i32,
    /// The version of the launch template that the group launches, as it is written in the group.
    pub(crate) version: String,
    pub(crate) latest_version: i64,
    pub(crate) servers: BTreeMap<String, Server>,
    pub(crate) records: Vec<ResourceRecordSet>,
    pub(crate) secrets: BTreeMap<String, String>,
    /// How often each operation was called.
    pub(crate) calls: BTreeMap<&'static str, usize>,
    pub(crate) heartbeats: Vec<String>,
    /// Instances whose end was completed.
    pub(crate) ended: Vec<String>,
    pub(crate) trouble: BTreeMap<&'static str, Vec<Trouble>>,
    /// Trouble for every call of an operation.
    pub(crate) standing_trouble: BTreeMap<&'static str, Trouble>,
    /// After how many calls nothing works any more, as when the process dies.
    pub(crate) fuse: Option<usize>,
    pub(crate) blown: bool,
    pub(crate) launched: u64,
    /// How many instances or records are listed at once, at most.
    pub(crate) page: usize,
}

/// Everything of AWS.
#[derive(Clone)]
pub(crate) struct Account(Arc<Mutex<State>>);

type Refusal = (&'static str, String);

fn refuse<T>(code: &'static str, message: impl Into<String>) -> Result<T, Refusal> {
    Err((code, message.into()))
}

/// A rule that answers an operation from the account's state.
macro_rules! operation {
    ($account:expr, $client:path, $error:ty, $name:literal, $work:expr) => {{
        let account = $account.clone();
        mock!($client).then_compute_response(move |input| {
            let work = $work;
            match account.serve($name, |state| work(state, input)) {
                Ok(output) => MockResponse::Output(output),
                Err((code, message)) => {
                    MockResponse::Error(<$error>::generic(ErrorMetadata::builder().code(code).message(message).build()))
                }
            }
        })
    }};
}

impl State {
    fn server(&mut self, id: Option<&str>) -> Result<&mut Server, Refusal> {
        let id = id.unwrap_or_default();
        match self.servers.get_mut(id).filter(|server| server.lifecycle != LifecycleState::Terminated) {
            Some(server) => Ok(server),
            None => refuse(
                "ValidationError",
                format!("Instance Id not found - No managed instance found for instance ID: {id}"),
            ),
        }
    }

    /// A server that waits at a hook.
    fn waiting(&mut self, group: Option<&str>, hook: Option<&str>, id: Option<&str>) -> Result<&mut Server, Refusal> {
        assert_eq!(group, Some(GROUP));
        let expected = match hook {
            Some("launch") => [LifecycleState::PendingWait, LifecycleState::WarmedPendingWait],
            Some("terminate") => [LifecycleState::TerminatingWait, LifecycleState::WarmedTerminatingWait],
            other => panic!("somebody else's hook {other:?}"),
        };
        match self.servers.get_mut(id.unwrap_or_default()).filter(|server| expected.contains(&server.lifecycle)) {
            Some(server) => Ok(server),
            None => {
                let instance = id.unwrap_or_default();
                refuse("ValidationError", format!("No active Lifecycle Action found with instance ID {instance}"))
            }
        }
    }

    /// Launches an instance, which waits at the hook.
    pub(crate) fn launch(&mut self, now: i64) -> String {
        self.launched += 1;
        let id = format!("i-{:017x}", self.launched);
        let server = Server {
            lifecycle: LifecycleState::PendingWait,
            state: InstanceStateName::Running,
            address: Some(format!("198.51.{}.{}", self.launched / 250, self.launched % 250 + 1)),
            version: u64::try_from(self.latest_version).unwrap(),
            launched: now,
            tags: [(GROUP_TAG.to_owned(), GROUP.to_owned())].into(),
        };
        self.servers.insert(id.clone(), server);
        id
    }

    /// Wants one server fewer, and this one to go.
    pub(crate) fn scale_in(&mut self, id: &str) {
        self.desired -= 1;
        self.servers.get_mut(id).unwrap().lifecycle = LifecycleState::TerminatingWait;
    }

    fn member(id: &str, server: &Server) -> Member {
        let template =
            LaunchTemplateSpecification::builder().launch_template_id("lt-1").version(server.version.to_string());
        Member::builder()
            .instance_id(id)
            .lifecycle_state(server.lifecycle.clone())
            .health_status("Healthy")
            .availability_zone("eu-west-1a")
            .launch_template(template.build())
            .build()
    }

    fn members(&self, warm: bool) -> Vec<Member> {
        let is_there = |server: &Server| {
            server.lifecycle != LifecycleState::Terminated && server.lifecycle.as_str().starts_with("Warmed:") == warm
        };
        self.servers
            .iter()
            .filter(|(_, server)| is_there(server))
            .map(|(id, server)| Self::member(id, server))
            .collect()
    }

    fn instance(id: &str, server: &Server) -> Instance {
        let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
        Instance::builder()
            .instance_id(id)
            .state(InstanceState::builder().name(server.state.clone()).build())
            .launch_time(DateTime::from_secs(server.launched))
            .set_public_ip_address(server.address.clone())
            .set_tags(Some(server.tags.iter().map(tag).collect()))
            .build()
    }

    fn change_tags(&mut self, ids: &[String], change: impl Fn(&mut BTreeMap<String, String>)) -> Result<(), Refusal> {
        assert!((1..=1_000).contains(&ids.len()));
        if let Some(unknown) = ids.iter().find(|id| !self.servers.contains_key(*id)) {
            return refuse("InvalidInstanceID.NotFound", format!("The instance ID '{unknown}' does not exist"));
        }
        for id in ids {
            change(&mut self.servers.get_mut(id).unwrap().tags);
        }
        Ok(())
    }

    /// All changes of a batch, or none.
    fn change_records(&mut self, changes: &[aws_sdk_route53::types::Change]) -> Result<(), Refusal> {
        let mut records = self.records.clone();
        for change in changes {
            let set = change.resource_record_set().unwrap();
            assert!(set.name().ends_with("meet.example.org."), "not fully qualified: {}", set.name());
            let there = records.iter().position(|other| other.name() == set.name() && other.r#type() == set.r#type());
            match (change.action(), there) {
                (ChangeAction::Upsert, Some(place)) => records[place] = set.clone(),
                (ChangeAction::Upsert, None) => records.push(set.clone()),
                (ChangeAction::Delete, Some(place)) if records[place] == *set => drop(records.remove(place)),
                _ => return refuse("InvalidChangeBatch", format!("it was not found: {}", set.name())),
            }
        }
        records.sort_by_key(place);
        self.records = records;
        Ok(())
    }
}

/// Route 53's order: by the labels from the right, then by type.
fn place(set: &ResourceRecordSet) -> (Vec<String>, String) {
    (labels(set.name()), set.r#type().as_str().to_owned())
}

fn labels(name: &str) -> Vec<String> {
    name.trim_end_matches('.').rsplit('.').map(str::to_owned).collect()
}

impl Account {
    /// Refuses an operation, or several of its calls, from now on.
    pub(crate) fn trouble(&self, operation: &'static str, trouble: &[Trouble]) {
        self.state(|state| {
            state.trouble.insert(operation, trouble.to_vec());
        });
    }

    /// Refuses every call of an operation.
    pub(crate) fn break_down(&self, operation: &'static str, trouble: Trouble) {
        self.state(|state| {
            state.standing_trouble.insert(operation, trouble);
        });
    }

    pub(crate) fn new() -> Self {
        let state =
            State { has_group: true, version: "1".to_owned(), latest_version: 1, page: 1_000, ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    pub(crate) fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    pub(crate) fn calls(&self, operation: &str) -> usize {
        self.state(|state| state.calls.get(operation).copied().unwrap_or_default())
    }

    fn serve<T>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&mut State) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        self.state(|state| {
            *state.calls.entry(operation).or_default() += 1;
            match &mut state.fuse {
                Some(0) => {
                    state.blown = true;
                    return refuse("InternalFailure", "the process is dead");
                }
                Some(left) => *left -= 1,
                None => {}
            }
            let next = state.trouble.get_mut(operation).filter(|list| !list.is_empty()).map(|list| list.remove(0));
            match next.or_else(|| state.standing_trouble.get(operation).copied()) {
                Some(Trouble::Refused(code)) => refuse(code, format!("{operation} said {code}")),
                Some(Trouble::Unanswered) => {
                    let _lost = work(state);
                    refuse("InternalFailure", format!("the answer of {operation} was lost"))
                }
                None => work(state),
            }
        })
    }

    pub(crate) fn auto_scaling(&self) -> aws_sdk_autoscaling::Client {
        use aws_sdk_autoscaling::Client;
        let groups = operation!(
            self,
            Client::describe_auto_scaling_groups,
            DescribeAutoScalingGroupsError,
            "DescribeAutoScalingGroups",
            |state: &mut State, input: &DescribeAutoScalingGroupsInput| {
                assert_eq!(input.auto_scaling_group_names(), [GROUP]);
                let template =
                    LaunchTemplateSpecification::builder().launch_template_id("lt-1").version(&state.version);
                let warm_pool = state.has_warm_pool.then(|| WarmPoolConfiguration::builder().build());
                let group = AutoScalingGroup::builder()
                    .auto_scaling_group_name(GROUP)
                    .desired_capacity(state.desired)
                    .min_size(0)
                    .max_size(2_000)
                    .launch_template(template.build())
                    .set_warm_pool_configuration(warm_pool)
                    .set_instances(Some(state.members(false)));
                let groups = state.has_group.then(|| group.build());
                Ok(DescribeAutoScalingGroupsOutput::builder()
                    .set_auto_scaling_groups(Some(Vec::from_iter(groups)))
                    .build())
            }
        );
        let warm_pool = operation!(
            self,
            Client::describe_warm_pool,
            DescribeWarmPoolError,
            "DescribeWarmPool",
            |state: &mut State, input: &DescribeWarmPoolInput| {
                let start: usize = input.next_token().map_or(0, |token| token.parse().unwrap());
                // Fifty is the most that Auto Scaling gives.
                let size = state.page.min(50);
                let members = state.members(true);
                let next = (start + size < members.len()).then(|| (start + size).to_string());
                let page = members.into_iter().skip(start).take(size).collect();
                Ok(DescribeWarmPoolOutput::builder().set_instances(Some(page)).set_next_token(next).build())
            }
        );
        let heartbeat = operation!(
            self,
            Client::record_lifecycle_action_heartbeat,
            RecordLifecycleActionHeartbeatError,
            "RecordLifecycleActionHeartbeat",
            |state: &mut State, input: &RecordLifecycleActionHeartbeatInput| {
                state.waiting(input.auto_scaling_group_name(), input.lifecycle_hook_name(), input.instance_id())?;
                state.heartbeats.extend(input.instance_id().map(str::to_owned));
                Ok(RecordLifecycleActionHeartbeatOutput::builder().build())
            }
        );
        let complete = operation!(
            self,
            Client::complete_lifecycle_action,
            CompleteLifecycleActionError,
            "CompleteLifecycleAction",
            |state: &mut State, input: &CompleteLifecycleActionInput| {
                assert_eq!(input.lifecycle_action_result(), Some("CONTINUE"));
                let server =
                    state.waiting(input.auto_scaling_group_name(), input.lifecycle_hook_name(), input.instance_id())?;
                match server.lifecycle {
                    LifecycleState::PendingWait => server.lifecycle = LifecycleState::InService,
                    LifecycleState::WarmedPendingWait => server.lifecycle = LifecycleState::WarmedRunning,
                    _ => {
                        server.lifecycle = LifecycleState::Terminated;
                        server.state = InstanceStateName::Terminated;
                        server.address = None;
                        state.ended.extend(input.instance_id().map(str::to_owned));
                    }
                }
                Ok(CompleteLifecycleActionOutput::builder().build())
            }
        );
        let terminate = operation!(
            self,
            Client::terminate_instance_in_auto_scaling_group,
            TerminateInstanceInAutoScalingGroupError,
            "TerminateInstanceInAutoScalingGroup",
            |state: &mut State, input: &TerminateInstanceInAutoScalingGroupInput| {
                assert_eq!(input.should_decrement_desired_capacity(), Some(false));
                let server = state.server(input.instance_id())?;
                let is_retained = server.lifecycle == LifecycleState::TerminatingRetained;
                server.lifecycle =
                    if is_retained { LifecycleState::Terminated } else { LifecycleState::TerminatingWait };
                if is_retained {
                    server.state = InstanceStateName::Terminated;
                    state.ended.extend(input.instance_id().map(str::to_owned));
                }
                Ok(TerminateInstanceInAutoScalingGroupOutput::builder().build())
            }
        );
        let enter = operation!(
            self,
            Client::enter_standby,
            EnterStandbyError,
            "EnterStandby",
            |state: &mut State, input: &EnterStandbyInput| {
                assert!((1..=20).contains(&input.instance_ids().len()));
                for id in input.instance_ids() {
                    if state.server(Some(id))?.lifecycle != LifecycleState::InService {
                        return refuse("ValidationError", format!("The instance {id} is not in InService."));
                    }
                }
                for id in input.instance_ids() {
                    state.server(Some(id))?.lifecycle = LifecycleState::Standby;
                    if input.should_decrement_desired_capacity() == Some(true) {
                        state.desired -= 1;
                    }
                }
                Ok(EnterStandbyOutput::builder().build())
            }
        );
        let exit = operation!(
            self,
            Client::exit_standby,
            ExitStandbyError,
            "ExitStandby",
            |state: &mut State, input: &ExitStandbyInput| {
                for id in input.instance_ids() {
                    if state.server(Some(id))?.lifecycle != LifecycleState::Standby {
                        return refuse("ValidationError", format!("The instance {id} is not in Standby."));
                    }
                }
                for id in input.instance_ids() {
                    state.server(Some(id))?.lifecycle = LifecycleState::PendingWait;
                    state.desired += 1;
                }
                Ok(ExitStandbyOutput::builder().build())
            }
        );
        client(&[&groups, &warm_pool, &heartbeat, &complete, &terminate, &enter, &exit], |rules| {
            mock_client!(aws_sdk_autoscaling, RuleMode::MatchAny, rules, |config| {
                config.retry_config(aws_sdk_autoscaling::config::retry::RetryConfig::disabled())
            })
        })
    }

    pub(crate) fn ec2(&self) -> aws_sdk_ec2::Client {
        use aws_sdk_ec2::Client;
        let instances = operation!(
            self,
            Client::describe_instances,
            DescribeInstancesError,
            "DescribeInstances",
            |state: &mut State, input: &DescribeInstancesInput| {
                assert!(input.instance_ids().is_empty(), "a list of ids is refused when EC2 has forgotten one");
                let [filter] = input.filters() else { panic!("{:?}", input.filters()) };
                assert!((1..=200).contains(&filter.values().len()));
                let values = filter.values();
                let is_wanted = |id: &String, server: &Server| match filter.name().unwrap().strip_prefix("tag:") {
                    Some(key) => server.tags.get(key).is_some_and(|value| values.contains(value)),
                    None => filter.name() == Some("instance-id") && values.contains(id),
                };
                let start: usize = input.next_token().map_or(0, |token| token.parse().unwrap());
                let size = state.page.min(usize::try_from(input.max_results().unwrap()).unwrap());
                let all = state.servers.iter().filter(|(id, server)| is_wanted(id, server));
                let all: Vec<_> = all.map(|(id, server)| State::instance(id, server)).collect();
                let next = (start + size < all.len()).then(|| (start + size).to_string());
                let page = all.into_iter().skip(start).take(size).collect();
                let reservation = Reservation::builder().set_instances(Some(page)).build();
                Ok(DescribeInstancesOutput::builder().reservations(reservation).set_next_token(next).build())
            }
        );
        let templates = operation!(
            self,
            Client::describe_launch_templates,
            DescribeLaunchTemplatesError,
            "DescribeLaunchTemplates",
            |state: &mut State, input: &DescribeLaunchTemplatesInput| {
                assert_eq!(input.launch_template_ids(), ["lt-1"]);
                let template = LaunchTemplate::builder().launch_template_id("lt-1");
                let template = template.latest_version_number(state.latest_version).default_version_number(1);
                Ok(DescribeLaunchTemplatesOutput::builder().launch_templates(template.build()).build())
            }
        );
        let create = operation!(
            self,
            Client::create_tags,
            CreateTagsError,
            "CreateTags",
            |state: &mut State, input: &CreateTagsInput| {
                let [tag] = input.tags() else { panic!("{:?}", input.tags()) };
                let (key, value) = (tag.key().unwrap(), tag.value().unwrap());
                assert!(key.starts_with("scalelite-lifecycle:"), "{key}");
                state.change_tags(input.resources(), |tags| drop(tags.insert(key.to_owned(), value.to_owned())))?;
                Ok(CreateTagsOutput::builder().build())
            }
        );
        let delete = operation!(
            self,
            Client::delete_tags,
            DeleteTagsError,
            "DeleteTags",
            |state: &mut State, input: &DeleteTagsInput| {
                let [tag] = input.tags() else { panic!("{:?}", input.tags()) };
                let key = tag.key().unwrap();
                assert!(key.starts_with("scalelite-lifecycle:") && tag.value().is_none(), "{tag:?}");
                state.change_tags(input.resources(), |tags| drop(tags.remove(key)))?;
                Ok(DeleteTagsOutput::builder().build())
            }
        );
        client(&[&instances, &templates, &create, &delete], |rules| {
            mock_client!(aws_sdk_ec2, RuleMode::MatchAny, rules, |config| {
                config.retry_config(aws_sdk_ec2::config::retry::RetryConfig::disabled())
            })
        })
    }

    pub(crate) fn zone(&self) -> ZoneRecords {
        use aws_sdk_route53::Client;
        let list = operation!(
            self,
            Client::list_resource_record_sets,
            ListResourceRecordSetsError,
            "ListResourceRecordSets",
            |state: &mut State, input: &ListResourceRecordSetsInput| {
                assert_eq!(input.hosted_zone_id(), Some(ZONE));
                let kind = input.start_record_type().map_or(String::new(), |kind| kind.as_str().to_owned());
                let start = (labels(input.start_record_name().unwrap()), kind);
                let mut rest = state.records.iter().filter(|set| place(set) >= start).cloned();
                let page: Vec<_> = rest.by_ref().take(state.page.min(300)).collect();
                let next = rest.next();
                let output = ListResourceRecordSetsOutput::builder()
                    .set_resource_record_sets(Some(page))
                    .is_truncated(next.is_some())
                    .set_next_record_name(next.as_ref().map(|next| next.name().to_owned()))
                    .set_next_record_type(next.as_ref().map(|next| next.r#type().clone()))
                    .max_items(300);
                Ok(output.build().unwrap())
            }
        );
        let change = operation!(
            self,
            Client::change_resource_record_sets,
            ChangeResourceRecordSetsError,
            "ChangeResourceRecordSets",
            |state: &mut State, input: &ChangeResourceRecordSetsInput| {
                state.change_records(input.change_batch().unwrap().changes())?;
                let info =
                    ChangeInfo::builder().id("C1").status(ChangeStatus::Pending).submitted_at(DateTime::from_secs(0));
                Ok(ChangeResourceRecordSetsOutput::builder().change_info(info.build().unwrap()).build())
            }
        );
        let client = client(&[&list, &change], |rules| {
            mock_client!(aws_sdk_route53, RuleMode::MatchAny, rules, |config| {
                config.retry_config(aws_sdk_route53::config::retry::RetryConfig::disabled())
            })
        });
        ZoneRecords::new(client, ZONE)
    }

    pub(crate) fn secrets(&self) -> Secrets {
        use aws_sdk_secretsmanager::Client;
        let get = operation!(
            self,
            Client::get_secret_value,
            GetSecretValueError,
            "GetSecretValue",
            |state: &mut State, input: &GetSecretValueInput| {
                match state.secrets.get(input.secret_id().unwrap()) {
                    Some(text) => Ok(GetSecretValueOutput::builder().secret_string(text).build()),
                    None => refuse("ResourceNotFoundException", "there is no such secret"),
                }
            }
        );
        Secrets::new(client(&[&get], |rules| {
            mock_client!(aws_sdk_secretsmanager, RuleMode::MatchAny, rules, |config| {
                config.retry_config(aws_sdk_secretsmanager::config::retry::RetryConfig::disabled())
            })
        }))
    }
}

fn client<C>(rules: &[&Rule], make: impl FnOnce(&[&Rule]) -> C) -> C {
    make(rules)
}
