//! Lambda's Runtime API for one process, with the moment of everything that comes.
//!
//! Threads and blocking reads: the moment at which a request is whole is what is measured, and nothing may stand between.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// Something that the process asks or tells, with the way back to it.
#[derive(Debug)]
pub(crate) struct Call {
    /// When all of it had arrived.
    pub(crate) at: Instant,
    path: String,
    body: Vec<u8>,
    answer: Sender<Vec<u8>>,
}

/// The server of one process. Its connections end with the process.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    pub(crate) address: SocketAddr,
    calls: Receiver<Call>,
    is_over: Arc<AtomicBool>,
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Wakes whoever waits for a connection.
        let _woken = TcpStream::connect(self.address);
    }
}

impl RuntimeApi {
    pub(crate) fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listen on 127.0.0.1")?;
        let address = listener.local_addr()?;
        let (call, calls) = channel();
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if over.load(Ordering::SeqCst) {
                    break;
                }
                let call = call.clone();
                let ended = std::thread::spawn(move || {
                    let _broken = serve(&stream, &call);
                });
                drop(ended);
            }
        });
        Ok(Self { address, calls, is_over })
    }

    /// Waits for the process to ask for an event.
    pub(crate) fn asked(&self, patience: Duration) -> Result<Call> {
        let call = self.call(patience)?;
        if call.path.ends_with("/invocation/next") {
            return Ok(call);
        }
        bail!("in place of asking for an event it says {}: {}", call.path, String::from_utf8_lossy(&call.body))
    }

    /// Hands an event over and waits for the answer; gives it with the time that it took.
    pub(crate) fn hand(&self, asked: &Call, event: &Value, timeout: Duration) -> Result<(Value, Duration)> {
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + timeout;
        let body = event.to_string();
        let text = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: {REQUEST}\r\n\
             Lambda-Runtime-Deadline-Ms: {}\r\nLambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-central-1:123456789012:function:measured\r\n\
             Lambda-Runtime-Trace-Id: Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0\r\n\
             Content-Length: {}\r\n\r\n{body}",
            deadline.as_millis(),
            body.len(),
        );
        let began = Instant::now();
        asked.reply(text);
        let call = self.call(timeout)?;
        let took = call.at.duration_since(began);
        call.reply(
            "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{\"status\":\"OK\"}",
        );
        if !call.path.ends_with("/response") {
            bail!("it says {}: {}", call.path, String::from_utf8_lossy(&call.body));
        }
        Ok((serde_json::from_slice(&call.body).context("read its answer")?, took))
    }

    fn call(&self, patience: Duration) -> Result<Call> {
        self.calls.recv_timeout(patience).with_context(|| format!("it says nothing for {patience:?}"))
    }
}

/// The id of every request; there is one at a time.
const REQUEST: &str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";

impl Call {
    fn reply(&self, text: impl Into<Vec<u8>>) {
        // A process that has ended meanwhile gets nothing; whoever waits for it next is told.
        let _ended = self.answer.send(text.into());
    }
}

fn serve(stream: &TcpStream, calls: &Sender<Call>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let (mut length, mut is_chunked) = (0, false);
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let Some((name, value)) = header.trim().split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse()?,
                "transfer-encoding" => is_chunked = true,
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        while is_chunked {
            let mut size = String::new();
            reader.read_line(&mut size)?;
            let size = usize::from_str_radix(size.trim(), 16)?;
            let mut part = vec![0; size + 2];
            reader.read_exact(&mut part)?;
            body.extend_from_slice(&part[..size]);
            is_chunked = size > 0;
        }
        let (answer, answered) = channel();
        calls.send(Call { at: Instant::now(), path, body, answer })?;
        let mut stream = stream;
        stream.write_all(&answered.recv()?)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_handed_over_and_answered() {
        let api = RuntimeApi::start().unwrap();
        let address = api.address;
        let function = std::thread::spawn(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n").unwrap();
            let mut event = [0; 4096];
            let length = stream.read(&mut event).unwrap();
            assert!(String::from_utf8_lossy(&event[..length]).ends_with("{\"a\":1}"));
            let path = "/2018-06-01/runtime/invocation/1/response";
            let chunked =
                format!("POST {path} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[4\r\n2\r\n2]\r\n0\r\n\r\n");
            stream.write_all(chunked.as_bytes()).unwrap();
            assert!(stream.read(&mut event).unwrap() > 0);
        });
        let patience = Duration::from_secs(60);
        let asked = api.asked(patience).unwrap();
        let (answer, _) = api.hand(&asked, &serde_json::json!({"a": 1}), patience).unwrap();
        assert_eq!(answer, serde_json::json!([42]));
        function.join().unwrap();
    }
}
