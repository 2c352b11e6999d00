//! Whether the public DNS leads to a hosted zone.
//!
//! A zone answers nobody unless its parent names the zone's own name servers. It is the most common reason why a certificate is not validated
//! or a domain not verified, and the one that AWS does not tell.

use std::{collections::BTreeSet, env, fs, io, net::SocketAddr, time::Duration};

use simple_dns::{CLASS, Name, Packet, Question, TYPE, rdata::RData};
use tokio::{net::UdpSocket, time::timeout};
use tracing::debug;

use crate::{HostedZone, name::normalised};

/// Names a resolver (`address:port`) other than the system's, for tests and unusual networks.
const RESOLVER_VARIABLE: &str = "DNS_RESOLVER";

/// How long a resolver may take. It is asked again at the next look, so one lost packet does not matter.
const PATIENCE: Duration = Duration::from_secs(3);

/// The largest answer without EDNS (RFC 1035, section 4.2.1).
const MAX_ANSWER: usize = 512;

/// What is known of a zone's delegation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delegation {
    /// The public DNS leads to the zone.
    Right,
    /// It does not; the text says where it leads, and what to do.
    Wrong(String),
    /// It could not be learnt.
    Unknown,
}

/// Asks the public DNS where it leads for the zone's domain.
pub async fn delegation(zone: &HostedZone) -> Delegation {
    let Some(resolver) = resolver() else { return Delegation::Unknown };
    match name_servers(resolver, zone.name()).await {
        Ok(public) => match judge(zone.name(), zone.id(), zone.name_servers(), &public) {
            Some(problem) => Delegation::Wrong(problem),
            None => Delegation::Right,
        },
        Err(error) => {
            debug!(reason = %error, "the delegation could not be learnt");
            Delegation::Unknown
        }
    }
}

/// Compares the name servers that the public DNS gives with the zone's own.
fn judge(name: &str, zone: &str, own: &[String], public: &BTreeSet<String>) -> Option<String> {
    let own: BTreeSet<String> = own.iter().map(|server| normalised(server)).collect();
    let list = |servers: &BTreeSet<String>| servers.iter().cloned().collect::<Vec<_>>().join(", ");
    if public.is_empty() {
        return Some(format!(
            "the public DNS has no name servers for {name}: at the registrar or in the parent zone, delegate {name} to {}",
            list(&own)
        ));
    }
    if own.is_disjoint(public) {
        return Some(format!(
            "the public DNS leads {name} to {}, which do not serve the hosted zone {zone}: give the id of the zone that they serve, \
             or delegate {name} to {}",
            list(public),
            list(&own)
        ));
    }
    None
}

/// The resolver of the system, or the one that the environment names.
fn resolver() -> Option<SocketAddr> {
    if let Ok(given) = env::var(RESOLVER_VARIABLE) {
        return given.parse().ok();
    }
    let configuration = fs::read_to_string("/etc/resolv.conf").ok()?;
    let address = configuration.lines().find_map(|line| line.trim().strip_prefix("nameserver"))?;
    Some(SocketAddr::new(address.trim().parse().ok()?, 53))
}

