//! One layer, read from one registry and written to another: it goes on where it broke off, and is verified before its last bytes are given on.

use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context as Waker, Poll};

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use reqwest::{Response, Url};
use tokio::sync::mpsc;

use super::Progress;
use super::error::Fault;
use super::manifest::Blob;
use super::reference::Reference;
use super::registry::{Registries, hex};
use super::retry::Tries;

/// How many pieces wait for whoever is slower, so that a layer never is in memory as a whole.
const PIECES: usize = 4;

/// Reads a layer of `from` and writes it to `place` in the repository of `to`.
pub(super) async fn transfer(
    registries: &Registries,
    (from, to): (&Reference, &Reference),
    blob: &Blob,
    place: Url,
    progress: &Progress,
) -> Result<(), Fault> {
    let (pieces, pipe) = mpsc::channel(PIECES);
    let body = reqwest::Body::wrap(Pipe { pieces: pipe, left: blob.size });
    let mut reading =
        Reading { registries, from, blob, given: 0, part: None, again: 0, hash: Context::new(&SHA256), progress };
    let read = async {
        let ended = reading.give(&pieces).await;
        if ended.is_err() {
            // An end without the last bytes: whoever writes gives up.
            let _whoever_writes_has_given_up = pieces.send(Err(Broken)).await;
        }
        drop(pieces);
        ended
    };
    let write = registries.write(to, place, body, blob.size);
    let (read, written) = tokio::join!(read, write);
    match (read, written) {
        // What went wrong where the layer comes from is the cause of what the other side then says.
        (Err(Stopped::Fault(fault)), _) | (_, Err(fault)) => Err(fault),
        (Err(Stopped::NobodyReads), Ok(())) => Err(Fault::Protocol("it was content with a part of a layer")),
        (Ok(()), Ok(())) => Ok(()),
    }
}

/// Why reading ended early.
enum Stopped {
    Fault(Fault),
    /// Whoever writes has given up, and says why.
    NobodyReads,
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// A layer being read.
struct Reading<'a> {
    registries: &'a Registries,
    from: &'a Reference,
    blob: &'a Blob,
    /// How many bytes were given on.
    given: u64,
    /// What is being read now.
    part: Option<Response>,
    /// How many bytes of it were given on before, because the registry begins anew each time.
    again: u64,
    hash: Context,
    progress: &'a Progress,
}

impl Reading<'_> {
    /// Gives all of it on.
    async fn give(&mut self, pieces: &mpsc::Sender<Result<Bytes, Broken>>) -> Result<(), Stopped> {
        let mut tries = Tries::default();
        while self.given < self.blob.size {
            let fault = match self.piece().await {
                Ok(Some(bytes)) => {
                    tries = Tries::default();
                    self.take(&bytes)?;
                    if pieces.send(Ok(bytes)).await.is_err() {
                        return Err(Stopped::NobodyReads);
                    }
                    continue;
                }
                Ok(None) => Fault::Length { came: self.given, wanted: self.blob.size },
                Err(fault) => fault,
            };
            self.part = None;
            tries.wait(&fault).await.map_err(|()| fault)?;
        }
        Ok(())
    }

    /// Counts and hashes; the last bytes are good only if all are.
    fn take(&mut self, bytes: &Bytes) -> Result<(), Fault> {
        self.given += bytes.len() as u64;
        if self.given > self.blob.size {
            return Err(Fault::Length { came: self.given, wanted: self.blob.size });
        }
        self.hash.update(bytes);
        if self.given == self.blob.size {
            let came = hex(self.hash.clone().finish().as_ref());
            if came != self.blob.digest {
                return Err(Fault::Digest { came, wanted: self.blob.digest.clone() });
            }
        }
        self.progress.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// The next bytes that were not given on yet.
    async fn piece(&mut self) -> Result<Option<Bytes>, Fault> {
        let part = match &mut self.part {
            Some(part) => part,
            None => {
                let (part, again) = self.registries.read(self.from, &self.blob.digest, self.given).await?;
                self.again = again;
                self.part.insert(part)
            }
        };
        while let Some(mut bytes) = part.chunk().await? {
            let skipped = usize::try_from(self.again).unwrap_or(usize::MAX).min(bytes.len());
            self.again -= skipped as u64;
            let fresh = bytes.split_off(skipped);
            if !fresh.is_empty() {
                return Ok(Some(fresh));
            }
        }
        Ok(None)
    }
}

/// The layer could not be read to its end.
#[derive(Debug, thiserror::Error)]
#[error("the layer could not be read to its end")]
struct Broken;

/// The layer on its way to be written.
struct Pipe {
    pieces: mpsc::Receiver<Result<Bytes, Broken>>,
    left: u64,
}

impl Body for Pipe {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, waker: &mut Waker<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let piece = match std::task::ready!(self.pieces.poll_recv(waker)) {
            Some(piece) => piece,
            None if self.left == 0 => return Poll::Ready(None),
            None => Err(Broken),
        };
        if let Ok(bytes) = &piece {
            self.left = self.left.saturating_sub(bytes.len() as u64);
        }
        Poll::Ready(Some(piece.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
