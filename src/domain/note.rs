//! Notes to the agents on a ticket, as codes with fields. The mappings ([`crate::mapping`]) choose words and language,
//! and the worker checks that a note is still true.

use serde::{Deserialize, Serialize};

use crate::domain::cause;
use crate::domain::conversation;
use crate::domain::ids::{CommentId, EventId, TicketId};

mod advice;
mod joined;
mod undelivered;
mod why;

pub use advice::Advice;
pub use joined::Joined;
pub use undelivered::{Meaning, Undelivered};
pub use why::Why;

/// A note to the agents, written to a ticket as an internal comment.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The ticket to write on.
    pub ticket_id: TicketId,
    /// Its content.
    #[serde(flatten)]
    pub says: Says,
    /// Its claim about the delivery that caused it, which is checked again before the note is written.
    #[serde(default, skip_serializing_if = "Tells::is_fact")]
    pub tells: Tells,
}

/// The content of a note.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Says {
    /// A code with its fields, worded when the note is written.
    Coded(Saying),
    /// Words that an earlier version of tandem chose. They are written unchanged.
    Words {
        /// The words.
        text: String,
    },
}

/// The claim of a note about the delivery that caused it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tells {
    /// None: the note stays true with every end of the delivery.
    #[default]
    Fact,
    /// It did not arrive, or its fate is unknown.
    NotArrived,
    /// It arrived although a note said otherwise.
    ArrivedAfterAll,
}

impl Tells {
    fn is_fact(&self) -> bool {
        *self == Self::Fact
    }
}

/// The codes: every message that a note can carry.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Saying {
    /// A reply did not go to the phone.
    ReplyNotTexted(Lost),
    /// Only the first parts of a long reply went to the phone.
    ReplyPartlyTexted(Lost),
    /// The closing text did not go to the phone.
    ClosingNotTexted(Lost),
    /// A customer's text is not on the ticket.
    TextNotAdded(Lost),
    /// A reply may or may not have gone to the phone.
    ReplyUnconfirmed(Lost),
    /// The closing text may or may not have gone to the phone.
    ClosingUnconfirmed(Lost),
    /// A customer's text may or may not be on the ticket.
    TextUnconfirmed(Lost),
    /// A reply that a note called lost has been read, and goes to the phone.
    ReplyOnItsWay(Reply),
    /// A reply that a note called lost has gone to the phone.
    ReplyTextedNow(Reply),
    /// A closing text that a note called lost has gone to the phone.
    ClosingTextedNow,
    /// An operator has found that a reply which a note called lost did reach the customer.
    ReplyFoundArrived(Reply),
    /// An operator has found that a closing text which a note called lost did reach the customer.
    ClosingFoundArrived,
    /// Replies that were written when the ticket had another requester.
    HadAnotherRequester(Replies),
    /// Replies that were written when the ticket was no longer the customer's.
    HasAnotherRequester(Replies),
    /// The customer's last text stands on a ticket that has another requester since.
    WrittenOnAnothers,
    /// A reply has nothing to text.
    ReplyEmpty(Reply),
    /// A public comment whose author is not known to be an agent.
    CommentByStranger(Reply),
    /// A file of a reply does not go to the customer.
    FileWithheld(File),
    /// A picture of a customer's text is on no comment, because its kept copy cannot be read and its link is dead.
    PictureLost,
    /// The customer opted out of texts.
    OptedOut(Keyword),
    /// The customer opted in to texts.
    OptedIn(Keyword),
    /// The customer asked for help.
    AskedForHelp(Keyword),
    /// The carrier did not bring a reply to the phone.
    ReplyNotDelivered(Undelivered),
    /// The carrier did not bring the closing text to the phone.
    ClosingNotDelivered(Undelivered),
    /// A reply was held back and not sent.
    ReplyHeldBack(Undelivered),
    /// The closing text was held back and not sent.
    ClosingHeldBack(Undelivered),
    /// The customer was unsubscribed otherwise than by a keyword.
    Unsubscribed,
    /// Two conversations of the customer were joined, and their texts come to this ticket.
    TextsComeHere(Joined),
    /// Two conversations of the customer were joined, and their texts come to the other ticket.
    TextsGoElsewhere(Joined),
    /// A reply waits until the customer writes again.
    ReplyWaits(Reply),
    /// A reply that waited until the customer wrote again has gone to the phone.
    WaitingReplyTexted(Reply),
    /// The customer was asked to write again.
    TemplateSent,
    /// The request to write again did not go out.
    TemplateNotSent(Lost),
    /// The request to write again may or may not have gone out.
    TemplateUnconfirmed(Lost),
    /// The carrier did not bring the request to write again to the phone.
    TemplateNotDelivered(Undelivered),
    /// The request to write again was held back and not sent.
    TemplateHeldBack(Undelivered),
}

