//! A connection's stream and bodies, wrapped so that its seat knows its phase. Incoming bytes count towards a head's
//! time and memory, a request that is served makes the seat busy, and a connection that is asked to leave reads an end
//! of its input.
//!
//! Never changes a byte.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body as AnswerBody, Bytes};
use bytes::BytesMut;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::seats::{Ask, Phase, Seat};
use crate::http::memory::{HeadShare, Memory};

/// The bound on a head, and on hyper's buffer.
pub(super) const HEAD_MAX_BYTES: usize = 16 * 1024;

/// The bytes that each head may have without taking from the common memory.
const HEAD_FREE_BYTES: usize = 8 * 1024;

/// The size of the first read of a connection. Most heads are no longer.
const FIRST_READ_BYTES: usize = 2 * 1024;

/// The bytes that are read and dropped of a body that was not wanted.
const LINGER_MAX_BYTES: usize = 16 * 1024 * 1024;

/// The time for which such a body is read.
const LINGER: Duration = Duration::from_secs(9);

/// The time that an answer waits for the rest of the body. Some proxies hang up on their client when an answer comes
/// before the body's end, and a webhook that took all of its 8 s has less than 2 s left.
const LINGER_FIRST: Duration = Duration::from_secs(1);

/// A stream that can be asked for unread bytes without waiting for the system's notice.
pub(super) trait Unread {
    /// Whether unread bytes have arrived.
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
    /// The length of the head at hand so far.
    head_bytes: usize,
    /// The head's share of the common memory.
    held: Option<HeadShare>,
    /// The unread rest of the bytes that the first head came with.
    ahead: BytesMut,
}

impl<S: AsyncRead + Unread + Unpin> Watched<S> {
    pub(super) fn new(stream: S, seat: Arc<Seat>, memory: Arc<Memory>) -> Self {
        Self { stream, seat, memory, head_bytes: 0, held: None, ahead: BytesMut::new() }
    }

    /// Reads until the first head has ended or cannot be one; false when the connection ended before. Hyper gets only
    /// connections that have sent a head, because its buffers take 16 KiB from the start.
    pub(super) async fn first_head(&mut self) -> bool {
        let mut head = BytesMut::new();
        while head.len() < HEAD_MAX_BYTES && may_go_on(&head) {
            if head.len() == head.capacity() {
                let more = head.len().clamp(FIRST_READ_BYTES, HEAD_MAX_BYTES);
                head.reserve(more.min(HEAD_MAX_BYTES - head.len()));
            }
            match self.read_buf(&mut head).await {
                Ok(0) | Err(_) => return false,
                Ok(_) => {}
            }
        }
        self.ahead = head;
        true
    }

    /// Counts incoming bytes towards the head.
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

    /// Whether the connection follows the seat's request now. A request that is being served is served to its end, and
    /// an unread one is read first.
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

/// Whether these bytes are the beginning of a head and not a whole one.
fn may_go_on(head: &[u8]) -> bool {
    let Some(first) = head.first() else { return true };
    if !first.is_ascii_alphabetic() || head.windows(4).any(|end| end == b"\r\n\r\n") {
        return false;
    }
    let mut lines = head.split(|byte| *byte == b'\n');
    let request = lines.next().unwrap_or_default();
    // Without a line's end, the request line itself is incomplete. Lines may end without a carriage return.
    let mut rest = lines.peekable();
    rest.peek().is_none()
        || (request.windows(8).any(|part| part == b" HTTP/1.") && !head.windows(2).any(|end| end == b"\n\n"))
}

impl<S: AsyncRead + Unread + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let bytes = buf.remaining().min(self.ahead.len());
            buf.put_slice(&self.ahead.split_to(bytes));
            if self.ahead.is_empty() {
                self.ahead = BytesMut::new();
            }
            return Poll::Ready(Ok(()));
        }
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

/// The body of an answer. When it is dropped, it has been handed over whole, and the connection rests.
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

/// The rest of a request's body that was not wanted. A proxy or client that sends a body whole before it reads the
/// answer would find the connection reset if the rest stayed unread, and would turn a 413 into a 502.
#[derive(Default)]
pub(super) struct Rest {
    /// Whether there is a rest. Most requests need only this flag.
    is_left: AtomicBool,
    body: Mutex<Option<Incoming>>,
}

impl Rest {
    pub(super) fn is_left(&self) -> bool {
        self.is_left.load(Ordering::Relaxed)
    }

    /// Reads the rest in the background. Returns at its end or after [`LINGER_FIRST`], so that the answer can go out
    /// while the reading goes on.
    pub(super) async fn read_on(&self, seat: &Arc<Seat>) {
        self.is_left.store(false, Ordering::Relaxed);
        let body = self.body.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(body) = body else { return };
        seat.linger();
        let reading = tokio::spawn(read_on(body, Arc::clone(seat)));
        tokio::time::timeout(LINGER_FIRST, reading).await.ok();
    }
}

/// The body of a request. When it is dropped before its end, the rest is left to be read on.
pub(super) struct Asked {
    /// `None` once it has ended.
    body: Option<Incoming>,
    rest: Arc<Rest>,
}

impl Asked {
    pub(super) fn new(body: Incoming, rest: Arc<Rest>) -> Self {
        Self { body: Some(body), rest }
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
        if let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) {
            *self.rest.body.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
            self.rest.is_left.store(true, Ordering::Relaxed);
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

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn bytes_that_lie_unread_in_a_socket_are_seen() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        assert!(!server.has_unread());
        client.write_all(b"P").await.unwrap();
        // Waits for the byte, and leaves it there.
        assert_eq!(server.peek(&mut [0]).await.unwrap(), 1);
        assert!(server.has_unread());
        assert_eq!(server.read_u8().await.unwrap(), b'P');
        assert!(!server.has_unread());
    }

    #[test]
    fn a_head_goes_on_until_its_blank_line_unless_it_cannot_be_one() {
        for (head, goes_on) in [
            ("", true),
            ("P", true),
            ("POST /webhooks/zendesk HTTP/1.1", true),
            ("POST / HTTP/1.1\r\nHost: x\r\n", true),
            ("POST / HTTP/1.1\r\nHost: x\r\n\r", true),
            ("POST / HTTP/1.1\r\nHost: x\r\n\r\n", false),
            ("POST / HTTP/1.1\r\nHost: x\r\n\r\n{}", false),
            ("POST / HTTP/1.1\nHost: x\n\n", false),
            ("POST /\r\n", false),
            ("\r\nPOST / HTTP/1.1\r\n", false),
            ("\u{16}\u{3}\u{1}", false),
        ] {
            assert_eq!(may_go_on(head.as_bytes()), goes_on, "{head:?}");
        }
    }
}
