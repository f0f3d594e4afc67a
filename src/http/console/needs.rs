//! The list of troubles that need the operator, worst first, made from facts. Pure: never reads the store and never
//! acts.

use jiff::{SignedDuration, Timestamp};

use super::page::sentence;
use super::view::{self, Moment, grouped, moment};
use crate::domain::account::{AccountId, End};
use crate::domain::account_table::AccountTable;
use crate::domain::budget::Reached;
use crate::domain::delivery::{Delivery, State, StateName};
use crate::domain::operator::Pause;
use crate::domain::remedy::Remedies;
use crate::store::{Counts, Room};
use crate::telemetry::Since;

/// A delivery that was refused this often is listed while it is still tried.
pub(super) const REFUSALS_MANY: u32 = 5;

/// A limit that ends sooner is left out, unless a delivery is late.
const LIMIT_SHORT: SignedDuration = SignedDuration::from_secs(10);

/// A delivery that has waited this long is late.
pub(super) const LATE: SignedDuration = SignedDuration::from_secs(60);

/// The disk is listed when less than this many times the reserve is left.
const DISK_RESERVES: u64 = 4;

const MIB: u64 = 1024 * 1024;

/// The facts that the list is made from.
pub(super) struct Facts {
    pub(super) now: Timestamp,
    /// The reasons against readiness.
    pub(super) reasons: Vec<String>,
    /// The bridge's other notes about itself.
    pub(super) remarks: Vec<String>,
    pub(super) counts: Counts,
    pub(super) vendors: Vec<Vendor>,
    /// Deliveries that will be tried again; the oldest where there are many.
    pub(super) waiting: Vec<Delivery>,
    pub(super) begun: Begun,
}

/// Since when each state that needs the operator has deliveries; `None` for a state without any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Begun {
    dead: Option<Timestamp>,
    set_aside: Option<Timestamp>,
    quarantined: Option<Timestamp>,
}

impl Begun {
    /// Moves the beginnings back to the earliest of these deliveries.
    pub(super) fn take(&mut self, deliveries: &[Delivery]) {
        for delivery in deliveries {
            let (place, at) = match &delivery.state {
                State::Dead { .. } => (&mut self.dead, delivery.settled_at.unwrap_or(delivery.accepted_at)),
                State::Unconfirmed { look_at: None, since, .. } => (&mut self.set_aside, *since),
                State::Quarantined { .. } => (&mut self.quarantined, delivery.accepted_at),
                State::Pending
                | State::Sending { .. }
                | State::Waiting { .. }
                | State::Unconfirmed { look_at: Some(_), .. }
                | State::Delivered { .. }
                | State::Skipped { .. } => continue,
            };
            *place = Some(place.map_or(at, |before| before.min(at)));
        }
    }
}

/// One vendor's troubles, pause and limits.
pub(super) struct Vendor {
    pub(super) account: AccountId,
    pub(super) end: End,
    pub(super) refuses: Option<Since>,
    pub(super) unreachable: Option<Since>,
    pub(super) answered_twice: Option<Since>,
    pub(super) paused: Option<Pause>,
    pub(super) reached: Vec<Reached>,
    pub(super) remedies: Remedies,
}

/// One trouble that needs the operator.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Need {
    /// The class that colours it: `bad` or `warn`.
    pub(super) tone: &'static str,
    pub(super) title: String,
    pub(super) since: Option<Moment>,
    /// When it ends by itself.
    pub(super) until: Option<Moment>,
    /// Its cause and its consequences, in sentences.
    pub(super) said: Vec<String>,
    /// The remedy, without its full stop; empty where there is none.
    pub(super) remedy: String,
    /// The page to look at: its address, and the text of the link. Both empty without a page.
    pub(super) href: String,
    pub(super) link: &'static str,
}

