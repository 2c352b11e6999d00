//! What `bbb` finds before it begins: where the public DNS leads, and who is signed in.

use std::{fs, sync::Arc};

use simple_dns::{CLASS, Name, Packet, PacketFlag, RCODE, ResourceRecord, rdata};
use tests::{cloud::Cloud, command::Bbb};
use tokio::{net::UdpSocket, task::JoinHandle};

/// What a resolver says of every name.
#[derive(Debug, Clone)]
enum Says {
    NameServers(Vec<String>),
    NoSuchName,
    Broken,
}

/// A DNS resolver on loopback. Dropping it ends it.
struct Resolver {
    address: String,
    task: JoinHandle<()>,
}

impl Resolver {
    async fn that(says: Says) -> Self {
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.expect("a port"));
        let address = socket.local_addr().expect("an address").to_string();
        let task = tokio::spawn(async move {
            let mut buffer = [0; 512];
            loop {
                let (length, asker) = socket.recv_from(&mut buffer).await.expect("a query");
                let reply = answer(&buffer[..length], &says);
                socket.send_to(&reply, asker).await.expect("an answer");
            }
        });
        Self { address, task }
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn answer(query: &[u8], says: &Says) -> Vec<u8> {
    let query = Packet::parse(query).expect("a query");
    let asked = query.questions.first().expect("a question").qname.to_string();
    let mut reply = query.into_reply();
    reply.set_flags(PacketFlag::RECURSION_AVAILABLE);
    match says {
        Says::NameServers(servers) => {
            reply.answers.extend(servers.iter().map(|server| {
                let server = rdata::RData::NS(rdata::NS(Name::new(server).expect("a name").into_owned()));
                ResourceRecord::new(Name::new(&asked).expect("a name").into_owned(), CLASS::IN, 60, server)
            }));
        }
        Says::NoSuchName => *reply.rcode_mut() = RCODE::NameError,
        Says::Broken => *reply.rcode_mut() = RCODE::ServerFailure,
    }
    reply.build_bytes_vec().expect("an answer")
}

/// The public DNS leads to the zone, elsewhere, nowhere, or does not say.
pub(super) async fn delegations(bbb: &Bbb, cloud: &Cloud, zone: &str, parameters: &str) {
    let own = cloud.name_servers(zone).await;
    let cases = [
        (Says::NameServers(own), None),
        (Says::NameServers(vec!["ns1.elsewhere.net".to_owned()]), Some("to ns1.elsewhere.net, which do not serve")),
        (Says::NoSuchName, Some("the public DNS has no name servers for")),
        (Says::Broken, Some("the resolver said nothing useful")),
    ];
    for (says, found) in cases {
        let resolver = Resolver::that(says.clone()).await;
        let bbb = bbb.and("DNS_RESOLVER", &resolver.address);
        let ran = bbb.run(&["preflight", "--parameters", parameters, "--output", "json"]).await;
        let said = &ran.expect(0).stdout;
        match found {
            Some(found) => assert!(said.contains(found), "{says:?}: {said}"),
            None => assert!(!said.contains("name servers") && !said.contains("resolver"), "{says:?}: {said}"),
        }
    }
}

/// A profile of SSO with nobody signed in, and with a sign-in that has ended.
pub(super) async fn nobody_signed_in(bbb: &Bbb) {
    const CONFIG: &str = "[profile school]\nsso_session = school\nsso_account_id = 123456789012\nsso_role_name = operator\nregion = eu-central-1\n\
                          [sso-session school]\nsso_region = eu-central-1\nsso_start_url = https://school.awsapps.com/start\n\
                          sso_registration_scopes = sso:account:access\n";
    // The AWS CLI names it by the SHA-1 of the session's name.
    const CACHED: &str = "655f83be7512e5b5b3ba4c9976c043ece4b3ce51.json";
    let home = tempfile::tempdir().expect("a folder");
    let cache = home.path().join(".aws/sso/cache");
    fs::create_dir_all(&cache).expect("a folder");
    fs::write(home.path().join(".aws/config"), CONFIG).expect("a file");
    let bbb = bbb.with(vec![("HOME", home.path().to_string_lossy().into_owned())]);
    let token = "{\"startUrl\": \"https://school.awsapps.com/start\", \"region\": \"eu-central-1\", \
                 \"accessToken\": \"made-up-token\", \"expiresAt\": \"2020-01-01T00:00:00Z\"}";
    for cached in [None, Some(token)] {
        if let Some(token) = cached {
            fs::write(cache.join(CACHED), token).expect("a file");
        }
        for bbb in [bbb.and("AWS_PROFILE", "school"), bbb.and("AWS_DEFAULT_PROFILE", "school")] {
            let ran = bbb.run(&["status"]).await;
            assert!(ran.expect(3).stderr.contains("aws sso login --profile school"), "{cached:?}: {}", ran.stderr);
            assert!(!ran.stderr.contains("made-up-token"), "{}", ran.stderr);
        }
        let ran = bbb.run(&["status", "--profile", "school"]).await;
        assert!(ran.expect(3).stderr.contains("nobody is signed in, or not any longer"), "{cached:?}: {}", ran.stderr);
    }
}
