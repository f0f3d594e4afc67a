//! Rate budgets as values: how many calls a vendor allows, and when the next one may go.
//!
//! A [`Budgets`] is asked before each call and told the limits that each answer names. It reads no clock and no header,
//! because the time and the numbers are given to it. It never waits: it names the time, and each call that has to wait
//! gets a time of its own. The k-th call that waits for a pool of one a second comes k seconds later, and newcomers
//! come after it. A quarter of Zendesk's account is kept for conversations whose ticket is known, because a new
//! customer costs six calls and would delay them.
//!
//! The numbers are Zendesk's and Braze's published ones and hold until an answer tells better. Each pool counts calls
//! in slices of its period, so that *no* stretch of that length ever holds more calls than allowed. The vendor's own
//! fixed window may therefore begin at any time. A token bucket would let twice as many through.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::domain::account::End;
use crate::domain::event::TicketId;
use crate::domain::lanes::Need;

mod call;
mod limit;
mod window;

pub use call::{Call, Pool, UserKey};
use call::{pools, pools_of};
pub use limit::{Counted, Limit, Reached, a_period};
pub use window::{HOLD_MAX, HOLD_MIN, Told};
use window::{Keyed, Window, held};

/// How far ahead user saves may be booked before no further new customer is begun: long enough that the pool is never
/// idle, short enough that the answers about a customer are still true when the save comes.
const SAVES_AHEAD: SignedDuration = SignedDuration::from_secs(20);

/// How much is left in a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// The pool.
    pub pool: Pool,
    /// Calls that may be made now.
    pub left: u32,
    /// Calls in a period.
    pub of: u32,
    /// The period.
    pub period: Duration,
    /// When the next call may go; `None` means now.
    pub opens_at: Option<Timestamp>,
}

/// Whether a call may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Now; it has been counted.
    Go,
    /// Not before this future time, because of this limit; nothing was counted.
    At(Timestamp, Limit),
}

/// All budgets of one process.
#[derive(Clone, Debug)]
pub struct Budgets {
    zendesk_account: Window,
    zendesk_lists: Window,
    zendesk_creates: Window,
    zendesk_updates: Window,
    zendesk_notes: Window,
    zendesk_user_saves: Window,
    braze_sends: Window,
    braze_exports: Window,
    braze_reads: Window,
    tickets: Keyed,
    notes: Keyed,
    users: Keyed,
}

impl Default for Budgets {
    fn default() -> Self {
        Self::new()
    }
}

impl Budgets {
    /// Budgets with the published limits, nothing spent.
    #[must_use]
    pub fn new() -> Self {
        let minute = Duration::from_secs(60);
        let hour = Duration::from_secs(3600);
        Self {
            // Of the smallest plan; every answer of Zendesk tells the real limit.
            zendesk_account: Window::new(200, minute),
            zendesk_lists: Window::new(100, minute),
            // Not documented, but seen in a recorded answer; answers tell the real limit.
            zendesk_creates: Window::new(300, minute),
            // 20 on trial accounts: learned from the first answer.
            zendesk_updates: Window::new(100, minute),
            zendesk_notes: Window::new(share(100), minute),
            zendesk_user_saves: Window::new(1, Duration::from_secs(1)),
            braze_sends: Window::new(250_000, hour),
            // Older workspaces have ten times as much, which their answers tell.
            braze_exports: Window::new(250, minute),
            braze_reads: Window::new(250_000, hour),
            tickets: Keyed::new(Counted::OneTicket, 30, Duration::from_secs(600)),
            notes: Keyed::new(Counted::NotesOnOneTicket, share(30), Duration::from_secs(600)),
            users: Keyed::new(Counted::OneUser, 5, minute),
        }
    }

