//! The integrations of an app with their webhooks, and its switchboard: read for the look at an installation and for setting
//! up, and written for the latter. Never decides which there should be.

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use crate::ports::Failure;
use crate::vendors::http::exchange::Request;
use crate::vendors::setup::Write;
use crate::vendors::sunshine::client::Sunshine;
use crate::vendors::sunshine::limits;

/// The most integrations on a page.
const PAGE: &str = "100";

/// The most pages of the list: far more than an app has channels.
const PAGES_MAX: usize = 20;

/// The type of an integration that holds a webhook.
const CUSTOM: &str = "custom";

/// The beginning of the types of Zendesk's own responders.
const NATIVE: &str = "zd:";

/// An integration: a channel, or a custom one with a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Integration {
    /// Its id.
    pub id: String,
    /// Its type: `twilio`, `messagebird`, `whatsapp`, `custom` and others.
    #[serde(rename = "type")]
    pub kind: String,
    /// `active`, `inactive` or `error`.
    #[serde(default)]
    pub status: Option<String>,
    /// Its name for people.
    #[serde(default)]
    pub display_name: Option<String>,
    /// The member of the switchboard that answers its new conversations; `None` where none does.
    #[serde(default)]
    pub default_responder: Option<Responder>,
}

/// A member of the switchboard, as the first responder of a channel.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Responder {
    /// Its name.
    #[serde(default)]
    pub name: Option<String>,
    /// The integration behind it.
    #[serde(default)]
    pub integration_id: Option<String>,
    /// The type of that.
    #[serde(default)]
    pub integration_type: Option<String>,
}

impl Responder {
    /// Its name and its type, for people.
    #[must_use]
    pub fn shown(&self) -> String {
        let name = self.name.as_deref().unwrap_or("without a name");
        format!("{name} ({})", self.integration_type.as_deref().unwrap_or("of no type"))
    }

    /// Whether it is Zendesk's own, which opens a ticket for each talk.
    #[must_use]
    pub fn is_native(&self) -> bool {
        self.integration_type.as_deref().is_some_and(|kind| kind.starts_with(NATIVE))
    }
}

/// A webhook of either generation of the API.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    #[serde(alias = "_id")]
    id: String,
    #[serde(default)]
    version: Option<String>,
    target: String,
    #[serde(default)]
    triggers: Vec<String>,
    #[serde(default)]
    secret: String,
    #[serde(default)]
    include_full_user: bool,
    #[serde(default)]
    include_full_source: bool,
}

/// The webhook of a custom integration.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Its id.
    pub id: String,
    /// The custom integration that holds it.
    pub integration: Integration,
    /// The address that it posts to.
    pub target: String,
    /// The events that it brings.
    pub triggers: Vec<String>,
    /// The secret that it presents.
    pub secret: SecretString,
    /// Whether it tells the customer's profile.
    pub tells_user: bool,
    /// Whether it tells the customer's number.
    pub tells_source: bool,
}

/// A webhook of the first generation, which brings the events of notifications.
#[derive(Clone, Debug)]
pub struct Notifying {
    /// Its id.
    pub id: String,
    /// The address that it posts to.
    pub target: String,
    /// The events that it brings.
    pub triggers: Vec<String>,
    /// The secret that it presents.
    pub secret: SecretString,
}

/// A switchboard. An app has one at most.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Switchboard {
    /// Its id.
    pub id: String,
    /// Whether it decides which integration hears a talk. Otherwise all hear all.
    pub enabled: bool,
}

/// A member of the switchboard.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Its id.
    pub id: String,
    /// The integration behind it.
    #[serde(default)]
    pub integration_id: Option<String>,
}

impl Sunshine {
    /// All integrations of the app.
    ///
    /// # Errors
    /// As for every read.
    pub async fn integrations(&self) -> Result<Vec<Integration>, Failure> {
        let (mut found, mut after) = (Vec::new(), None::<String>);
        for _ in 0..PAGES_MAX {
            let mut request = Request::get(limits::READ, self.path("/integrations")).query("page[size]", PAGE);
            if let Some(after) = after.take() {
                request = request.query("page[after]", after);
            }
            let (answer, mut json) = self.call(&request).await?;
            let Value::Array(page) = json["integrations"].take() else {
                return Err(self.exchange.unreadable(&request, &answer, "no list"));
            };
            // A record that cannot be read is none of those that the bridge knows.
            found.extend(page.into_iter().filter_map(|one| serde_json::from_value(one).ok()));
            let meta = &json["meta"];
            match meta["afterCursor"].as_str().filter(|_| meta["hasMore"] == true) {
                Some(next) => after = Some(next.to_owned()),
                None => break,
            }
        }
        Ok(found)
    }

