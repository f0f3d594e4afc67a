//! How an app is set up, how its messages and links end, and a message that reached a phone. The default values are obviously
//! not real ones.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

/// The integration of text messages, over Twilio.
pub const SMS: &str = "5f0c00000000000000000001";

/// The integration of WhatsApp.
pub const WHATSAPP: &str = "5f0c00000000000000000002";

/// How the app is set up. The default values are obviously not real ones.
#[derive(Clone)]
pub struct SunshineOptions {
    /// The bridge's name for the account, with which the path of its webhooks ends.
    pub account: String,
    /// The app.
    pub app_id: String,
    /// The id of its key.
    pub key_id: String,
    /// The secret of its key.
    pub secret: String,
    /// The secret of the webhook of the second generation.
    pub webhook_secret: String,
    /// The secret of the webhook of notifications.
    pub notification_secret: String,
    /// Whether the bridge is set up: its integration with a webhook, in control of new conversations, and a webhook of
    /// notifications. Otherwise Zendesk's own messaging answers.
    pub is_set_up: bool,
    /// Whether the media of messages need the key.
    pub private_media: bool,
    /// The time for an answer to a webhook.
    pub webhook_timeout: Duration,
    /// The pause before a webhook is tried again.
    pub retry_spacing: Duration,
}

impl Default for SunshineOptions {
    fn default() -> Self {
        Self {
            account: "sunshine".into(),
            app_id: "5d8cff3cd55b040010928b5b".into(),
            key_id: "app_5deadbeef00000000000key1".into(),
            secret: "sandbox-sunshine-secret-not-real".into(),
            webhook_secret: "5a4db0c5000000000000000000000000not-real".into(),
            notification_secret: "5a4db0c5111111111111111111111111not-real".into(),
            is_set_up: true,
            private_media: true,
            webhook_timeout: Duration::from_secs(20),
            retry_spacing: Duration::from_millis(20),
        }
    }
}

/// The end of the messages that are sent from now on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// They arrive, and the handset says so.
    #[default]
    Arrives,
    /// The channel takes them, and nothing more is told.
    Taken,
    /// They fail at the channel's provider with this code.
    Fails(u32),
    /// The channel takes them, and they fail with this code all the same.
    FailsLate(u32),
    /// No webhook tells.
    Silent,
}

/// The end of the links to phones that are asked for from now on, where they need no act of the customer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Linking {
    /// They are confirmed at once.
    #[default]
    Confirms,
    /// They stay pending until told.
    Waits,
    /// They fail.
    Fails,
}

/// A message that reached a phone.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    /// The message, or the notification.
    pub id: String,
    /// Its conversation.
    pub conversation: String,
    /// The integration that it went over.
    pub integration: String,
    /// The number, or WhatsApp's own id of a person who hides theirs.
    pub to: String,
    /// The words; of a picture, its address.
    pub words: String,
    /// The name of its template.
    pub template: Option<String>,
    /// The metadata that it was sent with.
    pub metadata: Value,
    /// When it left.
    pub at: Timestamp,
}
