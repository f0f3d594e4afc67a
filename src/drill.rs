//! `tandem drill`: a disaster, played through the real bridge against the embedded vendors, over HTTP.
//!
//! As in [`crate::demo`], the bridge's side is never scripted: the drill looks for the kept messages on the tickets
//! and on the phones. A promise that does not come true within its time ends the drill as failed.

use std::path::Path;

use crate::clock::Clock;
use crate::demo::{Bridge, DemoError, STEP_DEADLINE, of_braze, say, scratch};
use crate::sandbox::braze::Profile;
use crate::sandbox::sender::AttemptResult;
use crate::sandbox::server::{Fault, FaultKind};
use crate::sandbox::zendesk::Ticket;
use crate::sandbox::{Sandbox, SandboxOptions};

/// The customers, by external id and first name.
const CUSTOMERS: [(&str, &str); 3] = [("customer-1", "Ada"), ("customer-2", "Blaise"), ("customer-3", "Cleo")];

/// A text that is acknowledged while Zendesk is down, so that only the store has it.
const LOST: &str = "One more thing: it is the blue one.";

/// Loses the store while conversations go on. The stores lie in a directory for temporary files, which is removed at
/// the end.
///
/// # Errors
/// When a promise is not kept, or the bridge cannot run.
pub async fn lost_store() -> Result<(), DemoError> {
    scratch("drill", play).await
}

async fn play(directory: &Path) -> Result<(), DemoError> {
    say("tandem drill lost-store: three conversations, and the disk with the store is lost\n")?;
    let sandbox = Sandbox::start(SandboxOptions::default(), Clock::system()).await?;
    let scene = Scene { profiles: CUSTOMERS.map(|(id, name)| profile(&sandbox, id, name)), sandbox };
    let carrier = of_braze(&scene.sandbox, "");

    let bridge = Bridge::start(&scene.sandbox, &carrier, directory).await?;
    scene.everybody_texts("Hello, where is my order?", 1).await?;
    scene.every_agent_replies("It left today.", 1).await?;
    say("1. Three customers text and are answered: tickets #1, #2, #3.")?;

    scene.sandbox.zendesk.fail(Fault::on("", "/", FaultKind::status(503)).times(u32::MAX));
    scene.sandbox.phone.text(&scene.profiles[2], LOST);
    scene.until("a text acknowledged while Zendesk is down", |scene| scene.sandbox.braze.is_idle()).await?;
    let answered = scene.sandbox.braze.webhooks_delivered().pop().map(|attempt| attempt.result);
    if !matches!(answered, Some(AttemptResult::Answered { status: 202, .. })) {
        return Err(DemoError::NotSeen("a text acknowledged while Zendesk is down"));
    }
    say("2. Zendesk is down. Cleo texts once more; the bridge acknowledges it and keeps it.")?;

    bridge.stop().await?;
    std::fs::remove_dir_all(directory.join("store"))?;
    scene.sandbox.zendesk.clear_faults();
    let bridge = Bridge::start(&scene.sandbox, &carrier, directory).await?;
    say("3. The store is wiped. The bridge starts with an empty one; Zendesk is back.")?;

    let first = scene.ticket_of(0)?.id;
    scene.sandbox.zendesk.agent_reply(first, "<p>It arrives tomorrow.</p>");
    scene.until("a reply on a ticket that the bridge has forgotten", |scene| scene.texts_to(0).len() == 2).await?;
    say("4. Before Ada has written again, her agent does: it is on her phone.")?;

    scene.everybody_texts("Are you still there?", 2).await?;
    say("5. All three text again: each on the old ticket, which was found by its external_id.")?;

    scene.every_agent_replies("We are.", 2).await?;
    say("6. All are answered: each on the right phone.")?;
    bridge.stop().await?;
    scene.account()
}

fn profile(sandbox: &Sandbox, external_id: &str, first_name: &str) -> String {
    let last_digit = external_id.chars().last().unwrap_or('0');
    sandbox.braze.add_profile(Profile {
        external_id: Some(external_id.to_owned()),
        phone: Some(format!("+1555555010{last_digit}")),
        first_name: Some(first_name.to_owned()),
        ..Profile::default()
    })
}

