//! `tandem check --live`: checks the installation at both vendors, and shows the findings on one screen.
//!
//! It asks the running bridge for its account of webhooks. It changes nothing: its only posts are a search, and a
//! test of the webhook in which the bridge finds nothing to do. Each vendor's `checkup` decides the meaning of the findings.

use std::io::Write;
use std::sync::Arc;

use secrecy::ExposeSecret;
use serde_json::json;

use super::failure::Failure;
use super::inbound::arrivals;
use super::table::printable;
use super::way::Way;
use crate::clock::Clock;
use crate::config::{self, Config, Credentials};
use crate::intake::public_address;
use crate::serve;
use crate::vendors::braze::details::CampaignView;
use crate::vendors::braze::{self, Braze, Recipient};
use crate::vendors::checkup::{self, Line, State};
use crate::vendors::http::{self, HttpTransport, Transport};
use crate::vendors::zendesk::admin::CHECK_SCOPE;
use crate::vendors::zendesk::source::CHECK_EVENT;
use crate::vendors::zendesk::{self, Zendesk};

/// A customer id that no customer has.
const NOBODY: &str = "tandem-check-nobody";

/// Checks one thing after the other.
pub(super) async fn look(config: &Config) -> Result<Vec<Line>, Failure> {
    let transport = HttpTransport::new().map_err(|error| Failure::Failed(format!("no HTTP client: {error}")))?;
    let transport: Arc<dyn Transport> = Arc::new(transport);
    let clock = Clock::system();
    let (url, credentials) = (&config.zendesk.url, &config.zendesk.credentials);
    let zendesk = serve::zendesk(url, credentials, Arc::clone(&transport), &clock).with_scope(CHECK_SCOPE);
    let mut lines = look_at_zendesk(&zendesk, config, &clock).await;
    let braze = serve::braze(&config.braze, transport, &clock);
    lines.extend(look_at_braze(&braze, config, &clock).await);
    #[cfg(feature = "oidc")]
    if let Some(provider) = &config.provider() {
        let provider = serve::identity_provider(provider, &clock);
        let provider = provider.map_err(|error| Failure::Failed(format!("no HTTP client: {error}")))?;
        lines.push(checkup::provider(&provider.check().await.map_err(|error| error.to_string())));
    }
    Ok(lines)
}

/// Checks the running bridge's account of webhooks. A bridge that does not run is no fault.
///
/// # Errors
/// The given way leads to no bridge.
pub(super) fn look_at_bridge(config: &Config, way: &Way) -> Result<Vec<Line>, Failure> {
    let bridge = way.lead(&config.operator())?;
    let found = bridge.run(arrivals(&bridge)).map_err(|failure| match failure {
        Failure::Failed(why) | Failure::Usage(why) | Failure::Configuration(why) => why,
    });
    Ok(checkup::arrivals(&[zendesk::checkup::SENDER, braze::checkup::SENDER], &found, Clock::system().now()))
}

async fn look_at_zendesk(zendesk: &Zendesk, config: &Config, clock: &Clock) -> Vec<Line> {
    let by = match &config.zendesk.credentials {
        Credentials::OAuth { client_id, .. } => format!("the OAuth client {client_id:?}"),
        Credentials::ApiToken { .. } => "the API token".to_owned(),
    };
    let me = zendesk.me().await;
    let now = clock.now();
    let mut lines = vec![zendesk::checkup::credentials(&me, &by)];
    let (Ok(me), [Line { state: State::Good, .. }]) = (me, lines.as_slice()) else {
        let rest = ["scopes", "clock", "user field", "webhook", "signing secret", "triggers", "reachability"];
        lines.extend(rest.map(|what| Line::not_looked_at("Zendesk", what, "the credentials are not good")));
        return lines;
    };
    lines.push(zendesk::checkup::scopes(&zendesk.scopes_missing().await));
    lines.push(checkup::clock("Zendesk", now, me.answered_at, config.zendesk.signature_tolerance_seconds));
    lines.push(zendesk::checkup::user_field(&zendesk.user_fields().await, &config.zendesk.user_field));
    let Some(public_url) = &config.public_url else {
        lines.push(zendesk::checkup::no_public_url());
        return lines;
    };
    look_at_installation(zendesk, config, &public_address(public_url, "/webhooks/zendesk"), &mut lines).await;
    lines
}

