//! For the numbers that a bridge shows of a shared store. Those that a worker sleeps by are read with each commit, at a cost that
//! does not grow with the store. Counts are taken now and then, and moved by this bridge's own commits in between.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use crate::domain::account::{AccountId, Route};
use crate::domain::delivery::StateName;
use crate::domain::lanes::NOTES_AT_ONCE;
use crate::domain::operator::Pause;
use crate::store::StoreError;
use crate::store::engine::layout;
use crate::store::engine::part::Elsewhere;
use crate::store::engine::shared::Gauges;

use super::columns;
use super::halt::Halt;
use super::save::Tally;
use super::statement::Tables;

/// The numbers of a store, as one bridge knows them.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    pub(super) by_state: BTreeMap<StateName, u64>,
    pub(super) waiting: BTreeMap<AccountId, u64>,
    pub(super) due_reports: u64,
    pub(super) unbound: BTreeMap<AccountId, u64>,
    pub(super) people: u64,
    /// Every route that a lane has had.
    pub(super) routes: BTreeSet<Route>,
}

fn moved(number: &mut u64, by: i64) {
    *number = number.saturating_add_signed(by);
}

impl Numbers {
    /// Moves the numbers by a commit.
    pub(super) fn add(&mut self, tally: &Tally) {
        for (state, by) in &tally.by_state {
            moved(self.by_state.entry(*state).or_default(), *by);
        }
        for (account, by) in &tally.waiting {
            moved(self.waiting.entry(*account).or_default(), *by);
        }
        for (carrier, by) in &tally.unbound {
            moved(self.unbound.entry(*carrier).or_default(), *by);
        }
        moved(&mut self.due_reports, tally.due_reports);
        moved(&mut self.people, tally.people);
    }

    /// The same, for the bounds that the engine keeps to.
    pub(super) fn whole(&self) -> Elsewhere {
        let many = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        Elsewhere {
            waiting: self.waiting.values().sum(),
            due_reports: many(self.due_reports),
            unbound: many(self.unbound.values().sum()),
            people: many(self.people),
        }
    }

    /// Counts all rows.
    pub(super) async fn count(client: &Client, tables: &Tables) -> Result<Self, Halt> {
        let mut numbers = Self::default();
        let (waiting, settled, reports, people, routes) = futures_util::try_join!(
            tables.rows(client, "select state, account, count(*) from tandem.waiting group by state, account", &[]),
            tables.rows(client, "select state, count(*) from tandem.settled group by state", &[]),
            tables.rows(client, "select due_at is not null, carrier, count(*) from tandem.report group by 1, 2", &[]),
            tables.rows(client, "select count(*) from tandem.conversation where record is not null", &[]),
            tables.rows(client, "select distinct account, direction from tandem.lane", &[]),
        )?;
        for row in &waiting {
            let many = columns::number(row.try_get(2)?);
            *numbers.by_state.entry(state(row)?).or_default() += many;
            *numbers.waiting.entry(columns::account(row.try_get(1)?)?).or_default() += many;
        }
        for row in &settled {
            *numbers.by_state.entry(state(row)?).or_default() += columns::number(row.try_get(1)?);
        }
        for row in &reports {
            let many = columns::number(row.try_get(2)?);
            if row.try_get(0)? {
                numbers.due_reports += many;
            } else {
                numbers.unbound.insert(columns::account(row.try_get(1)?)?, many);
            }
        }
        for row in &people {
            numbers.people = columns::number(row.try_get(0)?);
        }
        for row in &routes {
            let account = columns::account(row.try_get(0)?)?;
            numbers.routes.insert(Route { direction: columns::direction_in(row.try_get(1)?)?, account });
        }
        Ok(numbers)
    }
}

fn state(row: &Row) -> Result<StateName, Halt> {
    let at: i16 = row.try_get(0)?;
    let state = usize::try_from(at).ok().and_then(|at| StateName::ALL.get(at).copied());
    Ok(state.ok_or_else(|| columns::not_ours("a state"))?)
}

/// The values that are read with each commit.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    pub(super) oldest: Option<Timestamp>,
    pub(super) next_due: BTreeMap<Route, Timestamp>,
    pub(super) report_due: Option<Timestamp>,
    pub(super) pauses: BTreeMap<AccountId, Pause>,
    pub(super) time_since: Option<Timestamp>,
    pub(super) ages_since: Option<Timestamp>,
}

