//! As much of HTTP/1.1 as the measured functions speak.

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// More than any request's head.
const LONGEST_HEAD: usize = 64 << 10;

/// A request, read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its line and headers, with the empty line.
    pub head: String,
    /// Its body.
    pub body: Vec<u8>,
}

impl Request {
    /// The request line.
    #[must_use]
    pub fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &str {
        self.line().split(' ').next().unwrap_or_default()
    }

    /// What stands between method and version.
    #[must_use]
    pub fn target(&self) -> &str {
        self.line().split(' ').nth(1).unwrap_or_default()
    }

    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }

    /// Whether the connection ends with this request.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// Reads one request; `None` when the connection ends before it. `read` holds what was read beyond the request before.
///
/// # Errors
/// When the connection breaks, or what comes is no request with a body of known length.
pub async fn request(
    stream: &mut (impl AsyncRead + Unpin),
    read: &mut Vec<u8>,
) -> Result<Option<Request>, std::io::Error> {
    let end = loop {
        if let Some(place) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            break place + 4;
        }
        if read.len() > LONGEST_HEAD {
            return Err(std::io::Error::other("the head of a request is too long"));
        }
        if stream.read_buf(read).await? == 0 {
            return Ok(None);
        }
    };
    let body = read.split_off(end);
    let head = String::from_utf8_lossy(read).into_owned();
    let mut request = Request { head, body };
    if request.header("transfer-encoding").is_some() {
        return Err(std::io::Error::other("a request whose length is not known"));
    }
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while request.body.len() < length {
        if stream.read_buf(&mut request.body).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    *read = request.body.split_off(length);
    Ok(Some(request))
}

/// A whole answer.
#[must_use]
pub fn answer(status: u16, headers: &[(String, String)], body: &str) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status} Played\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        text.extend([name, ": ", value, "\r\n"]);
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_follow_each_other() {
        let mut stream = &b"POST /a?b=c HTTP/1.1\r\nHost: x\r\ncontent-length: 3\r\n\r\nabcGET / HTTP/1.1\r\nConnection: close\r\n\r\n"[..];
        let mut read = Vec::new();
        let first = request(&mut stream, &mut read).await.unwrap().unwrap();
        assert_eq!((first.method(), first.target(), first.body.as_slice()), ("POST", "/a?b=c", &b"abc"[..]));
        assert_eq!((first.header("HOST"), first.is_last()), (Some("x"), false));
        let second = request(&mut stream, &mut read).await.unwrap().unwrap();
        assert!(second.is_last() && second.body.is_empty());
        assert_eq!(request(&mut stream, &mut read).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_request_that_breaks_off_is_an_error() {
        let mut stream = &b"PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc"[..];
        assert!(request(&mut stream, &mut Vec::new()).await.is_err());
    }
}
