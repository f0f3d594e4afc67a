//! The actions of the demo page's visitor as the customer and as the agent, and all messages so far. They reach only
//! the vendors: the bridge hears of them as of any customer's.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;

use super::handset::{Handset, Picture};
use super::troubles::{Trouble, Troubles};
use crate::clock::Clock;
use crate::sandbox::Sandbox;
use crate::sandbox::zendesk::{Ticket, TicketStatus};

/// The longest message, in characters: it stays one text on the phone.
pub(super) const WORDS_MAX: usize = 600;

/// The most messages and pictures that are kept; beyond them, the demo has to be started again.
const SAID_MAX: usize = 150;
const PICTURES_MAX: usize = 20;

/// The way of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Way {
    /// From the phone to the ticket.
    Text,
    /// From the ticket to the phone.
    Reply,
}

/// A message of the visitor to the other side.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) number: usize,
    pub(super) way: Way,
    pub(super) words: String,
    /// The number of its picture.
    pub(super) picture: Option<usize>,
    /// A word such as STOP, which is for the carrier and becomes a note for the agent.
    pub(super) is_keyword: bool,
    pub(super) at: Timestamp,
    /// The carrier's id of a text; `None` where the carrier kept the text to itself.
    pub(super) id: Option<String>,
    /// Zendesk's id of a reply.
    pub(super) comment: Option<u64>,
}

impl Said {
    /// Whether the carrier kept a text to itself.
    pub(super) fn is_kept(&self) -> bool {
        self.way == Way::Text && self.id.is_none()
    }
}

/// Both sides of the page.
pub(super) struct Conversation {
    pub(super) sandbox: Sandbox,
    pub(super) handset: Box<dyn Handset>,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    said: Vec<Said>,
    troubles: Troubles,
    /// The pictures on the phone.
    pictures: Vec<Picture>,
    solved: usize,
    /// Whether a switch has gone off lately.
    mended: bool,
}

/// Why an action is refused, in words for the visitor.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused(pub(super) &'static str);

impl Conversation {
    pub(super) fn new(sandbox: Sandbox, handset: Box<dyn Handset>, clock: Clock) -> Self {
        Self { sandbox, handset, clock, state: Mutex::default() }
    }

    /// The customer texts, with the picture of this number where there is one.
    pub(super) fn text(&self, words: &str, picture: Option<usize>) -> Result<(), Refused> {
        check(words)?;
        let mut state = self.room()?;
        let sent = match picture {
            Some(_) if !self.handset.about().takes_pictures => {
                return Err(Refused("This carrier passes no pictures on."));
            }
            Some(number) => Some(state.pictures.get(number).ok_or(Refused("That picture is not here."))?),
            None => None,
        };
        let id = self.handset.text(words, sent);
        if let (true, Some(id)) = (state.troubles.twice, &id) {
            self.handset.repeat(id);
        }
        let is_keyword = self.handset.is_keyword(words);
        let number = state.said.len();
        let (words, at) = (words.to_owned(), self.clock.now());
        state.said.push(Said { number, way: Way::Text, words, picture, is_keyword, at, id, comment: None });
        Ok(())
    }

    /// The agent writes on the ticket: a reply to the customer, or a note for colleagues, which goes nowhere.
    pub(super) fn write(&self, words: &str, public: bool) -> Result<(), Refused> {
        check(words)?;
        let mut state = self.room()?;
        let ticket = self.ticket().ok_or(Refused("There is no ticket yet: text as the customer first."))?;
        let comment = match self.sandbox.zendesk.agent_types(ticket.id, words, public) {
            0 => return Err(Refused("A closed ticket takes no comment: text as the customer to open the next.")),
            comment => Some(comment),
        };
        if public {
            let number = state.said.len();
            let (words, at) = (words.to_owned(), self.clock.now());
            let said = Said { number, way: Way::Reply, words, picture: None, is_keyword: false, at, id: None, comment };
            state.said.push(said);
        }
        Ok(())
    }

    /// The agent solves, closes or reopens the ticket.
    pub(super) fn set_status(&self, status: TicketStatus) -> Result<(), Refused> {
        let ticket = self.ticket().ok_or(Refused("There is no ticket yet: text as the customer first."))?;
        if ticket.status == TicketStatus::Closed {
            return Err(Refused("A closed ticket stays closed: text as the customer to open the next."));
        }
        if status == TicketStatus::Solved && ticket.status != status {
            let mut state = self.lock();
            state.solved = state.solved.saturating_add(1);
        }
        self.sandbox.zendesk.set_status(ticket.id, status);
        Ok(())
    }

    /// Keeps a picture for the customer's phone. Returns the number by which it is sent.
    pub(super) fn add_picture(&self, media_type: &str, bytes: &[u8]) -> Result<usize, Refused> {
        let (media_type, ending) = match media_type {
            "image/png" => ("image/png", "png"),
            "image/jpeg" => ("image/jpeg", "jpg"),
            "image/gif" => ("image/gif", "gif"),
            "image/webp" => ("image/webp", "webp"),
            _ => return Err(Refused("A picture must be a PNG, JPEG, GIF or WebP file.")),
        };
        let mut state = self.lock();
        let number = state.pictures.len();
        if number >= PICTURES_MAX {
            return Err(Refused("That is enough pictures for one demo. Start it again for more."));
        }
        let (name, bytes) = (format!("picture-{number}.{ending}"), Bytes::copy_from_slice(bytes));
        state.pictures.push(Picture { name, media_type, bytes });
        Ok(number)
    }

    /// The picture of this number.
    pub(super) fn picture(&self, number: usize) -> Option<Picture> {
        self.lock().pictures.get(number).cloned()
    }

    /// Moves a switch.
    pub(super) fn switch(&self, trouble: Trouble, on: bool) {
        let mut state = self.lock();
        state.mended |= !on;
        state.troubles = state.troubles.with(trouble, on);
        state.troubles.apply(&self.sandbox, &*self.handset);
    }

    /// Whether a switch has gone off since this was asked last.
    pub(super) fn take_mended(&self) -> bool {
        std::mem::take(&mut self.lock().mended)
    }

    pub(super) fn troubles(&self) -> Troubles {
        self.lock().troubles
    }

    /// All messages so far, in order.
    pub(super) fn said(&self) -> Vec<Said> {
        self.lock().said.clone()
    }

    /// How often a ticket was solved, which is the most closing texts on the phone.
    pub(super) fn solved(&self) -> usize {
        self.lock().solved
    }

    /// The ticket that the agent has before them: the latest.
    fn ticket(&self) -> Option<Ticket> {
        self.sandbox.zendesk.tickets().pop()
    }

    fn room(&self) -> Result<MutexGuard<'_, State>, Refused> {
        let state = self.lock();
        if state.said.len() < SAID_MAX {
            Ok(state)
        } else {
            Err(Refused("That is enough for one demo. Start it again for a fresh one."))
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves a list that is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check(words: &str) -> Result<(), Refused> {
    match words.trim().chars().count() {
        0 => Err(Refused("There is nothing to send yet: write something first.")),
        1..=WORDS_MAX => Ok(()),
        _ => Err(Refused("That is longer than 600 characters.")),
    }
}
