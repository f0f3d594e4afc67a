//! The parts in which a reply goes to the phone: its text and the links to its attachments, cut to Braze's limit.
//!
//! The cut is the same for every attempt, so that a part that is out is never sent again under another cut.

use crate::domain::event::{EventKind, PhoneText};
use crate::domain::text;

/// The most segments that Braze carries in one text. Source: Braze's billing calculator page, "10 segments".
const SEGMENTS_MAX: usize = 10;

/// The parts, in order; none for a reply with neither text nor attachments. `gsm7` tells whether to replace typographic
/// characters first.
///
/// Zendesk counts a picture within the text as an attachment as well, so its address may stand in the text already.
#[must_use]
pub fn of(reply: &PhoneText, gsm7: bool) -> Vec<String> {
    let links = reply.attachments.iter().map(|attachment| attachment.url.as_str());
    // The address is a word of its own: in a list, in a table's cell, or in brackets behind the words of a link.
    let is_there = |link: &str| reply.text.split_whitespace().any(|word| word.trim_matches(['(', ')']) == link);
    let links = links.filter(|link| !is_there(link));
    let lines: Vec<&str> = std::iter::once(reply.text.as_str()).filter(|text| !text.is_empty()).chain(links).collect();
    let whole = lines.join("\n");
    let whole = if gsm7 { text::to_gsm7(&whole) } else { whole };
    text::split(&whole, SEGMENTS_MAX)
}

/// The number of parts of an event: 1 for all but a long reply, 0 for an empty one.
#[must_use]
pub fn count(kind: &EventKind, gsm7: bool) -> u32 {
    match kind {
        EventKind::PhoneText(reply) => u32::try_from(of(reply, gsm7).len()).unwrap_or(u32::MAX),
        EventKind::CustomerText(_)
        | EventKind::AgentReply(_)
        | EventKind::TicketSolved(_)
        | EventKind::TicketReopened(_)
        | EventKind::Note(_)
        | EventKind::Unreadable(_) => 1,
    }
}