/// A delivery that ended without a certain arrival.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Its id, by which operators find its history.
    pub event: EventId,
    /// The reply's comment, where it has a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<CommentId>,
    /// How many parts of a long reply went to the phone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<u32>,
    /// The cause, as operators see it as well.
    pub cause: String,
}

/// A reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Its comment, where it has a number.
    pub comment: Option<CommentId>,
}

/// Several replies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replies {
    /// Their comments; none for a reply without a number.
    pub comments: Vec<CommentId>,
}

/// A file of a reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// The reply's comment.
    pub comment: CommentId,
    /// The file's name.
    pub file: String,
    /// Why it does not go to the customer.
    pub reason: WithheldFor,
}

/// A subscription keyword.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keyword {
    /// The word that the customer typed, where the carrier told.
    pub word: Option<String>,
}

/// Why a file does not go to the customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WithheldFor {
    /// The desk found malware in it.
    Malware,
    /// It has been deleted.
    Deleted,
    /// The desk gives no address for it.
    NoAddress,
}

/// The fields of a note as mappings get them. A field that its code does not have is `None` or empty.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fields {
    /// See [`Lost::event`].
    pub event: Option<EventId>,
    /// The reply's comment.
    pub comment: Option<CommentId>,
    /// See [`Replies::comments`].
    pub comments: Vec<CommentId>,
    /// See [`Lost::parts`].
    pub parts: Option<u32>,
    /// See [`Lost::cause`].
    pub cause: Option<String>,
    /// The kind of the cause: the name of a [`Why`].
    pub kind: Option<String>,
    /// See [`File::file`].
    pub file: Option<String>,
    /// The name of a [`WithheldFor`].
    pub reason: Option<WithheldFor>,
    /// See [`Keyword::word`].
    pub word: Option<String>,
    /// See [`Undelivered::carrier_code`].
    pub carrier_code: Option<String>,
    /// See [`Undelivered::meaning`].
    pub meaning: Option<Meaning>,
    /// See [`Undelivered::said`].
    pub said: Option<String>,
    /// See [`Joined::ticket`].
    pub other_ticket: Option<TicketId>,
}

impl Saying {
    /// One of each code, with every field that it has.
    #[must_use]
    pub fn samples() -> [Self; 36] {
        let event = EventId { epoch: 0x5eed_0000, sequence: 0x29, sub: 0 };
        let comment = CommentId(4711);
        let reply = Reply { comment: Some(comment) };
        let replies = Replies { comments: vec![comment, CommentId(4712)] };
        let cause = cause::SAMPLE.to_owned();
        let whole = Lost { event, comment: None, parts: None, cause };
        let of_reply = Lost { comment: Some(comment), ..whole.clone() };
        let partly = Lost { parts: Some(2), ..of_reply.clone() };
        let file = File { comment, file: "invoice.pdf".to_owned(), reason: WithheldFor::Malware };
        let word = |word: &str| Keyword { word: Some(word.to_owned()) };
        let other = Joined { ticket: TicketId(36) };
        let closing = Undelivered {
            event,
            comment: None,
            carrier_code: Some("30005".to_owned()),
            meaning: Meaning::UnknownNumber,
            said: Some("Unknown destination handset".to_owned()),
        };
        let undelivered = Undelivered { comment: Some(comment), ..closing.clone() };
        let (kind, said) = (Some("quiet_hours".to_owned()), Some("Quiet hours are on".to_owned()));
        let closing_held = Undelivered { carrier_code: kind, meaning: Meaning::Other, said, ..closing.clone() };
        let held = Undelivered { comment: Some(comment), ..closing_held.clone() };
        [
            Self::ReplyNotTexted(of_reply.clone()),
            Self::ReplyPartlyTexted(partly),
            Self::ClosingNotTexted(whole.clone()),
            Self::TextNotAdded(whole.clone()),
            Self::ReplyUnconfirmed(of_reply),
            Self::ClosingUnconfirmed(whole.clone()),
            Self::TextUnconfirmed(whole.clone()),
            Self::ReplyOnItsWay(reply),
            Self::ReplyTextedNow(reply),
            Self::ClosingTextedNow,
            Self::ReplyFoundArrived(reply),
            Self::ClosingFoundArrived,
            Self::HadAnotherRequester(replies.clone()),
            Self::HasAnotherRequester(replies),
            Self::WrittenOnAnothers,
            Self::ReplyEmpty(reply),
            Self::CommentByStranger(reply),
            Self::FileWithheld(file),
            Self::PictureLost,
            Self::OptedOut(word("STOP")),
            Self::OptedIn(word("YES")),
            Self::AskedForHelp(word("HELP")),
            Self::ReplyNotDelivered(undelivered),
            Self::ClosingNotDelivered(closing.clone()),
            Self::ReplyHeldBack(held),
            Self::ClosingHeldBack(closing_held.clone()),
            Self::Unsubscribed,
            Self::TextsComeHere(other),
            Self::TextsGoElsewhere(other),
            Self::ReplyWaits(reply),
            Self::WaitingReplyTexted(reply),
            Self::TemplateSent,
            Self::TemplateNotSent(whole.clone()),
            Self::TemplateUnconfirmed(whole),
            Self::TemplateNotDelivered(closing),
            Self::TemplateHeldBack(closing_held),
        ]
    }

