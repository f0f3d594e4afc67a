//! The bound on large bodies in memory, however many calls are under way.
//!
//! A body takes a place when it turns out to be large, and gives it back when its last bytes are dropped. A body that
//! has not come yet takes none, so a host that hangs never keeps another waiting.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The length from which a body is large. Most answers are a fraction of this.
const LARGE_BYTES: usize = 256 * 1024;

/// Large bodies in memory at most: with 5 MiB in each, 80 MiB.
const LARGE_MAX: usize = 16;

/// The places of one client.
#[derive(Clone, Debug)]
pub(super) struct Places(Arc<Semaphore>);

impl Default for Places {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LARGE_MAX)))
    }
}

/// A place for bytes that did not come through a [`Body`]; none is needed for few. It is given back when this is
/// dropped.
#[derive(Debug, Default)]
pub struct Place {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Places {
    /// Waits for a place for this many bytes.
    pub(super) async fn for_bytes(&self, bytes: u64) -> Place {
        let is_small = usize::try_from(bytes).is_ok_and(|bytes| bytes <= LARGE_BYTES);
        // The semaphore is never closed.
        let permit = if is_small { None } else { Arc::clone(&self.0).acquire_owned().await.ok() };
        Place { _permit: permit }
    }
}

/// A body on its way in.
#[derive(Debug)]
pub(super) struct Body {
    bytes: BytesMut,
    place: Option<OwnedSemaphorePermit>,
    places: Places,
}

impl Body {
    pub(super) fn new(places: &Places) -> Self {
        Self { bytes: BytesMut::new(), place: None, places: places.clone() }
    }

    /// Appends a chunk. Waits for a place where the chunk makes the body large.
    pub(super) async fn take(&mut self, chunk: &[u8]) {
        if self.place.is_none() && self.len().saturating_add(chunk.len()) > LARGE_BYTES {
            // The semaphore is never closed.
            self.place = Arc::clone(&self.places.0).acquire_owned().await.ok();
        }
        self.bytes.extend_from_slice(chunk);
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The whole body, with its place.
    pub(super) fn whole(self) -> Bytes {
        match self.place {
            Some(place) => Bytes::from_owner(Placed { bytes: self.bytes, _place: place }),
            None => self.bytes.freeze(),
        }
    }
}

/// Bytes that keep a place until the last of them is dropped.
struct Placed {
    bytes: BytesMut,
    _place: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Placed {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    async fn body(places: &Places, length: usize) -> Bytes {
        let mut body = Body::new(places);
        body.take(&vec![b'x'; length]).await;
        body.whole()
    }

    #[tokio::test]
    async fn only_so_many_large_bodies_are_in_memory_and_small_ones_never_wait() {
        let places = Places::default();
        let mut large = Vec::new();
        for _ in 0..LARGE_MAX {
            large.push(body(&places, LARGE_BYTES + 1).await);
        }
        assert_eq!(body(&places, LARGE_BYTES + 1).now_or_never(), None);
        assert_eq!(body(&places, LARGE_BYTES).now_or_never().map(|bytes| bytes.len()), Some(LARGE_BYTES));
        let part = large.pop().map(|bytes| bytes.slice(1..2)).unwrap();
        assert_eq!(body(&places, LARGE_BYTES + 1).now_or_never(), None, "a part keeps the whole");
        drop(part);
        assert_eq!(body(&places, LARGE_BYTES + 1).now_or_never().map(|bytes| bytes.len()), Some(LARGE_BYTES + 1));
    }
}