/// The list.
pub(super) fn needs(facts: &Facts) -> Vec<Need> {
    let mut needs = Vec::new();
    needs.extend(facts.reasons.iter().map(|reason| turned_away(reason)));
    needs.extend(facts.vendors.iter().filter_map(|vendor| refuses(facts, vendor)));
    needs.extend(facts.vendors.iter().filter_map(|vendor| unreachable(facts, vendor)));
    needs.extend(facts.vendors.iter().filter_map(|vendor| answered_twice(facts, vendor)));
    needs.extend(dead(facts));
    needs.extend(set_aside(facts));
    needs.extend(quarantined(facts));
    needs.extend(stubborn(facts));
    needs.extend(facts.vendors.iter().filter_map(|vendor| paused(facts, vendor)));
    needs.extend(facts.vendors.iter().flat_map(|vendor| limits(facts, vendor)));
    needs.extend(room(facts));
    let remark = |remark: &String| Need { tone: "warn", title: sentence(remark), ..Need::default() };
    needs.extend(facts.remarks.iter().map(remark));
    needs
}

fn turned_away(reason: &str) -> Need {
    Need {
        tone: "bad",
        title: "Webhooks are turned away".to_owned(),
        said: vec![sentence(reason), "Their senders repeat them for minutes, not for hours.".to_owned()],
        ..Need::default()
    }
}

fn refuses(facts: &Facts, vendor: &Vendor) -> Option<Need> {
    let since = vendor.refuses.as_ref()?;
    let name = view::vendor(vendor.account);
    Some(Need {
        tone: "bad",
        title: format!("{name} refuses the bridge"),
        since: Some(moment(since.at, facts.now)),
        said: vec![sentence(&since.cause), waits_for(facts, vendor)],
        remedy: (vendor.remedies.of_refusal)(AccountTable(vendor.account), &since.cause),
        ..late(vendor.account)
    })
}

fn unreachable(facts: &Facts, vendor: &Vendor) -> Option<Need> {
    let since = vendor.unreachable.as_ref()?;
    let name = view::vendor(vendor.account);
    Some(Need {
        tone: "bad",
        title: format!("{name} gives no answer"),
        since: Some(moment(since.at, facts.now)),
        said: vec![sentence(&since.cause), waits_for(facts, vendor)],
        remedy: (vendor.remedies.of_silence)(AccountTable(vendor.account)),
        ..late(vendor.account)
    })
}

fn answered_twice(facts: &Facts, vendor: &Vendor) -> Option<Need> {
    let since = vendor.answered_twice.as_ref()?;
    let name = view::vendor(vendor.account);
    Some(Need {
        tone: "bad",
        title: format!("The texts of {name} wait, because another responder opens tickets too"),
        since: Some(moment(since.at, facts.now)),
        said: vec![sentence(&since.cause), "Nothing is lost, and their order stays.".to_owned()],
        href: view::query("/console/deliveries", &[("show", "open")]),
        link: "See what waits",
        ..Need::default()
    })
}

/// A link to the deliveries that wait for this destination.
fn late(account: AccountId) -> Need {
    let href = view::query("/console/deliveries", &[("show", "open"), ("to", account.name())]);
    Need { href, link: "See what waits", ..Need::default() }
}

/// The number of deliveries that wait for a vendor.
fn waits_for(facts: &Facts, vendor: &Vendor) -> String {
    let many = facts.counts.waiting.get(&vendor.account).copied().unwrap_or(0);
    let waits = format!("{} for it, in order; nothing is lost", counted(many, "delivery waits", "deliveries wait"));
    match vendor.end {
        End::Desk => format!("{waits}. Agents’ replies cannot be read meanwhile."),
        End::Carrier => format!("{waits}."),
    }
}

fn dead(facts: &Facts) -> Option<Need> {
    let many = number_of(facts, StateName::Dead)?;
    Some(Need {
        tone: "bad",
        title: counted(many, "delivery was given up", "deliveries were given up"),
        since: facts.begun.dead.map(|at| moment(at, facts.now)),
        remedy: "Read the cause, mend it, and put back what is to be tried again".to_owned(),
        href: "/console/deliveries?state=dead".to_owned(),
        link: "See what was given up",
        ..Need::default()
    })
}

