//! Customers and agents: their words and acts, as the lots fall.

use std::sync::Arc;
use std::time::Duration;

use tandem::sandbox::zendesk::{NewTicket, Ticket, TicketStatus, User};

use super::plan::Crowd;
use super::post;
use super::verdict;
use super::world::{Customer, Line, Reply, Text, World};
use crate::oracle::{self, Solved};

/// The words of people: the same ones again and again, and texts that break careless software.
const WORDS: [&str; 8] = [
    "ok",
    "Where is my \"engine\"?",
    "It's 50% off & <b>bold</b>, isn't it?\n\nSecond paragraph: C:\\temp\\new",
    "👩‍👩‍👧‍👦 the whole family waits 🚚",
    "{{ticket.id}} {% if true %}x{% endif %} {\"json\": [1, 2]}",
    "Grüße, žluťoučký kůň, 你好, مرحبا",
    "line one\nline two\nline three",
    "ok",
];

/// All act, one after the other, with pauses between.
pub(crate) async fn play(world: &Arc<World>) {
    if let Some(crowd) = world.plan.crowd {
        return gather(world, crowd).await;
    }
    for _ in 0..world.plan.steps {
        tokio::time::sleep(world.lots.millis(0..=world.plan.pause_max)).await;
        let customer = usize::try_from(world.lots.number(0..=world.customers.len() as u64 - 1)).unwrap();
        if world.is_on_fire() && world.lots.chance(world.plan.rates.turn) {
            turn(world, customer);
        } else if world.is_on_fire() && world.lots.chance(world.plan.rates.opt) {
            opt(world, customer, world.lots.chance(0.5));
        } else if world.is_on_fire() && world.lots.chance(world.plan.rates.hand) {
            hand(world, customer);
        } else if world.lots.chance(0.5) {
            text(world, customer);
        } else {
            reply(world, customer);
        }
    }
}

/// Half of the customers become known one after the other; then all text at once, and the first goes on.
async fn gather(world: &Arc<World>, crowd: Crowd) {
    let known = world.customers.len() / 2;
    for customer in 0..known {
        text(world, customer);
        tokio::time::sleep(Duration::from_millis(1_500)).await;
    }
    tokio::time::sleep(crowd.at.saturating_sub(world.passed())).await;
    (1..world.customers.len()).for_each(|customer| text(world, customer));
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_secs(3)).await;
        text(world, 0);
    }
}

/// The customer writes.
pub(crate) fn text(world: &Arc<World>, customer: usize) {
    let number = usize::try_from(world.next_number()).unwrap();
    let words = format!("{}{}", oracle::tag(number), world.lots.pick(&WORDS));
    world.trace.say(|| format!("{} texts {words:?}", world.customers[customer].key));
    world.trace.count("texts");
    let webhook = say(world, customer, &words);
    let text = Text { number, customer, words, webhook, at: world.passed() };
    world.script.lock().unwrap().texts.push(text);
    post::collect(world);
}

/// An agent replies on the customer's newest ticket, if there is one that takes a comment.
pub(crate) fn reply(world: &Arc<World>, customer: usize) {
    if let Some(ticket) = newest_ticket(world, customer) {
        reply_on(world, customer, ticket.id);
    }
}

fn reply_on(world: &Arc<World>, customer: usize, ticket: u64) {
    let number = usize::try_from(world.next_number()).unwrap();
    let more = if world.lots.chance(0.03) { 120 } else { 0 };
    let long = " and so on and so forth".repeat(more);
    let words = format!("{}{}{long}", oracle::tag(number), world.lots.pick(&WORDS));
    let escaped = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\n', "<br>");
    world.trace.say(|| format!("an agent replies on {ticket}: {:?}", words.get(..60).unwrap_or(&words)));
    world.trace.count("replies");
    let comment = world.desk_of(customer).agent_reply(ticket, &escaped);
    world.script.lock().unwrap().replies.push(Reply { customer, words, ticket, comment, at: world.passed() });
    post::collect(world);
}