/// Checks the webhook, the triggers, and whether the webhook reaches the bridge.
async fn look_at_installation(zendesk: &Zendesk, config: &Config, endpoint: &str, lines: &mut Vec<Line>) {
    let webhooks = zendesk.webhooks().await;
    let (line, webhook) = zendesk::checkup::webhook(&webhooks, endpoint);
    lines.push(line);
    let mut secret_is_known = false;
    if let Some(webhook) = webhook {
        let known = &config.zendesk.webhook_secrets;
        let found = zendesk.signing_secret(&webhook.id).await;
        let found = found.map(|secret| known.iter().any(|known| known.expose_secret() == secret.expose_secret()));
        secret_is_known = found == Ok(true);
        lines.push(zendesk::checkup::signing_secret(&found));
    } else {
        lines.push(Line::not_looked_at("Zendesk", "signing secret", "there is no webhook"));
    }
    let triggers = match (zendesk.triggers().await, zendesk.trigger_categories().await) {
        (Ok(triggers), Ok(categories)) => Ok((triggers, categories)),
        (Err(failure), _) | (_, Err(failure)) => Err(failure),
    };
    lines.extend(zendesk::checkup::triggers(&triggers, webhook));
    lines.push(match webhook {
        Some(webhook) if webhook.endpoint == endpoint => {
            let test = zendesk.test_webhook(webhook, &json!({ "event": CHECK_EVENT })).await;
            zendesk::checkup::reach(&test, endpoint, secret_is_known)
        }
        _ => Line::not_looked_at("Zendesk", "reachability", "no webhook posts there"),
    });
}

async fn look_at_braze(braze: &Braze, config: &Config, clock: &Clock) -> Vec<Line> {
    let config::Braze { url, campaigns, subscription_group, currents_tokens, .. } = &config.braze;
    let first = braze.campaign(&campaigns.agent_reply).await;
    let now = clock.now();
    let mut lines = vec![braze::checkup::key(&first, url.host_str().unwrap_or_default())];
    if lines.iter().any(|line| line.state == State::Wrong) {
        let rest = ["clock", "campaign agent_reply", "campaign ticket_solved", "receipts"];
        lines.extend(rest.map(|what| Line::not_looked_at("Braze", what, "the key is not good here")));
        return lines;
    }
    if let Ok(campaign) = &first {
        lines.push(checkup::clock("Braze", now, campaign.answered_at, config.zendesk.signature_tolerance_seconds));
    }
    let mut look = |name: &str, id: &str, found: &Result<CampaignView, http::Failure>| {
        lines.push(braze::checkup::campaign(name, id, found));
        lines.extend(
            found.as_ref().ok().filter(|_| !currents_tokens.is_empty()).map(|view| braze::checkup::mark(name, view)),
        );
    };
    look("agent_reply", &campaigns.agent_reply, &first);
    if let Some(id) = &campaigns.ticket_solved {
        look("ticket_solved", id, &braze.campaign(id).await);
    }
    lines.push(braze::checkup::export(&braze.may_export().await));
    if let Some(group) = subscription_group {
        let found = braze.subscription(group, &Recipient::External(NOBODY.to_owned())).await;
        lines.push(braze::checkup::group(&found));
    }
    lines
}

/// Prints the findings.
pub(super) fn print(output: &mut impl Write, lines: &[Line], config: &Config) -> Result<(), Failure> {
    let width = lines.iter().map(|line| line.what.chars().count()).max().unwrap_or(0);
    let mut sides = vec![("Zendesk", config.zendesk.url.as_str()), ("Braze", config.braze.url.as_str())];
    sides.extend(config.oidc.issuer.as_deref().map(|issuer| ("Identity provider", issuer)));
    for (side, url) in sides {
        writeln!(output, "\n{side}, {}", url.trim_end_matches('/'))?;
        for line in lines.iter().filter(|line| line.side == side) {
            let mark = match line.state {
                State::Good => "ok",
                State::Note => "note",
                State::Wrong => "WRONG",
                State::Unknown => "?",
            };
            writeln!(output, "  {mark:<5}  {:<width$}  {}", line.what, printable(&line.said))?;
            if let Some(remedy) = &line.remedy {
                writeln!(output, "         {:<width$}  → {remedy}.", "")?;
            }
        }
    }
    Ok(())
}