    /// Asks for one call. Either every pool that the call draws on has room and counts it, or none counts it. A refused
    /// call is expected at the given time, and calls that ask meanwhile come after it.
    pub fn take(&mut self, call: Call, now: Timestamp) -> Permit {
        let pools = pools(call);
        let slots = pools.iter().filter_map(|pool| Some((self.slot(*pool, call, now)?, *pool)));
        let slot = slots.max_by_key(|(at, _)| *at);
        let keyed = self.keyed(call).into_iter().flatten().filter_map(|(keyed, key)| keyed.reached(key, now));
        match (slot, keyed.max_by_key(|reached| reached.until)) {
            (Some((at, pool)), keyed) if keyed.is_none_or(|keyed| keyed.until <= at) => {
                let window = self.pool(pool);
                window.keep_time(call, at, now);
                return Permit::At(at, window.limit(Counted::Pool(pool)));
            }
            // One key is asked for by one lane, so nothing stands in line for it.
            (_, Some(keyed)) => return Permit::At(keyed.until, keyed.limit),
            (_, None) => {}
        }
        for pool in pools {
            self.pool(*pool).count(call, now);
        }
        for (keyed, key) in self.keyed(call).into_iter().flatten() {
            keyed.of(key, now).count(call, now);
        }
        Permit::Go
    }

    /// When new work with this need may be begun; `None` means now.
    pub fn opens_for(&mut self, need: Need, now: Timestamp) -> Option<Timestamp> {
        let calls: &[Call] = match need {
            Need::Nothing => &[],
            Need::KnownTicket => return self.opens(&[Pool::ZendeskAccount, Pool::ZendeskUpdates], 0, now),
            Need::Note => return self.opens(&[Pool::ZendeskAccount, Pool::ZendeskUpdates, Pool::ZendeskNotes], 0, now),
            Need::Comments => &[Call::ZendeskRead],
            Need::Text => &[Call::BrazeSend],
            Need::NewTicket => {
                let saves = self.opens(&[Pool::ZendeskUserSaves], 0, now);
                let saves = saves.and_then(|at| at.checked_sub(SAVES_AHEAD).ok()).filter(|at| *at > now);
                let pools = [Pool::ZendeskLists, Pool::ZendeskCreates];
                let spare = self.kept_back(Call::ZendeskListTickets);
                let account = self.opens(&[Pool::ZendeskAccount], spare, now);
                return self.opens(&pools, 0, now).max(account).max(saves);
            }
        };
        calls.iter().filter_map(|call| self.opens(pools(*call), 0, now)).max()
    }

    fn opens(&mut self, pools: &[Pool], spare: u32, now: Timestamp) -> Option<Timestamp> {
        pools.iter().filter_map(|pool| self.pool(*pool).slot(None, spare, now)).max()
    }

    /// Whether so many texts that wait for a ticket had better go as one: they would take more than half of the updates
    /// that the ticket has left, or a third of its updates are used already.
    pub fn is_short(&mut self, ticket: TicketId, waiting: usize, now: Timestamp) -> bool {
        let (left, of) = self.tickets.left(ticket.0, now);
        let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
        waiting > left / 2 || left < of - of / 3
    }

    fn slot(&mut self, pool: Pool, call: Call, now: Timestamp) -> Option<Timestamp> {
        let spare = if pool == Pool::ZendeskAccount { self.kept_back(call) } else { 0 };
        self.pool(pool).slot(Some(call), spare, now)
    }

    /// How much of the account this call leaves for others.
    fn kept_back(&self, call: Call) -> u32 {
        match call {
            Call::ZendeskSearchUsers
            | Call::ZendeskListTickets
            | Call::ZendeskCreateTicket
            | Call::ZendeskSaveUser(_) => self.zendesk_account.capacity / 4,
            Call::ZendeskRead
            | Call::ZendeskSearch
            | Call::ZendeskUpdateTicket(_)
            | Call::ZendeskNote(_)
            | Call::BrazeSend
            | Call::BrazeExport
            | Call::BrazeRead => 0,
        }
    }

    /// Takes in an answer's numbers.
    pub fn learn(&mut self, told: &Told, now: Timestamp) {
        self.pool(told.pool).learn(told, now);
        if told.pool == Pool::ZendeskUpdates {
            self.zendesk_notes.capacity = share(self.zendesk_updates.capacity);
        }
    }

