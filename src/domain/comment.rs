//! A comment on a ticket as a desk shows it: its author, its origin, its words and its files. It never says which comment
//! goes to the phone; [`crate::policy::owed`] does.

use std::fmt;

use jiff::Timestamp;

use crate::domain::event::Attachment;
use crate::domain::ids::{CommentId, UserId};
use crate::domain::note::WithheldFor;

/// A comment on a ticket.
#[derive(Clone, PartialEq)]
pub struct CommentView {
    /// Its number; later ones are larger.
    pub id: CommentId,
    /// The author; 0 for the desk itself.
    pub author_id: UserId,
    /// The author's role now.
    pub author: Author,
    /// The author's name, where the answer held it.
    pub author_name: Option<String>,
    /// Whether the customer may see it.
    pub public: bool,
    /// How it came to be.
    pub made: Made,
    /// When it was written, by the desk's clock, where the answer has the time.
    pub created_at: Option<Timestamp>,
    /// The text with its markup.
    pub html_body: String,
    /// The text without markup; blank lines and entities as the desk renders them.
    pub plain_body: String,
    /// Files, and pictures within the text, that the customer may get.
    pub attachments: Vec<Attachment>,
    /// Files that the customer may not get.
    pub withheld: Vec<Withheld>,
}

/// Personal data stays out of logs and panics.
impl fmt::Debug for CommentView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommentView({}, …)", self.id)
    }
}

/// The author of a comment, by the users that the answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// An agent or an administrator.
    Staff,
    /// An end user.
    EndUser,
    /// A deleted user, or one who is not in the answer.
    Unknown,
    /// The desk itself.
    Desk,
}

/// How a comment came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// Its author wrote it, or had it written.
    Written,
    /// The desk recorded a phone call.
    ByCall,
    /// A merge of tickets left it.
    ByMerge,
    /// The desk made it otherwise: a type or a channel that is no reply.
    ByRecord,
}

/// A file that is not for the customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// As the agent named it.
    pub file_name: String,
    /// Why.
    pub why: WithheldFor,
}
