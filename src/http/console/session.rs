//! The sessions of the console's operators.
//!
//! Sessions live in memory, so a restart signs all operators out. A session grants nothing by itself: at every request,
//! its operator and role are those of the present roster. Never keeps a browser's secret, only its digest. Never reads
//! a clock, draws a random number or sees a request.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::domain::access::{Grant, Role, Roster, TokenDigest};
use crate::domain::operator::{Access, Operator, Seen};
use crate::http::caller::Caller;

/// A session without an act for this long ends.
const IDLE_MAX: SignedDuration = SignedDuration::from_mins(30);

/// A session this old ends, after a working day.
const AGE_MAX: SignedDuration = SignedDuration::from_hours(12);

/// Sessions at most, far more than a team has operators. The one that is idle for longest makes room.
const SESSIONS_MAX: usize = 64;

/// Shown records that a session remembers at most. A forgotten one is written into the audit again.
const SEEN_MAX: usize = 1000;

/// SHA-256.
pub(super) type Digested = [u8; 32];

/// The digest under which a session is kept.
pub(super) fn digested(secret: &str) -> Digested {
    Sha256::digest(secret.as_bytes()).into()
}

/// All open sessions.
#[derive(Default)]
pub(super) struct Sessions(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    open: BTreeMap<Digested, Session>,
}

/// The proof with which a session was opened. The session ends when it no longer holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// A connection from this machine, as long as no token is asked for.
    Loopback,
    /// The token of this digest, as long as the roster has it.
    Token(TokenDigest),
    /// The identity provider's word, as long as one of the groups has a role.
    Provider {
        /// The operator's handle.
        name: String,
        /// The operator's groups there.
        groups: Vec<String>,
        /// When the provider's word ends.
        until: Timestamp,
    },
}

/// A session.
#[derive(Clone)]
pub(super) struct Session {
    /// The proof with which it was opened.
    pub(super) holder: Holder,
    /// The handle that the operator claims, which counts where no token proves another.
    pub(super) by: Option<String>,
    /// The token that every form of the session carries.
    pub(super) csrf: String,
    /// When it began.
    pub(super) opened_at: Timestamp,
    /// When the operator last acted in it.
    pub(super) used_at: Timestamp,
    /// The customers' words, numbers and answers that were shown in it.
    pub(super) seen: BTreeSet<String>,
}

impl Session {
    /// The operator and their grant by the present roster; `None` where the session has ended.
    fn caller(&self, roster: &Roster, now: Timestamp) -> Option<Caller> {
        let (age, idle) = (now.duration_since(self.opened_at), now.duration_since(self.used_at));
        if age >= AGE_MAX || idle >= IDLE_MAX {
            return None;
        }
        match &self.holder {
            Holder::Loopback if roster.asks_for_token() => None,
            Holder::Loopback => {
                let operator = Operator::claiming(Access::Loopback, self.by.clone());
                Some(Caller { operator, grant: Grant::of(Role::Admin) })
            }
            Holder::Token(digest) => {
                let account = roster.of_digest(digest)?;
                let operator = if account.is_personal {
                    Operator::proven(Access::Console, &account.name)
                } else {
                    Operator::claiming(Access::Console, self.by.clone())
                };
                Some(Caller { operator, grant: account.grant.clone() })
            }
            Holder::Provider { name, groups, until } => {
                let role = roster.role_of(groups).filter(|_| now < *until)?;
                Some(Caller { operator: Operator::proven(Access::Oidc, name), grant: Grant::of(role) })
            }
        }
    }
}

/// The operator of a session, for one request.
#[derive(Clone)]
pub(super) struct Visitor {
    /// The operator and their grant.
    pub(super) caller: Caller,
    /// The token that the forms of this session carry.
    pub(super) csrf: String,
    /// The session's name.
    pub(super) session: Digested,
    /// The fingerprint of the state when the request came ([`super::standing`]); a page shows nothing older.
    pub(super) standing: String,
}

impl Visitor {
    /// Whether the visitor's role is this one, or includes it.
    pub(super) fn may(&self, needed: Role) -> bool {
        self.caller.grant.may(needed)
    }

    /// Whether a form's token is this session's.
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