/// The deliveries that were set aside: the unsettled ones that hold no lane.
fn set_aside(facts: &Facts) -> Option<Need> {
    let unsettled: u64 = StateName::UNSETTLED.map(|state| facts.counts.of(state)).iter().sum();
    let many = unsettled.saturating_sub(facts.counts.waiting.values().sum());
    (many > 0).then(|| Need {
        tone: "warn",
        title: counted(many, "delivery may have arrived", "deliveries may have arrived"),
        since: facts.begun.set_aside.map(|at| moment(at, facts.now)),
        said: vec!["The answer was lost, and tandem cannot find out.".to_owned()],
        remedy: "See whether it is on the other side, then send it again or settle it".to_owned(),
        href: "/console/deliveries?state=unconfirmed".to_owned(),
        link: "See what is unconfirmed",
        ..Need::default()
    })
}

fn quarantined(facts: &Facts) -> Option<Need> {
    let many = number_of(facts, StateName::Quarantined)?;
    Some(Need {
        tone: "warn",
        title: counted(many, "webhook could not be read", "webhooks could not be read"),
        since: facts.begun.quarantined.map(|at| moment(at, facts.now)),
        remedy: "Mend its sender, then have the kept bodies read again or drop them".to_owned(),
        href: "/console/quarantine".to_owned(),
        link: "See the quarantine",
        ..Need::default()
    })
}

/// The deliveries that were refused again and again, and are still tried.
fn stubborn(facts: &Facts) -> Option<Need> {
    let is_refused = |delivery: &&Delivery| match &delivery.state {
        State::Waiting { attempt, for_budget, .. } => !for_budget && *attempt >= REFUSALS_MANY,
        State::Pending
        | State::Sending { .. }
        | State::Unconfirmed { .. }
        | State::Delivered { .. }
        | State::Skipped { .. }
        | State::Dead { .. }
        | State::Quarantined { .. } => false,
    };
    let refused: Vec<&Delivery> = facts.waiting.iter().filter(is_refused).collect();
    let worst = refused.iter().max_by_key(|delivery| delivery.attempts)?;
    let (title, href, link) = if refused.len() == 1 {
        let title = format!("1 delivery was refused {} times", worst.attempts);
        (title, format!("/console/deliveries/{}", worst.id), "See the delivery")
    } else {
        let title = format!("{} deliveries were refused {REFUSALS_MANY} times or more", refused.len());
        (title, "/console/deliveries?state=waiting".to_owned(), "See what is tried again")
    };
    Some(Need {
        tone: "warn",
        title,
        since: Some(moment(worst.accepted_at, facts.now)),
        until: None,
        said: vec![sentence(worst.state.cause())],
        remedy: "Mend the cause; it is tried again for a day".to_owned(),
        href,
        link,
    })
}

fn paused(facts: &Facts, vendor: &Vendor) -> Option<Need> {
    let pause = vendor.paused.as_ref()?;
    Some(Need {
        tone: "warn",
        title: format!("{} is paused by {}", view::vendor(vendor.account), view::who(&pause.operator)),
        since: Some(moment(pause.since, facts.now)),
        until: pause.until.map(|until| moment(until, facts.now)),
        said: pause
            .reason
            .iter()
            .map(|reason| format!("The reason: “{reason}”."))
            .chain([waits_for(facts, vendor)])
            .collect(),
        href: "#destinations".to_owned(),
        link: "Resume it, or change the pause",
        ..Need::default()
    })
}

/// Each limit that keeps deliveries waiting.
fn limits<'a>(facts: &'a Facts, vendor: &'a Vendor) -> impl Iterator<Item = Need> + 'a {
    let waits = facts.counts.waiting.get(&vendor.account).copied().unwrap_or(0);
    let oldest = facts.counts.oldest_unsettled;
    let is_late = oldest.is_some_and(|oldest| facts.now.duration_since(oldest) >= LATE);
    let is_news =
        move |reached: &&Reached| waits > 0 && (is_late || reached.until.duration_since(facts.now) >= LIMIT_SHORT);
    vendor.reached.iter().filter(is_news).map(move |reached| Need {
        tone: "warn",
        title: reached.limit.said(&view::vendor(vendor.account)),
        until: Some(moment(reached.until, facts.now)),
        said: vec![format!(
            "{}; what the limit holds back goes by itself.",
            counted(waits, "delivery is under way there", "deliveries are under way there")
        )],
        ..late(vendor.account)
    })
}

