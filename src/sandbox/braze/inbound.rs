//! Braze's webhook campaigns: how they prove where they come from, and how they write their bodies. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

/// How a webhook campaign proves where it comes from: Braze signs nothing, a marketer types a header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BrazeAuth {
    /// `Authorization: Bearer TOKEN`.
    #[default]
    Bearer,
    /// `Authorization: Basic BASE64`, the token as the password.
    Basic,
    /// `X-Tandem-Token: TOKEN`.
    Header,
}

/// How a webhook campaign writes its body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Form-encoded, each value through `url_encode`.
    #[default]
    Form,
    /// A flat JSON object, each value through `json_escape`.
    Json,
    /// The same, where `json_escape` leaves line breaks and tabs as they are. Braze's real behaviour is unconfirmed.
    JsonRawControls,
}

/// How the webhook campaigns are set up.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct Inbound {
    pub(in super::super) auth: BrazeAuth,
    pub(in super::super) format: Format,
}

/// The fields of the golden template, in order, with the Liquid that fills them; a constant where there is none.
const FIELDS: [(&str, &str); 13] = [
    ("v", ""),
    ("channel", ""),
    ("category", ""),
    ("group", ""),
    ("campaign", "campaign.${api_id}"),
    ("dispatch", "campaign.${dispatch_id}"),
    ("braze_id", "${braze_id}"),
    ("external_id", "${user_id}"),
    ("phone", "${phone_number}"),
    ("first_name", "${first_name}"),
    ("last_name", "${last_name}"),
    ("text", "sms.${inbound_message_body}"),
    ("media", "sms.${inbound_media_urls}"),
];

impl Inbound {
    /// The header that carries the token.
    pub(in super::super) fn auth_header(self, token: &str) -> (&'static str, String) {
        match self.auth {
            BrazeAuth::Bearer => ("authorization", format!("Bearer {token}")),
            BrazeAuth::Basic => ("authorization", basic(token)),
            BrazeAuth::Header => ("x-tandem-token", token.to_owned()),
        }
    }
}

/// Basic credentials with the token as the password.
pub(in super::super) fn basic(token: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("braze:{token}")))
}

impl Format {
    pub(in super::super) fn content_type(self) -> &'static str {
        match self {
            Self::Form => "application/x-www-form-urlencoded",
            Self::Json | Self::JsonRawControls => "application/json",
        }
    }

    /// The campaign's body as typed into Braze.
    pub(super) fn template(self, group: &str) -> String {
        let (filter, before, between, after) = match self {
            Self::Form => ("url_encode", "", "&", ""),
            Self::Json | Self::JsonRawControls => ("json_escape", "{", ",", "}"),
        };
        let fields = FIELDS.map(|(name, liquid)| {
            let value = match name {
                "v" => "1".to_owned(),
                "channel" => "sms".to_owned(),
                "category" => "other".to_owned(),
                "group" => group.to_owned(),
                _ => format!("{{{{{liquid} | {filter}}}}}"),
            };
            if self == Self::Form { format!("{name}={value}") } else { format!("\"{name}\":\"{value}\"") }
        });
        format!("{before}{}{after}", fields.join(between))
    }

    /// The body for values that stand in the order of [`FIELDS`].
    pub(in super::super) fn write(self, values: &[&str; 13]) -> String {
        let pairs: Vec<(&str, &str)> = FIELDS.iter().map(|(name, _)| *name).zip(values.iter().copied()).collect();
        self.write_pairs(&pairs)
    }

    /// The body with these fields.
    pub(in super::super) fn write_pairs(self, pairs: &[(&str, &str)]) -> String {
        if self == Self::Form {
            return form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        }
        let quote = |value: &str| match self {
            Self::JsonRawControls => format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")),
            Self::Form | Self::Json => Value::from(value).to_string(),
        };
        let fields: Vec<String> = pairs.iter().map(|(name, value)| format!("\"{name}\":{}", quote(value))).collect();
        format!("{{{}}}", fields.join(","))
    }
}