    /// The visitor of the session of this name, if it has not ended. `active` when a person acted, which keeps the
    /// session from growing idle; a page that reloads itself does not.
    pub(super) fn visit(&self, name: Digested, roster: &Roster, active: bool, now: Timestamp) -> Option<Visitor> {
        let mut inner = self.lock();
        let session = inner.open.get_mut(&name)?;
        let Some(caller) = session.caller(roster, now) else {
            inner.open.remove(&name);
            return None;
        };
        if active {
            session.used_at = now;
        }
        Some(Visitor { caller, csrf: session.csrf.clone(), session: name, standing: String::new() })
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
    use crate::domain::access::{Account, GroupRoles};
    use crate::domain::conversation::ConversationKey;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    fn session(opened_at: Timestamp, holder: Holder) -> Session {
        Session {
            holder,
            by: Some("eve".into()),
            csrf: "word".into(),
            opened_at,
            used_at: opened_at,
            seen: BTreeSet::new(),
        }
    }

    fn held(token: &str) -> Holder {
        Holder::Token(TokenDigest::of(token))
    }

    fn ada(token: &str, role: Role) -> Account {
        Account { name: "ada".into(), grant: Grant::of(role), token: TokenDigest::of(token), is_personal: true }
    }

    fn roster(accounts: &[Account]) -> Roster {
        Roster::new(accounts.to_vec())
    }

    #[test]
    fn a_session_ends_when_idle_and_after_a_day_whatever_happens() {
        let (sessions, name, roster) = (Sessions::default(), digested("a"), roster(&[Account::shared("t")]));
        sessions.open(name, session(at(0), held("t")));
        assert!(sessions.visit(name, &roster, true, at(29)).is_some());
        assert!(sessions.visit(name, &roster, false, at(58)).is_some(), "it was used 29 minutes ago");
        assert!(sessions.visit(name, &roster, true, at(59)).is_none(), "a page that refreshes is nobody's hand");
        sessions.open(name, session(at(0), held("t")));
        for minute in (0..720).step_by(20) {
            assert!(sessions.visit(name, &roster, true, at(minute)).is_some(), "{minute}");
        }
        assert!(sessions.visit(name, &roster, true, at(720)).is_none(), "twelve hours");
    }

    #[test]
    fn a_session_ends_with_the_token_it_began_with_and_when_closed() {
        let (sessions, name) = (Sessions::default(), digested("a"));
        for (holder, roster, holds) in [
            (held("t"), roster(&[Account::shared("t")]), true),
            (held("t"), roster(&[Account::shared("u")]), false),
            (held("t"), roster(&[Account::shared("u"), ada("t", Role::Read)]), true),
            (held("t"), roster(&[]), false),
            (Holder::Loopback, roster(&[Account::shared("t")]), false),
            (Holder::Loopback, roster(&[ada("t", Role::Admin)]), false),
            (Holder::Loopback, roster(&[]), true),
        ] {
            sessions.open(name, session(at(0), holder.clone()));
            assert_eq!(sessions.visit(name, &roster, true, at(1)).is_some(), holds, "{holder:?} {roster:?}");
        }
        sessions.close(name);
        assert!(sessions.visit(name, &roster(&[]), true, at(1)).is_none());
    }

    #[test]
    fn a_session_is_worth_what_its_operator_is_granted_now() {
        let (sessions, name) = (Sessions::default(), digested("a"));
        sessions.open(name, session(at(0), held("t")));
        let visit = |account: Account| sessions.visit(name, &roster(&[account]), true, at(1)).map(|found| found.caller);
        for role in [Role::Act, Role::Admin, Role::Read] {
            let caller = visit(ada("t", role)).unwrap();
            assert_eq!(caller.operator, Operator::proven(Access::Console, "ada"), "the claim does not count");
            assert_eq!(caller.grant, Grant::of(role));
        }
        let shared = visit(Account::shared("t")).unwrap();
        assert_eq!(shared.operator, Operator::claiming(Access::Console, Some("eve".into())));
        assert_eq!(shared.grant, Grant::of(Role::Admin));
    }

    #[test]
    fn a_session_of_the_identity_provider_ends_with_its_word_and_with_the_groups_role() {
        let (sessions, name) = (Sessions::default(), digested("a"));
        let of = |role: Role| Roster::default().with_groups(Some(GroupRoles([(role, vec!["sre".to_owned()])].into())));
        let holder = Holder::Provider { name: "ada".into(), groups: vec!["sre".into()], until: at(20) };
        sessions.open(name, session(at(0), holder.clone()));
        for (role, minute) in [(Role::Act, 1), (Role::Admin, 19)] {
            let caller = sessions.visit(name, &of(role), true, at(minute)).unwrap().caller;
            assert_eq!((caller.operator, caller.grant.role), (Operator::proven(Access::Oidc, "ada"), role));
        }
        assert!(sessions.visit(name, &of(Role::Admin), true, at(20)).is_none(), "the provider's word has ended");
        sessions.open(name, session(at(0), holder));
        assert!(sessions.visit(name, &roster(&[Account::shared("t")]), true, at(1)).is_none(), "nobody signs in there");
    }

    #[test]
    fn there_are_no_more_sessions_than_there_is_room_for() {
        let (sessions, nobody) = (Sessions::default(), roster(&[]));
        for number in 0..=SESSIONS_MAX {
            let opened_at = Timestamp::from_second(number as i64).unwrap();
            sessions.open(digested(&number.to_string()), session(opened_at, Holder::Loopback));
        }
        assert!(sessions.visit(digested("0"), &nobody, true, at(2)).is_none(), "the idlest made room");
        assert!(sessions.visit(digested("1"), &nobody, true, at(2)).is_some());
        assert_eq!(sessions.lock().open.len(), SESSIONS_MAX);
    }

    #[test]
    fn what_was_shown_is_remembered_by_the_session_it_was_shown_in() {
        let (sessions, ada, bob) = (Sessions::default(), digested("a"), digested("b"));
        sessions.open(ada, session(at(0), Holder::Loopback));
        sessions.open(bob, session(at(0), Holder::Loopback));
        let seen = Seen::Conversation(ConversationKey("x".into()));
        sessions.saw(ada, &seen);
        assert!(sessions.has_seen(ada, &seen) && !sessions.has_seen(bob, &seen));
    }

    #[test]
    fn only_the_sessions_own_word_counts() {
        let (sessions, name) = (Sessions::default(), digested("a"));
        sessions.open(name, session(at(0), Holder::Loopback));
        let visitor = sessions.visit(name, &roster(&[]), true, at(1)).unwrap();
        assert!(visitor.vouches_for("word"));
        assert!(!visitor.vouches_for("") && !visitor.vouches_for("words") && !visitor.vouches_for("wor"));
    }
}
