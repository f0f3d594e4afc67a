//! The bytes of a key or of a value: cheap to clone, compared by their contents.
//!
//! Nearly all keys and many values are short and lie in place, without an allocation. Others are shared. Bytes never
//! change, and never hold on to a larger piece that they were read from.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// The longest bytes that lie in place: longer than every key but those that hold a conversation's name, and not longer
/// than makes this type as small as it can be.
const SHORT_MAX: usize = 22;

/// Some bytes.
#[derive(Clone)]
pub(in crate::store) struct Bytes(Form);

#[derive(Clone)]
enum Form {
    Short(u8, [u8; SHORT_MAX]),
    Long(Arc<[u8]>),
}

impl Bytes {
    fn short(bytes: &[u8]) -> Option<Self> {
        let mut short = [0; SHORT_MAX];
        short.get_mut(..bytes.len())?.copy_from_slice(bytes);
        u8::try_from(bytes.len()).ok().map(|length| Self(Form::Short(length, short)))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Form::Short(length, bytes) => bytes.get(..usize::from(*length)).unwrap_or(bytes),
            Form::Long(bytes) => bytes,
        }
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self::short(bytes).unwrap_or_else(|| Self(Form::Long(bytes.into())))
    }
}

impl<const N: usize> From<&[u8; N]> for Bytes {
    fn from(bytes: &[u8; N]) -> Self {
        Self::from(bytes.as_slice())
    }
}

/// One copy, as long as the bytes: a record is encoded into room to spare, and stays in memory for a turn of the log.
impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(bytes.as_slice())
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// Equality, order and hash are those of the contents.
impl Borrow<[u8]> for Bytes {
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Bytes {}

impl PartialOrd for Bytes {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Bytes {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(other)
    }
}

impl Hash for Bytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Short and long bytes are found by a slice, and stand in the order of slices.
        #[test]
        fn bytes_are_their_contents(all in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..20)) {
            let ordered: BTreeMap<Bytes, usize> = all.iter().enumerate().map(|(n, one)| (one.as_slice().into(), n)).collect();
            let hashed: HashMap<Bytes, usize> = all.iter().enumerate().map(|(n, one)| (one.clone().into(), n)).collect();
            let model: BTreeMap<Vec<u8>, usize> = all.iter().enumerate().map(|(n, one)| (one.clone(), n)).collect();
            for (bytes, n) in &model {
                prop_assert_eq!((ordered.get(bytes.as_slice()), hashed.get(bytes.as_slice())), (Some(n), Some(n)));
            }
            prop_assert!(ordered.keys().map(|bytes| bytes.to_vec()).eq(model.into_keys()));
        }
    }

    #[test]
    fn bytes_take_no_more_room_than_they_need() {
        assert_eq!(size_of::<Bytes>(), 24);
        assert_eq!(size_of::<Option<Bytes>>(), 24);
    }
}
