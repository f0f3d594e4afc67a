//! The folder of packs, as the registry knows it, and the look at an installation.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::checkup as judge;
use super::client::{Options, Packed};
use super::keys::{self, Pack as Keys};
use super::signature::Terms;
use super::source::Webhooks;
use super::states::States;
use crate::domain::account::AccountId;
use crate::domain::line::{By, Channel, Forms};
use crate::domain::retry::OnUnconfirmed;
use crate::domain::text::RecipeMessage;
use crate::intake::Source;
use crate::keys::book::Book;
use crate::keys::fault::Flaw;
use crate::ports::CarrierTerms;
use crate::vendors::checkup::{self, Line as Finding, Sender, State};
use crate::vendors::folder::{Around, Carried, CarrierFolder, Folder, Installation, LineTerms, SettingUp};
use crate::vendors::http::Reach;

impl Folder for Packed {
    const TITLE: &'static str = "Pack";
    const SENDER: Sender = judge::SENDER;
    const ONE_PROOF: &'static str = "Give each account the secret of its own webhook";
    const DOMAINS: &'static [&'static str] = &[];
    const OWN_ADDRESS: &'static str = "Leave it out: the pack tells the vendor's address";
    const SETTING_UP: SettingUp = SettingUp::ByHand("docs/packs.md");
    type Keys = Keys;

    fn url(keys: &Keys) -> &Url {
        keys.url.as_ref().unwrap_or(&keys.access.pack.file.url.0)
    }

    fn proofs(keys: &Keys) -> Vec<(&'static str, &SecretString)> {
        keys.signing_secrets.iter().map(|secret| ("signing_secrets", secret)).collect()
    }

    /// Two packs may share nothing but a name for their secrets.
    fn api_key(_keys: &Keys) -> Option<(&SecretString, &'static str)> {
        None
    }

    fn source(keys: &Keys, carrier: AccountId, around: &Around<'_>) -> Arc<dyn Source> {
        let terms = Terms {
            plan: Arc::clone(&keys.access.pack),
            secrets: keys.signing_secrets.clone(),
            tolerance: keys.signature_tolerance_seconds,
            webhook_url: keys.access.webhook_url.clone(),
        };
        let (sender, lines) = (keys.sender.clone(), around.lines.clone());
        Arc::new(Webhooks { carrier, sender, lines, terms: Arc::new(terms), told: Some(States::default()) })
    }

    fn open(keys: &Keys, reach: Reach) -> Self {
        let access = keys.access.clone();
        let options = Options {
            plan: access.pack,
            url: keys.url.clone(),
            account_id: access.account_id,
            key_id: access.key_id,
            secret: access.secret.unwrap_or_default(),
            webhook_url: access.webhook_url,
            sender: keys.sender.clone(),
        };
        Self::new(options, reach)
    }

    fn renew(&self, keys: &Keys) {
        self.renew_secret(keys.access.secret.clone().unwrap_or_default());
    }

    async fn look(keys: &Keys, reach: Reach, place: &Installation<'_>) -> Vec<Finding> {
        let clock = reach.clock.clone();
        let first = Self::open(keys, reach).ask_whether_let_in().await;
        let host = Self::url(keys).host_str().unwrap_or_default();
        let (state, said) = match keys.access.pack.probe {
            Some(_) => (State::Good, format!("{host} knows it; only a text shows whether it may send")),
            None => (
                State::Unknown,
                format!("{host} answers; the pack names no probe, so that only a text shows whether it knows the key"),
            ),
        };
        let known = Finding::new(Self::TITLE, "key", state, said);
        let tolerance = keys.signature_tolerance_seconds;
        checkup::key_and_clock(Self::TITLE, Self::SENDER.remedies, place.table, first, known, clock.now(), tolerance)
    }
}

impl CarrierFolder for Packed {
    const LINES: LineTerms = LineTerms {
        address: keys::NUMBER,
        name_it: |_| "Set it to the line's number as the vendor shows it, with its +",
        of_one_account: "a number belongs to one account",
        form: None,
        template: None,
    };
    const KNOWS_BY: By = By::Phone;

    fn terms(keys: &Keys) -> CarrierTerms {
        CarrierTerms {
            // A vendor that cannot be asked must not get a text twice.
            on_unconfirmed: OnUnconfirmed::Hold,
            confirm_after: CONFIRM_AFTER.to_vec(),
            // The recipe is another carrier's alone.
            recipe_message: RecipeMessage::Whole,
            gsm7: keys.gsm7,
            asks_on: None,
            backfill: false,
        }
    }

    /// Packs carry text messages alone.
    fn check_lines(lines: &Carried, book: &mut Book<'_>) {
        for line in lines.lines.iter().filter(|line| line.channel != Channel::Sms) {
            let problem = format!("is \"{}\", which a pack does not carry", line.channel.word());
            book.fault::<()>(&line.at, "channel", Flaw::new(problem, "Set it to \"sms\""));
        }
    }

    /// Texts go out in no form of the carrier's.
    fn forms(_keys: &Keys) -> Forms {
        Forms::default()
    }
}

/// When a text whose answer was lost becomes unconfirmed for the operator: a report with its mark has that long to come.
const CONFIRM_AFTER: [Duration; 1] = [Duration::from_secs(30)];