/// The sandbox and its customers.
struct Scene {
    sandbox: Sandbox,
    /// The customers' Braze ids.
    profiles: [String; 3],
}

impl Scene {
    /// Every customer texts. Waits until each customer's one ticket has that many of their comments.
    async fn everybody_texts(&self, text: &str, times: usize) -> Result<(), DemoError> {
        for profile in &self.profiles {
            self.sandbox.phone.text(profile, text);
        }
        let wrote = |ticket: &Ticket| ticket.comments.iter().filter(|c| c.author_id == ticket.requester_id).count();
        self.until("every text on the one ticket of its customer", |scene| {
            (0..CUSTOMERS.len()).all(|who| scene.ticket_of(who).is_ok_and(|ticket| wrote(&ticket) == times))
        })
        .await
    }

    /// Every agent replies. Waits until the reply is once on each phone, behind the earlier texts. Later on, the
    /// first customer has one text more.
    async fn every_agent_replies(&self, text: &str, times: usize) -> Result<(), DemoError> {
        for who in 0..CUSTOMERS.len() {
            self.sandbox.zendesk.agent_reply(self.ticket_of(who)?.id, &format!("<p>{text}</p>"));
        }
        self.until("every reply on the right phone, once", |scene| {
            (0..CUSTOMERS.len()).all(|who| {
                let texts = scene.texts_to(who);
                texts.len() >= times && texts.iter().filter(|body| *body == text).count() == 1
            })
        })
        .await
    }

    /// Sums up, and checks once more that no message is there twice and that every claim of the summary holds.
    fn account(&self) -> Result<(), DemoError> {
        let tickets = self.sandbox.zendesk.tickets();
        let lost_is_lost = tickets.iter().flat_map(|ticket| &ticket.comments).all(|comment| comment.plain_body != LOST);
        let texts: Vec<usize> = (0..CUSTOMERS.len()).map(|who| self.texts_to(who).len()).collect();
        if tickets.len() != CUSTOMERS.len() || texts != [3, 2, 2] || !lost_is_lost {
            return Err(DemoError::NotSeen("three tickets, and every reply once"));
        }
        say(&format!(
            "\nKept: {} tickets, no second one; {} replies on the phones, none twice.\n\
             Lost with the disk:\n\
             - 1 text that was acknowledged and not on a ticket yet (Cleo's); whatever waits in a store is only there\n\
             - which comments went out: a reply whose webhook is lost as well is not caught up on a ticket until the\n  \
               customer or an agent has written on it again\n\
             - who has opted out, as far as the bridge knew; Braze knows it still and does not text them\n\
             - dead letters, unreadable bodies and the list of what was delivered",
            tickets.len(),
            texts.iter().sum::<usize>(),
        ))?;
        Ok(())
    }

    /// The one ticket of a customer.
    fn ticket_of(&self, who: usize) -> Result<Ticket, DemoError> {
        let is_theirs = |ticket: &Ticket| ticket.external_id.as_deref() == CUSTOMERS.get(who).map(|(id, _)| *id);
        let mut theirs = self.sandbox.zendesk.tickets().into_iter().filter(is_theirs);
        match (theirs.next(), theirs.next()) {
            (Some(ticket), None) => Ok(ticket),
            _ => Err(DemoError::NotSeen("one ticket for each customer")),
        }
    }

    fn texts_to(&self, who: usize) -> Vec<String> {
        let is_theirs = |id: &Option<String>| id.as_deref() == CUSTOMERS.get(who).map(|(id, _)| *id);
        let texts = self.sandbox.braze.texts().into_iter();
        texts.filter(|text| is_theirs(&text.external_id)).map(|text| text.body).collect()
    }

    async fn until(&self, what: &'static str, happened: impl Fn(&Self) -> bool) -> Result<(), DemoError> {
        if self.sandbox.wait_until(STEP_DEADLINE, || happened(self)).await {
            return Ok(());
        }
        Err(DemoError::NotSeen(what))
    }
}
