//! Whether the public DNS leads to a hosted zone.
//!
//! A zone answers nobody unless its parent names the zone's own name servers. It is the most common reason why a certificate is not validated
//! or a domain not verified, and the one that AWS does not tell.

use std::{collections::BTreeSet, env, fs, io, net::SocketAddr, time::Duration};

use simple_dns::{CLASS, Name, Packet, Question, TYPE, rdata::RData};
use tokio::{net::UdpSocket, time::timeout};

use crate::{HostedZone, name::normalised};

/// Names a resolver (`address:port`) other than the system's, for tests and unusual networks.
const RESOLVER_VARIABLE: &str = "DNS_RESOLVER";

/// How long a resolver may take. It is asked again at the next look, so one lost packet does not matter.
const PATIENCE: Duration = Duration::from_secs(3);

/// The largest answer without EDNS (RFC 1035, section 4.2.1).
const MAX_ANSWER: usize = 512;

/// Says what is wrong with the zone's delegation and what to do, or nothing when it is right or cannot be learnt.
pub async fn delegation_problem(zone: &HostedZone) -> Option<String> {
    let resolver = resolver()?;
    let public = name_servers(resolver, zone.name()).await.ok()?;
    judge(zone.name(), zone.id(), zone.name_servers(), &public)
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
    if answer.id() != id || !answered {
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
}
