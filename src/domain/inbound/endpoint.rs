//! The endpoints for webhooks: one table of their paths, methods and names. It never serves them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use http::Method;
use serde::{Deserialize, Serialize};

use crate::domain::account::{AccountId, End, Ends};
use crate::domain::account_table::AccountTable;
use crate::domain::event::EventKind;

/// The keyword categories of carriers that post each of them by itself.
pub const CATEGORIES: [&str; 4] = ["other", "opt_in", "opt_out", "help"];

/// The events that the bridge's own triggers on the desk post.
pub const EVENTS: [&str; 3] = ["agent_reply", "ticket_solved", "ticket_reopened"];

/// The part of a path that an endpoint leaves open, as the router spells it, begins and ends so.
const OPEN: [char; 2] = ['{', '}'];

/// A kind of endpoints, the same for all accounts at one end. Its words are those of the first accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// The bridge's own triggers on the desk.
    #[serde(rename = "zendesk")]
    Desk,
    /// The bridge's own campaigns at the carrier.
    #[serde(rename = "braze")]
    Carrier,
    /// The recipe's triggers on the desk.
    RecipeSend,
    /// The recipe's first campaign at the carrier.
    RecipeNewTicket,
    /// The recipe's second campaign at the carrier. The path names the ticket: perhaps none, perhaps with `.json`.
    RecipeAppend,
    /// The carrier's reports.
    #[serde(rename = "currents")]
    Reports,
}

impl Door {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Desk, Self::Carrier, Self::RecipeSend, Self::RecipeNewTicket, Self::RecipeAppend, Self::Reports];

    /// Those of the published recipe, which only the first accounts have.
    pub const RECIPE: [Self; 3] = [Self::RecipeSend, Self::RecipeNewTicket, Self::RecipeAppend];

    /// The own door of accounts at this end.
    #[must_use]
    pub const fn own(end: End) -> Self {
        match end {
            End::Desk => Self::Desk,
            End::Carrier => Self::Carrier,
        }
    }

    /// Its word in the operator API and in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Desk | Self::Carrier => Ends::FIRST.at(self.end()).name(),
            Self::RecipeSend => "recipe_send",
            Self::RecipeNewTicket => "recipe_new_ticket",
            Self::RecipeAppend => "recipe_append",
            Self::Reports => "currents",
        }
    }

    /// Its paths on `listen`, as the router spells them; the first is the one that is told.
    #[must_use]
    pub const fn paths(self) -> &'static [&'static str] {
        match self {
            Self::Desk | Self::Carrier => &["/webhooks/{account}"],
            // The recipe's own page spells it both ways.
            Self::RecipeSend => &["/campaigns/trigger/send", "/campaign/trigger/send"],
            Self::RecipeNewTicket => &["/api/v2/tickets", "/api/v2/tickets.json"],
            Self::RecipeAppend => &["/api/v2/tickets/{id}", "/api/v2/tickets/"],
            Self::Reports => &["/webhooks/{account}/currents"],
        }
    }

    /// The method that it takes.
    #[must_use]
    pub const fn method(self) -> Method {
        match self {
            Self::RecipeAppend => Method::PUT,
            Self::Desk | Self::Carrier | Self::RecipeSend | Self::RecipeNewTicket | Self::Reports => Method::POST,
        }
    }

    /// The part that the door's path leaves open, in this raw path; `None` for a path of another door.
    #[must_use]
    pub fn open_part(self, path: &str) -> Option<&str> {
        self.paths().iter().find_map(|pattern| {
            let Some((before, rest)) = pattern.split_once(OPEN[0]) else { return (path == *pattern).then_some("") };
            let behind = rest.split_once(OPEN[1]).map_or("", |(_, behind)| behind);
            path.strip_prefix(before)?.strip_suffix(behind).filter(|part| !part.contains('/'))
        })
    }

    /// The end whose accounts post here.
    #[must_use]
    pub const fn end(self) -> End {
        match self {
            Self::Desk | Self::RecipeSend => End::Desk,
            Self::Carrier | Self::RecipeNewTicket | Self::RecipeAppend | Self::Reports => End::Carrier,
        }
    }

    /// The door of an event that an earlier process accepted, as far as the event tells. `None` for an event without a
    /// webhook, and for an unreadable body.
    #[must_use]
    pub fn of(kind: &EventKind) -> Option<Self> {
        match kind {
            EventKind::CustomerText(text) if text.ticket_id.is_some() => Some(Self::RecipeAppend),
            EventKind::CustomerText(text) if text.fields != Default::default() => Some(Self::RecipeNewTicket),
            EventKind::CustomerText(_) => Some(Self::Carrier),
            EventKind::PhoneText(text) if text.recipe.is_some() => Some(Self::RecipeSend),
            EventKind::AgentReply(_) | EventKind::PhoneText(_) if kind.is_caught_up() => None,
            EventKind::AgentReply(_)
            | EventKind::PhoneText(_)
            | EventKind::TicketSolved(_)
            | EventKind::TicketReopened(_) => Some(Self::Desk),
            EventKind::Template(_) | EventKind::Note(_) | EventKind::Unreadable(_) => None,
        }
    }
}

