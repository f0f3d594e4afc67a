//! Who is signed in to the console: sessions, and how many wrong tokens came.
//!
//! Sessions live in memory, so a restart signs everybody out. What a browser holds is never kept here, only its digest.
//! This decides about time and numbers that it is given; it reads no clock, draws no lots and sees no request.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::domain::operator::{Operator, Seen};

/// Whoever does nothing for so long is signed out.
const IDLE_MAX: SignedDuration = SignedDuration::from_mins(30);

/// Whoever signed in so long ago is signed out: a working day.
const AGE_MAX: SignedDuration = SignedDuration::from_hours(12);

/// Far more than there are operators. The one that was idle for longest makes room.
const SESSIONS_MAX: usize = 64;

/// How many wrong tokens are answered and logged one by one in [`TRIES_PERIOD`], from everybody together, at the sign-in
/// and at the API: a person mistypes twice.
const TRIES_MAX: usize = 10;

/// See [`TRIES_MAX`].
const TRIES_PERIOD: SignedDuration = SignedDuration::from_secs(60);

/// How much of what was shown a session remembers; what is forgotten is written down once more.
const SEEN_MAX: usize = 1000;

/// SHA-256.
pub(super) type Digested = [u8; 32];

/// The digest under which a secret is known here.
pub(super) fn digested(secret: &str) -> Digested {
    Sha256::digest(secret.as_bytes()).into()
}

/// Everybody who is signed in.
#[derive(Default)]
pub(super) struct Sessions(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    open: BTreeMap<Digested, Session>,
    /// When wrong tokens came, oldest first.
    wrong: VecDeque<Timestamp>,
    /// Whether it was told since then that too many came.
    told: bool,
}

/// Too many wrong tokens came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct TooMany {
    /// After how many seconds the next one is answered like a first.
    pub(in crate::http) wait_seconds: u64,
    /// Whether it is the first of these, so that the log has one line for all of them.
    pub(in crate::http) is_news: bool,
}

/// What a session begins with.
#[derive(Clone)]
pub(super) struct Session {
    /// Who it is.
    pub(super) operator: Operator,
    /// The digest of the operator token that was presented; `None` where none is asked for.
    pub(super) token: Option<Digested>,
    /// What every form of the session carries.
    pub(super) csrf: String,
    /// When it began.
    pub(super) opened_at: Timestamp,
    /// When somebody last did something in it.
    pub(super) used_at: Timestamp,
    /// What was shown in it of customers' words.
    pub(super) seen: BTreeSet<String>,
}

impl Session {
    /// Whether it still holds under this operator token.
    fn holds(&self, token: Option<&Digested>, now: Timestamp) -> bool {
        let same_token = match (&self.token, token) {
            (Some(then), Some(today)) => bool::from(then.ct_eq(today)),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        let (age, idle) = (now.duration_since(self.opened_at), now.duration_since(self.used_at));
        same_token && age < AGE_MAX && idle < IDLE_MAX
    }
}

/// Somebody who is signed in, for the length of one request.
#[derive(Clone)]
pub(super) struct Visitor {
    /// Who it is.
    pub(super) operator: Operator,
    /// What the forms of this session carry.
    pub(super) csrf: String,
    /// The session's name.
    pub(super) session: Digested,
    /// What stood when the request came ([`super::live::standing`]): whatever a page shows is no older.
    pub(super) standing: String,
}

impl Visitor {
    /// Whether a form carries this session's word.
    pub(super) fn vouches_for(&self, csrf: &str) -> bool {
        bool::from(digested(&self.csrf).ct_eq(&digested(csrf)))
    }
}

impl Sessions {
    /// Begins a session.
    pub(super) fn open(&self, name: Digested, session: Session) {
        let mut inner = self.lock();
        while inner.open.len() >= SESSIONS_MAX {
            let idlest = inner.open.iter().min_by_key(|(_, session)| session.used_at).map(|(name, _)| *name);
            idlest.and_then(|name| inner.open.remove(&name));
        }
        inner.open.insert(name, session);
    }

    /// Whoever presents this name, if the session still holds. `active` when a person did something, which keeps the
    /// session from growing idle; a page that only brings itself up to date does not.
    pub(super) fn visit(
        &self,
        name: Digested,
        token: Option<&Digested>,
        active: bool,
        now: Timestamp,
    ) -> Option<Visitor> {
        let mut inner = self.lock();
        let session = inner.open.get_mut(&name)?;
        if !session.holds(token, now) {
            inner.open.remove(&name);
            return None;
        }
        if active {
            session.used_at = now;
        }
        let (operator, csrf) = (session.operator.clone(), session.csrf.clone());
        Some(Visitor { operator, csrf, session: name, standing: String::new() })
    }

    /// Ends a session.
    pub(super) fn close(&self, name: Digested) {
        self.lock().open.remove(&name);
    }

    /// Whether this was shown in the session before.
    pub(super) fn has_seen(&self, name: Digested, seen: &Seen) -> bool {
        self.lock().open.get(&name).is_some_and(|session| session.seen.contains(&word(seen)))
    }

    /// Remembers that this was shown in the session.
    pub(super) fn saw(&self, name: Digested, seen: &Seen) {
        if let Some(session) = self.lock().open.get_mut(&name) {
            if session.seen.len() >= SEEN_MAX {
                session.seen.clear();
            }
            session.seen.insert(word(seen));
        }
    }

