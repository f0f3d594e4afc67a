//! The oracle: the rules that must hold at both vendors once no delivery waits, after any faults.
//!
//! * Every text and every reply that is owed is shown once; one that ended otherwise, at most once.
//! * Neither side shows anything else.
//! * A conversation keeps its order, in each direction; no closing text comes before a reply that was there when its ticket
//!   was solved.
//! * Every text is whole: each line, quotation mark and emoji.
//! * A conversation has one open ticket for each user that its customer is, and none of another's; staff keep their role.
//! * A customer's texts after their ticket was given to another do not appear there.
//!
//! It looks at the vendors only, so the caller says which utterances are owed. Each carries a [`tag`] by which it is
//! recognised in a comment that several share, and in the parts of a long text.

use std::collections::{BTreeMap, BTreeSet};

use tandem::sandbox::bird::Bird;
use tandem::sandbox::braze::Braze;
use tandem::sandbox::pack::Api;
use tandem::sandbox::sunshine::Sunshine;
use tandem::sandbox::zendesk::{Comment, Role, Ticket, TicketStatus, Zendesk};

/// The shipped closing text.
const CLOSING: &str = "Your ticket has been closed";

/// One conversation: its customer, and both sides' utterances.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conversation {
    /// Its key, which its tickets carry.
    pub(crate) key: String,
    /// The customer's id among the desk's users.
    pub(crate) user: String,
    /// The carrier's id of the customer.
    pub(crate) carrier_id: String,
    /// The forms of its texts, where the customer has other conversations beside it.
    pub(crate) forms: Vec<String>,
    /// The customer's texts, in the order in which the bridge took them.
    pub(crate) texts: Vec<Utterance>,
    /// The agents' replies, in order.
    pub(crate) replies: Vec<Utterance>,
    /// When a ticket of the conversation was solved.
    pub(crate) solved: Vec<Solved>,
    /// How many closing texts may be sent for each of those; 0 counts as 1.
    pub(crate) closings_each: usize,
    /// Its tickets that an agent gave to another customer, each with the last comment before.
    pub(crate) given: BTreeMap<u64, u64>,
    /// The numbers of replies that an operator sent again after they were set aside: later ones have not waited for them.
    pub(crate) sent_again: BTreeSet<usize>,
}

/// An agent solved a ticket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Solved {
    /// This one.
    pub(crate) ticket: u64,
    /// After everything whose [`tag`] has a smaller number.
    pub(crate) number: usize,
}

/// A text or a reply.
#[derive(Clone, Debug)]
pub(crate) struct Utterance {
    /// The words, the [`tag`] in front.
    pub(crate) words: String,
    /// The ticket of an agent's reply; order holds within one. 0 for a customer's text.
    pub(crate) ticket: u64,
    /// How often the other side must show it.
    pub(crate) owed: Owed,
}

/// How often an utterance must be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owed {
    /// Exactly once.
    Once,
    /// It was never acknowledged, or has ended visibly.
    AtMostOnce,
}

/// The mark before the words of an utterance; `number` is unique among all.
pub(crate) fn tag(number: usize) -> String {
    format!("~{number}~ ")
}

/// A text on a phone.
pub(crate) struct Arrived {
    /// The carrier's id of the phone's owner.
    to: String,
    /// The carrier's form of it; empty where it has none.
    form: String,
    words: String,
}

/// The phones of a carrier's customers.
pub(crate) trait Phones {
    /// Every text that reached one of them, in order.
    fn arrived(&self) -> Vec<Arrived>;
}

impl Phones for Braze {
    fn arrived(&self) -> Vec<Arrived> {
        let texts = self.texts().into_iter();
        texts.map(|text| Arrived { to: text.braze_id, form: text.campaign_id, words: text.body }).collect()
    }
}

impl Phones for Bird {
    fn arrived(&self) -> Vec<Arrived> {
        let texts = self.texts().into_iter();
        texts.map(|text| Arrived { to: text.to, form: String::new(), words: text.text }).collect()
    }
}

impl Phones for Sunshine {
    fn arrived(&self) -> Vec<Arrived> {
        let texts = self.texts().into_iter();
        texts.map(|text| Arrived { to: text.to, form: String::new(), words: text.words }).collect()
    }
}

impl Phones for Api {
    fn arrived(&self) -> Vec<Arrived> {
        let texts = self.texts().into_iter();
        texts.map(|text| Arrived { to: text.to, form: String::new(), words: text.text }).collect()
    }
}