/// The bounds at which the store refuses events, where they are near.
fn room(facts: &Facts) -> Vec<Need> {
    let Room { backlog_max, disk_free_bytes, disk_floor_bytes } = facts.counts.room;
    let many: u64 = facts.counts.waiting.values().sum();
    let backlog = (many > 0 && many >= backlog_max / 2).then(|| Need {
        tone: "warn",
        title: "Half of the room for waiting deliveries is taken".to_owned(),
        said: vec![format!("{} of {} wait; past that, webhooks are turned away.", grouped(many), grouped(backlog_max))],
        ..Need::default()
    });
    let disk = disk_free_bytes.filter(|free| *free < DISK_RESERVES * disk_floor_bytes).map(|free| Need {
        tone: "warn",
        title: "The store’s disk is nearly full".to_owned(),
        said: vec![format!(
            "{} MiB are free; below {} MiB, webhooks are turned away.",
            grouped(free / MIB),
            grouped(disk_floor_bytes / MIB)
        )],
        remedy: "Make room on it".to_owned(),
        ..Need::default()
    });
    backlog.into_iter().chain(disk).collect()
}

/// The number of deliveries in this state; `None` for none.
fn number_of(facts: &Facts, state: StateName) -> Option<u64> {
    Some(facts.counts.of(state)).filter(|many| *many > 0)
}

