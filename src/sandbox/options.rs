//! The sandbox's options. The default values are obviously not real ones.

use std::time::Duration;

use jiff::SignedDuration;

/// How the sandbox is set up. The default values are obviously not real ones.
#[derive(Clone)]
pub struct SandboxOptions {
    /// The bridge's name for the Zendesk account, with which the path of its webhooks ends.
    pub zendesk_account: String,
    /// The bridge's name for the Braze account.
    pub braze_account: String,
    /// The OAuth client that Zendesk knows.
    pub zendesk_client_id: String,
    /// Its secret.
    pub zendesk_client_secret: String,
    /// The agent on whose behalf the bridge acts: the user of the OAuth client, and of the legacy API token.
    pub zendesk_email: String,
    /// The legacy API token.
    pub zendesk_api_token: String,
    /// The signing secret of the Zendesk webhook, used as printed.
    pub zendesk_webhook_secret: String,
    /// The life of an access token for which the request names none.
    pub token_lifetime: SignedDuration,
    /// The REST API key that Braze knows.
    pub braze_api_key: String,
    /// The token that Braze's webhook campaigns present to the bridge.
    pub braze_webhook_token: String,
    /// The token of the Currents connector.
    pub braze_currents_token: String,
    /// The API-triggered campaign that carries an agent's reply.
    pub campaign_agent_reply: String,
    /// The API-triggered campaign that carries the closing text.
    pub campaign_ticket_solved: String,
    /// Further API-triggered campaigns, for lines of their own.
    pub more_campaigns: Vec<String>,
    /// The webhook campaign that carries a customer's text.
    pub campaign_inbound: String,
    /// The API-triggered WhatsApp campaign with a response message, which carries an agent's reply.
    pub campaign_whatsapp_reply: String,
    /// The API-triggered WhatsApp campaign with a template that asks the customer to write again.
    pub campaign_whatsapp_template: String,
    /// The webhook campaign that carries a customer's WhatsApp message.
    pub campaign_whatsapp_inbound: String,
    /// The subscription group of the first line.
    pub subscription_group: String,
    /// The WhatsApp subscription group.
    pub whatsapp_group: String,
    /// One-word texts that have a keyword category of their own, in any case.
    pub custom_keywords: Vec<String>,
    /// The pause before a webhook is tried again. The vendors' own spacing is minutes; tests need not wait for it.
    pub retry_spacing: Duration,
    /// How long Zendesk waits for an answer to a webhook: the lower of the two published values.
    pub zendesk_webhook_timeout: Duration,
    /// How long Braze waits for an answer to a webhook.
    pub braze_webhook_timeout: Duration,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            zendesk_account: "zendesk".into(),
            braze_account: "braze".into(),
            zendesk_client_id: "sandbox_client".into(),
            zendesk_client_secret: "sandbox-client-secret-not-real".into(),
            zendesk_email: "bridge@sandbox.invalid".into(),
            zendesk_api_token: "sandbox-api-token-not-real".into(),
            zendesk_webhook_secret: "c2FuZGJveC1zaWduaW5nLXNlY3JldC1ub3QtcmVhbA==".into(),
            token_lifetime: SignedDuration::from_mins(30),
            braze_api_key: "sandbox-braze-key-not-real".into(),
            braze_webhook_token: "sandbox-braze-webhook-token-not-real".into(),
            braze_currents_token: "sandbox-currents-token-not-real".into(),
            campaign_agent_reply: "00000000-0000-4000-8000-00000000a9e7".into(),
            campaign_ticket_solved: "00000000-0000-4000-8000-000000005017".into(),
            more_campaigns: Vec::new(),
            campaign_inbound: "00000000-0000-4000-8000-0000000014b0".into(),
            campaign_whatsapp_reply: "00000000-0000-4000-8000-00000000a9e8".into(),
            campaign_whatsapp_template: "00000000-0000-4000-8000-000000007e31".into(),
            campaign_whatsapp_inbound: "00000000-0000-4000-8000-0000000014b1".into(),
            subscription_group: "00000000-0000-4000-8000-000000006709".into(),
            whatsapp_group: "00000000-0000-4000-8000-00000000670a".into(),
            custom_keywords: vec!["SUPPORT".into()],
            retry_spacing: Duration::from_millis(20),
            zendesk_webhook_timeout: Duration::from_secs(10),
            braze_webhook_timeout: Duration::from_secs(90),
        }
    }
}
