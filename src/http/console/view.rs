//! Times, states and kinds as pages show them. Pure.

use jiff::{SignedDuration, Timestamp};
use url::Url;

use crate::domain::account::AccountId;
use crate::domain::conversation::{Conversation, ConversationKey};
use crate::domain::delivery::{Delivery, Fate, State, StateName};
use crate::domain::event::{EventKind, TicketId};
use crate::domain::kind::KindName;
use crate::domain::line::Lines;
use crate::domain::operator::{Access, Operator};
use crate::domain::phone;

/// A time, for machines and for people. A page's script replaces `shown` by the visitor's own time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// In UTC, to the second: `2026-11-21T12:00:00Z`.
    pub(super) iso: String,
    /// The same for people, always with its date.
    pub(super) utc: String,
    pub(super) shown: String,
    /// How long ago, or in how long.
    pub(super) ago: String,
}

/// A time as it is shown at `now`.
pub(super) fn moment(at: Timestamp, now: Timestamp) -> Moment {
    let today = at.strftime("%F").to_string() == now.strftime("%F").to_string();
    let form = if today { "%H:%M:%S UTC" } else { "%F %H:%M UTC" };
    let wait = at.duration_since(now);
    let ago = if wait > SignedDuration::ZERO { format!("in {}", span(wait)) } else { format!("{} ago", span(-wait)) };
    let told = |form: &str| at.strftime(form).to_string();
    Moment { iso: told("%FT%TZ"), utc: told("%F %T UTC"), shown: told(form), ago }
}

/// A time of the last hour or so, to the minute and without its age.
pub(super) fn minute(at: Timestamp) -> Moment {
    Moment { shown: at.strftime("%H:%M UTC").to_string(), ago: String::new(), ..moment(at, at) }
}

/// A length of time in its largest unit.
pub(super) fn span(length: SignedDuration) -> String {
    let seconds = length.as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// A number with a thin gap between its thousands.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|g| std::str::from_utf8(g).ok()).collect();
    groups.join("\u{202f}")
}

/// The class that colours a state.
pub(super) fn tone(state: StateName) -> &'static str {
    match state {
        StateName::Delivered => "good",
        StateName::Waiting | StateName::Unconfirmed | StateName::Quarantined => "warn",
        StateName::Dead => "bad",
        StateName::Pending | StateName::Sending | StateName::Skipped => "",
    }
}

/// A kind of event, in words.
pub(super) fn kind(kind: KindName) -> &'static str {
    match kind {
        KindName::CustomerText => "Text from the customer",
        KindName::AgentReply => "Agent replied",
        KindName::PhoneText => "Text to the customer",
        KindName::Template => "Request to write again",
        KindName::TicketSolved => "Ticket solved",
        KindName::TicketReopened => "Ticket reopened",
        KindName::Note => "Internal note",
        KindName::Unreadable => "Unreadable webhook",
    }
}

/// Which account a delivery calls, in words.
pub(super) fn way(delivery: &Delivery) -> String {
    let account = vendor(delivery.route().account);
    if delivery.posted_to.is_some() { format!("posted to {account}") } else { format!("to {account}") }
}

/// An account's name as it is shown. The accounts of a configuration that names none are called as their vendors are, and
/// shown with the capital letter of these.
pub(super) fn vendor(account: AccountId) -> String {
    let mut name = account.name().to_owned();
    if account.is_first()
        && let Some(first) = name.get_mut(..1)
    {
        first.make_ascii_uppercase();
    }
    name
}

/// One entry in the history of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// `None` for a step that is to come at an unknown time.
    pub(super) at: Option<Moment>,
    /// How often it happened in a row.
    pub(super) times: u32,
    /// When it last happened, where it happened several times in a row.
    pub(super) last: Option<Moment>,
    pub(super) what: &'static str,
    pub(super) why: String,
    pub(super) tone: &'static str,
}

/// The reason why a vendor is not called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// When it ends: `when Braze answers again`.
    pub(super) until: String,
    /// Whether an operator paused the vendor. A vendor in trouble is still called at intervals.
    pub(super) is_pause: bool,
}

