//! Sunshine Conversations' folder, as the registry knows it, and the look at an installation.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::checkup as judge;
use super::client::{Sunshine, SunshineOptions};
use super::keys::{self, Sunshine as Keys};
use super::look;
use super::source::{Reader, Webhooks};
use crate::domain::account::AccountId;
use crate::domain::line::{By, Channel, Forms};
use crate::domain::text::RecipeMessage;
use crate::intake::Source;
use crate::keys::book::Book;
use crate::keys::fault::Flaw;
use crate::ports::CarrierTerms;
use crate::vendors::checkup::{self, Line as Finding, Sender, State};
use crate::vendors::folder::{Around, Carried, CarrierFolder, Folder, Installation, LineTerms, SettingUp};
use crate::vendors::http::Reach;

impl Folder for Sunshine {
    const TITLE: &'static str = "Sunshine Conversations";
    const SENDER: Sender = judge::SENDER;
    const ONE_PROOF: &'static str = "Give each account the secret of its own webhook";
    const DOMAINS: &'static [&'static str] = &["smooch.io", "zendesk.com/sc"];
    const OWN_ADDRESS: &'static str = "Set it to the address of the Zendesk account with /sc behind it";
    const SETTING_UP: SettingUp = SettingUp::Integration;

    type Keys = Keys;

    fn url(keys: &Keys) -> &Url {
        &keys.url
    }

    fn part(keys: &Keys) -> Option<(&'static str, &str)> {
        Some(("app_id", &keys.app_id))
    }

    fn proofs(keys: &Keys) -> Vec<(&'static str, &SecretString)> {
        keys.webhook_secrets.iter().map(|secret| ("webhook_secrets", secret)).collect()
    }

    fn api_key(keys: &Keys) -> Option<(&SecretString, &'static str)> {
        Some((&keys.secret, "a key opens one app, so that it is refused at one of the two addresses"))
    }

    fn source(keys: &Keys, account: AccountId, around: &Around<'_>) -> Arc<dyn Source> {
        let reader = Reader { account, lines: around.lines.clone() };
        Arc::new(Webhooks { reader, secrets: keys.webhook_secrets.clone() })
    }

    fn open(keys: &Keys, reach: Reach) -> Self {
        let options = SunshineOptions {
            url: keys.url.clone(),
            app_id: keys.app_id.clone(),
            key: keys::presented(keys),
            messages_per_second: keys.messages_per_second,
            first_contact: keys.first_contact,
        };
        Self::new(options, reach)
    }

    fn renew(&self, keys: &Keys) {
        self.use_key(keys::presented(keys));
    }

    async fn look(keys: &Keys, reach: Reach, place: &Installation<'_>) -> Vec<Finding> {
        let clock = reach.clock.clone();
        let client = Self::open(keys, reach);
        let first = client.ask_whether_let_in().await;
        let is_let_in = first.is_ok();
        let host = Self::url(keys).host_str().unwrap_or_default();
        let known = Finding::new(Self::TITLE, "key", State::Good, format!("{host} knows it, and the app"));
        let (remedies, tolerance) = (Self::SENDER.remedies, keys.signature_tolerance_seconds);
        let mut found =
            checkup::key_and_clock(Self::TITLE, remedies, place.table, first, known, clock.now(), tolerance);
        match is_let_in {
            true => found.extend(look::at_installation(&client, keys, place).await),
            false => found.extend(judge::behind_the_key()),
        }
        found
    }
}

impl CarrierFolder for Sunshine {
    const LINES: LineTerms = LineTerms {
        address: keys::INTEGRATION,
        name_it: |_| "Set it to the id of the channel's integration in the app",
        of_one_account: "an integration belongs to one app",
        form: None,
        template: Some(keys::TEMPLATE),
    };

    const KNOWS_BY: By = By::Thread;

    fn terms(keys: &Keys) -> CarrierTerms {
        CarrierTerms {
            on_unconfirmed: keys.on_unconfirmed,
            confirm_after: CONFIRM_AFTER.to_vec(),
            // The recipe is another carrier's alone.
            recipe_message: RecipeMessage::Whole,
            gsm7: keys.gsm7,
            asks_on: None,
            backfill: false,
        }
    }

    fn check_lines(lines: &Carried, book: &mut Book<'_>) {
        for line in lines.lines.iter().filter(|line| line.channel == Channel::Rcs) {
            let flaw = Flaw::new(
                "is \"rcs\", which Sunshine Conversations does not carry",
                "Set it to \"sms\" or \"whatsapp\"",
            );
            book.fault::<()>(&line.at, "channel", flaw);
        }
        let has_addresses = |carrier| lines.lines.iter().any(|line| line.carrier == carrier && line.address.is_some());
        for line in lines.lines.iter().filter(|line| line.address.is_none() && has_addresses(line.carrier)) {
            let flaw = Flaw::new(
                "is missing, but another line of the account has one: then the account takes no texts of other integrations",
                "Set it to the id of the channel's integration in the app",
            );
            book.fault::<()>(&line.at, "address", flaw);
        }
    }

    /// Texts go out in no form of the carrier's.
    fn forms(_keys: &Keys) -> Forms {
        Forms::default()
    }
}

/// When a text whose answer was lost is looked for in the talk's list, which may lag.
const CONFIRM_AFTER: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(30)];
