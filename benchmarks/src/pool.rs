//! A pool of servers as AWS, Scalelite and the servers themselves tell of it, in their own forms.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use anyhow::{Context as _, Result};
use benchmark_endpoint::{Ports, Rule, Script};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// The domain whose names the endpoint's certificate has.
pub(crate) const DOMAIN: &str = "meet.example.org";
const OWNER: &str = "arn:aws:cloudformation:eu-central-1:123456789012:stack/bbbexample-Pool-1ABCDEFGHIJKL/0a1b2c3d-4e5f-11f0-8a9b-0123456789ab";
const GROUP: &str = "bbbexample-Pool-1ABCDEFGHIJKL-servers";
const ZONE: &str = "Z0123456789ABCDEFGHIJ";
const SERVER_SECRET: &str = "639259d4-9dd8-4b25-bf01-95f9567eaf4b";
const SCALELITE_SECRET: &str = "330a8b08c3b4c61533e1d0c5ce1ac88f";

/// How many instances EC2, and record sets Route 53, give at once.
const INSTANCES: usize = 1_000;
const RECORDS: usize = 300;

/// How many people are in the one lesson on every server.
const PEOPLE: usize = 25;

/// What is the matter with the dead ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Death {
    /// They refuse connections.
    Refusing,
    /// They never answer, as a machine that hangs or an address that leads nowhere.
    Hanging,
}

/// A pool in which everybody serves, but for a few dead ones.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pool {
    pub(crate) servers: usize,
    pub(crate) dead: usize,
    pub(crate) death: Death,
}

