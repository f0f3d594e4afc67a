//! The utterances that are owed at the end of a run, by the bridge's own store and its acknowledgements.
//!
//! The store is not trusted: an utterance that it calls delivered must be seen at the vendor, once, and any other must have
//! a reason that the run gave.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tandem::domain::cause;
use tandem::domain::conversation::ConversationKey;
use tandem::domain::delivery::{Delivery, State};
use tandem::domain::event::{CommentId, Event, EventId, EventKind};
use tandem::domain::kind::KindName;
use tandem::store::{DeliveryFilter, Store};

use super::further::Further;
use super::plan::Vendor;
use super::world::{Customer, Line, Reply, START, TicketOf, World, options};
use crate::oracle::{self, Conversation, Owed, Phones, Utterance};

/// Why a reply may rightly not reach the phone. Of these, a customer's text has one: that its ticket is out of bounds.
const EXCUSES: [&str; 6] = [
    "opted out",
    "does not exist",
    "times without an answer",
    "no longer the conversation's",
    cause::SOLVED_UNANSWERED,
    FORBIDDEN,
];

/// The end of the cause of a delivery that was refused for good, before the ticket.
const FORBIDDEN: &str = " for ticket ";

/// Everything that is wrong with the world, at rest.
pub(crate) async fn faults(world: &World) -> Vec<String> {
    let Some(store) = world.store() else { return vec!["the bridge is dead".to_owned()] };
    let mut ends = Ends::read(&*store, world).await;
    let mut conversations: Vec<Conversation> = Vec::new();
    let solved = world.script.lock().unwrap().solved.clone();
    let twice = world.plan.vendors.triggers_fire_twice;
    let given = world.script.lock().unwrap().given.clone();
    for (number, customer) in world.customers.iter().enumerate() {
        conversations.push(Conversation {
            key: customer.ticket_key.clone(),
            user: customer.user.clone(),
            carrier_id: customer.carrier_id.clone(),
            forms: campaigns(world, customer),
            // A second ring that comes after the ticket was reopened is like the first of another turn.
            closings_each: if twice { 2 } else { 1 },
            solved: solved.get(&number).cloned().unwrap_or_default(),
            given: given
                .iter()
                .filter(|(_, (whose, _))| *whose == number)
                .map(|((_, id), (_, last))| (*id, *last))
                .collect(),
            ..Conversation::default()
        });
    }
    texts(world, &mut ends, &mut conversations);
    let replies = std::mem::take(&mut world.script.lock().unwrap().replies);
    for reply in &replies {
        let owed = owed_of(world, &mut ends, reply);
        // A reply from before the bridge knew the agent's ticket goes once it is heard of, and later ones do not wait.
        let ticket = if was_early(world, reply) { u64::MAX - reply.comment } else { reply.ticket };
        let utterance = Utterance { words: reply.words.clone(), ticket, owed };
        conversations[reply.customer].replies.push(utterance);
    }
    let mut faults = ends.faults;
    faults.extend(late(world));
    faults.extend(asked_twice(world));
    let over_braze = world.brands.iter().map(|sandbox| &sandbox.braze as &dyn Phones);
    let carriers: Vec<&dyn Phones> = over_braze.chain(world.further.iter().map(Further::phones)).collect();
    for (desk, sandbox) in world.brands.iter().enumerate() {
        let at_desk = conversations.iter().enumerate().filter(|(customer, _)| world.desk_brand(*customer) == desk);
        let at_desk: Vec<Conversation> = at_desk.map(|(_, conversation)| conversation.clone()).collect();
        faults.extend(oracle::faults(&sandbox.zendesk, &carriers, &at_desk, ends.notes));
    }
    faults
}

