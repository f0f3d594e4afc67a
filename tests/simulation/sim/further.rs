//! The further carriers of the first brand's desk: each has a line, and customers of its own who are known by their numbers.

use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;
use tandem::clock::Clock;
use tandem::sandbox::bird::{Bird, BirdOptions};
use tandem::sandbox::pack::{Api, ApiOptions, Dialect};
use tandem::sandbox::sender::Webhook;
use tandem::sandbox::sunshine::{SMS, Sunshine, SunshineOptions};

use super::plan::{Plan, Vendor};
use super::world::{Customer, Line, START};
use crate::oracle::Phones;

/// A further carrier.
pub(crate) enum Further {
    Bird(Bird),
    Sunshine(Sunshine),
    /// The vendor of a pack.
    Twilio(Api),
}

impl Further {
    /// The carrier without a network; nothing for a vendor that is none.
    pub(crate) fn of(vendor: Vendor, seed: u64) -> Option<Self> {
        let clock = |salt: u64| Clock::of_runtime(START, seed ^ salt);
        match vendor {
            Vendor::Zendesk | Vendor::Braze => None,
            Vendor::Bird => Some(Self::Bird(Bird::in_process(BirdOptions::default(), clock(3)))),
            Vendor::Sunshine => Some(Self::Sunshine(Sunshine::in_process(SunshineOptions::default(), clock(4)))),
            Vendor::Twilio => Some(Self::Twilio(Api::in_process(ApiOptions::of(Dialect::Twilio), clock(5)))),
        }
    }

    pub(crate) fn vendor(&self) -> Vendor {
        match self {
            Self::Bird(_) => Vendor::Bird,
            Self::Sunshine(_) => Vendor::Sunshine,
            Self::Twilio(_) => Vendor::Twilio,
        }
    }

    /// Its customer of this number.
    pub(crate) fn customer(&self, number: usize) -> Customer {
        let (vendor, digit) = (
            self.vendor(),
            match self {
                Self::Bird(_) => 6,
                Self::Sunshine(_) => 7,
                Self::Twilio(_) => 8,
            },
        );
        let phone = format!("+155555{digit}{number:04}");
        let ticket_key = match self {
            Self::Bird(_) => format!("bird:{phone}@{}", BirdOptions::default().senders[0]),
            Self::Sunshine(sunshine) => format!("sunshine:{}", sunshine.meet(SMS, &phone)),
            Self::Twilio(_) => format!("twilio:{phone}@{}", ApiOptions::of(Dialect::Twilio).numbers[1]),
        };
        let (key, user) = (phone.clone(), phone.clone());
        Customer { brand: 0, line: Line::Further(vendor), key, ticket_key, user, carrier_id: phone }
    }

    /// A customer's phone sends these words on the line. Returns the id by which the bridge's acknowledgement is known.
    pub(crate) fn text(&self, from: &str, words: &str) -> String {
        match self {
            Self::Bird(bird) => bird.text(from, &BirdOptions::default().senders[0], words),
            Self::Sunshine(sunshine) => sunshine.text(SMS, from, words),
            Self::Twilio(api) => api.text(from, &ApiOptions::of(Dialect::Twilio).numbers[1], words, &[]),
        }
    }

    pub(crate) async fn answer(&self, request: Request<Bytes>) -> Response<Bytes> {
        match self {
            Self::Bird(bird) => bird.answer(request).await,
            Self::Sunshine(sunshine) => sunshine.answer(request).await,
            Self::Twilio(api) => api.answer(request).await,
        }
    }

    pub(crate) fn take_held_webhooks(&self) -> Vec<Webhook> {
        match self {
            Self::Bird(bird) => bird.take_held_webhooks(),
            Self::Sunshine(sunshine) => sunshine.take_held_webhooks(),
            Self::Twilio(api) => api.take_held_webhooks(),
        }
    }

    pub(crate) fn phones(&self) -> &dyn Phones {
        match self {
            Self::Bird(bird) => bird,
            Self::Sunshine(sunshine) => sunshine,
            Self::Twilio(api) => api,
        }
    }
}

/// The messages whose acknowledgement is a success of a body of several events, which has no id of its own.
pub(crate) fn messages(body: &str) -> Vec<String> {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let events = body["events"].as_array().cloned().unwrap_or_default();
    let id = |event: &Value| event["payload"]["message"]["id"].as_str().map(str::to_owned);
    events.iter().filter_map(id).collect()
}

/// The settings of the account and the line over this vendor.
pub(crate) fn settings(vendor: Vendor, plan: &Plan) -> String {
    let on_unconfirmed = if plan.hold { "hold" } else { "resend" };
    let line = |account: &str, address: &str| {
        format!(
            "[[lines]]\nname = \"over-{account}\"\ncarrier = \"{account}\"\ndesk = \"zendesk\"\naddress = \"{address}\"\n"
        )
    };
    match vendor {
        Vendor::Zendesk | Vendor::Braze => String::new(),
        Vendor::Bird => {
            let BirdOptions { account, api_key, signing_secret, senders, .. } = BirdOptions::default();
            format!(
                "[accounts.{account}]\nvendor = \"bird\"\nurl = \"https://{account}.sandbox.invalid\"\napi_key = \"{api_key}\"\n\
                 signing_secrets = [\"{signing_secret}\"]\nsender = \"+15550100900\"\non_unconfirmed = \"{on_unconfirmed}\"\n{}",
                line(&account, &senders[0])
            )
        }
        Vendor::Sunshine => {
            let SunshineOptions { account, app_id, key_id, secret, webhook_secret, .. } = SunshineOptions::default();
            format!(
                "[accounts.{account}]\nvendor = \"sunshine\"\nurl = \"https://{account}.sandbox.invalid/sc\"\napp_id = \"{app_id}\"\n\
                 key_id = \"{key_id}\"\nsecret = \"{secret}\"\nwebhook_secrets = [\"{webhook_secret}\"]\n\
                 on_unconfirmed = \"{on_unconfirmed}\"\n{}",
                line(&account, SMS)
            )
        }
        Vendor::Twilio => {
            let ApiOptions { account, account_id, secret, signing_secret, numbers, webhook_url, .. } =
                ApiOptions::of(Dialect::Twilio);
            format!(
                "[accounts.{account}]\nvendor = \"pack\"\npack = \"{account}\"\nurl = \"https://{account}.sandbox.invalid\"\n\
                 account_id = \"{account_id}\"\nsecret = \"{secret}\"\nsigning_secrets = [\"{signing_secret}\"]\n\
                 webhook_url = \"{webhook_url}\"\nsender = \"{}\"\n{}",
                numbers[0],
                line(&account, &numbers[1])
            )
        }
    }
}