impl Standing {
    /// Reads them, as this client's transaction sees them.
    pub(super) async fn read(client: &Client, tables: &Tables, routes: &BTreeSet<Route>) -> Result<Self, Halt> {
        let accounts: Vec<&str> = routes.iter().map(|route| route.account.name()).collect();
        let directions: Vec<i16> = routes.iter().map(|route| columns::direction(route.direction)).collect();
        let notes = i64::try_from(NOTES_AT_ONCE).unwrap_or(i64::MAX);
        let due = "select r.account, r.direction,
                exists (select 1 from tandem.lane l where l.account = r.account and l.direction = r.direction and l.track = t.track
                    and not l.is_timed and l.fence is null and l.head is not null and l.apart is null),
                (select min(l.ready_at) from tandem.lane l where l.account = r.account and l.direction = r.direction
                    and l.track = t.track and l.is_timed and l.fence is null and l.head is not null and l.apart is null)
            from unnest($1, $2) r(account, direction), (values (0::smallint), (1::smallint)) t(track)
            where t.track = 0 or $3 > (select count(*) from tandem.lane l
                where l.account = r.account and l.direction = r.direction and l.track = 1 and l.fence is not null)";
        let values: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 3] =
            [(&accounts, Type::TEXT_ARRAY), (&directions, Type::INT2_ARRAY), (&notes, Type::INT8)];
        let (times, due, meta) = futures_util::try_join!(
            tables.rows(
                client,
                "select (select min(oldest) from tandem.lane where oldest is not null),
                    (select min(due_at) from tandem.report where due_at is not null)",
                &[]
            ),
            tables.rows(client, due, &values),
            tables.rows(
                client,
                "select at, value from tandem.meta where at in ('mtime', 'mages') or at between 'mpause ' and 'mpause!'",
                &[]
            ),
        )?;
        let mut standing = Self::default();
        for row in &times {
            standing.oldest = row.try_get::<_, Option<i64>>(0)?.map(columns::time);
            standing.report_due = row.try_get::<_, Option<i64>>(1)?.map(columns::time);
        }
        for row in &due {
            let route = Route {
                direction: columns::direction_in(row.try_get(1)?)?,
                account: columns::account(row.try_get(0)?)?,
            };
            let timed = row.try_get::<_, Option<i64>>(3)?.map(columns::time);
            let next = if row.try_get(2)? { Some(Timestamp::MIN) } else { timed };
            let earlier = standing.next_due.get(&route).copied().into_iter().chain(next).min();
            standing.next_due.extend(earlier.map(|at| (route, at)));
        }
        for row in &meta {
            standing.enter(row.try_get(0)?, row.try_get(1)?)?;
        }
        standing.pause_lanes(routes);
        Ok(standing)
    }

    fn enter(&mut self, at: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let seconds = || value.try_into().ok().and_then(|bytes| Timestamp::from_second(i64::from_be_bytes(bytes)).ok());
        if at == layout::META_TIME {
            self.time_since = seconds();
        } else if at == layout::META_AGES {
            self.ages_since = seconds();
        } else if let Some(name) = at.strip_prefix(layout::PAUSE) {
            let name = std::str::from_utf8(name).map_err(|_| columns::not_ours("a pause"))?;
            self.pauses.insert(columns::account(name)?, layout::decode("pause", value)?);
        }
        Ok(())
    }

    /// A paused account has work when its pause ends.
    fn pause_lanes(&mut self, routes: &BTreeSet<Route>) {
        for route in routes {
            if let Some(pause) = self.pauses.get(&route.account) {
                self.next_due.remove(route);
                self.next_due.extend(pause.until.map(|until| (*route, until)));
            }
        }
    }

    /// The numbers that the store shows from now on.
    pub(super) fn gauges(&self, numbers: &Numbers, backlog_max: u64) -> Gauges {
        let mut by_state = [0; StateName::ALL.len()];
        for (state, many) in &numbers.by_state {
            by_state[state.index()] = *many;
        }
        Gauges {
            by_state,
            waiting: numbers.waiting.clone(),
            backlog_max,
            oldest: self.oldest,
            next_due: self.next_due.clone(),
            pauses: self.pauses.clone(),
            report_due: self.report_due,
            unbound: numbers.unbound.clone(),
        }
    }
}