/// The faults at one desk and at the carriers of its conversations, in words. `notes_max` is the number of internal comments that the bridge had reason to
/// write.
pub(crate) fn faults(
    desk: &Zendesk,
    carriers: &[&dyn Phones],
    conversations: &[Conversation],
    notes_max: usize,
) -> Vec<String> {
    let mut oracle = Oracle::default();
    for (number, conversation) in conversations.iter().enumerate() {
        let texts = conversation.texts.iter().map(|said| (Way::ToTicket, said));
        for (way, said) in texts.chain(conversation.replies.iter().map(|said| (Way::ToPhone, said))) {
            oracle.said.insert(number_of(&said.words), (number, way));
        }
    }
    for conversation in conversations {
        let same = |other: &&Conversation| other.user == conversation.user && other.key != conversation.key;
        let keys = conversations.iter().filter(same).map(|other| Some(other.key.clone())).collect();
        oracle.on_other_lines.insert(conversation.key.clone(), keys);
    }
    oracle.read_tickets(desk, conversations, notes_max);
    for (number, conversation) in conversations.iter().enumerate() {
        oracle.read_phone(carriers, number, conversation);
    }
    for conversation in conversations {
        oracle.compare(conversation, &conversation.texts, "the ticket");
        oracle.compare(conversation, &conversation.replies, "the phone");
    }
    oracle.faults
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    ToTicket,
    ToPhone,
}

#[derive(Default)]
struct Oracle {
    /// The conversation and direction of each utterance, by its number.
    said: BTreeMap<usize, (usize, Way)>,
    /// Every sight of each utterance, with its place in the order of all.
    seen: BTreeMap<usize, Vec<(u64, Shown)>>,
    /// The utterances on tickets that were deleted since.
    gone: BTreeSet<usize>,
    /// The users' ids in Braze.
    keys: BTreeMap<u64, String>,
    /// The keys of the same customer's other conversations at the desk, by each key.
    on_other_lines: BTreeMap<String, BTreeSet<Option<String>>>,
    faults: Vec<String>,
}

/// The words as they were shown.
struct Shown {
    words: String,
    /// Whether they were shown by themselves; else blank lines and times stand between them and others.
    alone: bool,
}

impl Oracle {
    fn read_tickets(&mut self, desk: &Zendesk, conversations: &[Conversation], notes_max: usize) {
        let (agent, bridge) = (desk.agent_id(), desk.api_user_id());
        let tickets = desk.tickets();
        self.read_users(desk);
        let mut notes = 0;
        for ticket in &tickets {
            for comment in &ticket.comments {
                match comment.author_id {
                    author if author == agent => {}
                    author if author == bridge && !comment.public => notes += 1,
                    author if comment.public && (self.is_theirs(author, ticket) || is_given(ticket, conversations)) => {
                        self.read_comment(ticket, comment, conversations);
                    }
                    _ => self.faults.push(format!("a strange comment on ticket {}: {comment:?}", ticket.id)),
                }
            }
        }
        if notes > notes_max {
            self.faults.push(format!("{notes} internal comments were written, and there were {notes_max} reasons"));
        }
        for conversation in conversations {
            let is_open = |ticket: &&Ticket| {
                let done = matches!(ticket.status, TicketStatus::Solved | TicketStatus::Closed)
                    || conversation.given.contains_key(&ticket.id);
                ticket.external_id.as_ref() == Some(&conversation.key) && !ticket.deleted && !done
            };
            // A customer who is two users, because an agent has made another for them, may have one as each.
            let mut open: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
            for ticket in tickets.iter().filter(is_open) {
                open.entry(ticket.requester_id).or_default().push(ticket.id);
            }
            for several in open.values().filter(|open| open.len() > 1) {
                self.faults.push(format!("{} has several open tickets: {several:?}", conversation.key));
            }
        }
    }

    /// Reads every user's customer, by the recipe's field.
    fn read_users(&mut self, desk: &Zendesk) {
        for user in desk.users() {
            let key = user.user_fields.get("braze_external_id").and_then(|field| field.as_str());
            if let Some(key) = key {
                self.keys.insert(user.id, key.to_owned());
            }
            let is_staff = user.id == desk.agent_id() || user.id == desk.api_user_id();
            if is_staff && (key.is_some() || user.external_id.is_some() || user.role == Role::EndUser) {
                self.faults.push(format!("staff were taken for a customer: {user:?}"));
            }
        }
    }