/// The time of a due step, or words in its place: the end of a pause, the end of the vendor's trouble once the time is
/// over, or that its turn comes.
fn due(at: Timestamp, now: Timestamp, held: Option<&Held>) -> Result<Moment, String> {
    match held {
        Some(held) if held.is_pause || at <= now => Err(held.until.clone()),
        Some(_) | None if at > now => Ok(moment(at, now)),
        Some(_) | None => Err("as soon as its turn comes".to_owned()),
    }
}

/// The same in words, as they end a sentence: `in 40 s`, or `when Braze answers again`.
pub(super) fn comes(at: Timestamp, now: Timestamp, held: Option<&Held>) -> String {
    due(at, now, held).map_or_else(|until| until, |at| at.ago)
}

/// The history of a delivery in order, and the next step.
pub(super) fn steps(delivery: &Delivery, now: Timestamp, held: Option<&Held>) -> Vec<Step> {
    let step = |at, what, why: &str, tone| Step {
        at: Some(moment(at, now)),
        times: 1,
        last: None,
        what,
        why: why.to_owned(),
        tone,
    };
    let next = |at, what| match due(at, now, held) {
        Ok(at) => Step { at: Some(at), times: 1, last: None, what, why: String::new(), tone: "" },
        Err(until) => Step { at: None, times: 1, last: None, what, why: until, tone: "" },
    };
    let mut steps = vec![step(delivery.accepted_at, "Taken in", "", "")];
    for entry in &delivery.history {
        let (what, tone) = match entry.what {
            Fate::Retried => ("Attempt failed", "warn"),
            Fate::Postponed => ("Put off", ""),
            Fate::Lost => ("Attempt, answer lost", "warn"),
            Fate::NotSeen => ("Looked for, not seen", "warn"),
            Fate::SetAside => ("Set aside for you", "warn"),
            Fate::GivenUp => ("Given up", "bad"),
            Fate::Redriven => ("Put back by an operator", ""),
        };
        match steps.last_mut() {
            Some(last) if (last.what, last.why.as_str()) == (what, entry.cause.as_str()) => {
                last.times += 1;
                last.last = Some(moment(entry.at, now));
            }
            Some(_) | None => steps.push(step(entry.at, what, &entry.cause, tone)),
        }
    }
    let settled_at = delivery.settled_at.unwrap_or(delivery.accepted_at);
    match &delivery.state {
        State::Delivered { receipt } => steps.push(step(settled_at, "Delivered", receipt, "good")),
        State::Skipped { reason } => steps.push(step(settled_at, "Not sent", reason, "")),
        State::Quarantined { cause } => steps.push(step(settled_at, "Could not be read", cause, "warn")),
        State::Waiting { due_at, .. } => steps.push(next(*due_at, "Next attempt")),
        State::Pending if held.is_some() => steps.push(next(now, "Next attempt")),
        State::Unconfirmed { look_at: Some(at), .. } => steps.push(next(*at, "Next look")),
        State::Sending { lease_until, .. } => steps.push(step(*lease_until, "Being sent, at the latest until", "", "")),
        State::Pending | State::Unconfirmed { look_at: None, .. } | State::Dead { .. } => {}
    }
    steps
}

/// The head of a delivery's page.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) state: StateName,
    pub(super) tone: &'static str,
    pub(super) way: String,
    /// Empty for a delivery that names no customer.
    pub(super) conversation: String,
    /// The address of the conversation's page; empty where there is none.
    pub(super) conversation_href: String,
    pub(super) attempts: u32,
    pub(super) why: String,
}

/// A delivery without the text of its message.
pub(super) fn row(delivery: &Delivery) -> Row {
    let conversation = delivery.whose();
    Row {
        id: delivery.id.to_string(),
        state: delivery.state.name(),
        tone: tone(delivery.state.name()),
        way: way(delivery),
        conversation: conversation.map(ToString::to_string).unwrap_or_default(),
        conversation_href: conversation.map(conversation_href).unwrap_or_default(),
        attempts: delivery.attempts,
        why: delivery.state.cause().to_owned(),
    }
}

