//! The rules of the outbound policy, and the step of a message to which none of them objects. Each rule looks at the facts and
//! gives a step, or has nothing to say; none knows its place in a list.

use jiff::Timestamp;

use crate::domain::cause;
use crate::domain::conversation::{Change, Stand, Subscription, TicketStatus};
use crate::domain::delivery::{Fate, Outcome, receipt_of};
use crate::domain::event::{Event, EventKind, PhoneText, Template, TicketId};
use crate::domain::note::{Replies, Reply, Saying};
use crate::domain::outgoing::{Content, Origin, Part};
use crate::domain::retry::OnUnconfirmed;
use crate::policy::window::{self, Course};

use super::facts::Facts;
use super::step::{Ending, Sending, Step};

/// Why nothing is texted about a ticket that has another requester now.
const NOT_THEIRS: &str = "the ticket's requester is no longer the conversation's customer";

/// A bare text with the words of a comment that the bridge has written.
pub(super) fn comes_back(facts: &Facts<'_>) -> Option<Step> {
    let text = facts.message.text().filter(|text| text.comment_id.is_none())?;
    let is_echo = facts.conversation?.is_echo(&text.text, facts.came_at);
    is_echo.then(|| skip("our own comment coming back"))
}

/// The customer has written since. That opens a solved ticket again, and it opens the window: also one that has shut
/// since needs a request of its own. On a channel without a window nothing waits for days, and nothing is known of it.
pub(super) fn is_answered(facts: &Facts<'_>) -> Option<Step> {
    const ANSWERED: &str = "the customer has written since";
    if facts.window().heard_at.is_some_and(|heard_at| facts.delivery.accepted_at < heard_at) {
        return Some(skip(ANSWERED));
    }
    // Of a template for a window that is open, nothing was asked, so the next text behind it asks anew.
    let is_needless = facts.message.content == Content::Template && facts.is_open();
    let changes = vec![Change::AskStands(Stand::Failed)];
    let outcome = Outcome::Skip { reason: ANSWERED.to_owned() };
    is_needless.then(|| Ending { changes, ..outcome.into() }.into())
}

/// The ticket's status, and that replies come without the numbers of their comments.
pub(super) fn tells_of_ticket(facts: &Facts<'_>) -> Option<Step> {
    if facts.has_learnt {
        return None;
    }
    let current = facts.conversation.and_then(|known| known.ticket.as_ref()).map(|ticket| ticket.id);
    let changes: Vec<Change> = match facts.message.content {
        Content::Text(text) => {
            let is_unnumbered = text.comment_id.is_none();
            let status = status_in_recipe(text, current);
            let status = status.map(|(ticket, status)| Change::Ticket(ticket, status, facts.now));
            status.into_iter().chain(is_unnumbered.then_some(Change::RepliedUnnumbered)).collect()
        }
        Content::Fixed => {
            let solved = facts.message.ticket.filter(|ticket| current == Some(*ticket));
            solved.map(|ticket| Change::Status(ticket, TicketStatus::Solved)).into_iter().collect()
        }
        Content::Template => Vec::new(),
    };
    (!changes.is_empty()).then_some(Step::Learn(changes))
}

/// The customer was told of the solution, or asked to write again.
pub(super) fn was_told(facts: &Facts<'_>) -> Option<Step> {
    let known = facts.conversation?;
    if facts.message.content == Content::Template {
        let is_asked = known.window.asked.as_ref().is_some_and(|asked| asked.stand == Stand::Sent);
        return is_asked.then(|| skip("the customer was asked already"));
    }
    let ticket = known.ticket.as_ref().filter(|ticket| Some(ticket.id) == facts.message.ticket)?;
    ticket.closing_told.then(|| skip("the customer was told already that it is solved"))
}

pub(super) fn has_no_line(facts: &Facts<'_>) -> Option<Step> {
    let address = || facts.conversation.and_then(|known| known.line.as_deref()).unwrap_or("without an address");
    facts.line.is_none().then(|| give_up(&format!("{} {} of {}", cause::OF_LINE, address(), facts.terms.carrier)))
}

pub(super) fn has_no_form(facts: &Facts<'_>) -> Option<Step> {
    let is_template = facts.message.content == Content::Template;
    match facts.message.form(facts.line) {
        Some(_) => None,
        None if is_template => Some(give_up(cause::NO_TEMPLATE)),
        None => Some(skip("noted; no closing text is configured")),
    }
}

