//! The needs of heads, and how many heads with each may be begun now. Pure, and it never tells why a budget has room.

/// The work that the head of a lane is about to need. It names the rate budget that must have room and the vendor that
/// must be reachable before the lane is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Need {
    /// Nothing that is known beforehand.
    Nothing,
    /// To add a customer's text to a known ticket.
    KnownTicket,
    /// To find or create the ticket and the user of an unknown customer.
    NewTicket,
    /// To write a note of the bridge's own.
    Note,
    /// To read a ticket's comments.
    Comments,
    /// To send a text to the phone.
    Text,
}

impl Need {
    /// All of them, in order.
    pub const ALL: [Self; 6] =
        [Self::Nothing, Self::KnownTicket, Self::NewTicket, Self::Note, Self::Comments, Self::Text];
}

/// How much work may be begun now, for each need that a rate budget bounds. A lane whose head has a need without room is set
/// apart and not handed out, so that it costs nothing and delays no other lane.
///
/// Each head that is handed out takes one place of every pool on which its need draws ([`Gates::begin`]), so several heads of
/// one request keep to the budgets as if each had been asked for after the one before it was called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gates(Vec<Room>);

/// How many heads with a need one pool of calls lets begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// The need.
    pub need: Need,
    /// The number of the pool, on which other needs may draw as well.
    pub pool: usize,
    /// Heads.
    pub heads: usize,
    /// Whether the pool is new again sooner than a head may make its call, so that a head begun earlier takes nothing of it.
    pub is_brief: bool,
}

impl Gates {
    /// Gates with these rooms; a need without a room is never shut.
    #[must_use]
    pub fn of(rooms: impl IntoIterator<Item = Room>) -> Self {
        Self(rooms.into_iter().collect())
    }

    /// The same for so many heads: all gates are open where no room is too small for that many.
    #[must_use]
    pub fn for_heads(self, heads: usize) -> Self {
        if self.0.iter().all(|room| room.heads >= heads) { Self::default() } else { self }
    }

    /// Counts a head with this need.
    pub fn begin(&mut self, need: Need) {
        self.take_from(|room| room.need == need);
    }

    /// Counts a head with this need that an earlier request has handed out, and that has not called yet.
    pub fn begun_before(&mut self, need: Need) {
        self.take_from(|room| room.need == need && !room.is_brief);
    }

    /// Takes a place of each pool of these rooms, also from other needs on that pool.
    fn take_from(&mut self, is_drawn_on: impl Fn(&Room) -> bool) {
        let drawn: Vec<usize> = self.0.iter().filter(|room| is_drawn_on(room)).map(|room| room.pool).collect();
        for room in self.0.iter_mut().filter(|room| drawn.contains(&room.pool)) {
            room.heads = room.heads.saturating_sub(1);
        }
    }

    /// Whether no head with this need may be begun now.
    #[must_use]
    pub fn is_shut(&self, need: Need) -> bool {
        self.0.iter().any(|room| room.need == need && room.heads == 0)
    }

    /// Whether there is a need with which no head may be begun now.
    #[must_use]
    pub fn is_any_shut(&self) -> bool {
        self.0.iter().any(|room| room.heads == 0)
    }

    /// Whether every need can be met, by however many heads.
    #[must_use]
    pub fn are_open(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes draw on the calls and on a pool of their own, texts on the calls, new tickets on three quarters of the calls.
    fn gates(calls: usize, notes: usize) -> Gates {
        let room = |need, pool, heads: usize| Room { need, pool, heads, is_brief: false };
        Gates::of([
            room(Need::KnownTicket, 0, calls),
            room(Need::Note, 0, calls),
            room(Need::Note, 1, notes),
            room(Need::NewTicket, 0, calls.saturating_sub(2)),
        ])
    }

    #[test]
    fn a_head_takes_a_place_of_every_pool_on_which_its_need_draws_and_of_no_other() {
        for (begun, shut) in [
            (&[][..], &[][..]),
            (&[Need::Note], &[Need::Note]),
            (&[Need::KnownTicket], &[]),
            (&[Need::KnownTicket, Need::NewTicket], &[Need::NewTicket]),
            (
                &[Need::Note, Need::KnownTicket, Need::KnownTicket, Need::KnownTicket],
                &[Need::KnownTicket, Need::NewTicket, Need::Note],
            ),
            (&[Need::Nothing, Need::Text, Need::Comments, Need::Nothing, Need::Text], &[]),
        ] {
            let mut gates = gates(4, 1);
            begun.iter().for_each(|need| gates.begin(*need));
            let found: Vec<Need> = Need::ALL.into_iter().filter(|need| gates.is_shut(*need)).collect();
            assert_eq!(found, shut, "{begun:?}");
            assert_eq!(gates.is_any_shut(), !shut.is_empty(), "{begun:?}");
        }
    }

    #[test]
    fn a_head_of_before_that_has_not_called_yet_takes_a_place_of_lasting_pools_alone() {
        let gates_of = |is_brief| Gates::of([Room { need: Need::Text, pool: 0, heads: 1, is_brief }]);
        for (is_brief, shut) in [(true, false), (false, true)] {
            let mut gates = gates_of(is_brief);
            gates.begun_before(Need::Text);
            assert_eq!(gates.is_shut(Need::Text), shut, "{is_brief}");
            gates.begin(Need::Text);
            assert!(gates.is_shut(Need::Text), "those of one request take theirs");
        }
    }

    #[test]
    fn gates_are_open_for_no_more_heads_than_the_smallest_room_takes() {
        assert!(Gates::default().for_heads(usize::MAX).are_open());
        for (heads, are_open) in [(0, true), (1, true), (2, false), (3, false)] {
            assert_eq!(gates(9, 1).for_heads(heads).are_open(), are_open, "{heads}");
        }
        assert_eq!(gates(9, 1).for_heads(2), gates(9, 1));
    }
}
