//! A proxy for HTTPS: looks a name up as DNS would, and leads to whoever has the address.
//!
//! A name that has no record, a record that points to an instance of another name, an instance that does not run: all of that is felt as it
//! would be felt outside.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::authority::Authority;
use super::guests::Guests;
use super::names::Names;
use super::{Machines, OutsideError};

/// The port of HTTPS.
const HTTPS: u16 = 443;

/// More than any request to connect.
const LONGEST_REQUEST: usize = 8192;

/// Where the stand-ins are.
pub(super) struct Ways {
    /// Scalelite's name, and where it is.
    pub(super) scalelite: (String, SocketAddr),
    pub(super) servers: Servers,
}

/// Where servers are.
pub(super) enum Servers {
    /// All behind one address, each by its name.
    StandIns(SocketAddr),
    /// Each at its own, with its own certificate.
    Real(Arc<Machines>),
}

/// How a name is led to.
enum Way {
    /// By us with TLS, as the name.
    As(Box<TlsAcceptor>, SocketAddr),
    /// As it is.
    Through(UnixStream),
}

/// The proxy, running. Dropping it ends it.
pub(super) struct Proxy {
    address: SocketAddr,
    task: JoinHandle<()>,
}

struct Shared {
    authority: Authority,
    names: Arc<Names>,
    guests: Arc<Guests>,
    ways: Ways,
}

/// Why there is no way to a name, as a proxy says it: a status and the reason.
struct NoWay(u16, String);

impl Proxy {
    pub(super) async fn start(
        authority: Authority,
        names: Arc<Names>,
        guests: Arc<Guests>,
        ways: Ways,
    ) -> Result<Self, OutsideError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(OutsideError::Listen)?;
        let address = listener.local_addr().map_err(OutsideError::Listen)?;
        let shared = Arc::new(Shared { authority, names, guests, ways });
        let task = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let shared = shared.clone();
                // A connection that breaks is the caller's to notice.
                tokio::spawn(async move { shared.serve(connection).await.ok() });
            }
        });
        Ok(Self { address, task })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    async fn serve(&self, mut connection: TcpStream) -> io::Result<()> {
        let request = head(&mut connection).await?;
        let Some(host) = connect_to(&request) else {
            return refuse(&mut connection, &NoWay(405, "only CONNECT to port 443".to_owned())).await;
        };
        let way = match self.way(&host).await {
            Ok(way) => way,
            Err(no_way) => return refuse(&mut connection, &no_way).await,
        };
        connection.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
        match way {
            Way::As(acceptor, address) => {
                let mut inner = acceptor.accept(connection).await?;
                let mut outer = TcpStream::connect(address).await?;
                copy_bidirectional(&mut inner, &mut outer).await.map(drop)
            }
            Way::Through(mut outer) => copy_bidirectional(&mut connection, &mut outer).await.map(drop),
        }
    }

    async fn way(&self, host: &str) -> Result<Way, NoWay> {
        let way = if self.ways.scalelite.0 == host {
            self.ways.scalelite.1
        } else {
            let addresses = self.names.addresses(host).await;
            let Some(address) = addresses.first() else {
                return Err(NoWay(502, format!("no such name: {host}")));
            };
            match (self.guests.name_at(*address), &self.ways.servers) {
                (None, _) => return Err(NoWay(504, format!("nobody at {address}, where {host} is"))),
                // A real one shows its own certificate.
                (Some(_), Servers::Real(machines)) => {
                    let stream = machines.connect(*address, HTTPS).await;
                    return stream.map(Way::Through).map_err(|error| NoWay(504, error.to_string()));
                }
                // Whoever has the address would show the certificate of another name.
                (Some(name), _) if name != host => {
                    return Err(NoWay(502, format!("{name} is at the address of {host}")));
                }
                (Some(_), Servers::StandIns(all)) => *all,
            }
        };
        let acceptor = self.authority.speak_as(host).map_err(|error| NoWay(500, error.to_string()))?;
        Ok(Way::As(Box::new(acceptor), way))
    }
}

/// Reads a request's head, to the empty line and no further.
async fn head(connection: &mut TcpStream) -> io::Result<String> {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        if read.len() > LONGEST_REQUEST {
            return Err(io::Error::other("the request to connect is too long"));
        }
        read.push(connection.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&read).into_owned())
}

/// The host that a request wants to be connected to.
fn connect_to(request: &str) -> Option<String> {
    let mut words = request.lines().next()?.split(' ');
    (words.next()? == "CONNECT").then_some(())?;
    Some(words.next()?.strip_suffix(":443")?.to_ascii_lowercase())
}

async fn refuse(connection: &mut TcpStream, NoWay(status, reason): &NoWay) -> io::Result<()> {
    let head =
        format!("HTTP/1.1 {status} No way\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{reason}", reason.len());
    connection.write_all(head.as_bytes()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_is_connected() {
        let host = |request| connect_to(request);
        assert_eq!(host("CONNECT VC-1.meet.test:443 HTTP/1.1\r\nHost: x\r\n\r\n").as_deref(), Some("vc-1.meet.test"));
        assert_eq!(host("CONNECT vc-1.meet.test:80 HTTP/1.1\r\n\r\n"), None);
        assert_eq!(host("GET http://vc-1.meet.test/ HTTP/1.1\r\n\r\n"), None);
        assert_eq!(host(""), None);
    }
}
