//! The needs of heads, and how many heads with each may be begun now. Pure, and it never tells why a budget has room.

use jiff::Timestamp;

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
    /// When a pool without room opens; `None` where it has room.
    pub opens_at: Option<Timestamp>,
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
        self.pools(|room| room.need == need).into_iter().for_each(|pool| self.take(pool, 1));
    }

    /// The pools of which a head with this need takes a place until it calls: those that are not brief.
    #[must_use]
    pub fn lasting_pools(&self, need: Need) -> Vec<usize> {
        self.pools(|room| room.need == need && !room.is_brief)
    }

    /// Takes so many places of a pool, from every need that draws on it.
    pub fn take(&mut self, pool: usize, heads: usize) {
        for room in self.0.iter_mut().filter(|room| room.pool == pool) {
            room.heads = room.heads.saturating_sub(heads);
        }
    }

    fn pools(&self, is_wanted: impl Fn(&Room) -> bool) -> Vec<usize> {
        self.0.iter().filter(|room| is_wanted(room)).map(|room| room.pool).collect()
    }

    /// The first time at which a need that no pool's room has met can be met; `None` where every pool has room.
    #[must_use]
    pub fn open_at(&self) -> Option<Timestamp> {
        let of_need = |need| self.0.iter().filter(|room| room.need == need).filter_map(|room| room.opens_at).max();
        Need::ALL.into_iter().filter_map(of_need).min()
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
        let room = |need, pool, heads: usize| Room { need, pool, heads, is_brief: false, opens_at: None };
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
    fn places_are_taken_from_every_need_that_draws_on_the_pool() {
        let mut gates = gates(4, 1);
        gates.take(0, 3);
        assert!(gates.is_shut(Need::NewTicket) && !gates.is_shut(Need::Note));
        gates.take(1, 2);
        assert!(gates.is_shut(Need::Note) && !gates.is_shut(Need::KnownTicket));
    }

    #[test]
    fn a_pool_that_is_brief_keeps_no_place_for_a_head_of_before() {
        let rooms = [(0, false), (1, true), (2, false)].map(|(pool, is_brief)| Room {
            need: Need::Text,
            pool,
            heads: 1,
            is_brief,
            opens_at: None,
        });
        assert_eq!(Gates::of(rooms).lasting_pools(Need::Text), [0, 2]);
        assert_eq!(Gates::of(rooms).lasting_pools(Need::Note), [0; 0]);
    }

    #[test]
    fn gates_open_with_the_first_need_all_of_whose_pools_are_open() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let room = |need, pool, opens_at| Room { need, pool, heads: 0, is_brief: false, opens_at };
        let (early, late) = (Some(at(3)), Some(at(8)));
        for (rooms, opens_at) in [
            (vec![room(Need::Text, 0, None)], None),
            (vec![room(Need::Note, 0, early), room(Need::Note, 1, late)], late),
            (vec![room(Need::Note, 0, early), room(Need::Note, 1, late), room(Need::Text, 0, early)], early),
            (vec![room(Need::Note, 0, None), room(Need::Text, 1, late)], late),
        ] {
            assert_eq!(Gates::of(rooms.clone()).open_at(), opens_at, "{rooms:?}");
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
