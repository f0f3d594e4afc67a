//! Zendesk's limits: the pools, the calls that draw on them, and the headers that tell of them. Never counts a call:
//! [`crate::domain::budget`] does.
//!
//! The numbers are Zendesk's published ones for the smallest plan, and hold until an answer tells better. A quarter of
//! the account is kept for conversations whose ticket is known, because a new customer costs six calls and would delay
//! them.

use std::time::Duration;

use http::{HeaderMap, HeaderName};
use jiff::{SignedDuration, Timestamp};

use crate::domain::budget::{Call, CallKind, Draw, Limits, Pool, Told, UserKey, quarter};
use crate::domain::ids::TicketId;
use crate::domain::lanes::Need;
use crate::vendors::http::headers::{number, seconds_after};

const MINUTE: Duration = Duration::from_secs(60);

const TEN_MINUTES: Duration = Duration::from_secs(600);

/// How far ahead user saves may be booked before no further new customer is begun: long enough that the pool is never
/// idle, short enough that the answers about a customer are still true when the save comes.
const SAVES_AHEAD: SignedDuration = SignedDuration::from_secs(20);

/// All of the Support API. The number is of the smallest plan; every answer tells the real one.
static ACCOUNT: Pool = Pool { counted: "calls", ..Pool::new("all calls", 200, MINUTE) };

static LISTS: Pool = Pool::new("ticket lists", 100, MINUTE);

/// Not documented, but seen in a recorded answer; answers tell the real limit.
static CREATES: Pool = Pool::new("new tickets", 300, MINUTE);

/// 20 on trial accounts: learned from the first answer.
static UPDATES: Pool = Pool::new("ticket updates", 100, MINUTE);

/// The share of the updates that the bridge's own notes may take: three quarters are left to customers' texts.
static NOTES: Pool = Pool { quarter_of: Some(&UPDATES), ..Pool::new("notes", quarter(100), MINUTE) };

static USER_SAVES: Pool = Pool { ahead: SAVES_AHEAD, ..Pool::new("user saves", 1, Duration::from_secs(1)) };

/// The updates of one ticket.
pub(super) static ONE_TICKET: Pool = Pool::each("updates of one ticket", 30, TEN_MINUTES);

static NOTES_ON_ONE_TICKET: Pool = Pool::each("notes on one ticket", quarter(30), TEN_MINUTES);

static ONE_USER: Pool = Pool::each("saves of one user", 5, MINUTE);

/// All limits of an account.
pub(super) static LIMITS: Limits = Limits {
    pools: &[&ACCOUNT, &LISTS, &CREATES, &UPDATES, &NOTES, &USER_SAVES, &ONE_TICKET, &NOTES_ON_ONE_TICKET, &ONE_USER],
    needs,
};

fn needs(need: Need) -> &'static [Draw] {
    match need {
        Need::Nothing | Need::Text => &[],
        Need::KnownTicket => const { &[Draw::on(&ACCOUNT), Draw::on(&UPDATES)] },
        Need::Note => const { &[Draw::on(&ACCOUNT), Draw::on(&UPDATES), Draw::on(&NOTES)] },
        Need::Comments => const { &[Draw::on(&ACCOUNT)] },
        Need::NewTicket => {
            const { &[Draw::on_three_quarters_of(&ACCOUNT), Draw::on(&LISTS), Draw::on(&CREATES), Draw::on(&USER_SAVES)] }
        }
    }
}

/// A read (or an upload) that counts against the account only.
pub(super) const READ: Call = Call {
    key: None,
    kind: &CallKind { name: "read", draws: &[Draw::on(&ACCOUNT)], refusal_holds: &ACCOUNT, told: Some(&ACCOUNT) },
};

/// A call with a limit of its own that the bridge stays far below (search, audits, settings). Its headers may speak of
/// that limit.
pub(super) const SEARCH: Call = Call {
    key: None,
    kind: &CallKind { name: "search", draws: &[Draw::on(&ACCOUNT)], refusal_holds: &ACCOUNT, told: None },
};

/// A search for a user, which counts against the account only.
pub(super) const SEARCH_USERS: Call = Call {
    key: None,
    kind: &CallKind {
        name: "search of users",
        draws: &[Draw::on_three_quarters_of(&ACCOUNT)],
        refusal_holds: &ACCOUNT,
        told: None,
    },
};

/// The list of tickets: 100 a minute.
pub(super) const LIST_TICKETS: Call = Call {
    key: None,
    kind: &CallKind {
        name: "list of tickets",
        draws: &[Draw::on_three_quarters_of(&ACCOUNT), Draw::on(&LISTS)],
        refusal_holds: &LISTS,
        told: None,
    },
};

