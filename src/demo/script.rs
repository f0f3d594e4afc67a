//! `tandem demo --script`: a conversation, played on the terminal to its end.
//!
//! The bridge's side is never scripted: the play texts as the customer and answers as the agent, and prints the texts
//! on the phone and the comments on the ticket. A step that does not come true within its time ends the play as
//! failed. It is the same play over each carrier, but for steps that a carrier does not take.

use std::io;

use super::carriers::Carrier;
use super::handset::Handset;
use super::{Bridge, DemoError, STEP_DEADLINE, say, scratch};
use crate::clock::Clock;
use crate::sandbox::zendesk::{Comment, Ticket, TicketStatus};
use crate::sandbox::{Sandbox, SandboxOptions};

/// Characters in each of the two columns.
const COLUMN: usize = 46;

/// Plays the conversation.
///
/// # Errors
/// When a step does not come true, or the bridge cannot run.
pub async fn run(carrier: Carrier) -> Result<(), DemoError> {
    scratch("demo", async |directory| {
        let options = SandboxOptions::default();
        let sandbox = Sandbox::start(options.clone(), Clock::system()).await?;
        let handset = carrier.start(&sandbox, options.retry_spacing, Clock::system()).await?;
        let bridge = Bridge::start(&sandbox, &handset.settings(false), directory).await?;
        handset.connect(&bridge.public);
        let told = Stage { sandbox, handset, shown: 0, texted: 0 }.conversation().await;
        bridge.stop().await?;
        told
    })
    .await
}

/// The desk and the phone, and how much of them has been printed.
struct Stage {
    sandbox: Sandbox,
    handset: Box<dyn Handset>,
    /// Comments shown so far.
    shown: usize,
    /// Texts on the phone shown so far.
    texted: usize,
}

impl Stage {
    /// The whole play, chapter by chapter.
    async fn conversation(&mut self) -> Result<(), DemoError> {
        let carrier = self.handset.about().carrier;
        say(&format!("tandem demo: a real bridge between an embedded {carrier} and an embedded Zendesk, over HTTP\n"))?;
        two_columns("THE CUSTOMER'S PHONE", "THE AGENT'S TICKET")?;

        chapter("A first text opens a ticket")?;
        self.text("Hi! My engine hasn't arrived.\nOrder #1843, \"express\".").await?;
        let ticket = self.ticket()?.id;

        chapter("The reply arrives whole: three lines, quotation marks and an emoji")?;
        let reply = "<p>Hello Ada,<br>I am sorry! Your \"express\" parcel left 🚚<br>\
                     <a href=\"https://example.com/t/1843\">Track it here</a></p>";
        self.reply(ticket, reply).await?;

        chapter("A second text joins the same ticket")?;
        self.text("Great, thanks {{agent}}!").await?;

        chapter(&format!("{carrier} repeats the webhook, Zendesk rings twice: nothing is shown twice"))?;
        self.twice(ticket).await?;

        self.solve(ticket).await?;

        chapter("A text reopens the ticket")?;
        self.text("Wait: it arrived broken.").await?;
        self.until("the ticket open again", |stage| {
            stage.ticket().is_ok_and(|ticket| ticket.status == TicketStatus::Open)
        })
        .await?;
        two_columns("", &format!("[ticket #{ticket} is open]"))?;

        chapter("The customer opts out, and the agent is told instead of left in the dark")?;
        self.text("STOP").await?;
        self.sandbox.zendesk.agent_reply(ticket, "<p>We will send a new one.</p>");
        self.until("the agent told", |stage| stage.comments().len() >= stage.shown + 2).await?;
        self.show()?;
        self.account()
    }

    /// The customer texts; shows the comment on the ticket, unless the carrier keeps the text to itself.
    async fn text(&mut self, text: &str) -> Result<(), DemoError> {
        let id = self.handset.text(text, None);
        for line in text.lines() {
            two_columns(&format!("{line} ▶"), "")?;
        }
        if id.is_none() {
            return Ok(());
        }
        self.until("the text on the ticket", |stage| stage.comments().len() > stage.shown).await?;
        self.show()
    }

    /// A text and a reply, of which both vendors tell twice.
    async fn twice(&mut self, ticket: u64) -> Result<(), DemoError> {
        self.sandbox.zendesk.duplicate_webhooks(true);
        let question = "Is Tuesday \\o/ right?";
        let id = self.handset.text(question, None);
        two_columns(&format!("{question} ▶ (and again)"), "")?;
        self.until("the text on the ticket", |stage| stage.comments().len() > stage.shown).await?;
        if let Some(id) = id {
            self.handset.repeat(&id);
        }
        self.show()?;
        self.reply(ticket, "<p>Tuesday it is.</p>").await?;
        self.sandbox.zendesk.duplicate_webhooks(false);
        self.until("both repeats answered", |stage| stage.sandbox.zendesk.is_idle() && stage.handset.is_idle()).await
    }