    /// The message of this code with these fields, the form in which mappings get a note.
    ///
    /// # Errors
    /// When there is no such code, or when one of its fields is missing.
    pub fn read(code: &str, fields: &Fields) -> Result<Self, String> {
        let mut record = serde_json::to_value(fields).map_err(|error| error.to_string())?;
        // The error names a field that is left out, but not one that is null.
        record.as_object_mut().into_iter().for_each(|fields| fields.retain(|_, value| !value.is_null()));
        record["code"] = code.into();
        serde_json::from_value(record).map_err(|error| error.to_string())
    }

    /// The message of a subscription keyword, with the word that the customer typed.
    #[must_use]
    pub fn of_keyword(keyword: conversation::Keyword, word: &str) -> Self {
        let word = Some(word.trim().to_owned()).filter(|word| !word.is_empty());
        let word = Keyword { word };
        match keyword {
            conversation::Keyword::OptOut => Self::OptedOut(word),
            conversation::Keyword::OptIn => Self::OptedIn(word),
            conversation::Keyword::Help => Self::AskedForHelp(word),
        }
    }

    /// The code, as stores and mappings write it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::ReplyNotTexted(_) => "reply_not_texted",
            Self::ReplyPartlyTexted(_) => "reply_partly_texted",
            Self::ClosingNotTexted(_) => "closing_not_texted",
            Self::TextNotAdded(_) => "text_not_added",
            Self::ReplyUnconfirmed(_) => "reply_unconfirmed",
            Self::ClosingUnconfirmed(_) => "closing_unconfirmed",
            Self::TextUnconfirmed(_) => "text_unconfirmed",
            Self::ReplyOnItsWay(_) => "reply_on_its_way",
            Self::ReplyTextedNow(_) => "reply_texted_now",
            Self::ClosingTextedNow => "closing_texted_now",
            Self::ReplyFoundArrived(_) => "reply_found_arrived",
            Self::ClosingFoundArrived => "closing_found_arrived",
            Self::HadAnotherRequester(_) => "had_another_requester",
            Self::HasAnotherRequester(_) => "has_another_requester",
            Self::WrittenOnAnothers => "written_on_anothers",
            Self::ReplyEmpty(_) => "reply_empty",
            Self::CommentByStranger(_) => "comment_by_stranger",
            Self::FileWithheld(_) => "file_withheld",
            Self::PictureLost => "picture_lost",
            Self::OptedOut(_) => "opted_out",
            Self::OptedIn(_) => "opted_in",
            Self::AskedForHelp(_) => "asked_for_help",
            Self::ReplyNotDelivered(_) => "reply_not_delivered",
            Self::ClosingNotDelivered(_) => "closing_not_delivered",
            Self::ReplyHeldBack(_) => "reply_held_back",
            Self::ClosingHeldBack(_) => "closing_held_back",
            Self::Unsubscribed => "unsubscribed",
            Self::TextsComeHere(_) => "texts_come_here",
            Self::TextsGoElsewhere(_) => "texts_go_elsewhere",
            Self::ReplyWaits(_) => "reply_waits",
            Self::WaitingReplyTexted(_) => "waiting_reply_texted",
            Self::TemplateSent => "template_sent",
            Self::TemplateNotSent(_) => "template_not_sent",
            Self::TemplateUnconfirmed(_) => "template_unconfirmed",
            Self::TemplateNotDelivered(_) => "template_not_delivered",
            Self::TemplateHeldBack(_) => "template_held_back",
        }
    }

    /// The names of the fields that the code has, in the order of [`Fields`].
    #[must_use]
    pub fn field_names(&self) -> &'static [&'static str] {
        match self {
            Self::ReplyNotTexted(_) | Self::ReplyUnconfirmed(_) => &["event", "comment", "cause", "kind"],
            Self::ReplyPartlyTexted(_) => &["event", "comment", "parts", "cause", "kind"],
            Self::ClosingNotTexted(_)
            | Self::TextNotAdded(_)
            | Self::ClosingUnconfirmed(_)
            | Self::TextUnconfirmed(_)
            | Self::TemplateNotSent(_)
            | Self::TemplateUnconfirmed(_) => &["event", "cause", "kind"],
            Self::ReplyOnItsWay(_)
            | Self::ReplyTextedNow(_)
            | Self::ReplyFoundArrived(_)
            | Self::ReplyEmpty(_)
            | Self::CommentByStranger(_)
            | Self::ReplyWaits(_)
            | Self::WaitingReplyTexted(_) => &["comment"],
            Self::HadAnotherRequester(_) | Self::HasAnotherRequester(_) => &["comments"],
            Self::ClosingTextedNow
            | Self::ClosingFoundArrived
            | Self::WrittenOnAnothers
            | Self::Unsubscribed
            | Self::PictureLost
            | Self::TemplateSent => &[],
            Self::ReplyNotDelivered(_) | Self::ReplyHeldBack(_) => {
                &["event", "comment", "carrier_code", "meaning", "said"]
            }
            Self::ClosingNotDelivered(_)
            | Self::ClosingHeldBack(_)
            | Self::TemplateNotDelivered(_)
            | Self::TemplateHeldBack(_) => &["event", "carrier_code", "meaning", "said"],
            Self::TextsComeHere(_) | Self::TextsGoElsewhere(_) => &["other_ticket"],
            Self::FileWithheld(_) => &["comment", "file", "reason"],
            Self::OptedOut(_) | Self::OptedIn(_) | Self::AskedForHelp(_) => &["word"],
        }
    }

    /// The fields.
    #[must_use]
    pub fn fields(&self) -> Fields {
        match self {
            Self::ReplyNotTexted(lost)
            | Self::ReplyPartlyTexted(lost)
            | Self::ClosingNotTexted(lost)
            | Self::TextNotAdded(lost)
            | Self::ReplyUnconfirmed(lost)
            | Self::ClosingUnconfirmed(lost)
            | Self::TextUnconfirmed(lost)
            | Self::TemplateNotSent(lost)
            | Self::TemplateUnconfirmed(lost) => Fields {
                event: Some(lost.event),
                comment: lost.comment,
                parts: lost.parts,
                cause: Some(lost.cause.clone()),
                kind: Some(Why::of(&lost.cause).as_str().to_owned()),
                ..Fields::default()
            },
            Self::ReplyOnItsWay(reply)
            | Self::ReplyTextedNow(reply)
            | Self::ReplyFoundArrived(reply)
            | Self::ReplyEmpty(reply)
            | Self::CommentByStranger(reply)
            | Self::ReplyWaits(reply)
            | Self::WaitingReplyTexted(reply) => Fields { comment: reply.comment, ..Fields::default() },
            Self::HadAnotherRequester(replies) | Self::HasAnotherRequester(replies) => {
                Fields { comments: replies.comments.clone(), ..Fields::default() }
            }
            Self::ClosingTextedNow
            | Self::ClosingFoundArrived
            | Self::WrittenOnAnothers
            | Self::Unsubscribed
            | Self::PictureLost
            | Self::TemplateSent => Fields::default(),
            Self::ReplyNotDelivered(lost)
            | Self::ClosingNotDelivered(lost)
            | Self::ReplyHeldBack(lost)
            | Self::ClosingHeldBack(lost)
            | Self::TemplateNotDelivered(lost)
            | Self::TemplateHeldBack(lost) => Fields {
                event: Some(lost.event),
                comment: lost.comment,
                carrier_code: lost.carrier_code.clone(),
                meaning: Some(lost.meaning),
                said: lost.said.clone(),
                ..Fields::default()
            },
            Self::TextsComeHere(other) | Self::TextsGoElsewhere(other) => {
                Fields { other_ticket: Some(other.ticket), ..Fields::default() }
            }
            Self::FileWithheld(file) => Fields {
                comment: Some(file.comment),
                file: Some(file.file.clone()),
                reason: Some(file.reason),
                ..Fields::default()
            },
            Self::OptedOut(keyword) | Self::OptedIn(keyword) | Self::AskedForHelp(keyword) => {
                Fields { word: keyword.word.clone(), ..Fields::default() }
            }
        }
    }
}