/// A new ticket.
pub(super) const CREATE_TICKET: Call = Call {
    key: None,
    kind: &CallKind {
        name: "new ticket",
        draws: &[Draw::on_three_quarters_of(&ACCOUNT), Draw::on(&CREATES)],
        refusal_holds: &CREATES,
        told: Some(&ACCOUNT),
    },
};

/// An update of this ticket: 30 in ten minutes, and 100 a minute for all tickets together.
pub(super) const fn update_ticket(id: TicketId) -> Call {
    static UPDATE: CallKind = CallKind {
        name: "update of a ticket",
        draws: &[Draw::on(&ACCOUNT), Draw::on(&UPDATES), Draw::on(&ONE_TICKET)],
        refusal_holds: &ONE_TICKET,
        told: Some(&ACCOUNT),
    };
    Call::about(&UPDATE, id.0)
}

/// A note of the bridge's own on this ticket: an update that draws on the notes' share as well.
pub(super) const fn note(id: TicketId) -> Call {
    static NOTE: CallKind = CallKind {
        name: "note on a ticket",
        draws: &[
            Draw::on(&ACCOUNT),
            Draw::on(&UPDATES),
            Draw::on(&NOTES),
            Draw::on(&ONE_TICKET),
            Draw::on(&NOTES_ON_ONE_TICKET),
        ],
        refusal_holds: &ONE_TICKET,
        told: Some(&ACCOUNT),
    };
    Call::about(&NOTE, id.0)
}

/// The upsert of this user: 5 a minute, and one a second for all users together. A refusal holds all users, because one
/// a second is reached sooner than five a minute for one.
pub(super) const fn save_user(key: UserKey) -> Call {
    static SAVE: CallKind = CallKind {
        name: "upsert of a user",
        draws: &[Draw::on_three_quarters_of(&ACCOUNT), Draw::on(&USER_SAVES), Draw::on(&ONE_USER)],
        refusal_holds: &USER_SAVES,
        told: None,
    };
    Call::about(&SAVE, key.number())
}

/// The limits in the headers of an answer. Zendesk has written them in three ways: `x-rate-limit` (with no reset),
/// `rate-limit` (recorded 2023) and `ratelimit-limit` (recorded 2024). `zendesk-rate-limit-…` and
/// `zendesk-ratelimit-…` are limits of one endpoint, in the form `total=20; remaining=19; resets=59`. Resets are seconds
/// from now.
///
/// The general headers count only on calls without a limit of their own, because on others they have been seen to show
/// that one.
pub(super) fn told(headers: &HeaderMap, call: Call, now: Timestamp) -> Vec<Told> {
    let mut told = Vec::new();
    let limit = number(headers, &["ratelimit-limit", "rate-limit", "x-rate-limit"]);
    let remaining = number(headers, &["ratelimit-remaining", "rate-limit-remaining", "x-rate-limit-remaining"]);
    if let Some(pool) = call.kind.told
        && (limit.is_some() || remaining.is_some())
    {
        let resets = number(headers, &["ratelimit-reset", "rate-limit-reset"]);
        let resets_at = resets.map(|seconds| seconds_after(now, seconds));
        told.push(Told { pool, limit, remaining, resets_at });
    }
    for (name, value) in headers {
        let Some(pool) = pool_of(name) else { continue };
        let Ok(value) = value.to_str() else { continue };
        let part = |wanted: &str| {
            let mut parts = value.split(';').filter_map(|part| part.split_once('='));
            parts.find(|(key, _)| key.trim() == wanted).and_then(|(_, value)| value.trim().parse().ok())
        };
        let resets_at = part("resets").map(|seconds| seconds_after(now, seconds));
        told.push(Told { pool, limit: part("total"), remaining: part("remaining"), resets_at });
    }
    told
}