    /// The vendor refused the call because there were too many: holds the narrowest pool that the call draws on until
    /// `until`, or for [`window::HOLD_UNTOLD`]. Narrowest, because one busy ticket must not silence an account for
    /// the ten minutes that its own limit lasts; where the whole account is spent, the headers of the same answer say
    /// so.
    pub fn refused(&mut self, call: Call, until: Option<Timestamp>, now: Timestamp) {
        let until = held(until, now);
        let window = match call {
            Call::ZendeskUpdateTicket(id) | Call::ZendeskNote(id) => self.tickets.of(id.0, now),
            Call::ZendeskRead | Call::ZendeskSearch | Call::ZendeskSearchUsers => self.pool(Pool::ZendeskAccount),
            Call::ZendeskListTickets => self.pool(Pool::ZendeskLists),
            Call::ZendeskCreateTicket => self.pool(Pool::ZendeskCreates),
            // One a second for all users is reached sooner than five a minute for one.
            Call::ZendeskSaveUser(_) => self.pool(Pool::ZendeskUserSaves),
            Call::BrazeSend => self.pool(Pool::BrazeSends),
            Call::BrazeExport => self.pool(Pool::BrazeExports),
            Call::BrazeRead => self.pool(Pool::BrazeReads),
        };
        window.held_until = window.held_until.max(Some(until));
    }

    /// Whether less than a quarter of the vendor's main budget is left, so that work without hurry had better wait.
    pub fn is_low(&mut self, end: End, now: Timestamp) -> bool {
        let window = match end {
            End::Desk => &mut self.zendesk_account,
            End::Carrier => &mut self.braze_sends,
        };
        window.opens_at(0, now).is_some() || window.left() < window.capacity.div_ceil(4)
    }

    /// How much is left of this vendor's limits, the widest first.
    pub fn levels(&mut self, end: End, now: Timestamp) -> Vec<Level> {
        let level = |pool: &Pool| {
            let window = self.pool(*pool);
            let opens_at = window.opens_at(0, now);
            let left = if opens_at.is_some() { 0 } else { window.left() };
            Level { pool: *pool, left, of: window.capacity, period: window.period(), opens_at }
        };
        pools_of(end).iter().map(level).collect()
    }

    /// The limits that hold calls to this vendor back at this moment, the widest first. Of the limits of single tickets
    /// and of single users, only the one that is freed last is listed.
    pub fn reached(&mut self, end: End, now: Timestamp) -> Vec<Reached> {
        let mut reached = Vec::new();
        for pool in pools_of(end) {
            let window = self.pool(*pool);
            let until = window.opens_at(0, now);
            let limit = window.limit(Counted::Pool(*pool));
            reached.extend(until.map(|until| Reached { limit, until }));
        }
        if end == End::Desk {
            let keyed = [&mut self.tickets, &mut self.notes, &mut self.users];
            reached.extend(keyed.into_iter().filter_map(|keyed| keyed.latest(now)));
        }
        reached
    }

    fn pool(&mut self, pool: Pool) -> &mut Window {
        match pool {
            Pool::ZendeskAccount => &mut self.zendesk_account,
            Pool::ZendeskLists => &mut self.zendesk_lists,
            Pool::ZendeskCreates => &mut self.zendesk_creates,
            Pool::ZendeskUpdates => &mut self.zendesk_updates,
            Pool::ZendeskNotes => &mut self.zendesk_notes,
            Pool::ZendeskUserSaves => &mut self.zendesk_user_saves,
            Pool::BrazeSends => &mut self.braze_sends,
            Pool::BrazeExports => &mut self.braze_exports,
            Pool::BrazeReads => &mut self.braze_reads,
        }
    }

    fn keyed(&mut self, call: Call) -> [Option<(&mut Keyed, u64)>; 2] {
        match call {
            Call::ZendeskUpdateTicket(id) => [Some((&mut self.tickets, id.0)), None],
            Call::ZendeskNote(id) => [Some((&mut self.tickets, id.0)), Some((&mut self.notes, id.0))],
            Call::ZendeskSaveUser(key) => [Some((&mut self.users, key.0)), None],
            Call::ZendeskRead
            | Call::ZendeskSearch
            | Call::ZendeskSearchUsers
            | Call::ZendeskListTickets
            | Call::ZendeskCreateTicket
            | Call::BrazeSend
            | Call::BrazeExport
            | Call::BrazeRead => [None, None],
        }
    }
}