/// The name of a conversation's line, where there are several lines, or else the carrier's own name for it; empty where none
/// is told.
pub(super) fn line<'a>(conversation: &'a Conversation, lines: &'a Lines) -> &'a str {
    match (lines.iter().count(), conversation.line_name(lines), &conversation.line) {
        // With one line there is nothing to tell apart.
        (2.., Some(name), _) => name,
        (_, _, told) => told.as_deref().unwrap_or_default(),
    }
}

/// The customer in a conversation's key, without the address of a line that is shown beside it by its name.
pub(super) fn customer(conversation: &Conversation, line: &str) -> String {
    let (key, address) = (conversation.key.0.as_str(), conversation.line.as_deref());
    let named = address.filter(|address| *address != line);
    let customer = named.and_then(|address| key.strip_suffix(address)).and_then(|rest| rest.strip_suffix('@'));
    customer.filter(|customer| !customer.is_empty()).unwrap_or(key).to_owned()
}

/// The address of a ticket, as agents open it; empty where the account's address is not known.
pub(super) fn ticket_href(zendesk: Option<&Url>, ticket: TicketId) -> String {
    let path = format!("agent/tickets/{ticket}");
    zendesk.and_then(|zendesk| zendesk.join(&path).ok()).map(String::from).unwrap_or_default()
}

/// The address of a conversation's page. The key is a parameter and no part of the path, because it has no fixed form.
pub(super) fn conversation_href(key: &ConversationKey) -> String {
    query("/console/conversation", &[("key", &key.0)])
}

/// An address with those parameters that are not blank.
pub(super) fn query(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    parameters.iter().filter(|(_, value)| !value.is_empty()).for_each(|(name, value)| {
        query.append_pair(name, value);
    });
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// The digits of a telephone number that lists show: enough to tell two customers apart, and to search for one.
const PHONE_END: usize = 3;

/// A telephone number with only its end readable; empty for none.
pub(super) fn phone(number: Option<&str>) -> String {
    let Some(digits) = number.map(phone::digits).filter(|digits| !digits.is_empty()) else { return String::new() };
    // At most half of a short number is shown.
    let end = digits.len() - PHONE_END.min(digits.len() / 2);
    format!("…{}", &digits[end..])
}

/// An operator, as pages name one.
pub(super) fn who(operator: &Operator) -> String {
    let unnamed = || unnamed(operator.access).unwrap_or("an operator").to_owned();
    operator.by.clone().unwrap_or_else(unnamed)
}

/// The name of an operator who gave none, where the way of access implies one.
pub(super) fn unnamed(access: Access) -> Option<&'static str> {
    match access {
        Access::Loopback => Some("this machine"),
        Access::Bridge => Some("tandem"),
        Access::Token | Access::Console | Access::Oidc => None,
    }
}

/// The kind of an event, in words. A doorbell of tandem's own announces no reply, so it is called a look.
pub(super) fn told(event: &EventKind) -> &'static str {
    let is_look = matches!(event, EventKind::AgentReply(reply) if reply.caught_up.is_some());
    if is_look { "Look for replies" } else { kind(event.name()) }
}

/// The letters of a vendor's id that lists show.
const ID_SHOWN: usize = 8;

/// The length from which a word with digits counts as an id.
const ID_LONG: usize = 20;