    /// The agent solves the ticket; shows the closing text, or the agent's own good bye where the carrier takes none.
    async fn solve(&mut self, ticket: u64) -> Result<(), DemoError> {
        let has_closing = self.handset.about().has_closing;
        chapter(if has_closing { "Solved: the closing text goes out" } else { "Solved: the agent says good bye" })?;
        self.sandbox.zendesk.set_status(ticket, TicketStatus::Solved);
        if has_closing {
            self.until("the closing text", |stage| stage.texts().len() > stage.texted).await?;
        }
        two_columns("", &format!("[ticket #{ticket} is solved]"))?;
        if has_closing {
            return self.show();
        }
        // The reply shows that the bridge has heard of the end before it, as a closing text does.
        self.reply(ticket, "<p>Glad to help. Good bye!</p>").await
    }

    /// The agent replies; shows the text on the phone.
    async fn reply(&mut self, ticket: u64, html: &str) -> Result<(), DemoError> {
        self.sandbox.zendesk.agent_reply(ticket, html);
        self.until("the reply on the phone", |stage| stage.texts().len() > stage.texted).await?;
        self.show()
    }

    /// Prints the new comments on the ticket and the new texts on the phone.
    fn show(&mut self) -> Result<(), DemoError> {
        let comments = self.comments();
        for comment in comments.iter().skip(self.shown) {
            let ticket = self.ticket()?;
            let who = match (comment.public, comment.author_id == ticket.requester_id) {
                (false, _) => "internal note",
                (true, true) => "customer",
                (true, false) => "agent",
            };
            let title = if self.shown == 0 { "opened" } else { "comment" };
            two_columns("", &format!("[#{} {title}, {who}]", ticket.id))?;
            for line in comment.plain_body.lines() {
                two_columns("", line)?;
            }
            self.shown += 1;
        }
        for body in self.texts().iter().skip(self.texted) {
            for line in body.lines() {
                two_columns(&format!("◀ {line}"), "")?;
            }
            self.texted += 1;
        }
        Ok(())
    }

    /// Sums up.
    fn account(&self) -> Result<(), DemoError> {
        let tickets = self.sandbox.zendesk.tickets().len();
        let (comments, texts) = (self.comments().len(), self.texts().len());
        say(&format!(
            "\nDone: {tickets} ticket, {comments} comments, {texts} texts to the phone; nothing lost, nothing twice."
        ))?;
        Ok(())
    }

    /// Waits until something has happened, for [`STEP_DEADLINE`] at most.
    async fn until(&self, what: &'static str, happened: impl Fn(&Self) -> bool) -> Result<(), DemoError> {
        // Registered before the first look, so that a change between a look and the wait is not missed.
        let (mut at_desk, mut at_carrier) = (self.sandbox.changes(), self.handset.changes());
        let looking = async {
            while !happened(self) {
                tokio::select! {
                    // Both senders live as long as their owners, which the stage holds.
                    _ = at_desk.changed() => {}
                    _ = at_carrier.changed() => {}
                }
            }
        };
        tokio::time::timeout(STEP_DEADLINE, looking).await.map_err(|_| DemoError::NotSeen(what))
    }

    fn ticket(&self) -> Result<Ticket, DemoError> {
        self.sandbox.zendesk.tickets().into_iter().next().ok_or(DemoError::NotSeen("a ticket"))
    }

    fn comments(&self) -> Vec<Comment> {
        self.sandbox.zendesk.tickets().into_iter().flat_map(|ticket| ticket.comments).collect()
    }

    fn texts(&self) -> Vec<String> {
        self.handset.texts().into_iter().map(|text| text.words).collect()
    }
}

fn chapter(title: &str) -> io::Result<()> {
    say(&format!("\n── {title}"))
}

/// Prints a line in either column, broken between words where it is too long.
fn two_columns(left: &str, right: &str) -> io::Result<()> {
    let (left, right) = (rows(left), rows(right));
    for row in 0..left.len().max(right.len()) {
        let cell = |column: &[String]| column.get(row).cloned().unwrap_or_default();
        say(format!("  {:<COLUMN$} │ {}", cell(&left), cell(&right)).trim_end())?;
    }
    Ok(())
}

/// The lines of one cell, none longer than [`COLUMN`] unless a single word is.
fn rows(text: &str) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match rows.last_mut() {
            Some(row) if row.chars().count() + 1 + word.chars().count() <= COLUMN => {
                row.push(' ');
                row.push_str(word);
            }
            _ => rows.push(word.to_owned()),
        }
    }
    rows
}