    /// Checks that each customer writes in their own name, and at most one comment more on a ticket that was given away,
    /// because only the answer to that comment tells of the new requester.
    fn read_author(&mut self, ticket: &Ticket, comment: &Comment, conversation: &Conversation) {
        let key = &conversation.key;
        if self.keys.get(&comment.author_id).is_some_and(|known| *known != conversation.user) {
            self.faults.push(format!("{key} writes in another's name on ticket {}", ticket.id));
        }
        let Some(last) = conversation.given.get(&ticket.id) else { return };
        let late = |other: &&Comment| other.id > *last && other.public && other.author_id == comment.author_id;
        if ticket.comments.iter().filter(late).count() > 1 {
            self.faults.push(format!("{key} goes on to write on ticket {}, which is another's now", ticket.id));
        }
    }

    fn read_comment(&mut self, ticket: &Ticket, comment: &Comment, conversations: &[Conversation]) {
        let pieces = pieces(&comment.plain_body);
        let alone = pieces.len() == 1;
        // A ticket that an agent opens may begin with nothing.
        if pieces.is_empty() && !comment.plain_body.is_empty() {
            self.faults.push(format!("nobody wrote this on ticket {}: {:?}", ticket.id, comment.plain_body));
        }
        for (tagged, words) in pieces {
            if let Some((whose, Way::ToTicket)) = self.said.get(&tagged) {
                self.read_author(ticket, comment, &conversations[*whose]);
            }
            match self.said.get(&tagged) {
                Some((whose, Way::ToTicket)) if self.belongs(ticket, &conversations[*whose]) && ticket.deleted => {
                    self.gone.insert(tagged);
                }
                Some((whose, Way::ToTicket)) if self.belongs(ticket, &conversations[*whose]) => {
                    self.seen.entry(tagged).or_default().push((comment.id, Shown { words, alone }));
                }
                _ => self.faults.push(format!("this does not belong on ticket {}: {words:?}", ticket.id)),
            }
        }
    }

    /// Whether the author is the ticket's requester, or another user that its customer is.
    fn is_theirs(&self, author: u64, ticket: &Ticket) -> bool {
        let key = |user: u64| self.keys.get(&user);
        author == ticket.requester_id || (key(author).is_some() && key(author) == key(ticket.requester_id))
    }

    /// A ticket of this conversation: by its key, one that follows up or that an agent opened for its customer, or one that
    /// was given to its customer; never one of the same customer's on another line.
    fn belongs(&self, ticket: &Ticket, conversation: &Conversation) -> bool {
        let is_requester = self.keys.get(&ticket.requester_id) == Some(&conversation.user);
        let of_another =
            || self.on_other_lines.get(&conversation.key).is_some_and(|keys| keys.contains(&ticket.external_id));
        (is_requester && !of_another()) || ticket.external_id.as_ref().is_none_or(|key| *key == conversation.key)
    }

    /// Puts the parts of long texts together again: a part without a tag goes on with the text before it.
    fn read_phone(&mut self, carriers: &[&dyn Phones], number: usize, conversation: &Conversation) {
        let texts: Vec<_> = carriers.iter().flat_map(|carrier| carrier.arrived()).collect();
        let mut closings = 0;
        let mut open = None;
        let is_here = |text: &&Arrived| {
            let is_theirs = text.to == conversation.carrier_id;
            is_theirs && (conversation.forms.is_empty() || conversation.forms.contains(&text.form))
        };
        for (place, text) in (0..).zip(texts.iter().filter(is_here)) {
            if text.words == CLOSING {
                closings += 1;
                continue;
            }
            // On a chat channel a thin space keeps a mark from formatting the words behind it.
            let body = text.words.replace('\u{200a}', "");
            let tagged = pieces(&body).first().map(|(tagged, _)| *tagged);
            match (tagged, open) {
                (Some(tagged), _) if self.said.get(&tagged) == Some(&(number, Way::ToPhone)) => {
                    let shown = Shown { words: body, alone: true };
                    self.seen.entry(tagged).or_default().push((place, shown));
                    open = Some(tagged);
                    if closings > conversation.closings_before(tagged) {
                        self.faults
                            .push(format!("{} was told that a ticket is solved before ~{tagged}~", conversation.key));
                    }
                }
                (None, Some(tagged)) => {
                    if let Some((_, shown)) = self.seen.get_mut(&tagged).and_then(|seen| seen.last_mut()) {
                        shown.words = format!("{}\n{body}", shown.words);
                        shown.alone = false;
                    }
                }
                _ => self.faults.push(format!("nobody wrote this to {}: {:?}", conversation.key, text.words)),
            }
        }
        let solved = conversation.solved.len();
        if closings > solved * conversation.closings_each.max(1) {
            let key = &conversation.key;
            self.faults.push(format!("{key} was told {closings} times of a ticket solved {solved} times"));
        }
    }

