//! The kinds of values: how the file and a variable write one, and whether it may be shown. Never judges a value.

use std::fmt;

/// The kind of a key's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// One item.
    One(Item),
    /// A list of items.
    List {
        /// The kind of each.
        of: Item,
        /// Whether the list may have none.
        may_be_empty: bool,
    },
}

/// The kind of one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// A text.
    Text,
    /// A text that is never shown.
    Secret,
    /// A whole number within bounds, both included.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// One of these words.
    Word(&'static [&'static str]),
    /// An address, or a network in CIDR notation.
    Network,
}

impl Kind {
    /// A list that needs an item.
    pub(crate) const fn list(of: Item) -> Self {
        Self::List { of, may_be_empty: false }
    }

    /// Whether a value of this kind is never shown.
    #[must_use]
    pub fn is_secret(self) -> bool {
        match self {
            Self::Flag => false,
            Self::One(item) | Self::List { of: item, .. } => item == Item::Secret,
        }
    }
}

/// The kind in words, as the object of "expected".
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("true or false"),
            Self::One(item) => match item {
                Item::Text | Item::Secret => f.write_str("a text in quotation marks"),
                Item::Integer { min, max: i64::MAX } => write!(f, "a whole number from {min}"),
                Item::Integer { min, max } => write!(f, "a whole number from {min} to {max}"),
                Item::Word(words) => write!(f, "one of {}", words.join(", ")),
                Item::Network => f.write_str("an address or a network, such as \"10.1.0.0/16\""),
            },
            Self::List { of, .. } => match of {
                Item::Text | Item::Secret => f.write_str("a list of texts, such as [\"…\"]"),
                Item::Integer { min, max } => write!(f, "a list of whole numbers from {min} to {max}"),
                Item::Word(words) => write!(f, "a list of {}", words.join(", ")),
                Item::Network => {
                    f.write_str("a list of addresses and networks, such as [\"10.0.0.5\", \"10.1.0.0/16\"]")
                }
            },
        }
    }
}
