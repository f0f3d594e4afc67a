//! The records of the embedded Braze. Pure.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// A customer in Braze. A profile that is yet to be added may have an empty `braze_id`; one is then drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// Given by Braze, never empty in a stored profile.
    pub braze_id: String,
    /// The brand's own id; absent in an anonymous profile.
    pub external_id: Option<String>,
    /// E.164.
    pub phone: Option<String>,
    /// The first name.
    pub first_name: Option<String>,
    /// The last name.
    pub last_name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// Custom attributes that can be read by now.
    pub attributes: Map<String, Value>,
    /// Whether texts of the subscription group reach this customer.
    pub opted_out: bool,
}

impl Profile {
    /// The profile as `/users/export/ids` shows it, or only the fields asked for.
    pub(super) fn json(&self, fields: Option<&[Value]>) -> Value {
        let all = json!({
            "external_id": self.external_id, "braze_id": self.braze_id, "phone": self.phone,
            "first_name": self.first_name, "last_name": self.last_name, "email": self.email, "user_aliases": [],
            "custom_attributes": self.attributes,
        });
        let Some(fields) = fields else { return all };
        let kept = fields.iter().filter_map(Value::as_str).filter_map(|name| Some((name, all.get(name)?.clone())));
        kept.filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Writes one attribute of the synchronous kind; false when it is a custom one.
    pub(super) fn write_standard(&mut self, name: &str, value: &Value) -> bool {
        let text = value.as_str().map(str::to_owned);
        match name {
            "first_name" => self.first_name = text,
            "last_name" => self.last_name = text,
            "email" => self.email = text,
            "phone" => self.phone = text,
            "external_id" | "braze_id" | "user_alias" | "_update_existing_only" | "subscription_groups" => {}
            _ => return false,
        }
        true
    }
}

/// A text that reached a phone.
#[derive(Clone, Debug, PartialEq)]
pub struct PhoneText {
    /// The owner of the phone.
    pub braze_id: String,
    /// Their external id.
    pub external_id: Option<String>,
    /// The text on the phone: the campaign's template with the trigger properties filled in.
    pub body: String,
    /// The trigger property `msg_body`, as it was sent.
    pub msg_body: Option<String>,
    /// The campaign.
    pub campaign_id: String,
    /// The id in the answer to the sender.
    pub dispatch_id: String,
    /// When.
    pub at: Timestamp,
}

/// The text that a campaign prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Template {
    /// `{{api_trigger_properties.${text}}}`.
    #[default]
    Text,
    /// `{{api_trigger_properties.${msg_body}}}`.
    MsgBody,
    /// A WhatsApp template with two variables, `first_name` and `ticket`.
    WriteAgain,
    /// The recipe's: the third line of `msg_body` between two fixed sentences.
    ThirdLine,
}

impl Template {
    /// The template's source, as `/campaigns/details` shows it.
    pub(super) fn source(self) -> &'static str {
        match self {
            Self::Text => "{{api_trigger_properties.${text}}}",
            Self::MsgBody => "{{api_trigger_properties.${msg_body}}}",
            Self::WriteAgain => {
                "Hello {{api_trigger_properties.${first_name}}}, we have an answer for you (ticket \
                 {{api_trigger_properties.${ticket}}}). Write to us to read it."
            }
            Self::ThirdLine => {
                "{% assign body = {{api_trigger_properties.${msg_body}}} %}\n{% assign msg = body | split: \"\n\" %}\n\
                 New message from Zendesk: \n{{msg[2]}}\n \nFeel free to respond directly to this number!"
            }
        }
    }

    /// The text that the customer reads; `None` when the property is missing or blank, and then no text goes out.
    pub(super) fn render(self, properties: &Value) -> Option<String> {
        let property = |name: &str| {
            let value = &properties[name];
            let printed =
                value.as_str().map_or_else(|| value.as_number().map(ToString::to_string), |text| Some(text.to_owned()));
            let printed = printed.unwrap_or_default();
            Some(printed).filter(|text| !text.trim().is_empty())
        };
        match self {
            Self::Text => property("text"),
            Self::MsgBody => property("msg_body"),
            Self::WriteAgain => {
                let (name, ticket) = (property("first_name")?, property("ticket")?);
                Some(format!("Hello {name}, we have an answer for you (ticket {ticket}). Write to us to read it."))
            }
            Self::ThirdLine => {
                // Liquid prints nothing for an index that is not there, and the text goes out all the same.
                let third = properties["msg_body"].as_str().unwrap_or("").split('\n').nth(2).unwrap_or("");
                Some(format!("New message from Zendesk: \n{third}\n \nFeel free to respond directly to this number!"))
            }
        }
    }
}

/// Whether a campaign sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CampaignState {
    /// It sends.
    #[default]
    Active,
    /// It was stopped.
    Paused,
    /// It was put away.
    Archived,
}

/// The kind of a campaign's messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text messages.
    #[default]
    Sms,
    /// WhatsApp messages with free text, which Meta takes for a day after the customer's last message.
    Response,
    /// A WhatsApp template, which Meta takes at any time.
    Template,
}

impl Kind {
    /// The word in the names of events and in `/campaigns/details`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Response | Self::Template => "whatsapp",
        }
    }
}

/// An API-triggered text campaign.
#[derive(Clone, Debug, Default)]
pub(super) struct Campaign {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) template: Template,
    pub(super) state: CampaignState,
    /// A campaign that customers are not re-eligible for reaches each once ever.
    pub(super) once_only: bool,
    pub(super) reached: Vec<String>,
}
