//! Whether webhooks come in, by the running bridge's account.
//!
//! Not every sender of webhooks can be read, so only its webhooks show that it is there. Silence is a note and no fault:
//! an opt-out may not come for weeks.

use jiff::{SignedDuration, Timestamp};

use super::{Line, State};
use crate::domain::account::AccountId;
use crate::domain::account_table::AccountTable;
use crate::domain::inbound::{
    Answered, Arrivals, At, Named, Otherwise, remedy_of_unfilled_group, tells_line, unfilled_group,
};
use crate::domain::line::is_one_line;
use crate::domain::remedy::Remedies;

/// A vendor as the sender of webhooks.
#[derive(Clone, Copy, Debug)]
pub struct Sender {
    /// The side of its lines.
    pub side: &'static str,
    /// Its webhooks, in a word or two.
    pub what: &'static str,
    /// The remedies for it.
    pub remedies: Remedies,
    /// The likely reason where none came at all.
    pub never: &'static str,
    /// The way to have one come: a sentence without its full stop.
    pub remedy: fn(AccountTable) -> String,
    /// The likely reason where none of one name came.
    pub name_never: &'static str,
    /// The names that a complete installation brings.
    pub expected: &'static [&'static str],
}

/// The texts of one account, as far as they tell of its lines: the name of each line with its carrier's name for it.
pub type Addresses<'a> = &'a [(&'a str, &'a str)];

/// The webhooks of one account. `found` is the bridge's account of webhooks, or the reason why it could not be asked.
#[must_use]
pub fn arrivals(
    sender: &Sender,
    account: AccountId,
    lines: Addresses<'_>,
    found: &Result<Arrivals, String>,
    now: Timestamp,
) -> Vec<Line> {
    let arrivals = match found {
        Ok(arrivals) => arrivals,
        Err(why) => {
            let said = format!("not looked at: {why}. Run this beside tandem serve to see when webhooks came last");
            return vec![Line::new(sender.side, "inbound", State::Unknown, said)];
        }
    };
    let doors: Vec<&At> = arrivals.endpoints.iter().filter(|at| at.endpoint.account == account).collect();
    let mut found = seen(sender, AccountTable(account), arrivals, &doors, (lines, now));
    found.extend(doors.iter().flat_map(|at| refused(sender, at, now)));
    found
}