/// The share of so many updates that the bridge's own notes may take: three quarters are left to customers' texts.
fn share(updates: u32) -> u32 {
    (updates / 4).max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::window::{HOLD_UNTOLD, KEYS_MAX};
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + ms).unwrap()
    }

    fn told(pool: Pool, limit: Option<u64>, remaining: Option<u64>, resets_at: Option<Timestamp>) -> Told {
        Told { pool, limit, remaining, resets_at }
    }

    fn opens_at(permit: Permit) -> Option<Timestamp> {
        match permit {
            Permit::Go => None,
            Permit::At(at, _) => Some(at),
        }
    }

    /// How many calls go through at one moment.
    fn burst(budgets: &mut Budgets, call: Call, now: Timestamp) -> u32 {
        (0..300_000).take_while(|_| budgets.take(call, now) == Permit::Go).count().try_into().unwrap()
    }

    #[test]
    fn what_is_left_is_told_and_nothing_of_it_is_spent() {
        let mut budgets = Budgets::new();
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(budgets.take(Call::ZendeskCreateTicket, now), Permit::Go);
        budgets.refused(Call::ZendeskListTickets, None, now);
        let levels = budgets.levels(End::Desk, now);
        assert_eq!(budgets.levels(End::Desk, now), levels, "a look costs nothing");
        let of = |pool| levels.iter().find(|level| level.pool == pool).copied().unwrap();
        let account = of(Pool::ZendeskAccount);
        assert_eq!((account.left, account.of, account.period), (199, 200, Duration::from_secs(60)));
        let lists = of(Pool::ZendeskLists);
        assert_eq!((lists.left, lists.opens_at), (0, now.checked_add(HOLD_UNTOLD).ok()));
        assert_eq!(budgets.levels(End::Carrier, now).len(), 3);
    }

    #[test]
    fn a_limit_that_is_reached_is_named_with_its_end() {
        let mut budgets = Budgets::new();
        let update = Call::ZendeskUpdateTicket(TicketId(7));
        assert_eq!(budgets.reached(End::Desk, at(0)), []);
        assert_eq!(burst(&mut budgets, update, at(0)), 30);
        let Permit::At(until, limit) = budgets.take(update, at(1)) else { panic!("a thirty-first") };
        assert_eq!(limit.to_string(), "30 updates of one ticket in 10 minutes");
        assert_eq!(budgets.reached(End::Desk, at(1)), [Reached { limit, until }]);
        assert_eq!(budgets.reached(End::Carrier, at(1)), []);
        assert_eq!(budgets.reached(End::Desk, until), [], "it is free again");

        budgets.refused(Call::BrazeSend, Some(at(60_000)), at(0));
        let Permit::At(until, limit) = budgets.take(Call::BrazeSend, at(1)) else { panic!("held") };
        assert_eq!((until, limit.said("Braze")), (at(60_000), "Braze answered 429".to_owned()));
        assert_eq!(budgets.reached(End::Carrier, at(1)), [Reached { limit, until }]);
    }

    #[test]
    fn a_tickets_budget_is_short_for_more_than_half_of_what_is_left_and_for_all_once_a_third_is_used_up() {
        let ticket = TicketId(7);
        let mut budgets = Budgets::new();
        for (written, waiting, is_short) in [
            (0, 2, false),
            (0, 15, false),
            (0, 16, true),
            (10, 10, false),
            (10, 11, true),
            (11, 2, true),
            (30, 2, true),
        ] {
            while budgets.tickets.left(ticket.0, at(0)).0 > 30 - written {
                assert_eq!(budgets.take(Call::ZendeskUpdateTicket(ticket), at(0)), Permit::Go);
            }
            assert_eq!(budgets.is_short(ticket, waiting, at(0)), is_short, "{waiting} after {written}");
            assert!(!budgets.is_short(TicketId(8), waiting.min(15), at(0)), "another ticket's");
        }
        assert!(!budgets.is_short(ticket, 2, at(700_000)), "ten minutes later");
    }

    #[test]
    fn each_call_has_its_published_limit() {
        let cases = [
            (Call::ZendeskRead, 200),
            (Call::ZendeskSearch, 200),
            // The rest of the account is for conversations whose ticket is known.
            (Call::ZendeskSearchUsers, 150),
            (Call::ZendeskListTickets, 100),
            (Call::ZendeskCreateTicket, 150),
            (Call::ZendeskUpdateTicket(TicketId(7)), 30),
            (Call::ZendeskNote(TicketId(7)), 7),
            (Call::ZendeskSaveUser(UserKey::of("alice")), 1),
            (Call::BrazeSend, 250_000),
            (Call::BrazeExport, 250),
            (Call::BrazeRead, 250_000),
        ];
        for (call, limit) in cases {
            assert_eq!(burst(&mut Budgets::new(), call, at(0)), limit, "{call:?}");
        }
    }

    #[test]
    fn a_busy_ticket_does_not_hold_another_until_the_account_is_spent() {
        let mut budgets = Budgets::new();
        let updates: Vec<u32> =
            (1..=4).map(|id| burst(&mut budgets, Call::ZendeskUpdateTicket(TicketId(id)), at(0))).collect();
        assert_eq!(updates, [30, 30, 30, 10], "30 for each ticket, 100 for all");
    }

    #[test]
    fn notes_leave_three_quarters_to_texts_and_take_nothing_that_texts_have_taken() {
        let mut budgets = Budgets::new();
        let notes: u32 = (1..=9).map(|id| burst(&mut budgets, Call::ZendeskNote(TicketId(id)), at(0))).sum();
        assert_eq!(notes, 25);
        let texts: Vec<u32> =
            (1..=4).map(|id| burst(&mut budgets, Call::ZendeskUpdateTicket(TicketId(id)), at(0))).collect();
        assert_eq!(texts, [23, 23, 23, 6], "30 for each ticket with its notes, 100 for all");
        let mut budgets = Budgets::new();
        assert_eq!(burst(&mut budgets, Call::ZendeskUpdateTicket(TicketId(1)), at(0)), 30);
        assert_eq!(burst(&mut budgets, Call::ZendeskNote(TicketId(1)), at(0)), 0);
        budgets.learn(&told(Pool::ZendeskUpdates, Some(20), None, None), at(120_000));
        let notes: u32 = (2..=9).map(|id| burst(&mut budgets, Call::ZendeskNote(TicketId(id)), at(120_000))).sum();
        assert_eq!(notes, 5, "of a trial account's 20");
    }

    #[test]
    fn one_user_is_saved_five_times_a_minute_and_somebody_once_a_second() {
        let mut budgets = Budgets::new();
        let alice = Call::ZendeskSaveUser(UserKey::of("alice"));
        for second in 0..5 {
            assert_eq!(budgets.take(alice, at(second * 1100)), Permit::Go);
        }
        let Permit::At(open, _) = budgets.take(alice, at(5 * 1100)) else { panic!("a sixth time") };
        assert!(open >= at(60_000), "{open}");
        assert_eq!(budgets.take(Call::ZendeskSaveUser(UserKey::of("bob")), at(5 * 1100)), Permit::Go);
        let Permit::At(open, _) = budgets.take(Call::ZendeskSaveUser(UserKey::of("carol")), at(5 * 1100)) else {
            panic!("two in one second")
        };
        assert!(open >= at(5 * 1100 + 1000) && open <= at(5 * 1100 + 1100), "{open}");
    }

    #[test]
    fn what_is_refused_counts_nowhere() {
        let mut budgets = Budgets::new();
        let busy = Call::ZendeskUpdateTicket(TicketId(1));
        assert_eq!(burst(&mut budgets, busy, at(0)), 30);
        for _ in 0..1000 {
            assert!(matches!(budgets.take(busy, at(0)), Permit::At(..)));
        }
        assert_eq!(burst(&mut budgets, Call::ZendeskRead, at(0)), 170);
    }

    #[test]
    fn a_limit_is_learned_up_and_down() {
        let mut budgets = Budgets::new();
        budgets.learn(&told(Pool::ZendeskAccount, Some(700), None, None), at(0));
        assert_eq!(burst(&mut budgets, Call::ZendeskRead, at(0)), 700);
        budgets.learn(&told(Pool::ZendeskAccount, Some(10), None, None), at(1));
        let Permit::At(open, _) = budgets.take(Call::ZendeskRead, at(1)) else { panic!("spent") };
        assert_eq!(budgets.take(Call::ZendeskRead, open), Permit::Go);
    }

    #[test]
    fn what_the_vendor_says_is_left_is_shared_with_others_and_holds_until_its_reset() {
        let mut budgets = Budgets::new();
        budgets.learn(&told(Pool::ZendeskUpdates, Some(100), Some(2), Some(at(30_000))), at(0));
        assert_eq!(burst(&mut budgets, Call::ZendeskUpdateTicket(TicketId(1)), at(1)), 2);
        // A late answer of the same window gives no calls back.
        budgets.learn(&told(Pool::ZendeskUpdates, Some(100), Some(50), Some(at(30_900))), at(2));
        let wait = budgets.take(Call::ZendeskUpdateTicket(TicketId(1)), at(2));
        assert_eq!(opens_at(wait), Some(at(30_900)));
        assert_eq!(budgets.take(Call::ZendeskUpdateTicket(TicketId(1)), at(30_900)), Permit::Go);
        // The next window's answer does.
        budgets.learn(&told(Pool::ZendeskUpdates, Some(100), Some(20), Some(at(90_000))), at(31_000));
        assert_eq!(burst(&mut budgets, Call::ZendeskUpdateTicket(TicketId(2)), at(31_000)), 20);
    }

    #[test]
    fn a_refusal_holds_only_the_narrowest_pool_and_only_within_bounds() {
        let busy = Call::ZendeskUpdateTicket(TicketId(1));
        let other = Call::ZendeskUpdateTicket(TicketId(2));
        let hints = [
            (Some(at(20_000)), at(20_000)),
            (None, at(10_000)),
            (Some(at(-5_000)), at(1_000)),
            (Some(Timestamp::MAX), at(3_600_000)),
            (Some(Timestamp::MIN), at(1_000)),
        ];
        for (hint, open) in hints {
            let mut budgets = Budgets::new();
            budgets.refused(busy, hint, at(0));
            assert_eq!(opens_at(budgets.take(busy, at(0))), Some(open), "{hint:?}");
            assert_eq!(budgets.take(other, at(0)), Permit::Go);
            assert_eq!(budgets.take(busy, open), Permit::Go);
        }
        let mut budgets = Budgets::new();
        budgets.refused(Call::ZendeskRead, Some(at(5_000)), at(0));
        assert_eq!(opens_at(budgets.take(busy, at(0))), Some(at(5_000)), "the account is spent for everybody");
        // A shorter hint that comes later does not shorten the hold.
        budgets.refused(Call::ZendeskRead, Some(at(2_000)), at(0));
        assert_eq!(opens_at(budgets.take(busy, at(0))), Some(at(5_000)));
    }

    #[test]
    fn it_is_low_when_less_than_a_quarter_is_left() {
        let mut budgets = Budgets::new();
        for _ in 0..150 {
            assert!(!budgets.is_low(End::Desk, at(0)));
            assert_eq!(budgets.take(Call::ZendeskRead, at(0)), Permit::Go);
        }
        assert_eq!(budgets.take(Call::ZendeskRead, at(0)), Permit::Go);
        assert!(budgets.is_low(End::Desk, at(0)));
        assert!(!budgets.is_low(End::Carrier, at(0)));
        assert!(!budgets.is_low(End::Desk, at(120_000)));
    }

    #[test]
    fn keys_are_forgotten_before_they_fill_the_memory() {
        let mut budgets = Budgets::new();
        for id in 0..3 * KEYS_MAX as u64 {
            let now = at(i64::try_from(id).unwrap() * 700);
            assert_eq!(budgets.take(Call::ZendeskUpdateTicket(TicketId(id)), now), Permit::Go);
            assert!(budgets.tickets.windows.len() <= KEYS_MAX);
        }
    }

    #[test]
    fn a_clock_set_far_back_starts_anew_and_one_set_back_a_little_does_not() {
        let mut budgets = Budgets::new();
        assert_eq!(burst(&mut budgets, Call::ZendeskRead, at(0)), 200);
        assert_eq!(burst(&mut budgets, Call::ZendeskRead, at(-30_000)), 0);
        assert_eq!(burst(&mut budgets, Call::ZendeskRead, at(-86_400_000)), 200);
    }

    proptest! {
        #[test]
        fn no_stretch_of_one_period_ever_holds_more_than_the_limit(
            capacity in 1..20_u32,
            period_ms in 1..5_000_u64,
            steps in proptest::collection::vec(0..1_500_i64, 1..300),
        ) {
            let mut window = Window::new(capacity, Duration::from_millis(period_ms));
            let mut granted: Vec<i64> = Vec::new();
            let mut now = 0;
            for step in steps {
                now += step;
                if window.opens_at(0, at(now)).is_none() {
                    window.count(Call::ZendeskRead, at(now));
                    granted.push(now);
                }
            }
            let period = i64::try_from(period_ms).unwrap();
            for (index, first) in granted.iter().enumerate() {
                let inside = granted[index..].iter().take_while(|time| **time < first + period).count();
                prop_assert!(inside <= capacity as usize, "{inside} of {capacity} in {period} ms");
            }
        }

        /// All budgets together, in any mix and order of calls: no stretch of a period ever passes a vendor's published
        /// limit, and a call that comes back at its time gets through.
        #[test]
        fn no_published_limit_is_ever_passed(calls in proptest::collection::vec((0..6_u64, 0..4_000_i64), 1..400)) {
            let mut budgets = Budgets::new();
            let mut granted: Vec<(Call, i64)> = Vec::new();
            let mut now = 0;
            for (pick, step) in calls {
                now += step / 40;
                let call = match pick {
                    0 => Call::ZendeskSaveUser(UserKey::of("alice")),
                    1 => Call::ZendeskRead,
                    2 => Call::ZendeskCreateTicket,
                    ticket => Call::ZendeskUpdateTicket(TicketId(ticket % 2)),
                };
                if let Permit::At(open, _) = budgets.take(call, at(now)) {
                    // No other call asks meanwhile, so the first return is let in.
                    now += i64::try_from(open.duration_since(at(now)).as_millis()).unwrap();
                    prop_assert_eq!(budgets.take(call, at(now)), Permit::Go);
                }
                granted.push((call, now));
            }
            let is_update = |call: &Call| matches!(call, Call::ZendeskUpdateTicket(_));
            let is_save = |call: &Call| matches!(call, Call::ZendeskSaveUser(_));
            type Counts<'a> = &'a dyn Fn(&Call) -> bool;
            let limits: [(usize, i64, Counts<'_>); 6] = [
                (200, 60_000, &|_| true),
                (100, 60_000, &is_update),
                (30, 600_000, &|call| *call == Call::ZendeskUpdateTicket(TicketId(0))),
                (30, 600_000, &|call| *call == Call::ZendeskUpdateTicket(TicketId(1))),
                (5, 60_000, &is_save),
                (1, 1_000, &is_save),
            ];
            for (limit, period, counts) in limits {
                let times: Vec<i64> = granted.iter().filter(|(call, _)| counts(call)).map(|(_, time)| *time).collect();
                // A call `limit` places further back comes a whole period later.
                for (first, last) in times.iter().zip(times.iter().skip(limit)) {
                    prop_assert!(last - first >= period, "more than {} in {} ms", limit, period);
                }
            }
        }

        #[test]
        fn whoever_waits_as_long_as_told_may_go(
            numbers in proptest::collection::vec(
                (any::<Option<u64>>(), any::<Option<u64>>(), any::<Option<i64>>(), 0..100_000_i64, any::<bool>()),
                1..40,
            ),
        ) {
            let mut budgets = Budgets::new();
            let call = Call::ZendeskUpdateTicket(TicketId(1));
            let mut now = at(0);
            for (limit, remaining, reset, step, refused) in numbers {
                now = now.saturating_add(Duration::from_millis(step.unsigned_abs())).unwrap();
                let resets_at = reset.and_then(|ms| Timestamp::from_millisecond(ms).ok());
                for pool in [Pool::ZendeskAccount, Pool::ZendeskUpdates] {
                    budgets.learn(&told(pool, limit, remaining, resets_at), now);
                }
                if refused {
                    budgets.refused(call, resets_at, now);
                }
                if let Permit::At(open, _) = budgets.take(call, now) {
                    prop_assert!(open > now, "{open} is not after {now}");
                    prop_assert!(open.duration_since(now) <= SignedDuration::from_secs(3_700));
                    prop_assert_eq!(budgets.clone().take(call, open), Permit::Go);
                    // Monotone: asking later never means waiting longer.
                    let halfway = now.saturating_add(open.duration_since(now) / 2).unwrap();
                    if let Permit::At(later, _) = budgets.clone().take(call, halfway) {
                        prop_assert!(later <= open);
                    }
                }
            }
        }
    }
}