pub(super) fn is_unidentified(facts: &Facts<'_>) -> Option<Step> {
    facts.doubtful_ticket().filter(|_| !facts.is_identified).map(Step::Identify)
}

/// The agent who gave the ticket to another customer knows of that; of their reply they are told.
pub(super) fn is_anothers(facts: &Facts<'_>) -> Option<Step> {
    let ticket = facts.doubtful_ticket()?;
    let not_theirs = || Outcome::Skip { reason: NOT_THEIRS.to_owned() };
    match (facts.is_theirs, facts.message.origin) {
        (None, _) => Some(Step::AskWhose { ticket, told: facts.told() }),
        (Some(true), _) => None,
        (Some(false), Origin::Closing) => Some(not_theirs().into()),
        (Some(false), Origin::Agent) => {
            let saying = Saying::HasAnotherRequester(Replies { comments: Vec::new() });
            Some(facts.noted(not_theirs(), saying).into())
        }
    }
}

pub(super) fn has_no_recipient(facts: &Facts<'_>) -> Option<Step> {
    facts.to.is_none().then(|| facts.undeliverable(cause::NO_RECIPIENT.to_owned()).into())
}

/// Nothing goes into a talk that is over. The reply that waits for a template tells the agent, so the template does not.
pub(super) fn is_over(facts: &Facts<'_>) -> Option<Step> {
    facts.conversation.filter(|known| known.talk.is_over())?;
    Some(match facts.message.content {
        Content::Template => skip(cause::TALK_OVER),
        Content::Text(_) | Content::Fixed => facts.undeliverable(cause::TALK_OVER.to_owned()).into(),
    })
}

/// The carrier is asked first, where it is asked at all.
pub(super) fn has_no_consent(facts: &Facts<'_>) -> Option<Step> {
    if let (Some(default), None, Some(to)) = (facts.terms.asks_on, facts.consent, &facts.to) {
        let channel = facts.line.map(|line| line.channel).unwrap_or_default();
        let line = facts.line.and_then(|line| line.address.as_deref()).unwrap_or(default);
        return Some(Step::AskConsent { line: line.to_owned(), channel, to: to.clone() });
    }
    let is_out = facts.subscription() == Subscription::Out;
    is_out.then(|| facts.undeliverable(cause::OPTED_OUT.to_owned()).into())
}

/// The reply may have been texted in a time that the store has lost, so that sending it is the operator's decision. A
/// receipt of that time names a delivery that the store does not know any more.
pub(super) fn may_be_out(facts: &Facts<'_>) -> Option<Step> {
    let text = facts.message.text().filter(|text| text.comment_id.is_some())?;
    let until = facts.terms.lost_until.filter(|_| facts.terms.on_unconfirmed == OnUnconfirmed::Hold)?;
    let is_older = text.written_at.is_none_or(|written_at| written_at <= until);
    let is_decided = facts.delivery.history.iter().any(|entry| entry.what == Fate::Redriven);
    let cause = "it may have been texted before the store was put back from a backup".to_owned();
    (is_older && !is_decided).then(|| Outcome::Lose { cause }.into())
}

/// A reply that came with the solution, or before it, goes before the closing text.
pub(super) fn owes_replies(facts: &Facts<'_>) -> Option<Step> {
    (!facts.owes_no_reply).then(|| Step::FindReplies { told: facts.told() })
}

pub(super) fn is_empty(facts: &Facts<'_>) -> Option<Step> {
    let text = facts.message.text().filter(|_| facts.parts.is_empty())?;
    let nothing = Outcome::Skip { reason: "the reply has neither text nor attachments".to_owned() };
    Some(facts.noted(nothing, Saying::ReplyEmpty(Reply { comment: text.comment_id })).into())
}

/// A drop-in body names its own campaign, so its sender decides.
pub(super) fn is_outside_window(facts: &Facts<'_>) -> Option<Step> {
    let Some(text) = facts.message.text() else {
        return (!facts.is_open()).then(|| skip("the customer last wrote too long ago for a closing text"));
    };
    let line = facts.line.filter(|line| text.recipe.is_none() && line.channel.has_window() && !facts.names_a_form)?;
    let owed = window::Text { since: window::owed_since(facts.delivery), ticket: text.ticket_id };
    match window::course(line, &facts.window(), owed, facts.now) {
        Course::Send => None,
        Course::End(cause) => Some(give_up(cause)),
        Course::Wait(until) => Some(waits(facts, text, until).into()),
        Course::Solved(until) => Some(of_solved_ticket(facts, text, until)),
        Course::Ask => Some(asks(facts, text).into()),
    }
}

