//! Rate budgets as values: how many calls a vendor allows one account, and when the next one may go.
//!
//! A [`Budgets`] is asked before each call and told the limits that each answer names. It reads no clock and no header,
//! because the time and the numbers are given to it. It knows no vendor, because the pools and the calls that draw on
//! them come as [`Limits`]. It never waits: it names the time, and each call that has to wait gets a time of its own.
//! The k-th call that waits for a pool of one a second comes k seconds later, and newcomers come after it. A call may
//! leave a quarter of a pool to others: a new customer costs several calls and would delay the conversations at hand.
//!
//! Published numbers hold until an answer tells better. Each pool counts calls in slices of its period, so that *no*
//! stretch of that length ever holds more calls than allowed. The vendor's own fixed window may therefore begin at any
//! time. A token bucket would let twice as many through.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::lanes::{Gates, Need, Room};

mod call;
mod limit;
mod window;

pub use call::{Call, CallKind, Draw, Limits, Pool, UserKey};
pub use limit::{Limit, Reached, a_period};
pub use window::{HOLD_MAX, HOLD_MIN, Told};
use window::{Keyed, Window, held};

/// How much is left in a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// The calls that the pool counts, as a plural.
    pub name: &'static str,
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

/// The budgets of one account.
#[derive(Clone, Debug)]
pub struct Budgets {
    limits: &'static Limits,
    /// The pools that count all their calls together, in the order of the limits.
    together: Vec<(&'static Pool, Window)>,
    /// The pools that count each ticket or user apart, in the same order.
    apart: Vec<(&'static Pool, Keyed)>,
}

/// A pool whose period is shorter is new again before many a head has made its first call, which may take as long as a call. One
/// that is booked ahead is not: its heads stand in line.
const BRIEF: Duration = Duration::from_secs(60);

impl Budgets {
    /// Budgets with these limits, nothing spent.
    #[must_use]
    pub fn new(limits: &'static Limits) -> Self {
        let pools = || limits.pools.iter().copied();
        let together = pools().filter(|pool| !pool.is_each).map(|pool| (pool, Window::new(pool.calls, pool.period)));
        let apart = pools().filter(|pool| pool.is_each).map(|pool| (pool, Keyed::new(pool)));
        Self { limits, together: together.collect(), apart: apart.collect() }
    }

    /// Asks for one call. Either every pool that the call draws on has room and counts it, or none counts it. A refused
    /// call is expected at the given time, and calls that ask meanwhile come after it.
    pub fn take(&mut self, call: Call, now: Timestamp) -> Permit {
        let draws = call.kind.draws;
        let slots = draws.iter().filter_map(|draw| {
            let window = self.together(draw.pool)?;
            let at = window.slot(Some(call), spare(draw, window), now)?;
            Some((at, draw.pool, window.limit(draw.pool.counted)))
        });
        let slot = slots.max_by_key(|(at, ..)| *at);
        let keys = call.key.into_iter().flat_map(|key| draws.iter().map(move |draw| (draw.pool, key)));
        let apart = keys.filter_map(|(pool, key)| self.apart(pool)?.reached(key, now));
        match (slot, apart.max_by_key(|reached| reached.until)) {
            (Some((at, pool, limit)), apart) if apart.is_none_or(|apart| apart.until <= at) => {
                if let Some(window) = self.together(pool) {
                    window.keep_time(call, at, now);
                }
                return Permit::At(at, limit);
            }
            // One key is asked for by one lane, so nothing stands in line for it.
            (_, Some(apart)) => return Permit::At(apart.until, apart.limit),
            (_, None) => {}
        }
        for draw in draws {
            if let Some(window) = self.window(draw.pool, call, now) {
                window.count(call, now);
            }
        }
        Permit::Go
    }

    /// The pools on which both the call and work with this need draw, as [`Room::pool`] numbers them.
    #[must_use]
    pub fn pools_of(&self, call: Call, need: Need) -> Vec<usize> {
        let is_in = |draws: &[Draw], pool: &Pool| draws.iter().any(|draw| std::ptr::eq(draw.pool, pool));
        let (called, wanted) = (call.kind.draws, (self.limits.needs)(need));
        let pools = self.together.iter().enumerate();
        let of_both = pools.filter(|(_, (pool, _))| is_in(called, pool) && is_in(wanted, pool));
        of_both.map(|(number, _)| number).collect()
    }

    /// How much new work with each of these needs may be begun now, for `most` heads at most: as many as
    /// may begin one after the other, where the call that each begins with has been counted.
    pub fn gates(&mut self, needs: &[Need], most: usize, now: Timestamp) -> Gates {
        let mut rooms = Vec::new();
        for need in needs {
            for draw in (self.limits.needs)(*need) {
                let mut pools = self.together.iter_mut().enumerate();
                let found = pools.find(|(_, (known, _))| std::ptr::eq(*known, draw.pool));
                let Some((pool, (_, window))) = found else { continue };
                let heads = window.newcomers(spare(draw, window), draw.pool.ahead, most, now);
                let is_brief = draw.pool.ahead.is_zero() && draw.pool.period < BRIEF;
                let opens_at = begins_at(draw, window, now);
                rooms.push(Room { need: *need, pool, heads, is_brief, opens_at });
            }
        }
        Gates::of(rooms)
    }

    /// Whether so many calls about one key had better become one: they would take more than half of the calls that the
    /// key has left in this pool, or a third of its calls are used already.
    pub fn is_short(&mut self, pool: &'static Pool, key: u64, waiting: usize, now: Timestamp) -> bool {
        let Some(keyed) = self.apart(pool) else { return false };
        let (left, of) = keyed.left(key, now);
        let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
        waiting > left / 2 || left < of - of / 3
    }

    /// Takes in an answer's numbers. The quarters of a pool follow it.
    pub fn learn(&mut self, told: &Told, now: Timestamp) {
        let Some(window) = self.together(told.pool) else { return };
        window.learn(told, now);
        let capacity = quarter(window.capacity);
        let is_quarter = |pool: &Pool| pool.quarter_of.is_some_and(|of| std::ptr::eq(of, told.pool));
        let quarters = self.together.iter_mut().filter(|(pool, _)| is_quarter(pool));
        quarters.for_each(|(_, window)| window.capacity = capacity);
    }

    /// The vendor refused the call because there were too many: holds the narrowest pool that the call draws on until
    /// `until`, or for [`window::HOLD_UNTOLD`]. Narrowest, because one busy ticket must not silence an account for
    /// the ten minutes that its own limit lasts; where the whole account is spent, the headers of the same answer say
    /// so.
    pub fn refused(&mut self, call: Call, until: Option<Timestamp>, now: Timestamp) {
        let until = held(until, now);
        if let Some(window) = self.window(call.kind.refusal_holds, call, now) {
            window.held_until = window.held_until.max(Some(until));
        }
    }

    /// Whether less than a quarter of the main budget is left, so that work without hurry had better wait.
    pub fn is_low(&mut self, now: Timestamp) -> bool {
        let main = self.together.first_mut();
        main.is_some_and(|(_, window)| window.opens_at(0, now).is_some() || window.left() < window.capacity.div_ceil(4))
    }

    /// How much is left of the limits, the widest first.
    pub fn levels(&mut self, now: Timestamp) -> Vec<Level> {
        let level = |(pool, window): (&Pool, &mut Window)| {
            let opens_at = window.opens_at(0, now);
            let left = if opens_at.is_some() { 0 } else { window.left() };
            Level { name: pool.name, left, of: window.capacity, period: window.period(), opens_at }
        };
        self.shown().map(level).collect()
    }

    /// The limits that hold calls back at this moment, the widest first. Of the limits of single tickets and of single
    /// users, only the one that is freed last is listed.
    pub fn reached(&mut self, now: Timestamp) -> Vec<Reached> {
        let reached = |(pool, window): (&Pool, &mut Window)| {
            let until = window.opens_at(0, now)?;
            Some(Reached { limit: window.limit(pool.counted), until })
        };
        let mut all: Vec<Reached> = self.shown().filter_map(reached).collect();
        all.extend(self.apart.iter_mut().filter_map(|(_, keyed)| keyed.latest(now)));
        all
    }

    /// The pools that count all their calls together and that operators are shown.
    fn shown(&mut self) -> impl Iterator<Item = (&'static Pool, &mut Window)> {
        let shown = self.together.iter_mut().filter(|(pool, _)| pool.quarter_of.is_none());
        shown.map(|(pool, window)| (*pool, window))
    }

    fn together(&mut self, pool: &'static Pool) -> Option<&mut Window> {
        self.together.iter_mut().find(|(known, _)| std::ptr::eq(*known, pool)).map(|(_, window)| window)
    }

    fn apart(&mut self, pool: &'static Pool) -> Option<&mut Keyed> {
        self.apart.iter_mut().find(|(known, _)| std::ptr::eq(*known, pool)).map(|(_, keyed)| keyed)
    }

    /// The window of this pool that counts the call.
    fn window(&mut self, pool: &'static Pool, call: Call, now: Timestamp) -> Option<&mut Window> {
        if pool.is_each { Some(self.apart(pool)?.of(call.key?, now)) } else { self.together(pool) }
    }
}

/// When a newcomer may begin that draws on this pool; `None` means now.
fn begins_at(draw: &Draw, window: &mut Window, now: Timestamp) -> Option<Timestamp> {
    let at = window.slot(None, spare(draw, window), now)?;
    at.checked_sub(draw.pool.ahead).ok().filter(|at| *at > now)
}

/// How much of a pool a call leaves for others.
fn spare(draw: &Draw, window: &Window) -> u32 {
    if draw.leaves_quarter { window.capacity / 4 } else { 0 }
}

/// A quarter of so many calls, and one at least.
#[must_use]
pub const fn quarter(calls: u32) -> u32 {
    if calls < 4 { 1 } else { calls / 4 }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::window::{HOLD_UNTOLD, KEYS_MAX};
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    static ALL: Pool = Pool { counted: "calls", ..Pool::new("all calls", 200, MINUTE) };
    static LISTS: Pool = Pool::new("lists", 100, MINUTE);
    static CREATES: Pool = Pool::new("creates", 300, MINUTE);
    static UPDATES: Pool = Pool::new("updates", 100, MINUTE);
    static NOTES: Pool = Pool { quarter_of: Some(&UPDATES), ..Pool::new("notes", quarter(100), MINUTE) };
    static SAVES: Pool = Pool { ahead: SignedDuration::from_secs(20), ..Pool::new("saves", 1, Duration::from_secs(1)) };
    static ONE: Pool = Pool::each("updates of one ticket", 30, Duration::from_secs(600));
    static NOTES_ON_ONE: Pool = Pool::each("notes on one ticket", quarter(30), Duration::from_secs(600));
    static ONE_USER: Pool = Pool::each("saves of one user", 5, MINUTE);

    static LIMITS: Limits = Limits {
        pools: &[&ALL, &LISTS, &CREATES, &UPDATES, &NOTES, &SAVES, &ONE, &NOTES_ON_ONE, &ONE_USER],
        needs: |_| &[],
    };

    const fn kind(draws: &'static [Draw], refusal_holds: &'static Pool) -> CallKind {
        CallKind { name: "", draws, refusal_holds, told: None }
    }

    static READ: CallKind = kind(&[Draw::on(&ALL)], &ALL);
    static LIST: CallKind = kind(&[Draw::on_three_quarters_of(&ALL), Draw::on(&LISTS)], &LISTS);
    static CREATE: CallKind = kind(&[Draw::on_three_quarters_of(&ALL), Draw::on(&CREATES)], &CREATES);
    static UPDATE: CallKind = kind(&[Draw::on(&ALL), Draw::on(&UPDATES), Draw::on(&ONE)], &ONE);
    static NOTE: CallKind =
        kind(&[Draw::on(&ALL), Draw::on(&UPDATES), Draw::on(&NOTES), Draw::on(&ONE), Draw::on(&NOTES_ON_ONE)], &ONE);
    static SAVE: CallKind = kind(&[Draw::on_three_quarters_of(&ALL), Draw::on(&SAVES), Draw::on(&ONE_USER)], &SAVES);

    fn budgets() -> Budgets {
        Budgets::new(&LIMITS)
    }

    fn update(ticket: u64) -> Call {
        Call::about(&UPDATE, ticket)
    }

    fn note(ticket: u64) -> Call {
        Call::about(&NOTE, ticket)
    }

    fn save(user: &str) -> Call {
        Call::about(&SAVE, UserKey::of(user).number())
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + ms).unwrap()
    }

    fn told(pool: &'static Pool, limit: Option<u64>, remaining: Option<u64>, resets_at: Option<Timestamp>) -> Told {
        Told { pool, limit, remaining, resets_at }
    }

    /// Limits in which each need draws on one pool: the whole, three quarters, and one whose calls are booked ahead.
    static NEEDED: Limits = Limits {
        pools: LIMITS.pools,
        needs: |need| match need {
            Need::KnownTicket => const { &[Draw::on(&UPDATES)] },
            Need::NewTicket => const { &[Draw::on(&SAVES)] },
            Need::Comments => const { &[Draw::on_three_quarters_of(&ALL)] },
            Need::Note => const { &[Draw::on(&UPDATES), Draw::on(&NOTES)] },
            Need::Nothing | Need::Text => &[],
        },
    };

    /// How many heads are begun with the need for this call, where each asks and calls before the next one asks.
    fn one_after_the_other(mut budgets: Budgets, need: Need, kind: &'static CallKind, now: Timestamp) -> usize {
        // Each is about another ticket or user, so none takes the place of one that is expected.
        let calls = (1_000_000..1_000_500).map(|key| Call::about(kind, key));
        let is_open = |budgets: &mut Budgets| budgets.gates(&[need], 1, now).open_at().is_none();
        calls.take_while(|call| is_open(&mut budgets) && [budgets.take(*call, now)].len() == 1).count()
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
        let mut budgets = self::budgets();
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(budgets.take(Call::of(&CREATE), now), Permit::Go);
        budgets.refused(Call::of(&LIST), None, now);
        let levels = budgets.levels(now);
        assert_eq!(budgets.levels(now), levels, "a look costs nothing");
        let of = |pool: &Pool| levels.iter().find(|level| level.name == pool.name).copied().unwrap();
        let account = of(&ALL);
        assert_eq!((account.left, account.of, account.period), (199, 200, Duration::from_secs(60)));
        let lists = of(&LISTS);
        assert_eq!((lists.left, lists.opens_at), (0, now.checked_add(HOLD_UNTOLD).ok()));
        assert_eq!(levels.len(), 5, "a quarter of a pool is not shown");
    }

    #[test]
    fn a_limit_that_is_reached_is_named_with_its_end() {
        let mut budgets = self::budgets();
        let update = update(7);
        assert_eq!(budgets.reached(at(0)), []);
        assert_eq!(burst(&mut budgets, update, at(0)), 30);
        let Permit::At(until, limit) = budgets.take(update, at(1)) else { panic!("a thirty-first") };
        assert_eq!(limit.to_string(), "30 updates of one ticket in 10 minutes");
        assert_eq!(budgets.reached(at(1)), [Reached { limit, until }]);
        assert_eq!(budgets.reached(until), [], "it is free again");

        let mut budgets = self::budgets();
        budgets.refused(Call::of(&READ), Some(at(60_000)), at(0));
        let Permit::At(until, limit) = budgets.take(Call::of(&READ), at(1)) else { panic!("held") };
        assert_eq!((until, limit.said("Desk")), (at(60_000), "Desk answered 429".to_owned()));
        assert_eq!(budgets.reached(at(1)), [Reached { limit, until }]);
    }

    #[test]
    fn a_tickets_budget_is_short_for_more_than_half_of_what_is_left_and_for_all_once_a_third_is_used_up() {
        let ticket = 7;
        let mut budgets = self::budgets();
        for (written, waiting, is_short) in [
            (0, 2, false),
            (0, 15, false),
            (0, 16, true),
            (10, 10, false),
            (10, 11, true),
            (11, 2, true),
            (30, 2, true),
        ] {
            while budgets.apart(&ONE).unwrap().left(ticket, at(0)).0 > 30 - written {
                assert_eq!(budgets.take(update(ticket), at(0)), Permit::Go);
            }
            assert_eq!(budgets.is_short(&ONE, ticket, waiting, at(0)), is_short, "{waiting} after {written}");
            assert!(!budgets.is_short(&ONE, 8, waiting.min(15), at(0)), "another ticket's");
        }
        assert!(!budgets.is_short(&ONE, ticket, 2, at(700_000)), "ten minutes later");
    }

    #[test]
    fn a_busy_ticket_does_not_hold_another_until_the_account_is_spent() {
        let mut budgets = self::budgets();
        let updates: Vec<u32> = (1..=4).map(|id| burst(&mut budgets, update(id), at(0))).collect();
        assert_eq!(updates, [30, 30, 30, 10], "30 for each ticket, 100 for all");
    }

    #[test]
    fn notes_leave_three_quarters_to_texts_and_take_nothing_that_texts_have_taken() {
        let mut budgets = self::budgets();
        let notes: u32 = (1..=9).map(|id| burst(&mut budgets, note(id), at(0))).sum();
        assert_eq!(notes, 25);
        let texts: Vec<u32> = (1..=4).map(|id| burst(&mut budgets, update(id), at(0))).collect();
        assert_eq!(texts, [23, 23, 23, 6], "30 for each ticket with its notes, 100 for all");
        let mut budgets = self::budgets();
        assert_eq!(burst(&mut budgets, update(1), at(0)), 30);
        assert_eq!(burst(&mut budgets, note(1), at(0)), 0);
        budgets.learn(&told(&UPDATES, Some(20), None, None), at(120_000));
        let notes: u32 = (2..=9).map(|id| burst(&mut budgets, note(id), at(120_000))).sum();
        assert_eq!(notes, 5, "of a trial account's 20");
    }

    #[test]
    fn one_user_is_saved_five_times_a_minute_and_all_together_once_a_second() {
        let mut budgets = self::budgets();
        let alice = save("alice");
        for second in 0..5 {
            assert_eq!(budgets.take(alice, at(second * 1100)), Permit::Go);
        }
        let Permit::At(open, _) = budgets.take(alice, at(5 * 1100)) else { panic!("a sixth time") };
        assert!(open >= at(60_000), "{open}");
        assert_eq!(budgets.take(save("bob"), at(5 * 1100)), Permit::Go);
        let Permit::At(open, _) = budgets.take(save("carol"), at(5 * 1100)) else { panic!("two in one second") };
        assert!(open >= at(5 * 1100 + 1000) && open <= at(5 * 1100 + 1100), "{open}");
    }

    #[test]
    fn a_budget_of_one_lets_one_head_begin_and_heads_with_other_needs_share_a_pool() {
        let mut budgets = Budgets::new(&NEEDED);
        let needs = [Need::KnownTicket, Need::NewTicket, Need::Note, Need::Comments];
        budgets.learn(&told(&UPDATES, None, Some(2), Some(at(60_000))), at(0));
        let mut gates = budgets.gates(&needs, 64, at(0));
        gates.begin(Need::Note);
        assert!(!gates.is_shut(Need::KnownTicket) && !gates.is_shut(Need::Note));
        gates.begin(Need::KnownTicket);
        assert!(gates.is_shut(Need::KnownTicket) && gates.is_shut(Need::Note), "no update is left for either");
        assert!(!gates.is_shut(Need::NewTicket) && !gates.is_shut(Need::Comments));
        assert_eq!(budgets.take(update(1), at(0)), Permit::Go, "to ask costs nothing");
        assert!(Budgets::new(&NEEDED).gates(&[Need::Comments], 64, at(0)).for_heads(64).are_open());
        assert!(budgets.gates(&[Need::Text], 64, at(0)).are_open(), "it draws on nothing");
    }

    #[test]
    fn heads_that_have_not_called_yet_hold_places_of_a_minutes_pool_and_of_one_that_is_booked_ahead() {
        for need in [Need::KnownTicket, Need::NewTicket, Need::Note] {
            let mut gates = Budgets::new(&NEEDED).gates(&[need], 1000, at(0));
            assert!(!gates.is_shut(need), "{need:?}");
            gates.lasting_pools(need).into_iter().for_each(|pool| gates.take(pool, 1000));
            assert!(gates.is_shut(need), "{need:?}");
        }
    }

    #[test]
    fn what_is_refused_counts_nowhere() {
        let mut budgets = self::budgets();
        let busy = update(1);
        assert_eq!(burst(&mut budgets, busy, at(0)), 30);
        for _ in 0..1000 {
            assert!(matches!(budgets.take(busy, at(0)), Permit::At(..)));
        }
        assert_eq!(burst(&mut budgets, Call::of(&READ), at(0)), 170);
    }

    #[test]
    fn a_limit_is_learned_up_and_down() {
        let mut budgets = self::budgets();
        budgets.learn(&told(&ALL, Some(700), None, None), at(0));
        assert_eq!(burst(&mut budgets, Call::of(&READ), at(0)), 700);
        budgets.learn(&told(&ALL, Some(10), None, None), at(1));
        let Permit::At(open, _) = budgets.take(Call::of(&READ), at(1)) else { panic!("spent") };
        assert_eq!(budgets.take(Call::of(&READ), open), Permit::Go);
    }

    #[test]
    fn what_the_vendor_says_is_left_is_shared_with_others_and_holds_until_its_reset() {
        let mut budgets = self::budgets();
        budgets.learn(&told(&UPDATES, Some(100), Some(2), Some(at(30_000))), at(0));
        assert_eq!(burst(&mut budgets, update(1), at(1)), 2);
        // A late answer of the same window gives no calls back.
        budgets.learn(&told(&UPDATES, Some(100), Some(50), Some(at(30_900))), at(2));
        let wait = budgets.take(update(1), at(2));
        assert_eq!(opens_at(wait), Some(at(30_900)));
        assert_eq!(budgets.take(update(1), at(30_900)), Permit::Go);
        // The next window's answer does.
        budgets.learn(&told(&UPDATES, Some(100), Some(20), Some(at(90_000))), at(31_000));
        assert_eq!(burst(&mut budgets, update(2), at(31_000)), 20);
    }

    #[test]
    fn a_refusal_holds_only_the_narrowest_pool_and_only_within_bounds() {
        let busy = update(1);
        let other = update(2);
        let hints = [
            (Some(at(20_000)), at(20_000)),
            (None, at(10_000)),
            (Some(at(-5_000)), at(1_000)),
            (Some(Timestamp::MAX), at(3_600_000)),
            (Some(Timestamp::MIN), at(1_000)),
        ];
        for (hint, open) in hints {
            let mut budgets = self::budgets();
            budgets.refused(busy, hint, at(0));
            assert_eq!(opens_at(budgets.take(busy, at(0))), Some(open), "{hint:?}");
            assert_eq!(budgets.take(other, at(0)), Permit::Go);
            assert_eq!(budgets.take(busy, open), Permit::Go);
        }
        let mut budgets = self::budgets();
        budgets.refused(Call::of(&READ), Some(at(5_000)), at(0));
        assert_eq!(opens_at(budgets.take(busy, at(0))), Some(at(5_000)), "the account is spent for everybody");
        // A shorter hint that comes later does not shorten the hold.
        budgets.refused(Call::of(&READ), Some(at(2_000)), at(0));
        assert_eq!(opens_at(budgets.take(busy, at(0))), Some(at(5_000)));
    }

    #[test]
    fn it_is_low_when_less_than_a_quarter_is_left() {
        let mut budgets = self::budgets();
        for _ in 0..150 {
            assert!(!budgets.is_low(at(0)));
            assert_eq!(budgets.take(Call::of(&READ), at(0)), Permit::Go);
        }
        assert_eq!(budgets.take(Call::of(&READ), at(0)), Permit::Go);
        assert!(budgets.is_low(at(0)));
        assert!(!budgets.is_low(at(120_000)));
    }

    #[test]
    fn keys_are_forgotten_before_they_fill_the_memory() {
        let mut budgets = self::budgets();
        for id in 0..3 * KEYS_MAX as u64 {
            let now = at(i64::try_from(id).unwrap() * 700);
            assert_eq!(budgets.take(update(id), now), Permit::Go);
            assert!(budgets.apart(&ONE).unwrap().windows.len() <= KEYS_MAX);
        }
    }

    #[test]
    fn a_clock_set_far_back_starts_anew_and_one_set_back_a_little_does_not() {
        let mut budgets = self::budgets();
        assert_eq!(burst(&mut budgets, Call::of(&READ), at(0)), 200);
        assert_eq!(burst(&mut budgets, Call::of(&READ), at(-30_000)), 0);
        assert_eq!(burst(&mut budgets, Call::of(&READ), at(-86_400_000)), 200);
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
                    window.count(Call::of(&READ), at(now));
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
            let mut budgets = self::budgets();
            let mut granted: Vec<(Call, i64)> = Vec::new();
            let mut now = 0;
            for (pick, step) in calls {
                now += step / 40;
                let call = match pick {
                    0 => save("alice"),
                    1 => Call::of(&READ),
                    2 => Call::of(&CREATE),
                    ticket => update(ticket % 2),
                };
                if let Permit::At(open, _) = budgets.take(call, at(now)) {
                    // No other call asks meanwhile, so the first return is let in.
                    now += i64::try_from(open.duration_since(at(now)).as_millis()).unwrap();
                    prop_assert_eq!(budgets.take(call, at(now)), Permit::Go);
                }
                granted.push((call, now));
            }
            let is_update = |call: &Call| *call.kind == UPDATE;
            let is_save = |call: &Call| *call.kind == SAVE;
            type Counts<'a> = &'a dyn Fn(&Call) -> bool;
            let limits: [(usize, i64, Counts<'_>); 6] = [
                (200, 60_000, &|_| true),
                (100, 60_000, &is_update),
                (30, 600_000, &|call| *call == update(0)),
                (30, 600_000, &|call| *call == update(1)),
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

        /// As many heads may be begun in one request as in one request after the other, whatever was called, booked, told and
        /// refused before.
        #[test]
        fn heads_of_one_request_are_as_many_as_those_of_one_after_the_other(
            calls in proptest::collection::vec((0..8_u64, 0..3_000_i64), 0..150),
            most in 1..90_usize,
        ) {
            let mut budgets = Budgets::new(&NEEDED);
            let mut now = 0;
            for (pick, step) in calls {
                now += step / 10;
                match pick {
                    0 => drop(budgets.take(save("alice"), at(now))),
                    1 => drop(budgets.take(save(&step.to_string()), at(now))),
                    2 => drop(budgets.take(Call::of(&READ), at(now))),
                    3 => budgets.refused(save("bob"), Some(at(now + step)), at(now)),
                    4 => {
                        let remaining = Some(step.unsigned_abs() % 60);
                        budgets.learn(&told(&UPDATES, Some(100), remaining, Some(at(now + 5 * step))), at(now));
                    }
                    ticket => drop(budgets.take(update(ticket * 100 + step.unsigned_abs() % 40), at(now))),
                }
            }
            static EASY: CallKind = kind(&[Draw::on_three_quarters_of(&ALL)], &ALL);
            static UPDATES_ALONE: CallKind = kind(&[Draw::on(&UPDATES)], &UPDATES);
            static SAVES_ALONE: CallKind = kind(&[Draw::on(&SAVES)], &SAVES);
            for (need, kind) in
                [(Need::KnownTicket, &UPDATES_ALONE), (Need::NewTicket, &SAVES_ALONE), (Need::Comments, &EASY)]
            {
                let mut gates = budgets.gates(&[need], most, at(now));
                let begun = (0..most).take_while(|_| !gates.is_shut(need) && { gates.begin(need); true }).count();
                let expected = one_after_the_other(budgets.clone(), need, kind, at(now)).min(most);
                prop_assert_eq!(begun, expected, "{:?}", need);
            }
        }

        #[test]
        fn whoever_waits_as_long_as_told_may_go(
            numbers in proptest::collection::vec(
                (any::<Option<u64>>(), any::<Option<u64>>(), any::<Option<i64>>(), 0..100_000_i64, any::<bool>()),
                1..40,
            ),
        ) {
            let mut budgets = self::budgets();
            let call = update(1);
            let mut now = at(0);
            for (limit, remaining, reset, step, refused) in numbers {
                now = now.saturating_add(Duration::from_millis(step.unsigned_abs())).unwrap();
                let resets_at = reset.and_then(|ms| Timestamp::from_millisecond(ms).ok());
                for pool in [&ALL, &UPDATES] {
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
