//! The body of an answer: a stream that ends at a limit.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use http_body::Body as _;
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

use crate::transport::TransportError;

/// The body of an answer, read as it arrives.
#[derive(Debug)]
pub struct Body {
    inner: reqwest::Body,
    chunk: Bytes,
    limit: usize,
    seen: usize,
    failure: Option<TransportError>,
}

impl Body {
    pub(crate) fn new(response: reqwest::Response, limit: usize) -> Self {
        Self { inner: response.into(), chunk: Bytes::new(), limit, seen: 0, failure: None }
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// [`TransportError::TimedOut`], [`Interrupted`](TransportError::Interrupted) or [`TooLarge`](TransportError::TooLarge).
    pub async fn read_to_end(mut self) -> Result<Vec<u8>, TransportError> {
        let mut all = Vec::new();
        let _failed = tokio::io::AsyncReadExt::read_to_end(&mut self, &mut all).await;
        self.failure.map_or(Ok(all), Err)
    }

    /// Why reading failed, after it did.
    pub(crate) fn into_failure(self) -> Option<TransportError> {
        self.failure
    }

    fn fail(&mut self, failure: TransportError) -> Poll<io::Result<()>> {
        self.failure = Some(failure);
        Poll::Ready(Err(io::ErrorKind::Other.into()))
    }

    /// Makes `chunk` non-empty, unless the end is reached.
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.chunk.is_empty() {
            if self.failure.is_some() {
                return Poll::Ready(Err(io::ErrorKind::Other.into()));
            }
            match ready!(Pin::new(&mut self.inner).poll_frame(context)) {
                None => break,
                Some(Err(error)) => return self.fail(error.into()),
                Some(Ok(frame)) => {
                    // Trailers are of no interest.
                    let Ok(data) = frame.into_data() else { continue };
                    self.seen = self.seen.saturating_add(data.len());
                    if self.seen > self.limit {
                        let limit = self.limit;
                        return self.fail(TransportError::TooLarge { limit });
                    }
                    self.chunk = data;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncBufRead for Body {
    fn poll_fill_buf(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        ready!(this.poll_chunk(context))?;
        Poll::Ready(Ok(&this.chunk))
    }

    fn consume(mut self: Pin<&mut Self>, amount: usize) {
        self.chunk.advance(amount);
    }
}

impl AsyncRead for Body {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_chunk(context))?;
        let amount = self.chunk.len().min(buffer.remaining());
        buffer.put_slice(&self.chunk[..amount]);
        self.chunk.advance(amount);
        Poll::Ready(Ok(()))
    }
}
