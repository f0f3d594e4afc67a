//! Whether webhooks come in, by the running bridge's account.
//!
//! Not every sender of webhooks can be read, so only its webhooks show that it is there. Silence is a note and no fault:
//! an opt-out may not come for weeks.

use jiff::{SignedDuration, Timestamp};

use super::{Line, State};
use crate::domain::account::End;
use crate::domain::inbound::{Answered, Arrivals, At, Door, Named, Otherwise};

/// A vendor as the sender of webhooks.
#[derive(Clone, Copy, Debug)]
pub struct Sender {
    /// The side of its lines.
    pub side: &'static str,
    /// Its webhooks, in a word or two.
    pub what: &'static str,
    /// The end at which its accounts stand.
    pub end: End,
    /// The remedy for its webhooks that were answered so, as a clause.
    pub of_webhooks: fn(Door, Otherwise, &str) -> Option<&'static str>,
    /// The likely reason where none came at all.
    pub never: &'static str,
    /// The way to have one come: a sentence without its full stop.
    pub remedy: &'static str,
    /// The likely reason where none of one name came.
    pub name_never: &'static str,
}

/// The webhooks of all senders. `found` is the bridge's account, or the reason why it could not be asked.
#[must_use]
pub fn arrivals(senders: &[Sender], found: &Result<Arrivals, String>, now: Timestamp) -> Vec<Line> {
    let account = match found {
        Ok(account) => account,
        Err(why) => {
            let said = format!("not looked at: {why}. Run this beside tandem serve to see when webhooks came last");
            let line = |sender: &Sender| Line::new(sender.side, "inbound", State::Unknown, said.clone());
            return senders.iter().map(line).collect();
        }
    };
    let mut lines = Vec::new();
    for sender in senders {
        let is_its = |at: &&At| at.endpoint.end() == sender.end;
        let doors: Vec<&At> = account.endpoints.iter().filter(is_its).collect();
        lines.extend(seen(sender, account, &doors, now));
        lines.extend(doors.iter().flat_map(|at| refused(sender, at, now)));
    }
    lines
}

/// The names that came, each with its age, and the expected names that never did.
fn seen(sender: &Sender, account: &Arrivals, doors: &[&At], now: Timestamp) -> Vec<Line> {
    let Sender { side, what, .. } = *sender;
    let since = account.since.strftime("%F %H:%M UTC");
    let Some(last) = doors.iter().filter_map(|at| at.accepted.last).max() else {
        let said = format!("never, since {since} ({})", sender.never);
        return vec![Line { remedy: Some(sender.remedy.to_owned()), ..Line::new(side, what, State::Note, said) }];
    };
    let names: Vec<&Named> = doors.iter().flat_map(|at| &at.names).collect();
    let came = names.iter().filter_map(|named| Some((named, named.seen.last?)));
    let came: Vec<String> = came.map(|(named, last)| format!("{} {}", named.name, ago(last, now))).collect();
    let recipe = doors.iter().filter(|at| at.names.is_empty());
    let recipe = recipe.filter_map(|at| Some(format!("{} {}", at.endpoint.path(), ago(at.accepted.last?, now))));
    let came: Vec<String> = came.into_iter().chain(recipe).collect();
    let said = format!("last seen {} ({})", ago(last, now), came.join(", "));
    let mut lines = vec![Line::new(side, what, State::Good, said)];
    let is_own = doors.iter().any(|at| !at.names.is_empty() && at.accepted.last.is_some());
    let never: Vec<&str> =
        names.iter().filter(|named| named.seen.last.is_none()).map(|named| named.name.as_str()).collect();
    if is_own && !never.is_empty() {
        let said = format!("never, since {since} ({})", sender.name_never);
        lines.push(Line::new(side, &never.join(", "), State::Note, said));
    }
    lines
}

/// The webhooks that were turned away for good, one line for each reason. It is a fault until one is accepted after it.
fn refused<'a>(sender: &'a Sender, at: &'a At, now: Timestamp) -> impl Iterator<Item = Line> + 'a {
    let line = move |answered: &Answered| {
        let remedy = (sender.of_webhooks)(at.endpoint, answered.outcome, &answered.reason)?;
        let last = answered.seen.last?;
        let reason = match answered.reason.as_str() {
            "" => "unreadable".to_owned(),
            reason => reason.replace('_', " "),
        };
        let said =
            format!("{reason}, {}, last {}, at {}", answered.seen.times(), at_clock(last, now), at.endpoint.path());
        let is_proof = matches!(answered.reason.as_str(), "wrong_token" | "wrong_signature" | "stale");
        let state = match answered.outcome {
            Otherwise::Refused if is_proof && answered.seen.last > at.accepted.last => State::Wrong,
            Otherwise::Refused | Otherwise::Ignored | Otherwise::Quarantined => State::Note,
            // It is over by the time it is read, or the bridge is not ready and says so elsewhere.
            Otherwise::Unavailable | Otherwise::Duplicate => return None,
        };
        let mut letters = remedy.chars();
        let remedy = letters.next().map(|first| format!("{}{}", first.to_uppercase(), letters.as_str()));
        Some(Line { remedy, ..Line::new(sender.side, answered.outcome.name(), state, said) })
    };
    at.otherwise.iter().filter_map(line)
}

/// A time of today by its clock, another one with its date.
fn at_clock(at: Timestamp, now: Timestamp) -> String {
    let today = at.strftime("%F").to_string() == now.strftime("%F").to_string();
    at.strftime(if today { "%H:%M UTC" } else { "%F %H:%M UTC" }).to_string()
}