/// The end of every event that the bridge ever took.
struct Ends {
    by_number: BTreeMap<usize, (EventId, State)>,
    /// By brand and comment.
    by_comment: BTreeMap<(usize, CommentId), Vec<(&'static str, State)>>,
    by_id: BTreeMap<EventId, State>,
    /// Tickets on which a look for missed replies was refused for good, by their dead letters.
    unread: BTreeSet<TicketOf>,
    /// Reasons for internal comments.
    notes: usize,
    faults: Vec<String>,
}

impl Ends {
    async fn read(store: &dyn Store, world: &World) -> Self {
        let mut ends = Self {
            by_number: BTreeMap::new(),
            by_comment: BTreeMap::new(),
            by_id: BTreeMap::new(),
            unread: BTreeSet::new(),
            notes: 0,
            faults: Vec::new(),
        };
        let mut after = None;
        loop {
            let filter = DeliveryFilter { after, limit: 1000, ..DeliveryFilter::default() };
            let page = store.deliveries(filter).await.unwrap();
            for delivery in &page.items {
                match store.delivery(delivery.id).await.unwrap() {
                    Some((delivery, event)) => ends.add(world.brand_of_account(delivery.ends.desk), delivery, &event),
                    None => ends.faults.push(format!("{} is listed, and is not there", delivery.id)),
                }
            }
            after = page.items.last().map(|delivery| delivery.id);
            if !page.more {
                return ends;
            }
        }
    }

    fn add(&mut self, brand: usize, delivery: Delivery, event: &Event) {
        let (id, state) = (delivery.id, delivery.state);
        if !state.is_settled() {
            self.faults.push(format!("{id} ({}) has come to no end: {state:?}", delivery.kind));
        }
        match &event.kind {
            EventKind::CustomerText(text) if text.keyword.is_some() => self.notes += 1,
            EventKind::CustomerText(text) => {
                let number = text.text.split('~').nth(1).and_then(|number| number.parse().ok()).unwrap_or(usize::MAX);
                if let Some((other, _)) = self.by_number.insert(number, (id, state.clone())) {
                    self.faults.push(format!("~{number}~ was accepted twice, as {other} and as {id}"));
                }
            }
            EventKind::PhoneText(text) => self.remember(brand, text.comment_id, "text", &state),
            EventKind::AgentReply(reply) => {
                let is_refused = matches!(state, State::Dead { .. }) && state.cause().contains(FORBIDDEN);
                self.unread.extend((is_refused && reply.comment_id.is_none()).then_some((brand, reply.ticket_id.0)));
                self.remember(brand, reply.comment_id, "doorbell", &state);
            }
            EventKind::Note(_) => self.notes += 1,
            EventKind::Template(_) | EventKind::TicketSolved(_) | EventKind::TicketReopened(_) => {}
            EventKind::Unreadable(_) => self.faults.push(format!("{id} could not be read: {state:?}")),
        }
        self.by_id.insert(id, state);
    }

