//! The line and the channel that a conversation's customer wrote on last, on which replies go out. It never tells a line's
//! channel.
//!
//! Texts come late and in any order, so the latest time counts. Of two texts of one time the one with the greater line counts,
//! so that every order ends alike.

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

    /// The customer wrote there; `line` and `channel` are those until then.
    pub(super) fn take(&mut self, (line, channel): (&mut Option<String>, &mut Channel), told: WroteOn) {
        let at = Some(told.at);
        if let (Some(to), Some(on), true) = (&told.line, told.channel, self.line == self.channel) {
            // Those of one text stay together, also beside another text of the same time.
            if (self.line, line.as_ref(), channel.word()) < (at, Some(to), on.word()) {
                (*line, *channel, *self) = (told.line, on, Self { line: at, channel: at });
            }
            return;
        }
        if let Some(to) = told.line.filter(|to| (self.line, line.as_ref()) < (at, Some(to))) {
            (*line, self.line) = (Some(to), at);
        }
        if let Some(on) = told.channel.filter(|on| (self.channel, channel.word()) < (at, on.word())) {
            (*channel, self.channel) = (on, at);
        }
    }

    /// A time later than `now` came from a clock that was ahead. It counts for less than that of the next text, which may be
    /// some moments old when it comes.
    pub(super) fn hold_no_later_than(&mut self, now: Timestamp) {
        for at in [&mut self.line, &mut self.channel] {
            *at = at.filter(|at| *at <= now);
        }
    }
}

/// The line and the channel that a customer wrote on at one time, as far as they are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WroteOn {
    /// The line's address.
    pub line: Option<String>,
    /// The channel.
    pub channel: Option<Channel>,
    /// When they wrote.
    pub at: Timestamp,
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

    fn on(line: &str, channel: Channel, second: i64) -> Change {
        Change::wrote_on(Some(line.into()), Some(channel), at(second)).unwrap()
    }

    #[test]
    fn a_late_text_turns_neither_the_line_nor_the_channel_back_in_whatever_order_reports_come() {
        // The greater line is that of the lesser channel word, and the other way round.
        for (sms, whatsapp) in [("9", "1"), ("1", "9")] {
            for ties in [5, 10, 20] {
                let told = [
                    on(sms, Channel::Sms, 10),
                    on(whatsapp, Channel::Whatsapp, ties),
                    Change::TalkOver(at(15)),
                    Change::Reached(at(20)),
                ];
                let all = orders(&told).into_iter().map(after).collect::<Vec<_>>();
                assert_eq!(all.len(), 24);
                assert!(all.iter().all(|known| *known == all[0]), "{ties}");
                let is_sms = ties < 10 || ties == 10 && sms > whatsapp;
                let expected = if is_sms { (sms, Channel::Sms) } else { (whatsapp, Channel::Whatsapp) };
                assert_eq!((all[0].line.as_deref().unwrap(), all[0].channel), expected, "{ties}");
            }
        }
    }

    #[test]
    fn a_line_and_a_channel_that_are_told_alone_have_times_of_their_own() {
        let line = |name: &str, second| Change::wrote_on(Some(name.into()), None, at(second)).unwrap();
        let channel = |channel, second| Change::wrote_on(None, Some(channel), at(second)).unwrap();
        assert_eq!(Change::wrote_on(None, None, at(1)), None);
        let told = [line("a", 10), channel(Channel::Whatsapp, 20), line("b", 5), channel(Channel::Sms, 15)];
        let all = orders(&told).into_iter().map(after).collect::<Vec<_>>();
        assert!(all.iter().all(|known| *known == all[0]));
        assert_eq!((all[0].line.as_deref(), all[0].channel), (Some("a"), Channel::Whatsapp));
    }

    #[test]
    fn a_conversation_without_times_takes_the_line_of_the_next_text() {
        let stored = serde_json::to_value(Conversation { line: Some("z".into()), ..new() }).unwrap();
        assert!(stored.get("wrote_at").is_none());
        let mut known: Conversation = serde_json::from_value(stored).unwrap();
        known.apply(on("a", Channel::Rcs, 1), at(1));
        assert_eq!((known.line.as_deref(), known.channel), (Some("a"), Channel::Rcs));
        let again: Conversation = serde_json::from_value(serde_json::to_value(&known).unwrap()).unwrap();
        assert_eq!(again, known);
    }

    #[test]
    fn a_time_from_a_clock_that_was_ahead_counts_for_less_than_the_next_text() {
        let mut known = after([&on("z", Channel::Whatsapp, 5_000)]);
        known.apply(Change::Subscription(Subscription::In, at(100)), at(100));
        known.apply(on("a", Channel::Sms, 99), at(101));
        assert_eq!((known.line.as_deref(), known.channel), (Some("a"), Channel::Sms));
    }
}
