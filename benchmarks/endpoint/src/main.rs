//! The program: listens, and plays what it is told to.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, Write as _},
    net::Ipv4Addr,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context as _, Result, bail};
use benchmark_endpoint::{
    Command, Identity, Played, Ports, Rule, Script, Setting,
    http::{self, Request},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

/// What the names of a play lead to, and what was played.
#[derive(Default)]
struct Stage {
    rules: Vec<Ready>,
    refusing: BTreeSet<String>,
    hanging: BTreeSet<String>,
    played: Played,
    open: u64,
}

/// A rule whose answer is written.
struct Ready {
    call: String,
    request: Vec<String>,
    answer: Arc<[u8]>,
}

impl From<Rule> for Ready {
    fn from(rule: Rule) -> Self {
        let answer = http::answer(rule.status, &rule.headers, &rule.body).into();
        Self { call: rule.call, request: rule.request, answer }
    }
}

type Shared = Arc<Mutex<Stage>>;

fn lock(shared: &Shared) -> MutexGuard<'_, Stage> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who listens at a port.
#[derive(Clone)]
enum Part {
    Aws(TlsAcceptor),
    Answers(TlsAcceptor),
    Proxy(TlsAcceptor),
}

fn main() -> Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run())
}

async fn run() -> Result<()> {
    let shared = Shared::default();
    let (line, mut lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let read = std::io::stdin().lock().lines().map_while(Result::ok);
        // It fails when the program ends, and so does this.
        read.map(|text| line.send(text)).find(Result::is_err)
    });
    while let Some(line) = lines.recv().await {
        let answer = match serde_json::from_str(&line).context("read a command")? {
            Command::Open(setting) => serde_json::to_string(&open(&setting, &shared).await?)?,
            Command::Play(Script { rules, refusing, hanging }) => {
                let rules = rules.into_iter().map(Ready::from).collect();
                *lock(&shared) = Stage { rules, refusing, hanging, ..Stage::default() };
                "null".to_owned()
            }
            Command::Take => serde_json::to_string(&std::mem::take(&mut lock(&shared).played))?,
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{answer}").and_then(|()| out.flush()).context("answer a command")?;
    }
    Ok(())
}

async fn open(setting: &Setting, shared: &Shared) -> Result<Ports> {
    let (aws, servers) = (acceptor(&setting.aws)?, acceptor(&setting.servers)?);
    Ok(Ports {
        aws: listen(Part::Aws(aws.clone()), shared.clone()).await?,
        answers: listen(Part::Answers(aws), shared.clone()).await?,
        proxy: listen(Part::Proxy(servers), shared.clone()).await?,
    })
}

fn acceptor(identity: &Identity) -> Result<TlsAcceptor> {
    let read = |path: &Path| std::fs::read(path).with_context(|| format!("read {}", path.display()));
    let chain = read(&identity.chain)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&chain).collect::<Result<_, _>>().context("read the chain")?;
    let key = PrivateKeyDer::from_pem_slice(&read(&identity.key)?).context("read the key")?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn listen(part: Part, shared: Shared) -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listen on 127.0.0.1")?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (part, shared) = (part.clone(), shared.clone());
            tokio::spawn(async move {
                count_open(&shared, 1);
                // A connection that breaks is the caller's to notice.
                let _ = connection(stream, part, &shared).await;
                count_open(&shared, -1);
            });
        }
    });
    Ok(port)
}

fn count_open(shared: &Shared, change: i64) {
    let mut stage = lock(shared);
    stage.open = stage.open.saturating_add_signed(change);
    stage.played.most_open = stage.played.most_open.max(stage.open);
}

async fn connection(mut stream: TcpStream, part: Part, shared: &Shared) -> Result<()> {
    stream.set_nodelay(true)?;
    let acceptor = match &part {
        Part::Aws(acceptor) | Part::Answers(acceptor) => acceptor,
        Part::Proxy(acceptor) => {
            if !connect(&mut stream, shared).await? {
                return Ok(());
            }
            acceptor
        }
    };
    let mut stream = acceptor.accept(stream).await?;
    lock(shared).played.connections += 1;
    let mut read = Vec::new();
    while let Some(request) = http::request(&mut stream, &mut read).await? {
        let answer = match part {
            Part::Answers(_) => take(&request, shared),
            Part::Aws(_) | Part::Proxy(_) => play(&request, shared),
        };
        send(&mut stream, &answer).await?;
        if request.is_last() {
            stream.shutdown().await?;
            break;
        }
    }
    Ok(())
}

/// Opens a tunnel, or does what the script says of its name instead.
async fn connect(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), shared: &Shared) -> Result<bool> {
    let Some(request) = http::request(stream, &mut Vec::new()).await? else { return Ok(false) };
    let (method, target) = (request.method(), request.target());
    let Some(host) = target.strip_suffix(":443").filter(|_| method == "CONNECT") else { bail!("no CONNECT to 443") };
    let (refuses, hangs) = {
        let stage = lock(shared);
        (stage.refusing.contains(host), stage.hanging.contains(host))
    };
    if hangs {
        // Until the caller gives up.
        while stream.read(&mut [0; 64]).await? > 0 {}
        return Ok(false);
    }
    let answer = if refuses { http::answer(502, &[], "") } else { b"HTTP/1.1 200 Connected\r\n\r\n".to_vec() };
    send(stream, &answer).await?;
    Ok(!refuses)
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), answer: &[u8]) -> Result<()> {
    stream.write_all(answer).await?;
    Ok(stream.flush().await?)
}

fn take(request: &Request, shared: &Shared) -> Arc<[u8]> {
    let status = if request.method() == "PUT" {
        lock(shared).played.answers.push(String::from_utf8_lossy(&request.body).into_owned());
        200
    } else {
        403
    };
    http::answer(status, &[], "").into()
}

fn play(request: &Request, shared: &Shared) -> Arc<[u8]> {
    let body = String::from_utf8_lossy(&request.body);
    let mut stage = lock(shared);
    let fits = |rule: &&Ready| rule.request.iter().all(|text| request.head.contains(text) || body.contains(text));
    let found = stage.rules.iter().find(fits).map(|rule| (rule.call.clone(), rule.answer.clone()));
    match found {
        Some((call, answer)) => {
            *stage.played.calls.entry(call).or_default() += 1;
            answer
        }
        None => {
            let unknown = format!("{} {} {body}", request.line(), request.header("x-amz-target").unwrap_or_default());
            stage.played.unknown.push(unknown);
            http::answer(501, &[], "").into()
        }
    }
}