    fn remember(&mut self, brand: usize, comment: Option<CommentId>, what: &'static str, state: &State) {
        if let Some(comment) = comment {
            self.by_comment.entry((brand, comment)).or_default().push((what, state.clone()));
        }
    }
}

/// The customers' texts, in the order in which the bridge took them.
fn texts(world: &World, ends: &mut Ends, conversations: &mut [Conversation]) {
    let script = world.script.lock().unwrap();
    let mut in_order = Vec::new();
    for text in &script.texts {
        let taken = script.taken.get(&text.webhook);
        let known = ends.by_number.get(&text.number).cloned();
        if taken.is_none() && known.is_some() && world.plan.currents {
            world.trace.fault("text taken in from a report", || text.number.to_string());
        }
        if let (Some((_, id)), None) = (taken, &known) {
            let id = id.map_or_else(|| "one of several".to_owned(), |id| id.to_string());
            ends.faults.push(format!("~{}~ was acknowledged as {id}, and is lost", text.number));
        }
        let owed = match &known {
            Some((_, State::Delivered { .. })) => Owed::Once,
            Some((_, state)) if world.was_forbidden(text.customer) && state.cause().contains(FORBIDDEN) => {
                world.trace.fault("text that ended visibly", || state.cause().to_owned());
                Owed::AtMostOnce
            }
            Some((id, state)) => {
                ends.faults.push(format!("~{}~ ({id}) was not delivered: {state:?}", text.number));
                Owed::AtMostOnce
            }
            None => Owed::AtMostOnce,
        };
        in_order.push((known.map(|(id, _)| id), taken.map(|(at, _)| *at), text, owed));
    }
    for (id, acknowledged_at, text, _) in &in_order {
        let later = in_order.iter().filter(|(_, _, later, _)| {
            later.customer == text.customer && acknowledged_at.is_some_and(|at| at < later.at)
        });
        for (other, _, later, _) in later {
            if other.is_some_and(|other| Some(other) < *id) {
                let (first, second) = (text.number, later.number);
                ends.faults.push(format!("~{first}~ was acknowledged before ~{second}~ was written, and comes later"));
            }
        }
    }
    in_order.sort_by_key(|(id, _, text, _)| (id.is_none(), *id, text.number));
    for (_, _, text, owed) in in_order {
        conversations[text.customer].texts.push(Utterance { words: text.words.clone(), ticket: 0, owed });
    }
}

/// Texts of the first customer in a crowd that were not on their ticket in time: nothing is the matter with that
/// customer, so nothing that is the matter with others may keep them waiting.
fn late(world: &World) -> Vec<String> {
    let Some(crowd) = world.plan.crowd else { return Vec::new() };
    let tickets = world.brands[0].zendesk.tickets();
    let comments: Vec<_> = tickets.into_iter().flat_map(|ticket| ticket.comments).collect();
    let script = world.script.lock().unwrap();
    let firsts = script.texts.iter().filter(|text| text.customer == 0 && text.at >= crowd.at);
    let waited = firsts.map(|text| {
        let shown = comments.iter().find(|comment| comment.plain_body.contains(&text.words));
        let shown_at = shown.map(|comment| Duration::try_from(comment.created_at.duration_since(START)).unwrap());
        (text.number, shown_at.map(|shown_at| shown_at.saturating_sub(text.at)))
    });
    let is_late = |wait: Option<Duration>| wait.is_none_or(|wait| wait > crowd.within);
    waited.filter(|(_, wait)| is_late(*wait)).map(|(number, wait)| format!("~{number}~ waited {wait:?}")).collect()
}

/// The campaigns whose texts belong to a customer's conversation.
fn campaigns(world: &World, customer: &Customer) -> Vec<String> {
    let options = options(customer.brand);
    if customer.is_chat() {
        vec![options.campaign_whatsapp_reply]
    } else if world.plan.chat.is_some() && !customer.is_further() {
        vec![options.campaign_agent_reply, options.campaign_ticket_solved]
    } else {
        Vec::new()
    }
}

/// Whether the template to this customer is set aside; `None` unless a reply waits until they write again.
pub(crate) async fn waits_for_answer(world: &World, customer: usize) -> Option<bool> {
    let store = world.store().filter(|_| world.customers[customer].is_chat())?;
    let key = Some(ConversationKey(world.customers[customer].ticket_key.clone()));
    let filter = DeliveryFilter { conversation: key, limit: 1000, ..DeliveryFilter::default() };
    let theirs = store.deliveries(filter).await.unwrap().items;
    let waits = |one: &Delivery| !one.state.is_settled() && one.state.cause() == cause::WAITS_FOR_ANSWER;
    let is_set_aside = |one: &Delivery| matches!(one.state, State::Unconfirmed { look_at: None, .. });
    let set_aside = theirs.iter().any(|one| one.kind == KindName::Template && is_set_aside(one));
    theirs.iter().any(waits).then_some(set_aside)
}

/// When templates came to this customer.
pub(crate) fn templates(world: &World, customer: usize) -> Vec<Duration> {
    let customer = &world.customers[customer];
    let template = options(customer.brand).campaign_whatsapp_template;
    let texts = world.brands[customer.brand].braze.texts().into_iter();
    let theirs = texts.filter(|text| text.braze_id == customer.carrier_id && text.campaign_id == template);
    theirs.map(|text| Duration::try_from(text.at.duration_since(START)).unwrap()).collect()
}

/// When the bridge took this customer's texts.
pub(crate) fn heard(world: &World, customer: usize) -> Vec<Duration> {
    let script = world.script.lock().unwrap();
    let theirs = script.texts.iter().filter(|text| text.customer == customer);
    theirs.filter_map(|text| script.taken.get(&text.webhook).map(|(at, _)| *at)).collect()
}

/// Customers who were asked to write again, and asked once more before the bridge heard of them.
fn asked_twice(world: &World) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, customer) in world.customers.iter().enumerate().filter(|(_, customer)| customer.is_chat()) {
        let asked = templates(world, number);
        let heard = heard(world, number);
        let is_heard = |from: Duration, until: Duration| heard.iter().any(|at| (from..until).contains(at));
        let twice = asked.iter().zip(asked.iter().skip(1)).filter(|(first, second)| !is_heard(**first, **second));
        faults.extend(twice.map(|(first, second)| format!("{} was asked at {first:?} and {second:?}", customer.key)));
    }
    faults
}