impl Note {
    /// A note that stays true with every end of the delivery.
    #[must_use]
    pub fn fact(ticket_id: TicketId, saying: Saying) -> Self {
        Self { ticket_id, says: Says::Coded(saying), tells: Tells::Fact }
    }

    /// The bytes that it adds to a comment with several notes: the length of its words, or an estimate from its code
    /// and fields.
    #[must_use]
    pub fn bytes(&self) -> usize {
        /// An upper bound for every shipped wording without its advice, which a comment gives once for all its notes.
        const WORDING: usize = 400;
        /// The longest number, with a comma.
        const NUMBER: usize = 22;
        match &self.says {
            Says::Words { text } => text.len(),
            Says::Coded(saying) => {
                let Fields { comments, cause, file, word, carrier_code, said, .. } = saying.fields();
                let texts: usize =
                    [cause, file, word, carrier_code, said].into_iter().flatten().map(|text| text.len()).sum();
                WORDING + texts + NUMBER * comments.len()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::EventKind;

    fn read(json: &str) -> Note {
        match serde_json::from_str(json).unwrap() {
            EventKind::Note(note) => note,
            EventKind::CustomerText(_)
            | EventKind::AgentReply(_)
            | EventKind::PhoneText(_)
            | EventKind::Template(_)
            | EventKind::TicketSolved(_)
            | EventKind::TicketReopened(_)
            | EventKind::Unreadable(_) => panic!("{json}"),
        }
    }

    #[test]
    fn a_note_of_the_version_before_keeps_its_words() {
        let stored = r#"{"kind":"note","ticket_id":35,"text":"Your reply was not texted.","tells":"not_arrived"}"#;
        let note = read(stored);
        assert!(matches!(&note.says, Says::Words { text } if text == "Your reply was not texted."));
        assert_eq!((note.ticket_id, note.tells), (TicketId(35), Tells::NotArrived));
        assert_eq!(serde_json::to_string(&EventKind::Note(note)).unwrap(), stored, "and is stored as it was");
    }

    #[test]
    fn every_code_is_stored_with_its_fields_and_read_again() {
        for saying in Saying::samples() {
            let (code, names) = (saying.code(), saying.field_names());
            let fields = serde_json::to_value(saying.fields()).unwrap();
            let fields = fields.as_object().unwrap().iter();
            let has: Vec<&String> = fields
                .filter(|(_, value)| !value.is_null() && **value != serde_json::json!([]))
                .map(|(name, _)| name)
                .collect();
            assert!(
                has.iter().all(|name| names.contains(&name.as_str())) && has.len() == names.len(),
                "{code}: {has:?}"
            );
            let note = Note::fact(TicketId(u64::MAX), saying);
            let json = serde_json::to_string(&EventKind::Note(note.clone())).unwrap();
            let head = format!(r#"{{"kind":"note","ticket_id":18446744073709551615,"code":"{code}""#);
            assert!(json.starts_with(&head), "{json}");
            assert!(read(&json) == note, "{json}");
            let Says::Coded(saying) = note.says else { panic!("{json}") };
            assert!(Saying::read(saying.code(), &saying.fields()) == Ok(saying), "{json}");
        }
    }
}