/// The conversation takes a turn.
fn turn(world: &Arc<World>, customer: usize) {
    let zendesk = world.desk_of(customer);
    let ticket = newest_ticket(world, customer);
    match (world.lots.number(0..=5), ticket) {
        (0..=2, Some(ticket)) if ticket.status == TicketStatus::Solved => {
            world.trace.say(|| format!("an agent reopens {}", ticket.id));
            zendesk.set_status(ticket.id, TicketStatus::Open);
        }
        (0..=3, Some(ticket)) if ticket.status != TicketStatus::Solved => {
            // Half of the time with the words that solve it.
            if world.lots.chance(0.5) {
                reply_on(world, customer, ticket.id);
            }
            world.trace.say(|| format!("an agent solves {}", ticket.id));
            let solved = Solved { ticket: ticket.id, number: usize::try_from(world.next_number()).unwrap() };
            world.script.lock().unwrap().solved.entry(customer).or_default().push(solved);
            zendesk.set_status(ticket.id, TicketStatus::Solved);
        }
        (4, Some(ticket)) => {
            world.trace.say(|| format!("{} is closed", ticket.id));
            zendesk.set_status(ticket.id, TicketStatus::Closed);
        }
        (5, Some(ticket)) => {
            world.trace.say(|| format!("an agent deletes {}", ticket.id));
            zendesk.delete(ticket.id);
        }
        (_, None) if world.customers[customer].line == Line::Sms => write_first(world, customer),
        _ => {}
    }
    post::collect(world);
}

/// The customer's ticket changes hands.
fn hand(world: &Arc<World>, customer: usize) {
    // Whoever merges or gives away one of a customer's two tickets is told apart in tests of their own.
    let is_first = |customer: usize| world.customers[customer].line == Line::Sms;
    let Some(ticket) = newest_ticket(world, customer).filter(|_| is_first(customer)) else { return };
    let (desk, zendesk) = (world.desk_brand(customer), world.desk_of(customer));
    let other = usize::try_from(world.lots.number(0..=world.customers.len() as u64 - 1)).unwrap();
    let is_given = world.script.lock().unwrap().given.contains_key(&(desk, ticket.id));
    let there = user_of(world, other).filter(|_| world.desk_brand(other) == desk && is_first(other));
    let there = there.filter(|user| *user != ticket.requester_id && !is_given);
    if let Some(user) = there {
        world.trace.say(|| format!("an agent gives {} to {}", ticket.id, world.customers[other].key));
        world.trace.count("tickets given away");
        let last = ticket.comments.last().map_or(0, |comment| comment.id);
        world.script.lock().unwrap().given.insert((desk, ticket.id), (customer, last));
        zendesk.set_requester(ticket.id, user);
        reply_on(world, other, ticket.id);
    } else if ticket.status != TicketStatus::Solved && !is_given {
        let requester_id = ticket.requester_id;
        let heir = zendesk.add_ticket(NewTicket { requester_id, ..NewTicket::default() });
        world.script.lock().unwrap().by_agents.insert((desk, heir));
        world.trace.say(|| format!("an agent merges {} into {heir}", ticket.id));
        world.trace.count("merges");
        zendesk.merge(ticket.id, heir);
        post::collect(world);
    }
}

/// The customer opts out of texts, or in again.
pub(crate) fn opt(world: &Arc<World>, customer: usize, out: bool) {
    let word = if out { "STOP" } else { "START" };
    world.trace.say(|| format!("{} texts {word}", world.customers[customer].key));
    if out {
        world.script.lock().unwrap().opted_out.insert(customer, None);
    } else if let Some(in_again) = world.script.lock().unwrap().opted_out.get_mut(&customer) {
        in_again.get_or_insert(world.passed());
    }
    say(world, customer, word);
    post::collect(world);
}

