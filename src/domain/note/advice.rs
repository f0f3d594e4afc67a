//! For the agent who reads a note: the advice that helps, by the kind of the cause. It never words it; the mappings do.

use super::{Saying, Why};
use crate::domain::ids::EventId;

/// Advice to the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Advice {
    /// The remedy for this kind of cause.
    For(Why),
    /// The customer's words are kept, and operators can add them.
    Kept,
}

impl Advice {
    /// Every advice.
    pub fn all() -> impl Iterator<Item = Self> {
        Why::ALL.into_iter().map(Self::For).chain([Self::Kept])
    }

    /// Its name in mappings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::For(why) => why.as_str(),
            Self::Kept => "kept",
        }
    }
}

impl Saying {
    /// The advice to the agent, and the delivery that ended; `None` where the note tells of no ended delivery.
    #[must_use]
    pub fn advice(&self) -> Option<(Advice, EventId)> {
        match self {
            Self::TextNotAdded(lost) | Self::TextUnconfirmed(lost) => Some((Advice::Kept, lost.event)),
            Self::ReplyUnconfirmed(lost) | Self::ClosingUnconfirmed(lost) | Self::TemplateUnconfirmed(lost) => {
                Some((Advice::For(Why::Doubtful), lost.event))
            }
            Self::ReplyNotTexted(lost) | Self::ReplyPartlyTexted(lost) => {
                Some((Advice::For(Why::of(&lost.cause)), lost.event))
            }
            Self::ClosingNotTexted(lost) | Self::TemplateNotSent(lost) => {
                // Its text is the mapping's, so no agent can reword it.
                let why = if Why::of(&lost.cause) == Why::Refused { Why::Account } else { Why::of(&lost.cause) };
                Some((Advice::For(why), lost.event))
            }
            Self::ReplyNotDelivered(lost) | Self::ClosingNotDelivered(lost) | Self::TemplateNotDelivered(lost) => {
                Some((Advice::For(lost.meaning.remedy()), lost.event))
            }
            Self::ReplyHeldBack(lost) | Self::ClosingHeldBack(lost) | Self::TemplateHeldBack(lost) => {
                Some((Advice::For(Why::Account), lost.event))
            }
            Self::ReplyOnItsWay(_)
            | Self::ReplyTextedNow(_)
            | Self::ClosingTextedNow
            | Self::ReplyFoundArrived(_)
            | Self::ClosingFoundArrived
            | Self::HadAnotherRequester(_)
            | Self::HasAnotherRequester(_)
            | Self::WrittenOnAnothers
            | Self::ReplyEmpty(_)
            | Self::CommentByStranger(_)
            | Self::FileWithheld(_)
            | Self::PictureLost
            | Self::OptedOut(_)
            | Self::OptedIn(_)
            | Self::AskedForHelp(_)
            | Self::Unsubscribed
            | Self::TextsComeHere(_)
            | Self::TextsGoElsewhere(_)
            | Self::ReplyWaits(_)
            | Self::WaitingReplyTexted(_)
            | Self::TemplateSent => None,
        }
    }
}