/// The names that came, each with its age, and the expected names and the lines that never did.
fn seen(
    sender: &Sender,
    of: AccountTable,
    arrivals: &Arrivals,
    doors: &[&At],
    (lines, now): (Addresses<'_>, Timestamp),
) -> Vec<Line> {
    let Sender { side, what, .. } = *sender;
    let since = arrivals.since.strftime("%F %H:%M UTC");
    let Some(last) = doors.iter().filter_map(|at| at.accepted.last).max() else {
        let said = format!("never, since {since} ({})", sender.never);
        return vec![Line { remedy: Some((sender.remedy)(of)), ..Line::new(side, what, State::Note, said) }];
    };
    let names: Vec<&Named> = doors.iter().flat_map(|at| &at.names).collect();
    let came = names.iter().filter_map(|named| Some((named, named.seen.last?)));
    let came: Vec<String> = came.map(|(named, last)| format!("{} {}", told(named, lines), ago(last, now))).collect();
    let recipe = doors.iter().filter(|at| at.names.is_empty());
    let recipe = recipe.filter_map(|at| Some(format!("{} {}", at.endpoint.path(), ago(at.accepted.last?, now))));
    let came: Vec<String> = came.into_iter().chain(recipe).collect();
    let said = format!("last seen {} ({})", ago(last, now), came.join(", "));
    let mut found = vec![Line::new(side, what, State::Good, said)];
    let is_own = doors.iter().any(|at| !at.names.is_empty() && at.accepted.last.is_some());
    let never: Vec<&str> =
        names.iter().filter(|named| named.seen.last.is_none()).map(|named| named.name.as_str()).collect();
    if is_own && !never.is_empty() {
        let said = format!("never, since {since} ({})", sender.name_never);
        found.push(Line::new(side, &never.join(", "), State::Note, said));
    }
    let is_of = |named: &Named, address: &str| named.line.as_deref().is_some_and(|line| is_one_line(line, address));
    let came_on = |address: &str| names.iter().any(|named| is_of(named, address) && named.seen.last.is_some());
    if is_own {
        let silent = lines.iter().filter(|(_, address)| tells_line(address) && !came_on(address));
        found.extend(silent.map(|(name, _)| {
            let said = format!("never, since {since} ({})", sender.name_never);
            Line::new(side, &format!("line {name}"), State::Note, said)
        }));
    }
    if let Some(unfilled) = doors.iter().find_map(|at| at.unfilled(now)) {
        let last = unfilled.last.map(|last| format!(", last {}", ago(last, now))).unwrap_or_default();
        let said = format!("{}, {}{last}", unfilled_group(), unfilled.times());
        found.push(Line::wrong(side, "subscription group", said, capitalised(&remedy_of_unfilled_group(of))));
    }
    found
}

fn capitalised(clause: &str) -> String {
    let mut letters = clause.chars();
    letters.next().map(|first| format!("{}{}", first.to_uppercase(), letters.as_str())).unwrap_or_default()
}

/// A name, with its line where the configuration has the line.
fn told(named: &Named, lines: Addresses<'_>) -> String {
    let line = named.line.as_deref().and_then(|told| lines.iter().find(|(_, address)| is_one_line(address, told)));
    line.map_or_else(|| named.name.clone(), |(line, _)| format!("{} on {line}", named.name))
}

/// The webhooks that were turned away for good, one line for each reason. It is a fault until one is accepted after it.
fn refused<'a>(sender: &'a Sender, at: &'a At, now: Timestamp) -> impl Iterator<Item = Line> + 'a {
    let line = move |answered: &Answered| {
        let remedy =
            (sender.remedies.of_webhooks)(at.endpoint.table(), at.endpoint.door, answered.outcome, &answered.reason)?;
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
        let remedy = Some(capitalised(&remedy));
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
    use crate::domain::account::{End, Ends};
    use crate::domain::event::{CustomerText, EventKind};
    use crate::domain::inbound::{CATEGORIES, Door, Endpoint, GROUP_PLACEHOLDER, Poster, remedy};
    use crate::domain::remedy::OfWebhooks;
    use crate::domain::testing::customer_text;

    const fn remedies(of_webhooks: OfWebhooks) -> Remedies {
        Remedies { of_refusal: |_, _| String::new(), of_silence: |_| String::new(), of_webhooks }
    }

    /// Two senders; only the words that tests read are filled.
    const SENDERS: [Sender; 2] = [
        Sender {
            side: "Zendesk",
            what: "events",
            remedies: remedies(|_, _, outcome, reason| remedy(outcome, reason).map(str::to_owned)),
            never: "-",
            remedy: |of| of.setup(),
            name_never: "-",
            expected: &[],
        },
        Sender {
            side: "Braze",
            what: "inbound texts",
            remedies: remedies(|of, _, outcome, reason| match reason {
                "wrong_token" => Some(format!("compare {}", of.key("tokens"))),
                _ => remedy(outcome, reason).map(str::to_owned),
            }),
            never: "-",
            remedy: |of| of.setup(),
            name_never: "it may never have been launched",
            expected: &[],
        },
    ];

    fn now() -> Timestamp {
        "2026-11-21T12:10:00Z".parse().unwrap()
    }

    fn before(seconds: i64) -> Timestamp {
        now().checked_sub(SignedDuration::from_secs(seconds)).unwrap()
    }

    /// The findings of both first accounts, whose carrier has these lines.
    fn of_both(found: &Result<Arrivals, String>, lines: Addresses<'_>) -> Vec<Line> {
        let both = SENDERS.iter().zip([(Ends::FIRST.desk, &[][..]), (Ends::FIRST.carrier, lines)]);
        both.flat_map(|(sender, (account, lines))| arrivals(sender, account, lines, found, now())).collect()
    }

    fn text(account: &mut Arrivals, category: &str, at: Timestamp) {
        text_on(account, Door::Carrier.into(), "group-1", category, at);
    }

    fn text_on(account: &mut Arrivals, endpoint: Endpoint, line: &str, category: &str, at: Timestamp) {
        let kind = EventKind::CustomerText(CustomerText {
            line: Some(line.into()),
            text: "a customer's own words".into(),
            category: category.into(),
            ..customer_text()
        });
        let slot = account.slot(endpoint, &kind);
        account.accept(endpoint, slot, at);
    }

    /// Side, thing, state and words of every line.
    fn said(account: Arrivals) -> Vec<(&'static str, String, State, String)> {
        let lines = of_both(&Ok(account.shown()), &[]);
        lines.into_iter().map(|line| (line.side, line.what, line.state, line.said)).collect()
    }

    #[test]
    fn a_bridge_that_does_not_answer_is_no_fault() {
        let lines = of_both(&Err("cannot reach the bridge".to_owned()), &[]);
        assert_eq!(
            lines.iter().map(|line| (line.side, line.state)).collect::<Vec<_>>(),
            [("Zendesk", State::Unknown), ("Braze", State::Unknown)]
        );
        assert!(lines.iter().all(|line| line.said.contains("cannot reach the bridge")));
    }

    #[test]
    fn a_side_that_never_came_is_one_note_with_its_next_step() {
        let lines = of_both(&Ok(Arrivals::new(before(86_400))), &[]);
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

    #[test]
    fn another_account_is_told_by_itself_and_with_its_own_key() {
        let canada = Endpoint { door: Door::Carrier, account: "canada".parse().unwrap() };
        let poster = Poster { end: End::Carrier, expected: &CATEGORIES };
        let accounts = [(Ends::FIRST.carrier, poster), (canada.account, poster)];
        let mut account = Arrivals::of(&accounts.into(), before(86_400));
        text(&mut account, "other", before(60));
        account.answer(canada, Otherwise::Refused, "wrong_token", before(30));
        let [_, braze] = &SENDERS;
        let found = arrivals(braze, canada.account, &[], &Ok(account.shown()), now());
        let told: Vec<_> = found.iter().map(|line| (line.what.as_str(), line.state, line.remedy.as_deref())).collect();
        assert_eq!(
            told,
            [
                ("inbound texts", State::Note, Some("tandem setup canada")),
                ("refused", State::Wrong, Some("Compare accounts.canada.tokens")),
            ]
        );
        assert!(found.iter().all(|line| !line.said.contains("/webhooks/braze")), "{found:?}");
    }

    #[test]
    fn a_line_is_told_by_its_name_and_a_silent_one_too() {
        let mut account = Arrivals::new(before(86_400));
        text(&mut account, "other", before(60));
        let found = of_both(&Ok(account.shown()), &[("uk", "group-1"), ("fr", "group-2")]);
        let said = |what: &str| found.iter().find(|line| line.what == what).map(|line| line.said.as_str());
        assert_eq!(said("inbound texts"), Some("last seen 1 minute ago (other on uk 1 minute ago)"));
        assert!(said("line fr").unwrap().starts_with("never, since"), "{found:?}");
        assert_eq!(said("line uk"), None);
    }

    #[test]
    fn a_group_that_was_never_filled_in_is_wrong() {
        let mut account = Arrivals::new(before(86_400));
        text_on(&mut account, Door::Carrier.into(), GROUP_PLACEHOLDER, "other", before(60));
        let found = of_both(&Ok(account.shown()), &[]);
        let group = found.iter().find(|line| line.what == "subscription group").unwrap();
        assert_eq!((group.side, group.state), ("Braze", State::Wrong));
        assert_eq!(group.said, "GROUP_ID in place of the id of the subscription group, once, last 1 minute ago");
        assert_eq!(
            group.remedy.as_deref(),
            Some(
                "Put the id into the body of the webhook campaigns, as tandem setup braze --group ID prints it; until then \
                 their texts count as the default line's"
            )
        );
    }
}