impl Pool {
    /// What the function's environment says.
    pub(crate) fn variables(ports: Ports) -> BTreeMap<String, String> {
        [
            ("GROUP_NAME", GROUP.to_owned()),
            ("OWNER", OWNER.to_owned()),
            ("DOMAIN_NAME", DOMAIN.to_owned()),
            ("HOSTED_ZONE_ID", ZONE.to_owned()),
            ("LAUNCH_HOOK_NAME", "launch".to_owned()),
            ("TERMINATE_HOOK_NAME", "terminate".to_owned()),
            ("SCALELITE_URL", format!("https://scalelite.{DOMAIN}/scalelite/api/")),
            ("SCALELITE_SECRET_ARN", secret("scalelite")),
            ("SCALELITE_HEADER_SECRET_ARN", format!("{}:value::", secret("management"))),
            ("BBB_SECRET_ARN", secret("servers")),
            ("HTTPS_PROXY", format!("http://127.0.0.1:{}", ports.proxy)),
            ("NO_PROXY", "localhost,127.0.0.1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// The dead ones stand apart, as they would.
    fn is_dead(self, server: usize) -> bool {
        self.dead > 0
            && server.is_multiple_of(self.servers / self.dead)
            && server / (self.servers / self.dead) < self.dead
    }

    /// Everybody's answers.
    pub(crate) fn script(self) -> Result<Script> {
        let now = OffsetDateTime::now_utc().format(&Rfc3339).context("write the time")?;
        let mut rules = vec![
            xml("autoscaling DescribeAutoScalingGroups", &["Action=DescribeAutoScalingGroups"], self.group()),
            secret_value("servers", SERVER_SECRET),
            secret_value("scalelite", SCALELITE_SECRET),
            secret_value("management", &json!({"value": "f3b1c9"}).to_string()),
            rule(
                "scalelite getServers",
                &["GET /scalelite/api/getServers?"],
                "application/json; charset=utf-8",
                self.registrations(),
            ),
            rule("server getMeetings", &["GET /bigbluebutton/api/getMeetings?"], "text/xml;charset=utf-8", meetings()),
            rule(
                "server getRecordings",
                &["GET /bigbluebutton/api/getRecordings?"],
                "text/xml;charset=utf-8",
                NO_RECORDINGS.to_owned(),
            ),
            rule(
                "server pool-status",
                &["GET /pool-status/"],
                "application/json",
                json!({"version": 1, "written": now, "ready": true, "recordings": {"unfinished": 0}}).to_string(),
            ),
        ];
        rules.extend(self.instance_pages());
        rules.extend(self.record_pages());
        let dead: BTreeSet<String> = (0..self.servers).filter(|&server| self.is_dead(server)).map(host).collect();
        let (refusing, hanging) = match self.death {
            Death::Refusing => (dead, BTreeSet::new()),
            Death::Hanging => (BTreeSet::new(), dead),
        };
        Ok(Script { rules, refusing, hanging })
    }

    /// Whether an answer to a tick says what is true of this pool, and that nothing was done.
    pub(crate) fn check(self, answer: &Value) -> Result<()> {
        let answered = self.answered(answer)?;
        let living = self.servers - self.dead;
        anyhow::ensure!(answered == living, "of {living} living servers {answered} answered in time");
        Ok(())
    }

    /// How many servers answered in a tick's time. Whoever did not is asked first in another tick; nothing may follow from it in this one.
    ///
    /// # Errors
    /// When something else than that was not as it should be.
    pub(crate) fn answered(self, answer: &Value) -> Result<usize> {
        let is_empty = |what: &str| answer[what].as_array().is_some_and(Vec::is_empty);
        let servers = answer["servers"].as_array().context("the answer lists no servers")?;
        let in_state = |state: &str| servers.iter().filter(|server| server["state"] == state).count();
        let (serving, unreachable) = (in_state("serving"), in_state("unreachable"));
        // A dead one that was not asked waits for Scalelite's poller, which has not found it either.
        let waiting = in_state("joining");
        // Everybody who answers has one lesson with so many people; Python says only of each how many there are.
        let has_people = |server: &&Value| {
            let people = server.pointer("/load/participants").unwrap_or(&server["participants"]);
            people.as_u64() == Some(PEOPLE as u64)
        };
        let answered = servers.iter().filter(has_people).count();
        let is_complete = answered == self.servers - self.dead;
        anyhow::ensure!(
            servers.len() == self.servers
                && serving + unreachable + waiting == self.servers
                && waiting <= self.dead
                && answered + self.dead <= self.servers
                && (!is_complete || unreachable == self.dead),
            "of {} servers {} are dead; the tick found {}, {serving} serving and {unreachable} unreachable: {:.2000}",
            self.servers,
            self.dead,
            servers.len(),
            answer.to_string()
        );
        anyhow::ensure!(
            is_empty("actions") && is_empty("unread"),
            "a tick with nothing to do did {:.2000}, and could not read {:.2000}",
            answer["actions"].to_string(),
            answer["unread"].to_string()
        );
        Ok(answered)
    }

    fn group(self) -> String {
        let template = "<LaunchTemplate><LaunchTemplateId>lt-0123456789abcdef0</LaunchTemplateId>\
                        <LaunchTemplateName>bbbexample-servers</LaunchTemplateName><Version>7</Version></LaunchTemplate>";
        let mut members = String::new();
        for server in 0..self.servers {
            let _infallible = write!(
                members,
                "<member><ProtectedFromScaleIn>false</ProtectedFromScaleIn><AvailabilityZone>eu-central-1a</AvailabilityZone>{template}\
                 <InstanceId>{}</InstanceId><HealthStatus>Healthy</HealthStatus><LifecycleState>InService</LifecycleState>\
                 <InstanceType>c5.2xlarge</InstanceType></member>",
                id(server)
            );
        }
        let count = self.servers;
        format!(
            "<DescribeAutoScalingGroupsResponse xmlns=\"http://autoscaling.amazonaws.com/doc/2011-01-01/\"><DescribeAutoScalingGroupsResult>\
             <AutoScalingGroups><member><AutoScalingGroupName>{GROUP}</AutoScalingGroupName><AutoScalingGroupARN>arn:aws:autoscaling:eu-central-1:\
             123456789012:autoScalingGroup:c0ffee00-0000-0000-0000-000000000000:autoScalingGroupName/{GROUP}</AutoScalingGroupARN>{template}\
             <MinSize>1</MinSize><MaxSize>{count}</MaxSize><DesiredCapacity>{count}</DesiredCapacity><DefaultCooldown>300</DefaultCooldown>\
             <AvailabilityZones><member>eu-central-1a</member></AvailabilityZones><LoadBalancerNames/><TargetGroupARNs/>\
             <HealthCheckType>EC2</HealthCheckType><HealthCheckGracePeriod>300</HealthCheckGracePeriod><Instances>{members}</Instances>\
             <CreatedTime>2026-09-01T10:00:00.000Z</CreatedTime><SuspendedProcesses/><VPCZoneIdentifier>subnet-0123456789abcdef0\
             </VPCZoneIdentifier><EnabledMetrics/><Tags/><TerminationPolicies><member>Default</member></TerminationPolicies>\
             <NewInstancesProtectedFromScaleIn>false</NewInstancesProtectedFromScaleIn><ServiceLinkedRoleARN>arn:aws:iam::123456789012:role/\
             aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling</ServiceLinkedRoleARN><TrafficSources/></member>\
             </AutoScalingGroups></DescribeAutoScalingGroupsResult>{RESPONSE_METADATA}</DescribeAutoScalingGroupsResponse>"
        )
    }

    fn instance_pages(self) -> Vec<Rule> {
        let pages = self.servers.div_ceil(INSTANCES);
        let mut rules: Vec<Rule> = (0..pages)
            .map(|page| {
                let mut text = format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\
                     <requestId>8f7724cf-496f-496e-8fe3-example{page:05}</requestId><reservationSet>"
                );
                (page * INSTANCES..self.servers.min((page + 1) * INSTANCES)).for_each(|server| push_instance(&mut text, server));
                text.push_str("</reservationSet>");
                if page + 1 < pages {
                    let _infallible = write!(text, "<nextToken>page-{}</nextToken>", page + 1);
                }
                text.push_str("</DescribeInstancesResponse>");
                let wanted = if page == 0 { String::new() } else { format!("NextToken=page-{page}") };
                xml("ec2 DescribeInstances", &["Action=DescribeInstances", &wanted], text)
            })
            .collect();
        // What asks for no page fits everywhere, so it comes last.
        rules.reverse();
        rules
    }

    fn record_pages(self) -> Vec<Rule> {
        // Route 53 sorts by name and type: an address, then the text beside it.
        let sets: Vec<(String, &str, String)> = (0..self.servers)
            .flat_map(|server| {
                let name = format!("{}.", host(server));
                [(name.clone(), "A", address(server)), (name, "TXT", format!("&quot;server-pool={OWNER}&quot;"))]
            })
            .collect();
        let pages: Vec<&[(String, &str, String)]> = sets.chunks(RECORDS).collect();
        let rule = |(page, sets): (usize, &&[(String, &str, String)])| {
            let mut text = "<?xml version=\"1.0\"?>\n<ListResourceRecordSetsResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
                            <ResourceRecordSets>"
                .to_owned();
            for (name, kind, value) in *sets {
                let _infallible = write!(
                    text,
                    "<ResourceRecordSet><Name>{name}</Name><Type>{kind}</Type><TTL>60</TTL><ResourceRecords><ResourceRecord>\
                     <Value>{value}</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>"
                );
            }
            let next = pages.get(page + 1).and_then(|next| next.first());
            let _infallible = match next {
                Some((name, kind, _)) => write!(
                    text,
                    "</ResourceRecordSets><IsTruncated>true</IsTruncated><NextRecordName>{name}</NextRecordName>\
                     <NextRecordType>{kind}</NextRecordType>"
                ),
                None => write!(text, "</ResourceRecordSets><IsTruncated>false</IsTruncated>"),
            };
            text.push_str("<MaxItems>300</MaxItems></ListResourceRecordSetsResponse>");
            let start = if page == 0 { format!("vc-.{DOMAIN}") } else { sets[0].0.trim_end_matches('.').to_owned() };
            xml("route53 ListResourceRecordSets", &["/rrset?", &format!("name={start}")], text)
        };
        pages.iter().enumerate().map(rule).collect()
    }

    fn registrations(self) -> String {
        let server = |server| {
            let host = host(server);
            json!({
                "id": host,
                "url": format!("https://{host}/bigbluebutton/api/"),
                "secret": SERVER_SECRET,
                "tag": "",
                "bbb_version": "",
                "state": "enabled",
                "load": 35.0,
                "load_multiplier": "1.0",
                "online": if self.is_dead(server) { "offline" } else { "online" },
            })
        };
        Value::from_iter((0..self.servers).map(server)).to_string()
    }
}

const RESPONSE_METADATA: &str =
    "<ResponseMetadata><RequestId>7c6e177f-f082-11e1-ac58-3714bexample</RequestId></ResponseMetadata>";

const NO_RECORDINGS: &str = "<response><returncode>SUCCESS</returncode><recordings></recordings>\
    <messageKey>noRecordings</messageKey><message>There are no recordings for the meeting(s).</message></response>";

fn id(server: usize) -> String {
    format!("i-0{:016x}", 0x0123_4567_0000_0000_u64 + server as u64)
}

fn host(server: usize) -> String {
    format!("vc-{}.{DOMAIN}", &id(server)[2..])
}

fn address(server: usize) -> String {
    format!("198.18.{}.{}", server / 250, server % 250 + 1)
}

fn secret(name: &str) -> String {
    format!("arn:aws:secretsmanager:eu-central-1:123456789012:secret:{name}-AbCdEf")
}

fn rule(call: &str, request: &[&str], content_type: &str, body: String) -> Rule {
    Rule {
        call: call.to_owned(),
        request: request.iter().map(|&text| text.to_owned()).collect(),
        status: 200,
        headers: vec![("Content-Type".to_owned(), content_type.to_owned())],
        body,
    }
}

fn xml(call: &str, request: &[&str], body: String) -> Rule {
    rule(call, request, "text/xml;charset=UTF-8", body)
}

fn secret_value(name: &str, value: &str) -> Rule {
    let arn = secret(name);
    let body = json!({
        "ARN": arn,
        "CreatedDate": 1_788_249_600.0,
        "Name": name,
        "SecretString": value,
        "VersionId": "a1b2c3d4-5678-90ab-cdef-example11111",
        "VersionStages": ["AWSCURRENT"],
    });
    rule(
        "secretsmanager GetSecretValue",
        &["secretsmanager.GetSecretValue", &arn],
        "application/x-amz-json-1.1",
        body.to_string(),
    )
}

/// One lesson, as BigBlueButton lists it.
fn meetings() -> String {
    let mut text = format!(
        "<response><returncode>SUCCESS</returncode><meetings><meeting><meetingName>Mathematics 7b</meetingName><meetingID>\
         6c58284d-6b3d-4b1c-9d3c-2f1f6f6e7c10</meetingID><internalMeetingID>183f0bf3a0982a127bdb8161e0c44eb696b3e75c-1795341600000\
         </internalMeetingID><createTime>1795341600000</createTime><createDate>Sun Nov 22 10:00:00 UTC 2026</createDate>\
         <voiceBridge>70066</voiceBridge><dialNumber>613-555-1234</dialNumber><attendeePW>a</attendeePW><moderatorPW>m</moderatorPW>\
         <running>true</running><duration>0</duration><hasUserJoined>true</hasUserJoined><recording>false</recording>\
         <hasBeenForciblyEnded>false</hasBeenForciblyEnded><startTime>1795341600123</startTime><endTime>0</endTime>\
         <participantCount>{PEOPLE}</participantCount><listenerCount>3</listenerCount><voiceParticipantCount>22</voiceParticipantCount>\
         <videoCount>12</videoCount><maxUsers>0</maxUsers><moderatorCount>1</moderatorCount><attendees>"
    );
    for person in 0..PEOPLE {
        let role = if person == 0 { "MODERATOR" } else { "VIEWER" };
        let _infallible = write!(
            text,
            "<attendee><userID>w_{person:012x}</userID><fullName>Pupil {person}</fullName><role>{role}</role><isPresenter>false\
             </isPresenter><isListeningOnly>false</isListeningOnly><hasJoinedVoice>true</hasJoinedVoice><hasVideo>false</hasVideo>\
             <clientType>HTML5</clientType></attendee>"
        );
    }
    text + "</attendees><metadata><bbb-origin>Greenlight</bbb-origin></metadata><isBreakout>false</isBreakout></meeting></meetings></response>"
}

/// An instance with everything that EC2 tells of one that runs.
fn push_instance(text: &mut String, server: usize) {
    let (id, address) = (id(server), address(server));
    let private = format!("10.1.{}.{}", server / 250, server % 250 + 1);
    let (tags, network) = (tags(), network(server, &address, &private));
    let _infallible = write!(
        text,
        "<item><reservationId>r-{server:017x}</reservationId><ownerId>123456789012</ownerId><requesterId>043234062703</requesterId><groupSet/>\
         <instancesSet><item><instanceId>{id}</instanceId><imageId>ami-0123456789abcdef0</imageId><instanceState><code>16</code><name>running\
         </name></instanceState><privateDnsName>ip-{dashed}.eu-central-1.compute.internal</privateDnsName><dnsName/><reason/>\
         <amiLaunchIndex>0</amiLaunchIndex><productCodes/><instanceType>c5.2xlarge</instanceType><launchTime>2026-11-22T05:00:00.000Z\
         </launchTime><placement><availabilityZone>eu-central-1a</availabilityZone><groupName/><tenancy>default</tenancy></placement>\
         <monitoring><state>disabled</state></monitoring><subnetId>subnet-0123456789abcdef0</subnetId><vpcId>vpc-0123456789abcdef0</vpcId>\
         <privateIpAddress>{private}</privateIpAddress><ipAddress>{address}</ipAddress><sourceDestCheck>true</sourceDestCheck><groupSet><item>\
         <groupId>sg-0123456789abcdef0</groupId><groupName>bbbexample-servers</groupName></item></groupSet><architecture>x86_64</architecture>\
         <rootDeviceType>ebs</rootDeviceType><rootDeviceName>/dev/sda1</rootDeviceName><blockDeviceMapping><item><deviceName>/dev/sda1\
         </deviceName><ebs><volumeId>vol-{server:017x}</volumeId><status>attached</status><attachTime>2026-11-22T05:00:01.000Z</attachTime>\
         <deleteOnTermination>true</deleteOnTermination></ebs></item></blockDeviceMapping><virtualizationType>hvm</virtualizationType>\
         <clientToken>fleet-c0ffee00-0000-0000-0000-0000{server:08x}</clientToken>{tags}<hypervisor>xen</hypervisor>{network}\
         <iamInstanceProfile><arn>arn:aws:iam::123456789012:instance-profile/bbbexample-Application-Profile</arn><id>AIPAEXAMPLE</id>\
         </iamInstanceProfile><ebsOptimized>true</ebsOptimized><enaSupport>true</enaSupport><cpuOptions><coreCount>4</coreCount>\
         <threadsPerCore>2</threadsPerCore></cpuOptions><capacityReservationSpecification><capacityReservationPreference>open\
         </capacityReservationPreference></capacityReservationSpecification><hibernationOptions><configured>false</configured>\
         </hibernationOptions><metadataOptions><state>applied</state><httpTokens>required</httpTokens><httpPutResponseHopLimit>1\
         </httpPutResponseHopLimit><httpEndpoint>enabled</httpEndpoint><httpProtocolIpv6>disabled</httpProtocolIpv6>\
         <instanceMetadataTags>disabled</instanceMetadataTags></metadataOptions><enclaveOptions><enabled>false</enabled></enclaveOptions>\
         <platformDetails>Linux/UNIX</platformDetails><usageOperation>RunInstances</usageOperation><usageOperationUpdateTime>\
         2026-11-22T05:00:00.000Z</usageOperationUpdateTime><privateDnsNameOptions><hostnameType>ip-name</hostnameType>\
         <enableResourceNameDnsARecord>false</enableResourceNameDnsARecord><enableResourceNameDnsAAAARecord>false\
         </enableResourceNameDnsAAAARecord></privateDnsNameOptions><maintenanceOptions><autoRecovery>default</autoRecovery>\
         </maintenanceOptions><currentInstanceBootMode>legacy-bios</currentInstanceBootMode></item></instancesSet></item>",
        dashed = private.replace('.', "-"),
    );
}

fn tags() -> String {
    let tags = [
        ("Name", "bbbexample-server"),
        ("aws:autoscaling:groupName", GROUP),
        ("aws:ec2launchtemplate:id", "lt-0123456789abcdef0"),
        ("aws:ec2launchtemplate:version", "7"),
        ("aws:cloudformation:stack-id", OWNER),
        ("scalelite-lifecycle:registered", "2026-11-22T05:30:00Z"),
    ];
    let tags: Vec<String> =
        tags.map(|(key, value)| format!("<item><key>{key}</key><value>{value}</value></item>")).into();
    format!("<tagSet>{}</tagSet>", tags.concat())
}

fn network(server: usize, address: &str, private: &str) -> String {
    format!(
        "<networkInterfaceSet><item><networkInterfaceId>eni-{server:017x}</networkInterfaceId><subnetId>subnet-0123456789abcdef0</subnetId>\
         <vpcId>vpc-0123456789abcdef0</vpcId><description/><ownerId>123456789012</ownerId><status>in-use</status><macAddress>02:00:00:00:00:01\
         </macAddress><privateIpAddress>{private}</privateIpAddress><sourceDestCheck>true</sourceDestCheck><groupSet><item><groupId>\
         sg-0123456789abcdef0</groupId><groupName>bbbexample-servers</groupName></item></groupSet><attachment><attachmentId>\
         eni-attach-{server:017x}</attachmentId><deviceIndex>0</deviceIndex><status>attached</status><attachTime>2026-11-22T05:00:00.000Z\
         </attachTime><deleteOnTermination>true</deleteOnTermination><networkCardIndex>0</networkCardIndex></attachment><association><publicIp>\
         {address}</publicIp><publicDnsName/><ipOwnerId>amazon</ipOwnerId></association><privateIpAddressesSet><item><privateIpAddress>{private}\
         </privateIpAddress><primary>true</primary><association><publicIp>{address}</publicIp><publicDnsName/><ipOwnerId>amazon</ipOwnerId>\
         </association></item></privateIpAddressesSet><ipv6AddressesSet/><interfaceType>interface</interfaceType></item></networkInterfaceSet>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_lead_to_each_other_and_the_dead_are_counted() {
        let pool = Pool { servers: 2_500, dead: 25, death: Death::Hanging };
        let script = pool.script().unwrap();
        assert_eq!((script.hanging.len(), script.refusing.len()), (25, 0));
        let of = |call: &str| script.rules.iter().filter(|rule| rule.call == call).collect::<Vec<_>>();
        assert_eq!(of("ec2 DescribeInstances").len(), 3);
        let records = of("route53 ListResourceRecordSets");
        assert_eq!(records.len(), 17);
        for pair in records.windows(2) {
            let start = pair[1].request[1].strip_prefix("name=").unwrap();
            assert!(pair[0].body.contains(&format!("<NextRecordName>{start}.</NextRecordName>")));
        }
        assert!(!records[16].body.contains("NextRecordName"));
    }

    #[test]
    fn a_wrong_answer_is_found_out() {
        let pool = Pool { servers: 2, dead: 1, death: Death::Refusing };
        let answer = |servers: Value, actions: Value| {
            pool.answered(&json!({"servers": servers, "actions": actions, "unread": []})).ok()
        };
        let server = |state: &str, people: u64| json!({"state": state, "load": {"participants": people}});
        let (living, dead) = (server("serving", 25), server("unreachable", 0));
        assert_eq!(answer(json!([living, dead]), json!([])), Some(1));
        assert_eq!(answer(json!([server("serving", 0), dead]), json!([])), Some(0), "it was not asked in time");
        assert_eq!(answer(json!([server("serving", 0), server("joining", 0)]), json!([])), Some(0));
        assert_eq!(answer(json!([living, server("joining", 0)]), json!([])), None, "all were asked");
        assert_eq!(answer(json!([living, living]), json!([])), None);
        assert_eq!(answer(json!([living, server("draining", 0)]), json!([])), None);
        assert_eq!(answer(json!([living]), json!([])), None);
        assert_eq!(answer(json!([living, dead]), json!([{"step": "cordon"}])), None);
        assert!(pool.check(&json!({"servers": [server("serving", 0), dead], "actions": [], "unread": []})).is_err());
    }
}
