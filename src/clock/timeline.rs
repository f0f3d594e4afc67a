//! The bridge's time, derived from three clocks: the wall clock, which may be set wrong; the monotonic clock of the
//! process, which cannot be set; and the `Date` of Zendesk's answers.
//!
//! The bridge follows the wall clock while it runs with the monotonic one. After a jump of the wall clock, the bridge
//! counts on by the monotonic one until Zendesk's time shows which is right, or until the wall clock has kept its new
//! time for [`ADOPTED_AFTER`] without contradiction.
//!
//! Pure: both readings are arguments, and every rule is here.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// The largest jump of the wall clock that is followed at once. NTP corrects this much in steps, and it harms no wait
/// of the bridge.
const FOLLOWED: SignedDuration = SignedDuration::from_secs(5);

/// The time that the wall clock must keep a new time, where Zendesk does not confirm it.
const ADOPTED_AFTER: Duration = Duration::from_secs(600);

/// The difference within which the time agrees with Zendesk's: a `Date` has whole seconds, and an answer may take 25 s.
const AGREES: SignedDuration = SignedDuration::from_secs(120);

/// The time without a jump after which the bridge's time counts as sure, where Zendesk never answers.
const SURE_AFTER: Duration = Duration::from_secs(86_400);

/// The trouble with the machine's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The machine's clock jumped by this much, and is not followed.
    Set(SignedDuration),
    /// The time differs from Zendesk's by this much: positive where it is ahead.
    Differs(SignedDuration),
}

/// The state of the bridge's time.
#[derive(Clone, Debug)]
pub(super) struct Timeline {
    /// The sum that turns the monotonic reading into the time: the time since 1970 at its zero.
    offset: SignedDuration,
    /// The offset of a wall clock that has jumped, and the reading since which it has it.
    odd: Option<(SignedDuration, Duration)>,
    /// The offset of Zendesk's last `Date`.
    vendor: Option<SignedDuration>,
    /// The reading at which the bridge began to use this time.
    since: Duration,
    /// The number of other times before it in this process.
    sets: u32,
}

impl Timeline {
    pub(super) fn begin(wall: Timestamp, steady: Duration) -> Self {
        Self { offset: offset(wall, steady), odd: None, vendor: None, since: steady, sets: 0 }
    }

    /// The time.
    pub(super) fn now(&mut self, wall: Timestamp, steady: Duration) -> Timestamp {
        let seen = offset(wall, steady);
        if close(seen, self.offset, FOLLOWED) {
            self.offset = seen;
            self.odd = None;
            return wall;
        }
        match self.odd {
            Some((before, since)) if close(seen, before, FOLLOWED) => {
                if steady.saturating_sub(since) >= ADOPTED_AFTER {
                    self.adopt(seen, steady);
                    return wall;
                }
            }
            Some(_) | None => self.odd = Some((seen, steady)),
        }
        at(self.offset, steady)
    }

    /// Takes in the `Date` of an answer that Zendesk has just given.
    pub(super) fn heard(&mut self, vendor: Timestamp, wall: Timestamp, steady: Duration) {
        self.now(wall, steady);
        let told = offset(vendor, steady);
        self.vendor = Some(told);
        let Some((seen, _)) = self.odd else { return };
        match (close(told, self.offset, AGREES), close(told, seen, AGREES)) {
            (false, true) => self.adopt(seen, steady),
            // Zendesk contradicts the wall clock, so its wait begins again.
            (true, false) => self.odd = Some((seen, steady)),
            // The jump is too small for Zendesk's precision, or neither is right.
            (true, true) | (false, false) => {}
        }
    }

    /// Follows the wall clock from now on, because other evidence has proved it right.
    pub(super) fn adopt_wall(&mut self, wall: Timestamp, steady: Duration) {
        let seen = offset(wall, steady);
        if !close(seen, self.offset, FOLLOWED) {
            self.adopt(seen, steady);
        }
    }

    fn adopt(&mut self, seen: SignedDuration, steady: Duration) {
        let sets = self.sets.saturating_add(1);
        *self = Self { offset: seen, odd: None, since: steady, sets, vendor: self.vendor };
    }

    /// The confirmed age of a date. A date counts in full only where Zendesk's time agrees and the time was never
    /// changed; otherwise it is at most as old as the use of the present time.
    pub(super) fn age(&self, dated: Timestamp, steady: Duration) -> Duration {
        let by_date = Duration::try_from(at(self.offset, steady).duration_since(dated)).unwrap_or_default();
        if self.agrees() && self.sets == 0 { by_date } else { by_date.min(steady.saturating_sub(self.since)) }
    }

    /// Whether the time is confirmed: by Zendesk, or by a day without a jump where Zendesk never answers.
    pub(super) fn is_sure(&self, steady: Duration) -> bool {
        let aged = self.vendor.is_none() && steady.saturating_sub(self.since) >= SURE_AFTER;
        self.odd.is_none() && (self.agrees() || aged)
    }

    fn agrees(&self) -> bool {
        self.vendor.is_some_and(|vendor| close(vendor, self.offset, AGREES))
    }

    /// The present trouble, if there is one.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        if let Some((seen, _)) = self.odd {
            return Some(Trouble::Set(seen.saturating_sub(self.offset)));
        }
        let differs = self.vendor.map(|vendor| self.offset.saturating_sub(vendor));
        differs.filter(|by| by.abs() > AGREES).map(Trouble::Differs)
    }

    /// The number of changes to another time since the process began.
    pub(super) fn sets(&self) -> u32 {
        self.sets
    }

    /// Zendesk's time by its last `Date`, where it differs from the bridge's.
    pub(super) fn vendors_time(&self, steady: Duration) -> Option<Timestamp> {
        self.vendor.filter(|_| !self.agrees()).map(|vendor| at(vendor, steady))
    }
}