/// The customer's phone sends these words on the conversation's line. Returns the id of the webhook.
fn say(world: &World, customer: usize, words: &str) -> String {
    let (phone, by) = (world.phone_of(customer), &world.customers[customer]);
    match by.line {
        Line::Sms => phone.text(&by.carrier_id, words).unwrap(),
        Line::Chat => phone.whatsapp(&by.carrier_id, words).unwrap(),
        Line::Further(vendor) => world.over(vendor).text(&by.carrier_id, words),
    }
}

/// Customers who were asked to write again do so, wherever a reply waits for it. A template that is set aside has perhaps
/// not come; its customers write by themselves.
pub(crate) async fn answer_templates(world: &Arc<World>) {
    for customer in 0..world.customers.len() {
        let waiting = verdict::waits_for_answer(world, customer).await;
        if waiting.is_some_and(|set_aside| set_aside || was_asked(world, customer)) {
            world.trace.count("templates answered");
            text(world, customer);
        }
    }
}

/// Whether a template has come to the customer since the bridge last heard of them.
fn was_asked(world: &World, customer: usize) -> bool {
    let heard_at = verdict::heard(world, customer).into_iter().max();
    verdict::templates(world, customer).last().is_some_and(|asked_at| heard_at.is_none_or(|at| at < *asked_at))
}

/// An agent opens a ticket for a customer who has none, and writes on it.
fn write_first(world: &Arc<World>, customer: usize) {
    let (zendesk, key) = (world.desk_of(customer), &world.customers[customer].user);
    let requester_id = user_of(world, customer).unwrap_or_else(|| {
        let fields = serde_json::json!({ "braze_external_id": key }).as_object().unwrap().clone();
        // Of ids that differ in case only, Zendesk takes one.
        let external_id = (!world.plan.alike).then(|| key.clone());
        zendesk.add_user(User { name: "Ada".to_owned(), external_id, user_fields: fields, ..User::default() })
    });
    let tags = vec!["sms".to_owned()];
    let ticket = zendesk.add_ticket(NewTicket { requester_id, tags, ..NewTicket::default() });
    world.script.lock().unwrap().by_agents.insert((world.desk_brand(customer), ticket));
    world.trace.say(|| format!("an agent opens {ticket} for {key}"));
    reply(world, customer);
}

/// The customer's newest ticket that takes a comment.
pub(crate) fn newest_ticket(world: &World, customer: usize) -> Option<Ticket> {
    let (zendesk, here) = (world.desk_of(customer), &world.customers[customer]);
    let user = if here.is_further() { None } else { Some(user_of(world, customer)?) };
    let tickets = zendesk.tickets().into_iter().rev();
    let mut open = tickets.filter(|ticket| !ticket.deleted && ticket.status != TicketStatus::Closed);
    open.find(|ticket| match user {
        Some(user) => ticket.requester_id == user && is_on_line(world, customer, ticket),
        None => ticket.external_id.as_ref() == Some(&here.ticket_key),
    })
}

/// Whether a ticket of the customer's is of this line: those that agents open are of the first.
fn is_on_line(world: &World, customer: usize, ticket: &Ticket) -> bool {
    let here = &world.customers[customer];
    let is_theirs = |other: &Customer| other.carrier_id == here.carrier_id && other.brand == here.brand;
    let is_chat = |other: &&Customer| other.is_chat() && is_theirs(other);
    let chat = world.customers.iter().find(is_chat);
    here.is_chat() == chat.is_some_and(|chat| ticket.external_id.as_ref() == Some(&chat.ticket_key))
}

/// The customer among Zendesk's users. Two with one id are those whom an agent and the bridge have made.
fn user_of(world: &World, customer: usize) -> Option<u64> {
    let key = world.customers[customer].user.as_str();
    let users = world.desk_of(customer).users();
    let is = |user: &&User| user.user_fields.get("braze_external_id").and_then(|field| field.as_str()) == Some(key);
    users.iter().find(is).map(|user| user.id)
}
