//! The line and the channel that a conversation's customer wrote on last, on which replies go out. It never tells a line's
//! channel.
//!
//! Texts come late and in any order, so the latest time counts. Of two texts of one time the greater name counts, so that every
//! order ends alike.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::line::Channel;

/// When a customer last told the line and the channel of a conversation; neither for one of an earlier version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WroteAt {
    /// The line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<Timestamp>,
    /// The channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<Timestamp>,
}

impl WroteAt {
    /// Whether neither is known.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }

    /// The customer wrote to this line at this time; `known` is the line until then.
    pub(super) fn to(&mut self, known: &mut Option<String>, line: String, at: Timestamp) {
        if (self.line, known.as_ref()) < (Some(at), Some(&line)) {
            (*known, self.line) = (Some(line), Some(at));
        }
    }

    /// The same of a channel.
    pub(super) fn on(&mut self, known: &mut Channel, channel: Channel, at: Timestamp) {
        if (self.channel, known.word()) < (Some(at), channel.word()) {
            (*known, self.channel) = (channel, Some(at));
        }
    }

    pub(super) fn hold_no_later_than(&mut self, now: Timestamp) {
        for at in [&mut self.line, &mut self.channel] {
            *at = at.map(|at| at.min(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::Ends;
    use crate::domain::conversation::{Change, Conversation, ConversationKey, Subscription};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn new() -> Conversation {
        Conversation::new(ConversationKey("c1".into()), Ends::FIRST, at(0))
    }

    fn after<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Conversation {
        let mut known = new();
        changes.into_iter().for_each(|change| known.apply(change.clone(), at(900)));
        known
    }

    /// Every order of these.
    fn orders(changes: &[Change]) -> Vec<Vec<&Change>> {
        let Some((first, rest)) = changes.split_first() else { return vec![Vec::new()] };
        orders(rest)
            .into_iter()
            .flat_map(|order| {
                (0..=order.len()).map(move |place| {
                    let mut longer = order.clone();
                    longer.insert(place, first);
                    longer
                })
            })
            .collect()
    }

    #[test]
    fn a_late_text_turns_neither_the_line_nor_the_channel_back_in_whatever_order_reports_come() {
        let talks = |ties: i64| {
            vec![
                Change::Line("sms".into(), at(10)),
                Change::Channel(Channel::Sms, at(10)),
                Change::Line("whatsapp".into(), at(ties)),
                Change::Channel(Channel::Whatsapp, at(ties)),
                Change::TalkOver(at(15)),
                Change::Reached(at(20)),
            ]
        };
        for ties in [5, 10, 20] {
            let all = orders(&talks(ties)).into_iter().map(after).collect::<Vec<_>>();
            assert_eq!(all.len(), 720);
            assert!(all.iter().all(|known| *known == all[0]), "{ties}");
            let expected = if ties < 10 { ("sms", Channel::Sms) } else { ("whatsapp", Channel::Whatsapp) };
            assert_eq!((all[0].line.as_deref().unwrap(), all[0].channel), expected, "{ties}");
        }
    }

    #[test]
    fn a_conversation_without_times_takes_the_line_of_the_next_text() {
        let stored = serde_json::to_value(Conversation { line: Some("z".into()), ..new() }).unwrap();
        assert!(stored.get("wrote_at").is_none());
        let mut known: Conversation = serde_json::from_value(stored).unwrap();
        known.apply(Change::Line("a".into(), at(1)), at(1));
        known.apply(Change::Channel(Channel::Rcs, at(1)), at(1));
        assert_eq!((known.line.as_deref(), known.channel), (Some("a"), Channel::Rcs));
        let again: Conversation = serde_json::from_value(serde_json::to_value(&known).unwrap()).unwrap();
        assert_eq!(again, known);
    }

    #[test]
    fn a_time_from_a_clock_that_was_ahead_counts_for_no_more_than_now() {
        let mut known = after([&Change::Line("z".into(), at(5_000)), &Change::Channel(Channel::Whatsapp, at(5_000))]);
        known.apply(Change::Subscription(Subscription::In, at(100)), at(100));
        known.apply(Change::Line("a".into(), at(101)), at(101));
        known.apply(Change::Channel(Channel::Sms, at(101)), at(101));
        assert_eq!((known.line.as_deref(), known.channel), (Some("a"), Channel::Sms));
    }
}