/// The outcome of a delivery, with its ids cut short.
pub(super) fn short(words: &str) -> String {
    let cut = |word: &str| {
        let letters = word.trim_end_matches([',', ';', '.']);
        let is_id = letters.len() > ID_LONG
            && letters.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && letters.bytes().any(|byte| byte.is_ascii_digit());
        if is_id { format!("{}…{}", &letters[..ID_SHOWN], &word[letters.len()..]) } else { word.to_owned() }
    };
    words.split(' ').map(cut).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::delivery::Transition;
    use crate::http::testing::{delivery, noon};

    #[test]
    fn times_are_told_as_people_tell_them() {
        let now = noon();
        for (seconds, shown, ago) in [
            (0, "12:00:00 UTC", "0 s ago"),
            (-59, "11:59:01 UTC", "59 s ago"),
            (-3599, "11:00:01 UTC", "59 min ago"),
            (-7200, "10:00:00 UTC", "2 h ago"),
            (-86_400, "2026-11-20 12:00 UTC", "24 h ago"),
            (-864_000, "2026-11-11 12:00 UTC", "10 days ago"),
            (90, "12:01:30 UTC", "in 1 min"),
        ] {
            let told = moment(now.checked_add(SignedDuration::from_secs(seconds)).unwrap(), now);
            assert_eq!((told.shown.as_str(), told.ago.as_str()), (shown, ago));
        }
    }

    #[test]
    fn a_time_is_told_to_the_second_and_its_zone_with_it() {
        let at = "2026-11-20T08:05:09.128166846Z".parse().unwrap();
        let told = moment(at, noon());
        assert_eq!((told.iso.as_str(), told.utc.as_str()), ("2026-11-20T08:05:09Z", "2026-11-20 08:05:09 UTC"));
    }

    #[test]
    fn of_a_number_the_end_is_shown_and_of_a_short_one_the_half() {
        for (number, shown) in
            [(Some("+15555550133"), "…133"), (Some("12345"), "…45"), (Some("7"), "…"), (Some("none"), ""), (None, "")]
        {
            assert_eq!(phone(number), shown);
        }
    }

    #[test]
    fn ids_are_cut_and_words_are_not() {
        for (words, shown) in [
            ("ticket 35436, comment 9", "ticket 35436, comment 9"),
            ("dispatch 8f14e45fceea167a5a36dedd4bea2543", "dispatch 8f14e45f…"),
            (
                "dispatch 8f14e45fceea167a5a36dedd4bea2543, c9f0f895fb98ab9159f51fd0297e236d",
                "dispatch 8f14e45f…, c9f0f895…",
            ),
            (
                "Braze answered 400 (campaign 3b1c4e5a-0d2f-4c6b-9a8e-7f6d5c4b3a21)",
                "Braze answered 400 (campaign 3b1c4e5a-0d2f-4c6b-9a8e-7f6d5c4b3a21)",
            ),
            ("internationalisation-of-words", "internationalisation-of-words"),
        ] {
            assert_eq!(short(words), shown);
        }
    }

    #[test]
    fn thousands_are_grouped() {
        for (number, shown) in [(0, "0"), (999, "999"), (1000, "1\u{202f}000"), (1_234_567, "1\u{202f}234\u{202f}567")]
        {
            assert_eq!(grouped(number), shown);
        }
    }

    #[test]
    fn every_attempt_is_told_with_its_time_and_what_came_of_it() {
        let at = |seconds| noon().checked_add(SignedDuration::from_secs(seconds)).unwrap();
        let mut delivery = delivery(1, State::Pending);
        for (transition, seconds) in [
            (Transition::Claim { lease_until: at(300) }, 1),
            (Transition::Retry { due_at: at(5), cause: "503 from Zendesk".into() }, 2),
            (Transition::Claim { lease_until: at(300) }, 5),
            (Transition::GiveUp { cause: "422 from Zendesk".into() }, 6),
            (Transition::Redrive, 60),
            (Transition::Claim { lease_until: at(300) }, 61),
            (Transition::Deliver { receipt: "comment 9".into() }, 62),
        ] {
            delivery.apply(transition, at(seconds)).unwrap();
        }
        let told = steps(&delivery, at(90), None);
        let shown = |step: &Step| step.at.as_ref().map(|at| at.shown.clone()).unwrap_or_default();
        let told: Vec<_> = told.iter().map(|step| (shown(step), step.what, step.why.as_str())).collect();
        let told: Vec<_> = told.iter().map(|(shown, what, why)| (shown.as_str(), *what, *why)).collect();
        assert_eq!(
            told,
            [
                ("12:00:00 UTC", "Taken in", ""),
                ("12:00:02 UTC", "Attempt failed", "503 from Zendesk"),
                ("12:00:06 UTC", "Given up", "422 from Zendesk"),
                ("12:01:00 UTC", "Put back by an operator", ""),
                ("12:01:02 UTC", "Delivered", "comment 9"),
            ]
        );
    }

    #[test]
    fn what_happened_again_and_again_is_told_once_with_how_often() {
        let at = |seconds| noon().checked_add(SignedDuration::from_secs(seconds)).unwrap();
        let mut delivery = delivery(1, State::Pending);
        let lost = Transition::Lose { since: at(1), look_at: at(2), cause: "no answer".into() };
        for transition in [Transition::Claim { lease_until: at(300) }, lost] {
            delivery.apply(transition, at(1)).unwrap();
        }
        for second in 2..19 {
            let look_at = at(second + 1);
            delivery
                .apply(Transition::LookAgain { look_at, counts: true, cause: "not seen".into() }, at(second))
                .unwrap();
        }
        let other = Transition::LookAgain { look_at: at(30), counts: true, cause: "403".into() };
        delivery.apply(other, at(20)).unwrap();
        let told = steps(&delivery, at(25), None);
        let told: Vec<_> = told
            .iter()
            .map(|step| {
                let shown = |at: &Option<Moment>| at.as_ref().map(|at| at.shown.clone());
                (step.what, shown(&step.at).unwrap_or_default(), step.times, shown(&step.last))
            })
            .collect::<Vec<_>>();
        let told: Vec<_> =
            told.iter().map(|(what, shown, times, last)| (*what, shown.as_str(), *times, last.as_deref())).collect();
        assert_eq!(
            told,
            [
                ("Taken in", "12:00:00 UTC", 1, None),
                ("Attempt, answer lost", "12:00:01 UTC", 1, None),
                ("Looked for, not seen", "12:00:02 UTC", 17, Some("12:00:18 UTC")),
                ("Looked for, not seen", "12:00:20 UTC", 1, None),
                ("Next look", "12:00:30 UTC", 1, None),
            ]
        );
    }

    #[test]
    fn what_waits_for_its_vendor_says_so_and_no_time_that_is_over() {
        let at = |seconds| noon().checked_add(SignedDuration::from_secs(seconds)).unwrap();
        let held = |is_pause| Held { until: "when Zendesk answers again".into(), is_pause };
        let waiting = |due_at| {
            delivery(1, State::Waiting { attempt: 2, due_at, cause: "no connection".into(), for_budget: false })
        };
        let looked_for = |look_at| {
            let (look_at, cause) = (Some(look_at), "the answer was lost".to_owned());
            delivery(1, State::Unconfirmed { attempt: 1, since: noon(), look_at, looks: 0, cause })
        };
        for (delivery, held, what, shown, why) in [
            (waiting(at(40)), None, "Next attempt", "12:00:40 UTC", ""),
            (waiting(at(40)), Some(held(false)), "Next attempt", "12:00:40 UTC", ""),
            (waiting(at(40)), Some(held(true)), "Next attempt", "", "when Zendesk answers again"),
            (waiting(at(-180)), Some(held(false)), "Next attempt", "", "when Zendesk answers again"),
            (waiting(at(-180)), None, "Next attempt", "", "as soon as its turn comes"),
            (looked_for(at(-1)), Some(held(false)), "Next look", "", "when Zendesk answers again"),
            (delivery(1, State::Pending), Some(held(false)), "Next attempt", "", "when Zendesk answers again"),
            (delivery(1, State::Pending), None, "Taken in", "12:00:00 UTC", ""),
        ] {
            let steps = steps(&delivery, noon(), held.as_ref());
            let last = steps.last().unwrap();
            let at = last.at.as_ref().map(|at| at.shown.as_str()).unwrap_or_default();
            assert_eq!((last.what, at, last.why.as_str()), (what, shown, why), "{:?}, {held:?}", delivery.state);
        }
    }

    #[test]
    fn an_operator_without_a_name_has_one_name_on_all_pages() {
        for (access, name) in [
            (Access::Loopback, "this machine"),
            (Access::Bridge, "tandem"),
            (Access::Token, "an operator"),
            (Access::Console, "an operator"),
        ] {
            assert_eq!(who(&Operator::claiming(access, None)), name);
        }
        assert_eq!(who(&Operator::claiming(Access::Loopback, Some("ada".into()))), "ada");
    }

    #[test]
    fn an_address_carries_any_key() {
        assert_eq!(conversation_href(&ConversationKey("a/b?&..".into())), "/console/conversation?key=a%2Fb%3F%26..");
        assert_eq!(query("/x", &[("a", ""), ("b", "")]), "/x");
    }
}