/// The ticket was solved while the text waited. The agent means the comment to arrive with which they solved it.
fn of_solved_ticket(facts: &Facts<'_>, text: &PhoneText, until: Timestamp) -> Step {
    let (Some(ticket), Some(comment)) = (text.ticket_id, text.comment_id) else {
        return give_up(cause::SOLVED_UNANSWERED);
    };
    match facts.solved_with {
        None => Step::AskSolution(ticket),
        Some(solution) if solution == Some(comment) => waits(facts, text, until).into(),
        Some(_) => give_up(cause::SOLVED_UNANSWERED),
    }
}

/// The template goes first, and then the text is weighed again.
fn asks(facts: &Facts<'_>, text: &PhoneText) -> Ending {
    let template = Template { ticket_id: text.ticket_id, external_user_id: text.external_user_id.clone() };
    let template = Event { received_at: facts.now, kind: EventKind::Template(template) };
    let wait = waits(facts, text, facts.now);
    let besides = std::iter::once(template).chain(wait.besides).collect();
    Ending { changes: vec![Change::Asked], besides, ..wait }
}

/// The agent is told once that the text waits.
fn waits(facts: &Facts<'_>, text: &PhoneText, until: Timestamp) -> Ending {
    let wait = Outcome::Postpone { cause: cause::WAITS_FOR_ANSWER.to_owned(), until, for_budget: false };
    if window::has_waited(facts.delivery) {
        return wait.into();
    }
    facts.noted(wait, Saying::ReplyWaits(Reply { comment: text.comment_id }))
}

/// The next part that is not known to be out. Where a text in doubt is never sent again, each part is recorded before the
/// next one goes: should the bridge die, one part is in doubt and none is behind it.
pub(super) fn goes(facts: &Facts<'_>) -> Step {
    let of = u32::try_from(facts.parts.len()).unwrap_or(u32::MAX);
    let (out, next) = (facts.out, facts.out.saturating_add(1));
    let is_held = facts.terms.on_unconfirmed == OnUnconfirmed::Hold && !facts.dispatches.is_empty();
    let words = usize::try_from(out).ok().and_then(|index| facts.parts.get(index));
    match (words, &facts.to, facts.message.form(facts.line)) {
        (None, ..) => {
            let told = facts.message.ticket.filter(|_| facts.message.origin == Origin::Closing);
            let outcome = Outcome::Deliver { receipt: receipt_of(&facts.dispatches) };
            let changes = told.map(Change::ClosingTold).into_iter().collect();
            Ending { changes, ..outcome.into() }.into()
        }
        (Some(_), ..) if is_held => {
            let cause = format!("part {out} of {of} is out");
            Outcome::Postpone { cause, until: facts.now, for_budget: false }.into()
        }
        (Some(words), Some(to), Some(form)) => {
            let part = Part { id: facts.delivery.id, number: next, of };
            Step::Send(Sending { to: to.clone(), form: form.to_owned(), words: words.clone(), part })
        }
        (Some(_), ..) => give_up(cause::NO_RECIPIENT),
    }
}

/// A drop-in trigger tells the ticket and whether it is open in the attributes that it writes to the profile.
fn status_in_recipe(text: &PhoneText, current: Option<TicketId>) -> Option<(TicketId, TicketStatus)> {
    let recipe = text.recipe.as_ref()?;
    // The published bodies write a word in place of a boolean.
    let open = recipe.attributes.get("zendesk_ticket_open");
    let open = open.and_then(|open| open.as_bool().or_else(|| open.as_str()?.parse().ok()));
    let ticket = match (text.ticket_id, current) {
        (Some(named), None) => named,
        (Some(named), Some(current)) if named == current => named,
        (None, Some(current)) if open == Some(false) => current,
        (Some(_) | None, Some(_)) | (None, None) => return None,
    };
    Some((ticket, if open == Some(false) { TicketStatus::Solved } else { TicketStatus::Open }))
}

fn skip(reason: &str) -> Step {
    Outcome::Skip { reason: reason.to_owned() }.into()
}

fn give_up(cause: &str) -> Step {
    Outcome::GiveUp { cause: cause.to_owned() }.into()
}