/// Whether the customer was opted out at any time since the reply was written; a shared number is opted out for all.
fn was_opted_out(world: &World, reply: &Reply) -> bool {
    let outs = world.script.lock().unwrap();
    let is_theirs = |customer: &usize| {
        let (one, other) = (&world.customers[*customer], &world.customers[reply.customer]);
        one.brand == other.brand && (world.plan.alike || one.carrier_id == other.carrier_id)
    };
    let mut theirs = outs.opted_out.iter().filter(|(customer, _)| is_theirs(customer));
    theirs.any(|(_, in_again)| in_again.is_none_or(|at| at > reply.at))
}

/// Whether a reply was written on a ticket that an agent had opened, before the bridge knew how far those on it had gone:
/// of such a ticket it forwards the comment that it is told of, and no older ones. Where a customer's text opens the
/// ticket there is no such time, however long its answer is looked for.
fn was_early(world: &World, reply: &Reply) -> bool {
    let script = world.script.lock().unwrap();
    let ticket = (world.desk_brand(reply.customer), reply.ticket);
    let is_known = script.known.get(&ticket).is_some_and(|known| reply.at >= *known);
    script.by_agents.contains(&ticket) && !is_known
}

/// Whether a reply must have reached the phone.
fn owed_of(world: &World, ends: &mut Ends, reply: &Reply) -> Owed {
    // On a ticket that changed hands a reply may end with a note. It never goes to the other customer, which is seen there.
    let brand = world.desk_brand(reply.customer);
    if world.script.lock().unwrap().given.contains_key(&(brand, reply.ticket)) {
        return Owed::AtMostOnce;
    }
    let states = ends.by_comment.get(&(brand, CommentId(reply.comment))).cloned().unwrap_or_default();
    let texts: Vec<&State> = states.iter().filter(|(what, _)| *what == "text").map(|(_, state)| state).collect();
    let ended = texts.first().copied().or_else(|| {
        // A doorbell whose comment was read from the ticket has done its work; one that was not says why.
        let doorbells = states.iter().map(|(_, state)| state);
        doorbells.into_iter().find(|state| EXCUSES.iter().any(|excuse| state.cause().contains(excuse)))
    });
    if texts.len() > 1 {
        ends.faults.push(format!("comment {} became {} texts: {texts:?}", reply.comment, texts.len()));
    }
    // The vendor of a pack cannot be asked for a lost text, so that the operator is always its judge.
    let is_never_found = world.customers[reply.customer].line == Line::Further(Vendor::Twilio);
    match ended {
        // Braze takes a text for a customer who has opted out, and says nothing; the bridge may not know yet.
        Some(State::Delivered { .. }) if was_opted_out(world, reply) => Owed::AtMostOnce,
        Some(State::Delivered { .. }) => Owed::Once,
        // With `hold` the operator has asked to be the judge of a text whose receipt did not show in time.
        Some(State::Unconfirmed { look_at: None, .. }) if world.plan.hold || is_never_found => {
            world.trace.fault("reply that was set aside", || reply.comment.to_string());
            Owed::AtMostOnce
        }
        Some(state) => {
            if !EXCUSES.iter().any(|excuse| state.cause().contains(excuse)) {
                ends.faults.push(format!("the reply {} was not delivered: {state:?}", reply.comment));
            }
            world.trace.fault("reply that ended visibly", || format!("{}: {}", reply.comment, state.cause()));
            Owed::AtMostOnce
        }
        None => {
            if ends.unread.contains(&(brand, reply.ticket)) {
                world.trace.fault("reply whose ticket could not be read", || reply.comment.to_string());
                return Owed::AtMostOnce;
            }
            let deleted = world.brands[brand].zendesk.ticket(reply.ticket).is_none_or(|ticket| ticket.deleted);
            // Where no webhook told of it, only a ticket that the bridge knew is looked at.
            if deleted || (states.is_empty() && was_early(world, reply)) { Owed::AtMostOnce } else { Owed::Once }
        }
    }
}
