//! The way of the vendors' webhooks to the bridge: overtaken, repeated, lost, and tried again by each vendor's rules.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt;
use serde_json::Value;
use tandem::sandbox::sender::{AttemptResult, Rules, Webhook};
use tower::ServiceExt;

use super::further::messages;
use super::plan::{OutageKind, Vendor};
use super::world::World;

/// How long a vendor waits for an answer: the lower of Zendesk's two published values.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends off the webhooks that the vendors have made.
pub(crate) fn collect(world: &Arc<World>) {
    let held = world.brands.iter().enumerate().flat_map(|(brand, sandbox)| {
        let zendesk = sandbox.zendesk.take_held_webhooks().into_iter().map(|webhook| (Vendor::Zendesk, webhook));
        let braze = sandbox.braze.take_held_webhooks().into_iter().map(|webhook| (Vendor::Braze, webhook));
        zendesk.chain(braze).map(move |(vendor, webhook)| ((brand, vendor), webhook)).collect::<Vec<_>>()
    });
    let further = world
        .further
        .iter()
        .flat_map(|carrier| carrier.take_held_webhooks().into_iter().map(|webhook| ((0, carrier.vendor()), webhook)));
    for (from, webhook) in held.chain(further).collect::<Vec<_>>() {
        let (lots, rates) = (&world.lots, &world.plan.rates);
        let again = world.is_on_fire() && lots.chance(rates.webhook_repeated);
        let late = world.is_on_fire() && lots.chance(rates.webhook_late);
        let after = if late { lots.millis(0..=60_000) } else { lots.millis(5..=50) };
        send(world, from, webhook.clone(), after);
        if again {
            world.trace.count("webhook repeated");
            send(world, from, webhook, lots.millis(0..=600_000));
        }
    }
}

/// Has Braze report of the texts, a batch now and then: in order or not, and some of them again.
pub(crate) async fn report(world: Arc<World>) {
    let mut told = vec![0_usize; world.brands.len()];
    if !world.plan.currents {
        return;
    }
    loop {
        tokio::time::sleep(world.lots.seconds(5..=120)).await;
        for (sandbox, told) in world.brands.iter().zip(&mut told) {
            let all = sandbox.braze.events("");
            let from = if world.lots.chance(0.3) { told.saturating_sub(3) } else { *told };
            let mut batch = all[from..].to_vec();
            if world.lots.chance(0.3) {
                batch.reverse();
            }
            if all.len() > *told {
                world.trace.count("batches of reports");
                sandbox.braze.send_batch(&batch);
            }
            *told = all.len();
        }
        collect(&world);
    }
}

fn send(world: &Arc<World>, from: (usize, Vendor), webhook: Webhook, after: Duration) {
    world.post_sent();
    let world = Arc::clone(world);
    tokio::spawn(async move {
        tokio::time::sleep(after).await;
        carry(&world, from, &webhook).await;
        world.post_settled();
    });
}

async fn carry(world: &Arc<World>, from: (usize, Vendor), webhook: &Webhook) {
    let rules = match from.1 {
        Vendor::Zendesk => Rules::Zendesk,
        Vendor::Braze => Rules::Braze,
        Vendor::Bird => Rules::Bird,
        Vendor::Sunshine => Rules::Sunshine,
        Vendor::Twilio => Rules::Twilio,
    };
    for attempt in 1.. {
        let result = attempt_once(world, from, webhook).await;
        world.trace.count("webhook attempts");
        world.trace.say(|| format!("webhook {} ({attempt}): {result:?}", title(from.1, webhook)));
        if !rules.repeats(attempt, &result) {
            return;
        }
        tokio::time::sleep(world.lots.seconds(10..=300)).await;
    }
}

/// The subject of a webhook: Zendesk's name a ticket, Braze's their dispatch, and all others themselves.
fn title(vendor: Vendor, webhook: &Webhook) -> String {
    match vendor {
        Vendor::Zendesk => webhook.body.split_whitespace().collect(),
        Vendor::Braze | Vendor::Bird | Vendor::Sunshine | Vendor::Twilio => webhook.id.clone(),
    }
}

async fn attempt_once(world: &Arc<World>, (brand, vendor): (usize, Vendor), webhook: &Webhook) -> AttemptResult {
    if world.outages(brand, vendor).any(|kind| kind == OutageKind::WebhooksGivenUp) {
        world.trace.count("webhook given up");
        return AttemptResult::CircuitBroken;
    }
    let loses = || world.is_on_fire() && world.lots.chance(world.plan.rates.webhook_lost);
    if loses() {
        world.trace.count("webhook lost");
        return if world.lots.chance(0.5) { AttemptResult::Unreachable } else { AttemptResult::TimedOut };
    }
    let Some((router, life)) = world.bridge() else { return AttemptResult::Unreachable };
    let mut request = http::Request::builder()
        .method(webhook.method.clone())
        .uri(&webhook.path)
        .header("content-type", &webhook.content_type);
    for (name, value) in webhook.headers(world.now()) {
        request = request.header(name, value);
    }
    let request = request.body(Body::from(webhook.body.clone())).unwrap();
    let answering = async {
        let response = router.oneshot(request).await.unwrap_or_else(|never| match never {});
        let (head, body) = response.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        (head, String::from_utf8_lossy(&body).into_owned())
    };
    let answered = tokio::select! {
        biased;
        () = life.died.cancelled() => return AttemptResult::Unreachable,
        answered = tokio::time::timeout(PATIENCE, answering) => answered,
    };
    let Ok((head, body)) = answered else { return AttemptResult::TimedOut };
    // From here on the bridge is bound, whether the vendor hears it or not.
    if head.status == http::StatusCode::ACCEPTED {
        let said: Value = serde_json::from_str(&body).unwrap_or_default();
        world.acknowledged(&webhook.id, &said);
    }
    if vendor == Vendor::Sunshine && head.status == http::StatusCode::OK {
        messages(&webhook.body).iter().for_each(|message| world.acknowledged(message, &Value::Null));
    }
    if loses() {
        world.trace.count("webhook answer lost");
        return AttemptResult::TimedOut;
    }
    let retry_after = head.headers.get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    AttemptResult::Answered { status: head.status.as_u16(), retry_after, body }
}
