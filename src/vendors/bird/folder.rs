//! Bird's folder, as the registry knows it, and the look at an installation.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::checkup as judge;
use super::client::{Bird, BirdOptions};
use super::keys::{self, Bird as Keys};
use super::signature::Terms;
use super::source::{Numbers, Webhooks};
use crate::domain::account::AccountId;
use crate::domain::line::{By, Channel, Forms};
use crate::domain::text::RecipeMessage;
use crate::intake::Source;
use crate::keys::book::Book;
use crate::keys::fault::Flaw;
use crate::ports::CarrierTerms;
use crate::vendors::checkup::{self, Line as Finding, Sender, State};
use crate::vendors::folder::{Around, Carried, CarriedLine, CarrierFolder, Folder, Installation, LineTerms, SettingUp};
use crate::vendors::http::Reach;

impl Folder for Bird {
    const TITLE: &'static str = "Bird";
    const SENDER: Sender = judge::SENDER;
    const ONE_PROOF: &'static str = "Give each account the secret of its own webhook";
    const DOMAINS: &'static [&'static str] = &["bird.com", "messagebird.com"];
    const OWN_ADDRESS: &'static str = "Leave it out: the region in the key tells Bird's address";
    const SETTING_UP: SettingUp = SettingUp::ByHand("docs/bird.md");
    type Keys = Keys;

    fn url(keys: &Keys) -> &Url {
        keys.address()
    }

    fn proofs(keys: &Keys) -> Vec<(&'static str, &SecretString)> {
        keys.signing_secrets.iter().map(|secret| ("signing_secrets", secret)).collect()
    }

    fn api_key(keys: &Keys) -> Option<(&SecretString, &'static str)> {
        Some((&keys.api_key.secret, "a key is known in its own region only, so that Bird refuses one of the two"))
    }

    fn source(keys: &Keys, carrier: AccountId, around: &Around<'_>) -> Arc<dyn Source> {
        let terms = Terms {
            secrets: keys.signing_secrets.clone(),
            tolerance: keys.signature_tolerance_seconds,
            second: keys.generations.second.clone(),
        };
        let numbers = Numbers { carrier, sender: keys.sender.clone(), lines: around.lines.clone() };
        Arc::new(Webhooks { numbers, terms: Arc::new(terms) })
    }

    fn open(keys: &Keys, reach: Reach) -> Self {
        let options = BirdOptions {
            url: keys.address().clone(),
            api_key: keys.api_key.secret.clone(),
            sender: keys.sender.clone(),
        };
        Self::new(options, reach)
    }

    fn renew(&self, keys: &Keys) {
        self.api_key.renew(keys.api_key.secret.clone());
    }

    async fn look(keys: &Keys, reach: Reach, place: &Installation<'_>) -> Vec<Finding> {
        let clock = reach.clock.clone();
        let client = Self::open(keys, reach);
        let first = client.ask_whether_let_in().await;
        let is_let_in = first.is_ok();
        let host = Self::url(keys).host_str().unwrap_or_default();
        let known = Finding::new(
            Self::TITLE,
            "key",
            State::Good,
            format!("{host} knows it; only a text shows whether it may send"),
        );
        let tolerance = keys.signature_tolerance_seconds;
        let remedies = Self::SENDER.remedies;
        let mut found =
            checkup::key_and_clock(Self::TITLE, remedies, place.table, first, known, clock.now(), tolerance);
        for line in place.lines.of_carrier(place.table.0) {
            let Some(slug) = &line.forms.template else { continue };
            found.push(match is_let_in {
                true => judge::template(line, slug, client.fit(slug).await),
                false => judge::template_behind_the_key(line),
            });
        }
        found
    }
}

impl CarrierFolder for Bird {
    const LINES: LineTerms = LineTerms {
        address: keys::SENDER,
        name_it: |_| "Set it to the line's number as Bird shows it, with its +",
        of_one_account: "a number belongs to one workspace",
        form: None,
        template: Some(keys::TEMPLATE),
    };
    const KNOWS_BY: By = By::Phone;

    fn terms(keys: &Keys) -> CarrierTerms {
        CarrierTerms {
            on_unconfirmed: keys.on_unconfirmed,
            confirm_after: CONFIRM_AFTER.to_vec(),
            // The recipe is Braze's alone.
            recipe_message: RecipeMessage::Whole,
            gsm7: keys.gsm7,
            asks_on: keys.ask_suppressions.then(|| keys.sender.clone()),
            backfill: false,
        }
    }

    /// Bird carries no RCS, and one number is one conversation with a customer, so that it has one line.
    fn check_lines(lines: &Carried, book: &mut Book<'_>) {
        for (index, line) in lines.lines.iter().enumerate() {
            let is_same = |other: &&CarriedLine| other.carrier == line.carrier && other.address == line.address;
            let same = lines.lines.iter().take(index).filter(|_| line.address.is_some()).find(is_same);
            if let Some(same) = same.filter(|same| same.channel != line.channel) {
                let problem = format!(
                    "is that of {} as well, but a customer's texts and chats of one number would be one conversation",
                    same.at.title()
                );
                book.fault::<()>(&line.at, "address", Flaw::new(problem, "Give each channel a number of its own"));
            }
        }
        for line in lines.lines.iter().filter(|line| line.channel == Channel::Rcs) {
            let flaw = Flaw::new("is \"rcs\", which Bird does not carry", "Set it to \"sms\" or \"whatsapp\"");
            book.fault::<()>(&line.at, "channel", flaw);
        }
    }

    /// Texts go out in no form of the carrier's.
    fn forms(_keys: &Keys) -> Forms {
        Forms::default()
    }
}

/// When a text whose answer was lost is looked for. A request under way locks its key for half a minute at most.
const CONFIRM_AFTER: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(35)];
