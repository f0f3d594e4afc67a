//! The accounts that post webhooks: which account a path belongs to, its secrets, and the place of its events. It never
//! reads a body.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::webhook::IntakeOptions;
use crate::domain::account::{AccountId, End, Ends};
use crate::domain::event::EventKind;
use crate::domain::inbound::{Door, Endpoint};
use crate::domain::line::{Channel, Forms, Line, Lines, Place};

/// The accounts that post webhooks, and the lines of their texts.
#[derive(Clone, Debug, Default)]
pub struct Senders {
    /// The accounts, each with its end and its own secrets.
    pub accounts: BTreeMap<AccountId, (End, IntakeOptions)>,
    /// The lines.
    pub lines: Arc<Lines>,
}

/// The first desk and the first carrier, each with these options.
impl From<IntakeOptions> for Senders {
    fn from(options: IntakeOptions) -> Self {
        let accounts = [End::Desk, End::Carrier].map(|end| (Ends::FIRST.at(end), (end, options.clone())));
        let line = Line::default_of(Ends::FIRST, Forms::default());
        Self { accounts: accounts.into(), lines: Arc::new(Lines::new(vec![line])) }
    }
}

impl Senders {
    /// The account of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<(AccountId, End)> {
        // The text comes from anyone, and a name that no configuration has met takes no room.
        let account = AccountId::known(name)?;
        self.accounts.get(&account).map(|(end, _)| (account, *end))
    }

    /// The endpoint for single events at a path; the account decides between the own doors of both ends.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<Endpoint> {
        match Door::Carrier.open_part(path) {
            Some(name) => self.named(name).map(|(account, end)| Endpoint { door: Door::own(end), account }),
            None => Door::RECIPE.into_iter().find(|door| door.open_part(path).is_some()).map(Endpoint::from),
        }
    }

    /// The options of an account.
    #[must_use]
    pub fn options(&self, account: AccountId) -> Option<&IntakeOptions> {
        self.accounts.get(&account).map(|(_, options)| options)
    }

    /// The place of an event that this account posted; `None` for a customer's text on a line that is not configured,
    /// where the carrier has no default line.
    #[must_use]
    pub fn place(&self, account: AccountId, kind: &EventKind) -> Option<Place> {
        match kind {
            EventKind::CustomerText(text) => {
                let channel = Channel::of_word(&text.channel).unwrap_or_default();
                self.lines.place(account, text.line.as_deref(), channel)
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
        let end = self.accounts.get(&account).map(|(end, _)| *end);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_its_own_account_and_to_no_other() {
        let mut senders = Senders::from(IntakeOptions::default());
        let eu: AccountId = "support-eu".parse().unwrap();
        senders.accounts.insert(eu, (End::Desk, IntakeOptions::default()));
        let at = |path| senders.at(path).map(|endpoint| (endpoint.account.name(), endpoint.door));
        assert_eq!(at("/webhooks/support-eu"), Some(("support-eu", Door::Desk)));
        assert_eq!(at("/webhooks/braze"), Some(("braze", Door::Carrier)));
        assert_eq!(at("/campaigns/trigger/send"), Some(("zendesk", Door::RecipeSend)));
        assert_eq!(at("/api/v2/tickets"), Some(("braze", Door::RecipeNewTicket)));
        for path in ["/webhooks/elsewhere", "/webhooks/", "/webhooks/support-eu/", "/webhooks/braze/currents"] {
            assert_eq!(at(path), None, "{path}");
        }
    }

    #[test]
    fn a_text_on_no_line_has_no_place_where_the_carrier_has_no_default_line() {
        let ends = Ends { carrier: "braze-eu".parse().unwrap(), ..Ends::FIRST };
        let line = Line { address: Some("g1".into()), ..Line::default_of(ends, Forms::default()) };
        let lines = Arc::new(Lines::new(vec![line]));
        let senders = Senders { accounts: [(ends.carrier, (End::Carrier, IntakeOptions::default()))].into(), lines };
        let place = |line| senders.lines.place(ends.carrier, line, Channel::Sms).map(|place| place.ends);
        assert_eq!((place(Some("g1")), place(Some("g2")), place(None)), (Some(ends), None, None));
        assert_eq!(senders.ends(ends.carrier), ends);
    }
}