/// Asks for the NS records of a name; none if the name does not exist.
async fn name_servers(resolver: SocketAddr, name: &str) -> io::Result<BTreeSet<String>> {
    let id = fastrand::u16(..);
    let mut query = Packet::new_query(id);
    query.set_flags(simple_dns::PacketFlag::RECURSION_DESIRED);
    let name = Name::new(name).map_err(io::Error::other)?;
    query.questions.push(Question::new(name, TYPE::NS.into(), CLASS::IN.into(), false));
    let query = query.build_bytes_vec().map_err(io::Error::other)?;
    let any: SocketAddr = if resolver.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(resolver).await?;
    socket.send(&query).await?;
    let mut buffer = [0; MAX_ANSWER];
    let length = timeout(PATIENCE, socket.recv(&mut buffer)).await??;
    let answer = Packet::parse(&buffer[..length]).map_err(io::Error::other)?;
    let answered = matches!(answer.rcode(), simple_dns::RCODE::NoError | simple_dns::RCODE::NameError);
    // Of an answer that was cut off nobody knows what is missing.
    let is_whole = !answer.has_flags(simple_dns::PacketFlag::TRUNCATION);
    if answer.id() != id || !answered || !is_whole {
        return Err(io::Error::other("the resolver did not answer the question"));
    }
    Ok(answer
        .answers
        .iter()
        .filter_map(|record| match &record.rdata {
            RData::NS(server) => Some(normalised(&server.0.to_string())),
            _ => None,
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use simple_dns::{PacketFlag, QTYPE, RCODE, ResourceRecord, rdata};

    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_do() {
        let own = ["ns-1.awsdns-1.org".to_owned(), "NS-2.awsdns-2.com.".to_owned()];
        assert_eq!(judge("example.org", "Z1", &own, &set(&["ns-2.awsdns-2.com", "ns-9.elsewhere.net"])), None);
        let none = judge("example.org", "Z1", &own, &set(&[])).unwrap();
        assert!(none.contains("delegate example.org to ns-1.awsdns-1.org, ns-2.awsdns-2.com"), "{none}");
        let other = judge("example.org", "Z1", &own, &set(&["ns.registrar.net"])).unwrap();
        assert!(other.contains("leads example.org to ns.registrar.net") && other.contains("zone Z1"), "{other}");
    }

    /// What a resolver that answers one query like this is understood to say.
    async fn understood(answer: impl FnOnce(&mut Packet) + Send + 'static) -> io::Result<BTreeSet<String>> {
        let resolver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = resolver.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let mut buffer = [0; MAX_ANSWER];
            let (length, asker) = resolver.recv_from(&mut buffer).await.unwrap();
            let query = Packet::parse(&buffer[..length]).unwrap();
            assert!(query.has_flags(PacketFlag::RECURSION_DESIRED));
            let [question] = query.questions.as_slice() else { panic!("{query:?}") };
            assert_eq!((question.qname.to_string().as_str(), question.qtype), ("example.org", QTYPE::TYPE(TYPE::NS)));
            let mut reply = query.into_reply();
            answer(&mut reply);
            resolver.send_to(&reply.build_bytes_vec().unwrap(), asker).await.unwrap();
        });
        let result = name_servers(address, "example.org").await;
        server.await.unwrap();
        result
    }

    fn add(reply: &mut Packet, data: RData<'static>) {
        reply.answers.push(ResourceRecord::new(Name::new_unchecked("example.org"), CLASS::IN, 60, data));
    }

    fn name_server(name: &'static str) -> RData<'static> {
        RData::NS(rdata::NS(Name::new_unchecked(name)))
    }

    #[tokio::test]
    async fn name_servers_are_what_the_resolver_says() {
        let servers = understood(|reply| {
            add(reply, name_server("NS-1.awsdns-1.org"));
            add(reply, RData::A(rdata::A { address: 1 }));
            add(reply, name_server("ns-2.awsdns-2.com"));
        });
        assert_eq!(servers.await.unwrap(), set(&["ns-1.awsdns-1.org", "ns-2.awsdns-2.com"]));
    }

    #[tokio::test]
    async fn a_name_that_does_not_exist_has_no_name_servers() {
        assert_eq!(understood(|reply| *reply.rcode_mut() = RCODE::NameError).await.unwrap(), set(&[]));
        assert_eq!(understood(|_| {}).await.unwrap(), set(&[]));
    }

    #[tokio::test]
    async fn an_answer_to_another_question_or_none_at_all_says_nothing() {
        understood(|reply| reply.set_id(reply.id().wrapping_add(1))).await.unwrap_err();
        understood(|reply| *reply.rcode_mut() = RCODE::ServerFailure).await.unwrap_err();
        understood(|reply| *reply.rcode_mut() = RCODE::Refused).await.unwrap_err();
    }

    #[tokio::test]
    async fn an_answer_that_was_cut_off_says_nothing() {
        understood(|reply| reply.set_flags(PacketFlag::TRUNCATION)).await.unwrap_err();
    }

    #[tokio::test(start_paused = true)]
    async fn a_resolver_that_is_silent_is_not_waited_for_long() {
        let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let started = tokio::time::Instant::now();
        let error = name_servers(silent.local_addr().unwrap(), "example.org").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(started.elapsed().as_secs(), PATIENCE.as_secs());
    }
}