fn counted(many: u64, one: &str, more: &str) -> String {
    format!("{} {}", grouped(many), if many == 1 { one } else { more })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::account::Ends;
    use crate::domain::budget::Limit;
    use crate::domain::operator::{Access, Operator};
    use crate::http::testing::{delivery, noon};

    fn ago(seconds: i64) -> Timestamp {
        noon().checked_sub(SignedDuration::from_secs(seconds)).unwrap()
    }

    fn vendor(end: End) -> Vendor {
        Vendor {
            account: Ends::FIRST.at(end),
            end,
            refuses: None,
            unreachable: None,
            answered_twice: None,
            paused: None,
            reached: Vec::new(),
            remedies: Remedies {
                of_refusal: |of, cause| match cause.contains("401") {
                    true => format!("Compare {}", of.key("key")),
                    false => "Give it the role".to_owned(),
                },
                of_silence: |of| format!("Compare {}", of.key("url")),
                ..Remedies::default()
            },
        }
    }

    /// Facts of a bridge without troubles.
    fn well() -> Facts {
        let room = Room { backlog_max: 1000, disk_free_bytes: Some(4096 * MIB), disk_floor_bytes: 256 * MIB };
        Facts {
            now: noon(),
            reasons: Vec::new(),
            remarks: Vec::new(),
            counts: Counts {
                by_state: [(StateName::Delivered, 9), (StateName::Skipped, 2)].into(),
                room,
                ..Counts::default()
            },
            vendors: vec![vendor(End::Desk), vendor(End::Carrier)],
            waiting: Vec::new(),
            begun: Begun::default(),
        }
    }

    fn reached(seconds: i64) -> Reached {
        let period = Duration::from_secs(600);
        let limit = Limit { calls: 30, counted: "updates of one ticket", period, is_refusal: false };
        Reached { limit, until: ago(-seconds) }
    }

    fn refused(sequence: u64, attempt: u32, for_budget: bool) -> Delivery {
        let state = State::Waiting { attempt, due_at: ago(-9), cause: "Braze answered 500".into(), for_budget };
        Delivery { attempts: attempt, ..delivery(sequence, state) }
    }

    #[test]
    fn a_bridge_that_is_well_needs_nobody() {
        assert_eq!(needs(&well()), []);
        // Deliveries that wait for a moment, and a limit that ends soon, need no operator.
        let mut facts = well();
        facts.counts.by_state.insert(StateName::Pending, 3);
        facts.counts.waiting = [(Ends::FIRST.desk, 3)].into();
        facts.counts.oldest_unsettled = Some(ago(5));
        facts.vendors[0].reached.push(reached(2));
        facts.waiting.push(refused(1, 4, false));
        assert_eq!(needs(&facts), []);
    }

    /// A change of the facts, and the need that it causes: tone, title, and a part of the address.
    type Case = (fn(&mut Facts), &'static str, &'static str, &'static str);

    fn assert_each_is_told(cases: &[Case]) {
        for (change, tone, title, href) in cases {
            let mut facts = well();
            change(&mut facts);
            let needs = needs(&facts);
            let [need] = needs.as_slice() else { panic!("{title}: {needs:#?}") };
            assert_eq!((need.tone, need.title.as_str()), (*tone, *title));
            assert!(need.href.contains(href) && need.href.is_empty() == href.is_empty(), "{title}: {}", need.href);
            assert_eq!(need.link.is_empty(), need.href.is_empty(), "{title}");
        }
    }

    #[test]
    fn each_state_that_needs_the_operator_is_told_with_its_number_and_where_to_look() {
        assert_each_is_told(&[
            (
                |facts| _ = facts.counts.by_state.insert(StateName::Dead, 2),
                "bad",
                "2 deliveries were given up",
                "state=dead",
            ),
            (
                |facts| _ = facts.counts.by_state.insert(StateName::Dead, 1),
                "bad",
                "1 delivery was given up",
                "state=dead",
            ),
            (
                |facts| {
                    facts.counts.by_state.extend([(StateName::Unconfirmed, 3), (StateName::Pending, 1)]);
                    facts.counts.waiting = [(Ends::FIRST.carrier, 3)].into();
                },
                "warn",
                "1 delivery may have arrived",
                "state=unconfirmed",
            ),
            (
                |facts| _ = facts.counts.by_state.insert(StateName::Quarantined, 2),
                "warn",
                "2 webhooks could not be read",
                "/console/quarantine",
            ),
            (
                |facts| facts.waiting = vec![refused(1, 8, false), refused(2, 1, false), refused(3, 9, true)],
                "warn",
                "1 delivery was refused 8 times",
                "/console/deliveries/evt_",
            ),
            (
                |facts| facts.waiting = vec![refused(1, 8, false), refused(2, 5, false)],
                "warn",
                "2 deliveries were refused 5 times or more",
                "state=waiting",
            ),
        ]);
    }

    #[test]
    fn each_thing_that_holds_deliveries_up_is_told() {
        assert_each_is_told(&[
            (
                |facts| {
                    let operator = Operator::claiming(Access::Console, Some("ada".into()));
                    let (reason, until) = (Some("maintenance".into()), None);
                    facts.vendors[0].paused = Some(Pause { since: ago(60), operator, reason, until });
                },
                "warn",
                "Zendesk is paused by ada",
                "#destinations",
            ),
            (
                |facts| {
                    facts.counts.waiting = [(Ends::FIRST.desk, 4)].into();
                    facts.counts.by_state.insert(StateName::Pending, 4);
                    facts.vendors[0].reached.push(reached(300));
                },
                "warn",
                "Zendesk's limit of 30 updates of one ticket in 10 minutes is reached",
                "show=open&to=zendesk",
            ),
            (
                |facts| {
                    facts.counts.waiting = [(Ends::FIRST.desk, 500)].into();
                    facts.counts.by_state.insert(StateName::Pending, 500);
                },
                "warn",
                "Half of the room for waiting deliveries is taken",
                "",
            ),
            (
                |facts| {
                    let cause = "it is answered twice".to_owned();
                    facts.vendors[1].answered_twice = Some(Since { at: ago(9), cause });
                },
                "bad",
                "The texts of Braze wait, because another responder opens tickets too",
                "show=open",
            ),
            (
                |facts| facts.counts.room.disk_free_bytes = Some(1023 * MIB),
                "warn",
                "The store’s disk is nearly full",
                "",
            ),
            (|facts| facts.reasons.push("store: is full".into()), "bad", "Webhooks are turned away", ""),
        ]);
    }

    #[test]
    fn a_vendor_that_refuses_or_is_silent_is_told_with_since_when_how_many_wait_and_the_remedy() {
        let mut facts = well();
        facts.counts.by_state.insert(StateName::Pending, 8801);
        facts.counts.waiting = [(Ends::FIRST.desk, 1), (Ends::FIRST.carrier, 8800)].into();
        let since = |cause: &str| Some(Since { at: ago(600), cause: cause.to_owned() });
        facts.vendors[0].unreachable = since("Zendesk could not be reached: the connection was refused");
        facts.vendors[1].refuses = since("Braze answered 401 Invalid API key");
        facts.counts.room.backlog_max = 1_000_000;
        let needs = needs(&facts);
        let [braze, zendesk] = needs.as_slice() else { panic!("{needs:#?}") };
        assert_eq!((braze.tone, braze.title.as_str()), ("bad", "Braze refuses the bridge"));
        assert_eq!(braze.since.as_ref().map(|since| since.ago.as_str()), Some("10 min ago"));
        assert_eq!(
            braze.said,
            ["Braze answered 401 Invalid API key.", "8\u{202f}800 deliveries wait for it, in order; nothing is lost.",]
        );
        assert_eq!(braze.remedy, "Compare braze.key");
        assert_eq!(zendesk.title, "Zendesk gives no answer");
        assert_eq!(
            zendesk.said[1],
            "1 delivery waits for it, in order; nothing is lost. Agents’ replies cannot be read meanwhile."
        );
        assert_eq!(zendesk.remedy, "Compare zendesk.url");
    }

    #[test]
    fn a_limit_is_told_when_something_waits_for_it_and_is_late_or_will_be() {
        for (waiting, oldest, until, is_told) in
            [(1, 0, 10, true), (1, 0, 9, false), (1, 60, 1, true), (0, 60, 300, false)]
        {
            let mut facts = well();
            facts.counts.waiting = [(Ends::FIRST.desk, waiting)].into();
            facts.counts.by_state.insert(StateName::Waiting, waiting);
            facts.counts.oldest_unsettled = Some(ago(oldest));
            facts.vendors[0].reached.push(reached(until));
            assert_eq!(needs(&facts).len(), usize::from(is_told), "{waiting} wait, {oldest} s old, {until} s to go");
        }
    }

    #[test]
    fn what_was_given_up_set_aside_or_not_read_says_since_when() {
        let mut facts = well();
        facts.counts.by_state.extend([(StateName::Dead, 2), (StateName::Unconfirmed, 2), (StateName::Quarantined, 1)]);
        facts.counts.waiting = [(Ends::FIRST.carrier, 1)].into();
        let dead = |sequence, seconds| {
            let state = State::Dead { cause: "Braze answered 400".into() };
            Delivery { settled_at: Some(ago(seconds)), ..delivery(sequence, state) }
        };
        let unconfirmed = |sequence, seconds, look_at| {
            let cause = "the answer was lost".to_owned();
            delivery(sequence, State::Unconfirmed { attempt: 1, since: ago(seconds), look_at, looks: 1, cause })
        };
        let quarantined = delivery(5, State::Quarantined { cause: "no JSON".into() });
        // A delivery that was accepted first may be given up last. One that tandem still looks for needs no operator.
        facts.begun.take(&[dead(1, 60), dead(2, 7200), unconfirmed(3, 9000, Some(noon())), unconfirmed(4, 600, None)]);
        facts.begun.take(&[Delivery { accepted_at: ago(120), ..quarantined }]);
        let needs = needs(&facts);
        let since = |need: &Need| need.since.as_ref().map(|since| since.ago.clone()).unwrap_or_default();
        assert_eq!(needs.iter().map(since).collect::<Vec<_>>(), ["2 h ago", "10 min ago", "2 min ago"], "{needs:#?}");
    }

    #[test]
    fn the_worst_stands_first() {
        let mut facts = well();
        facts.counts.by_state.extend([(StateName::Dead, 1), (StateName::Quarantined, 1)]);
        facts.reasons.push("store: is full".into());
        facts.remarks.push("clock: it is 90 s ahead".into());
        facts.vendors[1].refuses = Some(Since { at: ago(9), cause: "Braze answered 401".into() });
        let titles: Vec<String> = needs(&facts).into_iter().map(|need| need.title).collect();
        assert_eq!(
            titles,
            [
                "Webhooks are turned away",
                "Braze refuses the bridge",
                "1 delivery was given up",
                "1 webhook could not be read",
                "Clock: it is 90 s ahead."
            ]
        );
    }
}