    /// One integration, with its first responder.
    ///
    /// # Errors
    /// As for every read.
    pub async fn integration(&self, id: &str) -> Result<Integration, Failure> {
        self.read(&format!("/integrations/{id}"), "integration").await
    }

    /// The webhooks of the second generation that the custom ones of these integrations hold.
    ///
    /// # Errors
    /// As for every read.
    pub async fn webhooks(&self, integrations: &[Integration]) -> Result<Vec<Webhook>, Failure> {
        let mut found = Vec::new();
        for integration in integrations.iter().filter(|integration| integration.kind == CUSTOM) {
            let listed: Vec<Listed> =
                self.read(&format!("/integrations/{}/webhooks", integration.id), "webhooks").await?;
            let second = listed.into_iter().filter(|webhook| webhook.version.as_deref().unwrap_or("v2") == "v2");
            found.extend(second.map(|webhook| Webhook {
                id: webhook.id,
                integration: integration.clone(),
                target: webhook.target,
                triggers: webhook.triggers,
                secret: SecretString::from(webhook.secret),
                tells_user: webhook.include_full_user,
                tells_source: webhook.include_full_source,
            }));
        }
        Ok(found)
    }

    /// The webhooks of the first generation. Those of the second one, should the list show them too, are none of them.
    ///
    /// # Errors
    /// As for every read.
    pub async fn notifying(&self) -> Result<Vec<Notifying>, Failure> {
        let listed: Vec<Value> = self.part(self.first_path("/webhooks"), "webhooks").await?;
        // A record that cannot be read is none of those that the bridge knows.
        let listed = listed.into_iter().filter_map(|one| serde_json::from_value::<Listed>(one).ok());
        let first = listed.filter(|webhook| webhook.version.as_deref() != Some("v2"));
        let webhooks = first.map(|webhook| Notifying {
            id: webhook.id,
            target: webhook.target,
            triggers: webhook.triggers,
            secret: SecretString::from(webhook.secret),
        });
        Ok(webhooks.collect())
    }

    /// The switchboard of the app with its members; `None` where there is none.
    ///
    /// # Errors
    /// As for every read.
    pub async fn switchboard(&self) -> Result<Option<(Switchboard, Vec<Member>)>, Failure> {
        let boards: Vec<Switchboard> = self.read("/switchboards", "switchboards").await?;
        let Some(board) = boards.into_iter().next() else { return Ok(None) };
        let path = format!("/switchboards/{}/switchboardIntegrations", board.id);
        let members = self.read(&path, "switchboardIntegrations").await?;
        Ok(Some((board, members)))
    }

    /// Makes a change to the app; gives the id of a made object.
    ///
    /// # Errors
    /// As for every call with a lasting effect.
    pub async fn write(&self, write: &Write) -> Result<Option<String>, Failure> {
        let request = Request::write(limits::READ, write.method.clone(), &write.path, write.body.as_ref());
        let (_, json) = self.call(&request).await?;
        // `{"integration": {"id": …}}`, and in the first generation `{"webhook": {"_id": …}}`.
        let made = json.as_object().and_then(|json| json.values().next());
        Ok(made.and_then(|made| made["id"].as_str().or(made["_id"].as_str())).map(str::to_owned))
    }

    /// One part of the answer about something in the app.
    async fn read<T: for<'a> Deserialize<'a>>(&self, path: &str, part: &str) -> Result<T, Failure> {
        self.part(self.path(path), part).await
    }

    async fn part<T: for<'a> Deserialize<'a>>(&self, path: String, part: &str) -> Result<T, Failure> {
        let request = Request::get(limits::READ, path);
        let (answer, mut json) = self.call(&request).await?;
        let read = serde_json::from_value(json[part].take());
        read.map_err(|_| self.exchange.unreadable(&request, &answer, "no record in the form that the API describes"))
    }
}