/// An endpoint: a door of one account. Records of before lines and accounts tell the door alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Kept")]
pub struct Endpoint {
    /// The kind of its bodies.
    #[serde(rename = "endpoint")]
    pub door: Door,
    /// The account that posts here.
    pub account: AccountId,
}

/// An endpoint as it is kept.
#[derive(Deserialize)]
struct Kept {
    endpoint: Door,
    #[serde(default)]
    account: Option<AccountId>,
}

impl From<Kept> for Endpoint {
    fn from(Kept { endpoint, account }: Kept) -> Self {
        account.map_or_else(|| endpoint.into(), |account| Self { door: endpoint, account })
    }
}

/// The door of the first account.
impl From<Door> for Endpoint {
    fn from(door: Door) -> Self {
        Self { door, account: Ends::FIRST.at(door.end()) }
    }
}

impl Endpoint {
    /// Its name in logs and metrics: the account's own where the path names the account alone.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.door {
            Door::Desk | Door::Carrier => self.account.name(),
            Door::Reports if !self.account.is_first() => name_of_reports(self.account),
            Door::RecipeSend | Door::RecipeNewTicket | Door::RecipeAppend | Door::Reports => self.door.name(),
        }
    }

    /// Its path on `listen`.
    #[must_use]
    pub fn path(self) -> String {
        let told = self.door.paths().first().copied().unwrap_or_default();
        match self.door {
            Door::Desk | Door::Carrier | Door::Reports => told.replace("{account}", self.account.name()),
            Door::RecipeSend | Door::RecipeNewTicket | Door::RecipeAppend => told.to_owned(),
        }
    }

    /// The end of the account.
    #[must_use]
    pub const fn end(self) -> End {
        self.door.end()
    }

    /// The account's table.
    #[must_use]
    pub const fn table(self) -> AccountTable {
        AccountTable(self.account)
    }
}

/// The name of the endpoint for a further account's reports. It is kept for good, as the account's own name is.
fn name_of_reports(account: AccountId) -> &'static str {
    static NAMES: Mutex<BTreeMap<AccountId, &'static str>> = Mutex::new(BTreeMap::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    names.entry(account).or_insert_with(|| String::leak(format!("{account}/{}", Door::Reports.name())))
}

/// The one of these accounts to which an unreadable body was posted, by its raw path; `None` for every other event.
#[must_use]
pub fn posted_to(kind: &EventKind, ends: Ends) -> Option<AccountId> {
    let EventKind::Unreadable(kept) = kind else { return None };
    Door::ALL.into_iter().find_map(|door| {
        let part = door.open_part(&kept.path)?;
        match door {
            Door::Desk | Door::Carrier | Door::Reports => {
                ends.accounts().into_iter().find(|account| account.name() == part)
            }
            Door::RecipeSend | Door::RecipeNewTicket | Door::RecipeAppend => {
                Some(Endpoint::from(door).account).filter(|account| ends.end(*account).is_some())
            }
        }
    })
}

/// An account that posts webhooks.
#[derive(Clone, Copy, Debug)]
pub struct Poster {
    /// Its end.
    pub end: End,
    /// The names that a complete installation brings to its own door.
    pub expected: &'static [&'static str],
}

