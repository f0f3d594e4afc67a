//! A connection's bytes and messages on their way through, as far as its seat must know of them: what comes in counts
//! towards a head's time and memory, what is served is busy, and what is asked to leave is told that its input ends.
//!
//! It changes no byte, and holds none.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body as AnswerBody, Bytes};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::Handle;

use super::seats::{Ask, Phase, Seat};
use crate::http::memory::{HeadShare, Memory};

/// The bound on a head, whatever its form, and the size of hyper's buffer.
pub(super) const HEAD_MAX_BYTES: usize = 16 * 1024;

/// What each head may have without taking from the common memory: the first buffer of a connection.
const HEAD_FREE_BYTES: usize = 8 * 1024;

/// How much is read on of a body that was not wanted. Proxies and clients that send it whole before they look at the
/// answer would otherwise find the connection reset, and a 413 turned into a 502.
const LINGER_MAX_BYTES: usize = 16 * 1024 * 1024;

/// How long such a body is read on.
const LINGER: Duration = Duration::from_secs(9);

/// Something that knows, without waiting for the system to tell, whether bytes lie in it.
pub(super) trait Unread {
    /// Whether bytes have come that were not read yet.
    fn has_unread(&self) -> bool;
}

impl Unread for TcpStream {
    fn has_unread(&self) -> bool {
        // A socket that cannot be asked is left alone.
        rustix::io::ioctl_fionread(self).map_or(true, |bytes| bytes > 0)
    }
}

/// A connection's stream.
pub(super) struct Watched<S> {
    stream: S,
    seat: Arc<Seat>,
    memory: Arc<Memory>,
    /// How long the head at hand is so far.
    head_bytes: usize,
    /// What it has taken of the common memory.
    held: Option<HeadShare>,
}

impl<S: Unread> Watched<S> {
    pub(super) fn new(stream: S, seat: Arc<Seat>, memory: Arc<Memory>) -> Self {
        Self { stream, seat, memory, head_bytes: 0, held: None }
    }

    /// So many bytes came.
    fn came(&mut self, bytes: usize) -> io::Result<()> {
        match self.seat.phase() {
            Phase::Resting => {
                self.seat.enter(Phase::Head);
                self.head_bytes = bytes;
                self.held = None;
            }
            Phase::Head => self.head_bytes += bytes,
            Phase::Busy | Phase::Lingering | Phase::Leaving => return Ok(()),
        }
        if self.head_bytes > HEAD_FREE_BYTES && self.held.is_none() {
            let held = self.memory.take_for_head(HEAD_MAX_BYTES - HEAD_FREE_BYTES);
            self.held = Some(held.ok_or_else(|| io::Error::from(io::ErrorKind::QuotaExceeded))?);
        }
        Ok(())
    }

    /// Whether the connection does now what is asked of it. A request that is being served is served to its end; one
    /// that lies unread is read first.
    fn leaves(&self) -> bool {
        let phase = self.seat.phase();
        if phase == Phase::Leaving || self.seat.asked() == Ask::Nothing {
            return phase == Phase::Leaving;
        }
        let leaves = match (phase, self.seat.still_asked()) {
            (Phase::Busy, _) | (_, Ask::Nothing) => false,
            (Phase::Resting, _) | (_, Ask::Room) => !self.stream.has_unread(),
            (Phase::Head | Phase::Lingering | Phase::Leaving, Ask::Due | Ask::Now) => true,
        };
        if leaves {
            self.seat.enter(Phase::Leaving)
        } else {
            self.seat.decline()
        }
        leaves
    }
}

impl<S: AsyncRead + Unread + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => Poll::Ready(match buf.filled().len() - before {
                0 => Ok(()),
                bytes => self.came(bytes),
            }),
            Poll::Pending if self.leaves() => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// The body of an answer. When it is dropped, all of it has been handed over, and the connection rests.
pub(super) struct Answered {
    pub(super) body: AnswerBody,
    pub(super) seat: Arc<Seat>,
}

impl Drop for Answered {
    fn drop(&mut self) {
        self.seat.answered();
    }
}

impl Body for Answered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of a request. When it is dropped before its end, the rest is read on for a while, so that the answer
/// reaches a sender who is still sending.
pub(super) struct Asked {
    /// `None` once it has ended.
    body: Option<Incoming>,
    seat: Arc<Seat>,
}

impl Asked {
    pub(super) fn new(body: Incoming, seat: Arc<Seat>) -> Self {
        Self { body: Some(body), seat }
    }
}

impl Body for Asked {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) else { return };
        // Without a runtime the bridge is gone already.
        if let Ok(runtime) = Handle::try_current() {
            self.seat.linger();
            runtime.spawn(read_on(body, Arc::clone(&self.seat)));
        }
    }
}

async fn read_on(mut body: Incoming, seat: Arc<Seat>) {
    let mut read = 0;
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > LINGER_MAX_BYTES {
                break;
            }
        }
    };
    tokio::time::timeout(LINGER, reading).await.ok();
    seat.linger_no_more();
}
