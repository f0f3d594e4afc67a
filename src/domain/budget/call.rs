//! The description of a vendor's limits, as values: pools, kinds of calls, and the pools on which each kind draws. Never
//! counts, and never knows which vendor it describes.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use jiff::SignedDuration;

use crate::domain::lanes::Need;

/// A limit that several calls share and that answers may name. Each is a `static` of its vendor, and is told from others
/// by its address.
#[derive(Debug, PartialEq, Eq)]
pub struct Pool {
    /// The calls that it counts, as a plural.
    pub name: &'static str,
    /// The same behind a number: `calls` where the name is `all calls`.
    pub counted: &'static str,
    /// Calls in a period, until an answer tells better.
    pub calls: u32,
    /// The period.
    pub period: Duration,
    /// Whether it counts the calls about each ticket or user apart.
    pub is_each: bool,
    /// The pool of which it is a quarter. Operators are not shown it.
    pub quarter_of: Option<&'static Self>,
    /// How far ahead its calls may be booked before no further work that needs it is begun.
    pub ahead: SignedDuration,
}

impl Pool {
    /// A pool that counts all its calls together.
    #[must_use]
    pub const fn new(name: &'static str, calls: u32, period: Duration) -> Self {
        Self { name, counted: name, calls, period, is_each: false, quarter_of: None, ahead: SignedDuration::ZERO }
    }

    /// A pool that counts the calls about each ticket or user apart.
    #[must_use]
    pub const fn each(name: &'static str, calls: u32, period: Duration) -> Self {
        Self { is_each: true, ..Self::new(name, calls, period) }
    }
}

/// A pool on which a call draws.
#[derive(Debug, PartialEq, Eq)]
pub struct Draw {
    /// The pool.
    pub pool: &'static Pool,
    /// Whether a quarter of the pool is left for other calls.
    pub leaves_quarter: bool,
}

impl Draw {
    /// The whole pool.
    #[must_use]
    pub const fn on(pool: &'static Pool) -> Self {
        Self { pool, leaves_quarter: false }
    }

    /// Three quarters of the pool.
    #[must_use]
    pub const fn on_three_quarters_of(pool: &'static Pool) -> Self {
        Self { pool, leaves_quarter: true }
    }
}

/// Calls that a vendor limits alike.
#[derive(Debug, PartialEq, Eq)]
pub struct CallKind {
    /// Its name, for people who debug.
    pub name: &'static str,
    /// The pools on which it draws, the widest first.
    pub draws: &'static [Draw],
    /// The pool that a refusal holds: the narrowest that the refusal can concern.
    pub refusal_holds: &'static Pool,
    /// The pool of which the general headers of an answer tell; `None` where they may tell of another one.
    pub told: Option<&'static Pool>,
}

/// A call that is about to be made, as its budget sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its kind.
    pub kind: &'static CallKind,
    /// The ticket or user that it is about, for pools that count each apart.
    pub key: Option<u64>,
}

impl Call {
    /// A call that is about no ticket or user of its own.
    #[must_use]
    pub const fn of(kind: &'static CallKind) -> Self {
        Self { kind, key: None }
    }

    /// A call about this ticket or user.
    #[must_use]
    pub const fn about(kind: &'static CallKind, key: u64) -> Self {
        Self { kind, key: Some(key) }
    }
}

/// A vendor's limits.
#[derive(Debug)]
pub struct Limits {
    /// All pools, the widest first. The first is the main one.
    pub pools: &'static [&'static Pool],
    /// The pools that must have room before work with this need is begun.
    pub needs: fn(Need) -> &'static [Draw],
}

/// Stands for a user in a budget without keeping the user's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserKey(u64);

impl UserKey {
    /// The key of the user whom this text names: an external id or an e-mail address.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self(hashed(&name))
    }

    /// The key as a number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

fn hashed(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