/// The pool of an endpoint's own header.
fn pool_of(name: &HeaderName) -> Option<&'static Pool> {
    let name = name.as_str();
    let rest = name.strip_prefix("zendesk-ratelimit-").or_else(|| name.strip_prefix("zendesk-rate-limit-"))?;
    match rest {
        "tickets-update" => Some(&UPDATES),
        "ticket-request-create-by-user-and-ip" => Some(&CREATES),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::budget::{Budgets, Permit};

    type Pairs<'a> = &'a [(&'static str, &'a str)];

    fn now() -> Timestamp {
        Timestamp::from_second(1_592_424_240).unwrap()
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn told(pool: &'static Pool, limit: u64, remaining: u64, seconds: Option<i64>) -> Told {
        let resets_at = seconds.map(|seconds| now() + SignedDuration::from_secs(seconds));
        Told { pool, limit: Some(limit), remaining: Some(remaining), resets_at }
    }

    /// How many calls go through at one moment.
    fn burst(budgets: &mut Budgets, call: Call) -> usize {
        (0..1000).take_while(|_| budgets.take(call, now()) == Permit::Go).count()
    }

    #[test]
    fn each_call_has_its_published_limit() {
        let cases = [
            (READ, 200),
            (SEARCH, 200),
            // The rest of the account is for conversations whose ticket is known.
            (SEARCH_USERS, 150),
            (LIST_TICKETS, 100),
            (CREATE_TICKET, 150),
            (update_ticket(TicketId(7)), 30),
            (note(TicketId(7)), 7),
            (save_user(UserKey::of("alice")), 1),
        ];
        for (call, limit) in cases {
            assert_eq!(burst(&mut Budgets::new(&LIMITS), call), limit, "{call:?}");
        }
    }

    #[test]
    fn notes_take_a_quarter_also_of_a_limit_that_an_answer_tells() {
        let mut budgets = Budgets::new(&LIMITS);
        let trial = headers(&[("zendesk-ratelimit-tickets-update", "total=20")]);
        for told in super::told(&trial, READ, now()) {
            budgets.learn(&told, now());
        }
        let notes: usize = (1..=9).map(|id| burst(&mut budgets, note(TicketId(id)))).sum();
        assert_eq!(notes, 5, "of a trial account's 20");
    }

    #[test]
    fn a_new_customer_is_begun_only_where_the_saves_are_not_booked_for_long() {
        let mut budgets = Budgets::new(&LIMITS);
        let opens_for = |budgets: &mut Budgets, need| budgets.gates(&[need], 1, now()).open_at();
        assert_eq!(opens_for(&mut budgets, Need::NewTicket), None);
        for user in 0..30_u64 {
            budgets.take(save_user(UserKey::of(&user.to_string())), now());
        }
        let opens = opens_for(&mut budgets, Need::NewTicket).unwrap();
        assert!(
            opens > now() + SignedDuration::from_secs(5) && opens < now() + SignedDuration::from_secs(15),
            "{opens}"
        );
        assert_eq!(opens_for(&mut budgets, Need::KnownTicket), None, "a known ticket does not wait for it");
    }

    #[test]
    fn zendesk_is_understood_in_all_its_spellings() {
        let account = |seconds| told(&ACCOUNT, 700, 699, seconds);
        let cases: [(Pairs<'_>, Vec<Told>); 5] = [
            (&[("x-rate-limit", "700"), ("x-rate-limit-remaining", "699")], vec![account(None)]),
            (
                &[("rate-limit", "700"), ("rate-limit-remaining", "699"), ("rate-limit-reset", "48")],
                vec![account(Some(48))],
            ),
            (
                &[("ratelimit-limit", "700"), ("ratelimit-remaining", "699"), ("ratelimit-reset", "48")],
                vec![account(Some(48))],
            ),
            (
                &[("zendesk-rate-limit-tickets-update", "total=20; remaining=19; resets=59")],
                vec![told(&UPDATES, 20, 19, Some(59))],
            ),
            (
                &[("zendesk-ratelimit-ticket-request-create-by-user-and-ip", "total=300; remaining=299; resets=50")],
                vec![told(&CREATES, 300, 299, Some(50))],
            ),
        ];
        for (pairs, expected) in cases {
            assert_eq!(super::told(&headers(pairs), update_ticket(TicketId(1)), now()), expected, "{pairs:?}");
        }
    }

    #[test]
    fn the_account_is_not_learned_from_calls_with_a_limit_of_their_own() {
        let pairs = headers(&[("ratelimit-limit", "100"), ("ratelimit-remaining", "3")]);
        for call in [LIST_TICKETS, SEARCH] {
            assert_eq!(super::told(&pairs, call, now()), []);
        }
    }

    #[test]
    fn nonsense_is_not_understood_and_does_no_harm() {
        for value in ["", "-1", "abc", "1e9", "99999999999999999999999", "18446744073709551615", "é"] {
            for name in
                ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "zendesk-ratelimit-tickets-update"]
            {
                let mut pairs = HeaderMap::new();
                pairs.insert(name, http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
                let mut budgets = Budgets::new(&LIMITS);
                for told in super::told(&pairs, READ, now()) {
                    budgets.learn(&told, now());
                }
                assert_eq!(budgets.take(READ, now() + SignedDuration::from_hours(1)), Permit::Go, "{name}: {value}");
            }
        }
        let broken = headers(&[("zendesk-ratelimit-tickets-update", "remaining; =; total=; resets=x;;")]);
        let nothing = Told { pool: &UPDATES, limit: None, remaining: None, resets_at: None };
        assert_eq!(super::told(&broken, READ, now()), [nothing]);
    }
}