/// The endpoints of these accounts, each with the names that are expected there: their own doors, the recipe's, and those for
/// reports.
pub(super) fn of_accounts(
    accounts: &BTreeMap<AccountId, Poster>,
) -> impl Iterator<Item = (Endpoint, &'static [&'static str])> {
    let own = accounts
        .iter()
        .map(|(account, poster)| (Endpoint { door: Door::own(poster.end), account: *account }, poster.expected));
    let carriers = accounts.iter().filter(|(_, poster)| poster.end == End::Carrier);
    let reports = carriers.map(|(account, _)| Endpoint { door: Door::Reports, account: *account });
    let others = Door::RECIPE.map(Endpoint::from).into_iter().chain(reports);
    own.chain(others.map(|endpoint| (endpoint, &[][..])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Unreadable;

    #[test]
    fn the_words_of_endpoints_stay() {
        let words = Door::ALL.map(|door| {
            let kept = serde_json::to_value(Endpoint::from(door)).unwrap();
            assert_eq!(kept["account"], Ends::FIRST.at(door.end()).name());
            let stored = kept["endpoint"].as_str().unwrap().to_owned();
            (stored, door.name(), Endpoint::from(door).name(), Endpoint::from(door).path())
        });
        let expected = [
            ("zendesk", "/webhooks/zendesk"),
            ("braze", "/webhooks/braze"),
            ("recipe_send", "/campaigns/trigger/send"),
            ("recipe_new_ticket", "/api/v2/tickets"),
            ("recipe_append", "/api/v2/tickets/{id}"),
            ("currents", "/webhooks/braze/currents"),
        ];
        assert_eq!(words, expected.map(|(name, path)| (name.to_owned(), name, name, path.to_owned())));
    }

    #[test]
    fn a_further_account_has_endpoints_of_its_own_and_the_door_alone_is_that_of_the_first() {
        let canada: AccountId = "canada".parse().unwrap();
        let told = |door| (Endpoint { door, account: canada }.name(), Endpoint { door, account: canada }.path());
        assert_eq!(told(Door::Carrier), ("canada", "/webhooks/canada".to_owned()));
        assert_eq!(told(Door::Reports), ("canada/currents", "/webhooks/canada/currents".to_owned()));
        let kept = |text| serde_json::from_str::<Endpoint>(text).unwrap();
        assert_eq!(kept(r#"{"endpoint":"currents"}"#), Door::Reports.into());
        assert_eq!(
            kept(r#"{"endpoint":"currents","account":"canada"}"#),
            Endpoint { door: Door::Reports, account: canada }
        );
    }

    #[test]
    fn an_unreadable_body_is_of_the_account_that_its_path_names() {
        let ends = Ends { carrier: "canada".parse().unwrap(), ..Ends::FIRST };
        for (path, account) in [
            ("/webhooks/zendesk", Some("zendesk")),
            ("/webhooks/canada", Some("canada")),
            ("/webhooks/canada/currents", Some("canada")),
            ("/campaign/trigger/send", Some("zendesk")),
            ("/api/v2/tickets/7", None),
            ("/webhooks/braze", None),
            ("/webhooks/%zz", None),
            ("/elsewhere", None),
        ] {
            let (method, body) = ("POST".to_owned(), String::new());
            let kept = Unreadable { path: path.to_owned(), method, content_type: None, body };
            assert_eq!(posted_to(&EventKind::Unreadable(kept), ends).map(AccountId::name), account, "{path}");
        }
    }

    #[test]
    fn a_path_belongs_to_one_door_and_its_open_part_is_taken_raw() {
        for (path, door, part) in [
            ("/webhooks/zendesk", Some(Door::Carrier), "zendesk"),
            ("/webhooks/%zz", Some(Door::Carrier), "%zz"),
            ("/webhooks/canada/currents", Some(Door::Reports), "canada"),
            ("/campaigns/trigger/send", Some(Door::RecipeSend), ""),
            ("/campaign/trigger/send", Some(Door::RecipeSend), ""),
            ("/api/v2/tickets", Some(Door::RecipeNewTicket), ""),
            ("/api/v2/tickets.json", Some(Door::RecipeNewTicket), ""),
            ("/api/v2/tickets/12.json", Some(Door::RecipeAppend), "12.json"),
            ("/api/v2/tickets/", Some(Door::RecipeAppend), ""),
            ("/api/v2/tickets/.json", Some(Door::RecipeAppend), ".json"),
            ("/api/v2/tickets/1/comments", None, ""),
            ("/webhooks/zendesk/", None, ""),
            ("", None, ""),
        ] {
            // Both ends' own doors have one path, and the account decides between them.
            let doors = Door::ALL.into_iter().filter(|door| *door != Door::Desk);
            let found: Vec<_> = doors.filter_map(|door| Some((door, door.open_part(path)?))).collect();
            assert_eq!(found, door.map(|door| (door, part)).into_iter().collect::<Vec<_>>(), "{path}");
        }
    }
}
