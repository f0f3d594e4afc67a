//! The parts in which a reply goes to the phone: its text and the links to its attachments, cut to the channel's limit.
//!
//! The cut is the same for every attempt from the first on that may have brought a part to the phone, whatever line the customer
//! writes on since, so that a part that is out is never sent again under another cut, and none is left out.

use serde::{Deserialize, Serialize};

use crate::domain::conversation::Conversation;
use crate::domain::event::{EventKind, PhoneText};
use crate::domain::line::{Channel, Line, Lines};
use crate::domain::text;

/// The most segments that a carrier takes in one text message. The strictest published limit is ten.
const SEGMENTS_MAX: usize = 10;

/// The longest text on WhatsApp, in characters.
const WHATSAPP_MAX: usize = 4096;

/// The longest RCS text, in characters, by the strictest published limit.
const RCS_MAX: usize = 3072;

/// How the texts of a line are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// Into text messages.
    Segments {
        /// Whether typographic characters are replaced first, so that more texts fit the short alphabet.
        gsm7: bool,
    },
    /// Into texts of so many characters.
    Characters {
        /// The most of one part.
        max: usize,
        /// Whether the channel formats what stands between marks.
        formats: bool,
    },
}

impl Cut {
    /// The cut of a conversation's line. Without a line nothing is sent, and the shortest parts are counted.
    #[must_use]
    pub fn for_conversation(known: Option<&Conversation>, lines: &Lines, gsm7: bool) -> Self {
        let line = known.and_then(|known| lines.for_texts(known.ends.carrier, known.line.as_deref(), known.channel));
        line.map_or(Self::Segments { gsm7 }, |line| Self::of(line, gsm7))
    }

    /// The cut of this line. An RCS text that may become a text message has to fit one.
    #[must_use]
    pub fn of(line: &Line, gsm7: bool) -> Self {
        match line.channel {
            Channel::Whatsapp => Self::Characters { max: WHATSAPP_MAX, formats: true },
            Channel::Rcs if !line.sms_fallback => Self::Characters { max: RCS_MAX, formats: false },
            Channel::Rcs | Channel::Sms => Self::Segments { gsm7 },
        }
    }
}

/// The parts, in order; none for a reply with neither text nor attachments.
///
/// A desk counts a picture within the text as an attachment as well, so its address may stand in the text already.
#[must_use]
pub fn of(reply: &PhoneText, cut: Cut) -> Vec<String> {
    let links = reply.attachments.iter().map(|attachment| attachment.url.as_str());
    // The address is a word of its own: in a list, in a table's cell, or in brackets behind the words of a link.
    let is_there = |link: &str| reply.text.split_whitespace().any(|word| word.trim_matches(['(', ')']) == link);
    let links = links.filter(|link| !is_there(link));
    let lines: Vec<&str> = std::iter::once(reply.text.as_str()).filter(|text| !text.is_empty()).chain(links).collect();
    let whole = lines.join("\n");
    match cut {
        Cut::Segments { gsm7: true } => text::split(&text::to_gsm7(&whole), SEGMENTS_MAX),
        Cut::Segments { gsm7: false } => text::split(&whole, SEGMENTS_MAX),
        // Trimmed first, so that a line which begins with a mark is the first of the text.
        Cut::Characters { max, formats: true } => text::split_characters(&text::unmarked_up(whole.trim()), max),
        Cut::Characters { max, formats: false } => text::split_characters(&whole, max),
    }
}

/// The number of parts of an event: 1 for all but a long reply, 0 for an empty one.
#[must_use]
pub fn count(kind: &EventKind, cut: Cut) -> u32 {
    match kind {
        EventKind::PhoneText(reply) => u32::try_from(of(reply, cut).len()).unwrap_or(u32::MAX),
        EventKind::CustomerText(_)
        | EventKind::AgentReply(_)
        | EventKind::Template(_)
        | EventKind::TicketSolved(_)
        | EventKind::TicketReopened(_)
        | EventKind::Note(_)
        | EventKind::Unreadable(_) => 1,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::account::Ends;
    use crate::domain::line::{Forms, TicketSettings};

    fn line(channel: Channel, sms_fallback: bool) -> Line {
        Line {
            name: "line".into(),
            ends: Ends::FIRST,
            channel,
            address: Some("group".into()),
            forms: Forms::default(),
            sms_fallback,
            window: Duration::from_secs(60),
            template_wait: Duration::from_secs(60),
            tickets: TicketSettings::default(),
            agent_language: None,
        }
    }

    fn reply(text: &str) -> PhoneText {
        PhoneText {
            ticket_id: None,
            comment_id: None,
            external_user_id: None,
            requester_id: None,
            text: text.to_owned(),
            agent_name: None,
            attachments: Vec::new(),
            recipe: None,
            caught_up: false,
            written_at: None,
        }
    }

    #[test]
    fn each_channel_has_its_own_limit() {
        for (channel, sms_fallback, fits, too_long) in [
            (Channel::Sms, true, 1530, 1531),
            (Channel::Sms, false, 1530, 1531),
            (Channel::Rcs, true, 1530, 1531),
            (Channel::Rcs, false, 3072, 3073),
            (Channel::Whatsapp, true, 4096, 4097),
        ] {
            let cut = Cut::of(&line(channel, sms_fallback), false);
            let parts = |length| of(&reply(&"a".repeat(length)), cut).len();
            assert_eq!((parts(fits), parts(too_long)), (1, 2), "{channel} {sms_fallback}");
        }
    }

    #[test]
    fn only_text_messages_have_their_characters_replaced_and_only_whatsapp_its_marks_kept_apart() {
        let text = "“*now*” 😀";
        for (channel, sent) in
            [(Channel::Sms, "\"*now*\" 😀"), (Channel::Rcs, "“*now*” 😀"), (Channel::Whatsapp, "“*\u{200a}now*” 😀")]
        {
            assert_eq!(of(&reply(text), Cut::of(&line(channel, false), true)), [sent], "{channel}");
        }
    }
}