    /// A wrong token was presented. `Err` where too many came before it: then it says when the next one is answered like
    /// a first. The right token needs no question here, so guessing locks nobody out.
    pub(super) fn wrong_token(&self, now: Timestamp) -> Result<(), TooMany> {
        let mut inner = self.lock();
        // A clock that was set back must not keep them for ever.
        inner.wrong.retain(|at| now.duration_since(*at).abs() < TRIES_PERIOD);
        let Some(oldest) = inner.wrong.front().filter(|_| inner.wrong.len() >= TRIES_MAX) else {
            inner.wrong.push_back(now);
            inner.told = false;
            return Ok(());
        };
        let wait = oldest.checked_add(TRIES_PERIOD).unwrap_or(now).duration_since(now);
        let is_news = !std::mem::replace(&mut inner.told, true);
        Err(TooMany { wait_seconds: wait.as_secs().max(0).unsigned_abs() + 1, is_news })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change is one insertion or removal, so a poisoned lock still holds whole sessions.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn word(seen: &Seen) -> String {
    match seen {
        Seen::Event(id) => id.to_string(),
        Seen::Answers(id) => format!("answers {id}"),
        Seen::Conversation(key) => format!("conversation {key}"),
        Seen::Phone(key) => format!("phone {key}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::conversation::ConversationKey;
    use crate::domain::operator::Access;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    fn session(opened_at: Timestamp, token: Option<&str>) -> Session {
        Session {
            operator: Operator { access: Access::Console, by: None },
            token: token.map(digested),
            csrf: "word".into(),
            opened_at,
            used_at: opened_at,
            seen: BTreeSet::new(),
        }
    }

    #[test]
    fn a_session_ends_when_idle_and_after_a_day_whatever_happens() {
        let (sessions, name, token) = (Sessions::default(), digested("a"), digested("t"));
        sessions.open(name, session(at(0), Some("t")));
        assert!(sessions.visit(name, Some(&token), true, at(29)).is_some());
        assert!(sessions.visit(name, Some(&token), false, at(58)).is_some(), "it was used 29 minutes ago");
        assert!(sessions.visit(name, Some(&token), true, at(59)).is_none(), "a page that refreshes is nobody's hand");
        sessions.open(name, session(at(0), Some("t")));
        for minute in (0..720).step_by(20) {
            assert!(sessions.visit(name, Some(&token), true, at(minute)).is_some(), "{minute}");
        }
        assert!(sessions.visit(name, Some(&token), true, at(720)).is_none(), "twelve hours");
    }

    #[test]
    fn a_session_ends_with_the_token_it_began_with_and_when_closed() {
        let (sessions, name) = (Sessions::default(), digested("a"));
        for (then, today, holds) in [
            (Some("t"), Some("t"), true),
            (Some("t"), Some("u"), false),
            (Some("t"), None, false),
            (None, Some("t"), false),
            (None, None, true),
        ] {
            sessions.open(name, session(at(0), then));
            let today = today.map(digested);
            assert_eq!(sessions.visit(name, today.as_ref(), true, at(1)).is_some(), holds, "{then:?}");
        }
        sessions.close(name);
        assert!(sessions.visit(name, None, true, at(1)).is_none());
    }

    #[test]
    fn there_are_no_more_sessions_than_there_is_room_for() {
        let sessions = Sessions::default();
        for number in 0..=SESSIONS_MAX {
            let opened_at = Timestamp::from_second(number as i64).unwrap();
            sessions.open(digested(&number.to_string()), session(opened_at, None));
        }
        assert!(sessions.visit(digested("0"), None, true, at(2)).is_none(), "the idlest made room");
        assert!(sessions.visit(digested("1"), None, true, at(2)).is_some());
        assert_eq!(sessions.lock().open.len(), SESSIONS_MAX);
    }

    #[test]
    fn ten_wrong_tokens_a_minute_are_answered_one_by_one() {
        let sessions = Sessions::default();
        let minute = |n: i64| Timestamp::from_second(n * 60).unwrap();
        for _ in 0..TRIES_MAX {
            assert_eq!(sessions.wrong_token(minute(10)), Ok(()));
        }
        assert_eq!(sessions.wrong_token(minute(10)), Err(TooMany { wait_seconds: 61, is_news: true }));
        assert_eq!(sessions.wrong_token(minute(10)), Err(TooMany { wait_seconds: 61, is_news: false }));
        assert_eq!(sessions.wrong_token(minute(11)), Ok(()));
        for _ in 1..TRIES_MAX {
            assert_eq!(sessions.wrong_token(minute(11)), Ok(()));
        }
        assert_eq!(sessions.wrong_token(minute(11)).map_err(|too_many| too_many.is_news), Err(true), "again");
        assert_eq!(sessions.wrong_token(minute(3)), Ok(()), "the clock was set back");
    }

    #[test]
    fn what_was_shown_is_remembered_by_the_session_it_was_shown_in() {
        let (sessions, ada, bob) = (Sessions::default(), digested("a"), digested("b"));
        sessions.open(ada, session(at(0), None));
        sessions.open(bob, session(at(0), None));
        let seen = Seen::Conversation(ConversationKey("x".into()));
        sessions.saw(ada, &seen);
        assert!(sessions.has_seen(ada, &seen) && !sessions.has_seen(bob, &seen));
    }

    #[test]
    fn only_the_sessions_own_word_counts() {
        let visitor = Visitor {
            operator: Operator { access: Access::Console, by: None },
            csrf: "word".into(),
            session: digested("a"),
            standing: String::new(),
        };
        assert!(visitor.vouches_for("word"));
        assert!(!visitor.vouches_for("") && !visitor.vouches_for("words") && !visitor.vouches_for("wor"));
    }
}