/// How long ago, in the largest unit.
fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(at).max(SignedDuration::ZERO).as_secs();
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..172_800 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{Customer, CustomerText, EventKind, TicketFields};
    use crate::domain::inbound::remedy;

    /// Two senders; only the words that tests read are filled.
    const SENDERS: [Sender; 2] = [
        Sender {
            side: "Zendesk",
            what: "events",
            end: End::Desk,
            of_webhooks: |_, outcome, reason| remedy(outcome, reason),
            never: "-",
            remedy: "-",
            name_never: "-",
        },
        Sender {
            side: "Braze",
            what: "inbound texts",
            end: End::Carrier,
            of_webhooks: |_, outcome, reason| {
                (reason == "wrong_token").then_some("compare it").or(remedy(outcome, reason))
            },
            never: "-",
            remedy: "-",
            name_never: "it may never have been launched",
        },
    ];

    fn now() -> Timestamp {
        "2026-11-21T12:10:00Z".parse().unwrap()
    }

    fn before(seconds: i64) -> Timestamp {
        now().checked_sub(SignedDuration::from_secs(seconds)).unwrap()
    }

    fn text(account: &mut Arrivals, category: &str, at: Timestamp) {
        let kind = EventKind::CustomerText(CustomerText {
            customer: Customer::default(),
            line: Some("group-1".into()),
            text: "a customer's own words".into(),
            media: Vec::new(),
            channel: "sms".into(),
            category: category.into(),
            keyword: None,
            ticket_id: None,
            fields: TicketFields::default(),
        });
        let slot = account.slot(Door::Carrier, &kind);
        account.accept(Door::Carrier, slot, at);
    }

    /// Side, thing, state and words of every line.
    fn said(account: Arrivals) -> Vec<(&'static str, String, State, String)> {
        let lines = arrivals(&SENDERS, &Ok(account.shown()), now());
        lines.into_iter().map(|line| (line.side, line.what, line.state, line.said)).collect()
    }

    #[test]
    fn a_bridge_that_does_not_answer_is_no_fault() {
        let lines = arrivals(&SENDERS, &Err("cannot reach the bridge".to_owned()), now());
        assert_eq!(
            lines.iter().map(|line| (line.side, line.state)).collect::<Vec<_>>(),
            [("Zendesk", State::Unknown), ("Braze", State::Unknown)]
        );
        assert!(lines.iter().all(|line| line.said.contains("cannot reach the bridge")));
    }

    #[test]
    fn a_side_that_never_came_is_one_note_with_its_next_step() {
        let lines = arrivals(&SENDERS, &Ok(Arrivals::new(before(86_400))), now());
        for (line, side) in lines.iter().zip(["Zendesk", "Braze"]) {
            assert_eq!((line.side, line.state), (side, State::Note));
            assert!(line.said.starts_with("never, since 2026-11-20 12:10 UTC"), "{line:?}");
            assert!(line.remedy.is_some());
        }
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn what_came_is_told_with_its_age_and_what_never_did_beside_it() {
        let mut account = Arrivals::new(before(86_400));
        text(&mut account, "SUPPORT", before(7200));
        text(&mut account, "other", before(180));
        let braze: Vec<_> = said(account).into_iter().filter(|line| line.0 == "Braze").collect();
        let seen = "last seen 3 minutes ago (other 3 minutes ago, SUPPORT 2 hours ago)";
        let never = "never, since 2026-11-20 12:10 UTC (it may never have been launched)";
        assert_eq!(
            braze,
            [
                ("Braze", "inbound texts".to_owned(), State::Good, seen.to_owned()),
                ("Braze", "opt_in, opt_out, help".to_owned(), State::Note, never.to_owned()),
            ]
        );
    }

    #[test]
    fn a_refusal_is_wrong_until_something_was_accepted_after_it() {
        let mut account = Arrivals::new(before(86_400));
        for seconds in [600, 500, 360] {
            account.answer(Door::Carrier, Otherwise::Refused, "wrong_token", before(seconds));
        }
        let refused = |account: &Arrivals| {
            said(account.clone()).into_iter().find(|line| line.1 == "refused").map(|line| (line.2, line.3))
        };
        let words = "wrong token, 3 times, last 12:04 UTC, at /webhooks/braze".to_owned();
        assert_eq!(refused(&account), Some((State::Wrong, words.clone())));
        text(&mut account, "other", before(60));
        assert_eq!(refused(&account), Some((State::Note, words)));
    }

    #[test]
    fn a_strangers_request_and_a_repeat_are_no_fault() {
        let mut account = Arrivals::new(before(86_400));
        account.answer(Door::Carrier, Otherwise::Refused, "missing_token", before(60));
        account.answer(Door::Carrier, Otherwise::Duplicate, "", before(60));
        account.answer(Door::Desk, Otherwise::Unavailable, "disk", before(60));
        assert!(said(account).iter().all(|line| line.2 == State::Note), "notes only");
    }

    #[test]
    fn a_team_on_the_recipe_misses_no_category() {
        let mut account = Arrivals::new(before(86_400));
        account.accept(Door::RecipeNewTicket, None, before(60));
        let braze: Vec<_> = said(account).into_iter().filter(|line| line.0 == "Braze").collect();
        let seen = "last seen 1 minute ago (/api/v2/tickets 1 minute ago)".to_owned();
        assert_eq!(braze, [("Braze", "inbound texts".to_owned(), State::Good, seen)]);
    }
}
