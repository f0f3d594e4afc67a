//! The accounts that post webhooks: which account a path belongs to, its secrets, and the place of its events. It never
//! reads a body.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::reading::Intake;
use super::source::{Source, reread};
use crate::domain::account::{AccountId, End, Ends};
use crate::domain::event::{EventKind, Unreadable};
use crate::domain::inbound::{Door, Endpoint, Otherwise, remedy};
use crate::domain::line::{Channel, Lines, Place};
use crate::domain::remedy::Remedies;

/// One account that posts webhooks.
#[derive(Clone)]
pub struct Sender {
    /// Its end.
    pub end: End,
    /// The reader of its webhooks.
    pub source: Arc<dyn Source>,
    /// The remedies of its vendor.
    pub remedies: Remedies,
}

/// The accounts that post webhooks, and the lines of their texts.
#[derive(Clone, Default)]
pub struct Senders {
    /// The accounts.
    pub accounts: BTreeMap<AccountId, Sender>,
    /// The lines.
    pub lines: Arc<Lines>,
}

impl Senders {
    /// The account of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<(AccountId, End)> {
        // The text comes from anyone, and a name that no configuration has met takes no room.
        let account = AccountId::known(name)?;
        self.accounts.get(&account).map(|sender| (account, sender.end))
    }

    /// The endpoint at a path; the account decides between the own doors of both ends, and only carriers report.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<Endpoint> {
        if let Some(name) = Door::Carrier.open_part(path) {
            return self.named(name).map(|(account, end)| Endpoint { door: Door::own(end), account });
        }
        if let Some(name) = Door::Reports.open_part(path) {
            let carrier = self.named(name).filter(|(_, end)| *end == End::Carrier);
            return carrier.map(|(account, _)| Endpoint { door: Door::Reports, account });
        }
        Door::RECIPE.into_iter().find(|door| door.open_part(path).is_some()).map(Endpoint::from)
    }

    /// The reader of an account's webhooks.
    #[must_use]
    pub fn source(&self, account: AccountId) -> Option<&dyn Source> {
        self.accounts.get(&account).map(|sender| sender.source.as_ref())
    }

    /// Reads a quarantined body again, as the account at its path.
    #[must_use]
    pub fn reread(&self, kept: &Unreadable, received_at: Timestamp) -> Intake {
        let at = self.at(&kept.path);
        reread(kept, received_at, at.and_then(|endpoint| Some((endpoint.door, self.source(endpoint.account)?))))
    }

    /// The remedy for webhooks that were answered so at this endpoint, as a clause; `None` where none is needed.
    #[must_use]
    pub fn remedy(&self, endpoint: Endpoint, outcome: Otherwise, reason: &str) -> Option<String> {
        match self.accounts.get(&endpoint.account) {
            Some(sender) => (sender.remedies.of_webhooks)(endpoint.table(), endpoint.door, outcome, reason),
            None if outcome == Otherwise::Refused => Some(format!(
                "describe the account {}, whose path this is, or have the sender post to the path of an account that is described",
                endpoint.account
            )),
            None => remedy(outcome, reason).map(str::to_owned),
        }
    }

    /// The place of an event that this account posted; `None` for a customer's text on a line that is not configured,
    /// where the carrier has no default line.
    #[must_use]
    pub fn place(&self, account: AccountId, kind: &EventKind) -> Option<Place> {
        match kind {
            EventKind::CustomerText(text) => {
                let channel = Channel::of_word(&text.channel).unwrap_or_default();
                self.lines.place(account, text.told_line(), channel)
            }
            EventKind::AgentReply(_)
            | EventKind::PhoneText(_)
            | EventKind::Template(_)
            | EventKind::TicketSolved(_)
            | EventKind::TicketReopened(_)
            | EventKind::Note(_)
            | EventKind::Unreadable(_) => Some(self.ends(account).into()),
        }
    }

    /// The accounts of an event that names no line.
    #[must_use]
    pub fn ends(&self, account: AccountId) -> Ends {
        let end = self.accounts.get(&account).map(|sender| sender.end);
        match end {
            Some(End::Carrier) => {
                let any = || self.lines.of_carrier(account).next();
                let line = self.lines.default_of(account).or_else(any);
                line.map_or(Ends { carrier: account, ..Ends::FIRST }, |line| line.ends)
            }
            Some(End::Desk) | None => self.lines.home_of(account).unwrap_or(Ends { desk: account, ..Ends::FIRST }),
        }
    }
}

/// Why a readable text is kept for the operator: its line is not configured, and the carrier has no default line.
#[must_use]
pub fn no_line(carrier: AccountId) -> String {
    format!("the text names no line of {carrier} that is configured, and {carrier} has no default line")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::line::{Forms, Line};
    use crate::vendors::sources::FirstAccounts;

    #[test]
    fn a_path_leads_to_its_own_account_and_to_no_other() {
        let mut senders = Senders::from(FirstAccounts::default());
        let eu: AccountId = "support-eu".parse().unwrap();
        senders.accounts.insert(eu, senders.accounts[&Ends::FIRST.desk].clone());
        let at = |path| senders.at(path).map(|endpoint| (endpoint.account.name(), endpoint.door));
        assert_eq!(at("/webhooks/support-eu"), Some(("support-eu", Door::Desk)));
        assert_eq!(at("/webhooks/braze"), Some(("braze", Door::Carrier)));
        assert_eq!(at("/campaigns/trigger/send"), Some(("zendesk", Door::RecipeSend)));
        assert_eq!(at("/api/v2/tickets"), Some(("braze", Door::RecipeNewTicket)));
        assert_eq!(at("/webhooks/braze/currents"), Some(("braze", Door::Reports)));
        for path in [
            "/webhooks/elsewhere",
            "/webhooks/",
            "/webhooks/support-eu/",
            "/webhooks/support-eu/currents",
            "/webhooks/elsewhere/currents",
        ] {
            assert_eq!(at(path), None, "{path}");
        }
    }

    #[test]
    fn a_text_on_no_line_has_no_place_where_the_carrier_has_no_default_line() {
        let ends = Ends { carrier: "braze-eu".parse().unwrap(), ..Ends::FIRST };
        let line = Line { address: Some("g1".into()), ..Line::default_of(ends, Forms::default()) };
        let lines = Arc::new(Lines::new(vec![line]));
        let first = Senders::from(FirstAccounts::default());
        let senders =
            Senders { accounts: [(ends.carrier, first.accounts[&Ends::FIRST.carrier].clone())].into(), lines };
        let place = |line| senders.lines.place(ends.carrier, line, Channel::Sms).map(|place| place.ends);
        assert_eq!((place(Some("g1")), place(Some("g2")), place(None)), (Some(ends), None, None));
        assert_eq!(senders.ends(ends.carrier), ends);
    }
}