fn offset(wall: Timestamp, steady: Duration) -> SignedDuration {
    wall.duration_since(Timestamp::UNIX_EPOCH).saturating_sub(signed(steady))
}

fn at(offset: SignedDuration, steady: Duration) -> Timestamp {
    Timestamp::UNIX_EPOCH.saturating_add(offset.saturating_add(signed(steady))).unwrap_or(Timestamp::MAX)
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

fn close(one: SignedDuration, other: SignedDuration, by: SignedDuration) -> bool {
    one.saturating_sub(other).abs() <= by
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn wall(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn steady(second: u64) -> Duration {
        Duration::from_secs(second)
    }

    fn ahead(seconds: i64) -> Option<Trouble> {
        Some(Trouble::Set(SignedDuration::from_secs(seconds)))
    }

    #[test]
    fn a_clock_that_drifts_or_is_corrected_a_little_is_followed() {
        let mut time = Timeline::begin(wall(0), steady(0));
        for (second, by) in [(10, 0), (20, 4), (30, 9), (40, 5), (50, 5)] {
            assert_eq!(time.now(wall(second + by), steady(second as u64)), wall(second + by));
            assert_eq!(time.trouble(), None);
        }
    }

    #[test]
    fn a_clock_that_is_wrong_for_seconds_changes_nothing() {
        for by in [-400 * DAY, -DAY, -1800, 1800, DAY, 400 * DAY] {
            let mut time = Timeline::begin(wall(0), steady(0));
            assert_eq!(time.now(wall(10 + by), steady(10)), wall(10), "{by}");
            assert_eq!(time.trouble(), ahead(by), "{by}");
            assert_eq!(time.age(wall(0), steady(10)), steady(10), "{by}");
            assert_eq!(time.now(wall(15), steady(15)), wall(15), "{by}");
            assert_eq!(time.trouble(), None, "it heals when the clock does: {by}");
        }
    }

    #[test]
    fn zendesks_time_says_which_is_right() {
        for by in [-400 * DAY, -DAY, DAY, 400 * DAY] {
            // The machine's clock began wrong, and was corrected.
            let mut time = Timeline::begin(wall(by), steady(0));
            time.heard(wall(1), wall(1 + by), steady(1));
            assert_eq!(time.trouble(), Some(Trouble::Differs(SignedDuration::from_secs(by))));
            assert_eq!(time.now(wall(10), steady(10)), wall(10 + by), "not yet");
            time.heard(wall(11), wall(11), steady(11));
            assert_eq!(time.now(wall(12), steady(12)), wall(12));
            assert_eq!((time.trouble(), time.is_sure(steady(12))), (None, true));
            // The machine's clock began right, and is then wrong for long.
            let mut time = Timeline::begin(wall(0), steady(0));
            for second in (5..7200).step_by(300) {
                time.heard(wall(second), wall(second + by), steady(second as u64));
                assert_eq!(time.now(wall(second + by), steady(second as u64)), wall(second));
                assert!(!time.is_sure(steady(second as u64)));
            }
        }
    }

    #[test]
    fn where_nobody_can_say_a_new_time_is_taken_after_ten_minutes() {
        let mut time = Timeline::begin(wall(0), steady(0));
        assert_eq!(time.now(wall(DAY + 1), steady(1)), wall(1));
        assert_eq!(time.now(wall(DAY + 600), steady(600)), wall(600));
        assert_eq!(time.now(wall(DAY + 601), steady(601)), wall(DAY + 601));
        // A wall clock that keeps jumping is never followed.
        let mut time = Timeline::begin(wall(0), steady(0));
        for second in 1..2000_i64 {
            let by = if second % 2 == 0 { DAY } else { -DAY };
            assert_eq!(time.now(wall(second + by), steady(second as u64)), wall(second));
        }
    }

    #[test]
    fn an_age_needs_a_witness() {
        let by_date = |time: &Timeline, dated, at| time.age(wall(dated), steady(at));
        // A date from before the start, without Zendesk's time: as old as the process.
        let mut time = Timeline::begin(wall(0), steady(0));
        time.now(wall(30), steady(30));
        assert_eq!(by_date(&time, -2 * DAY, 30), steady(30));
        assert_eq!(by_date(&time, 400 * DAY, 30), Duration::ZERO, "never negative");
        // Zendesk agrees.
        time.heard(wall(40), wall(41), steady(41));
        assert_eq!(by_date(&time, -2 * DAY, 41), steady(2 * 86_400 + 41));
        // Zendesk disagrees.
        let mut time = Timeline::begin(wall(0), steady(0));
        time.heard(wall(-3 * DAY), wall(30), steady(30));
        assert_eq!(by_date(&time, -2 * DAY, 30), steady(30));
        // A date by a clock that was a day behind and has since been set right.
        let mut time = Timeline::begin(wall(-DAY), steady(0));
        time.now(wall(100 - DAY), steady(100));
        time.heard(wall(200), wall(200), steady(200));
        assert_eq!(time.now(wall(260), steady(260)), wall(260));
        assert_eq!(by_date(&time, 150 - DAY, 260), steady(60));
    }

    #[test]
    fn something_is_sure_after_a_day_without_a_word_against_it() {
        let mut time = Timeline::begin(wall(0), steady(0));
        assert!(!time.is_sure(steady(86_399)));
        assert!(time.is_sure(steady(86_400)));
        time.heard(wall(0), wall(DAY), steady(86_400));
        assert!(!time.is_sure(steady(86_400)));
    }
}