    /// Checks that each is shown once, whole, and in order.
    fn compare(&mut self, conversation: &Conversation, said: &[Utterance], place: &str) {
        let key = &conversation.key;
        let mut newest: BTreeMap<u64, (u64, usize)> = BTreeMap::new();
        for utterance in said {
            let number = number_of(&utterance.words);
            let seen = self.seen.get(&number).map_or(&[][..], Vec::as_slice);
            match (seen.len(), utterance.owed) {
                (1, _) | (0, Owed::AtMostOnce) => {}
                (0, Owed::Once) if self.gone.contains(&number) => {}
                (0, Owed::Once) => self.faults.push(format!("{place} of {key} never showed ~{number}~")),
                (times, _) => self.faults.push(format!("{place} of {key} showed ~{number}~ {times} times")),
            }
            let Some((at, shown)) = seen.first() else { continue };
            let waited = !conversation.sent_again.contains(&number);
            if !is_whole(shown, utterance) {
                let (is, was) = (&shown.words, &utterance.words);
                self.faults.push(format!("{place} of {key} showed {is:?} and not {was:?}"));
            }
            let before = newest.get(&utterance.ticket).filter(|(before, _)| before > at && waited);
            if let Some((before, other)) = before {
                self.faults.push(format!("{place} of {key} showed ~{number}~ ({at}) before ~{other}~ ({before})"));
            }
            if waited {
                let newest = newest.entry(utterance.ticket).or_default();
                *newest = (*newest).max((*at, number));
            }
        }
    }
}

impl Conversation {
    /// How many closing texts may have come before this reply: none of the reply's own ticket, if it was solved later.
    fn closings_before(&self, reply: usize) -> usize {
        let said = self.replies.iter().find(|said| number_of(&said.words) == reply);
        let may_be = |solved: &&Solved| solved.number < reply || said.is_none_or(|said| said.ticket != solved.ticket);
        self.solved.iter().filter(may_be).count() * self.closings_each.max(1)
    }
}

/// Whether an agent gave the ticket to another customer.
fn is_given(ticket: &Ticket, conversations: &[Conversation]) -> bool {
    conversations.iter().any(|conversation| conversation.given.contains_key(&ticket.id))
}

/// The words that are shown equal those that were said. White space at the cuts of a long text goes, and a text that ended
/// visibly may have gone out in part.
fn is_whole(shown: &Shown, said: &Utterance) -> bool {
    if shown.alone && shown.words == said.words {
        return true;
    }
    let lines = |words: &str| -> Vec<String> {
        words.lines().filter(|line| !line.is_empty() && !is_time(line)).map(str::to_owned).collect()
    };
    let words = |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
    match (shown.alone, said.ticket) {
        (false, 0) => lines(&shown.words) == lines(&said.words),
        (false, _) if said.owed == Owed::Once => words(&shown.words) == words(&said.words),
        (_, 1..) if said.owed == Owed::AtMostOnce => words(&said.words).starts_with(&words(&shown.words)),
        _ => false,
    }
}

/// The line that stands before each of several texts in one comment.
fn is_time(line: &str) -> bool {
    line.starts_with('[') && line.ends_with(" UTC]")
}

/// The utterances in a text, each from its tag on.
fn pieces(text: &str) -> Vec<(usize, String)> {
    let mut starts: Vec<(usize, usize)> = Vec::new();
    for (at, _) in text.match_indices('~') {
        let number = text[at + 1..].split_once("~ ").and_then(|(number, _)| number.parse().ok());
        starts.extend(number.map(|number| (at, number)));
    }
    let ends = starts.iter().skip(1).map(|(at, _)| *at).chain([text.len()]);
    let pieces = starts.iter().zip(ends).map(|((start, number), end)| (*number, text[*start..end].to_owned()));
    pieces.collect()
}

/// The number of an utterance's [`tag`].
pub(crate) fn number_of(words: &str) -> usize {
    pieces(words).first().map_or(usize::MAX, |(number, _)| *number)
}
