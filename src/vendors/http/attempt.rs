//! The attempt that calls belong to: it keeps the vendor's last refusal, the personal data that its causes must not hold,
//! and the mark of a claim whose first call is to come.
//!
//! An answer is evidence for the operator and never decides anything. So it does not travel with
//! [`crate::ports::Failure`] from layer to layer, where a rule could read it and a debug output could show it. Every
//! call within [`Attempt::listen`] belongs to the attempt; the answer to any other call is not kept.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::answer::Answer;
use crate::domain::lanes::Need;
use crate::vendors::http::personal::Personal;

tokio::task_local! {
    /// The attempt that the calls of this task are made for.
    static PRESENT: Arc<Attempt>;
}

/// One attempt at a delivery, or one look for its effect.
#[derive(Debug, Default)]
pub struct Attempt {
    personal: Personal,
    refused: Mutex<Option<Answer>>,
    /// The need of the claim, and the mark that its first call is to come.
    uncalled: Mutex<Option<(Need, Box<dyn Any + Send>)>>,
}

impl Attempt {
    /// An attempt whose causes must not hold this data.
    #[must_use]
    pub fn new(personal: Personal) -> Arc<Self> {
        Arc::new(Self { personal, ..Self::default() })
    }

    /// The same of a claim with this need. `uncalled` is dropped once a rate budget has counted the first call for the need, and
    /// at the end of the attempt at the latest.
    #[must_use]
    pub fn of_claim(personal: Personal, need: Need, uncalled: impl Any + Send) -> Arc<Self> {
        let uncalled: Box<dyn Any + Send> = Box::new(uncalled);
        Arc::new(Self { personal, uncalled: Mutex::new(Some((need, uncalled))), ..Self::default() })
    }

    /// Runs `work`, whose calls belong to this attempt.
    pub async fn listen<T>(self: &Arc<Self>, work: impl Future<Output = T>) -> T {
        PRESENT.scope(Arc::clone(self), work).await
    }

    /// The last answer that was a refusal or could not be used; `None` where every call succeeded or got no answer.
    #[must_use]
    pub fn refused(&self) -> Option<Answer> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Keeps a refusal in the attempt at hand, if there is one.
pub(crate) fn hear(answer: Answer) {
    // A look for lost webhooks is no attempt at a delivery.
    PRESENT.try_with(|attempt| *attempt.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer)).ok();
}

/// A rate budget has counted a call of the attempt at hand, or given it a time; tells for which needs it is one.
pub(crate) fn counted(is_for: impl FnOnce(Need) -> bool) {
    let forget = |attempt: &Arc<Attempt>| {
        let mut uncalled = attempt.uncalled.lock().unwrap_or_else(PoisonError::into_inner);
        uncalled.take_if(|(need, _)| is_for(*need))
    };
    // Dropped after the lock is given back.
    drop(PRESENT.try_with(forget));
}

/// The personal data that no cause of the attempt at hand may hold.
pub(crate) fn personal() -> Personal {
    PRESENT.try_with(|attempt| attempt.personal.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> Answer {
        Answer::new(jiff::Timestamp::UNIX_EPOCH, "GET /", 400, None, body, 0)
    }

    #[tokio::test]
    async fn the_mark_of_a_claim_goes_with_the_first_call_for_its_need_or_with_the_attempt() {
        for calls in [true, false] {
            let mark = Arc::new(());
            let claim = Attempt::of_claim(Personal::default(), Need::Text, Arc::clone(&mark));
            counted(|_| true);
            let is_called = |need: Need| {
                counted(|of| of == need);
                Arc::strong_count(&mark) == 1
            };
            let first = claim.listen(async { (is_called(Need::Note), calls && is_called(Need::Text)) }).await;
            assert_eq!(first, (false, calls));
            drop(claim);
            assert_eq!(Arc::strong_count(&mark), 1);
        }
    }

    #[tokio::test]
    async fn an_attempt_hears_its_own_calls_only() {
        let (ada, bob) = (Attempt::new(Personal::default()), Attempt::new(Personal::default()));
        hear(answer("nobody's"));
        let calls = async |body: &str| {
            hear(answer("first"));
            tokio::task::yield_now().await;
            hear(answer(body));
        };
        tokio::join!(ada.listen(calls("ada's")), bob.listen(calls("bob's")));
        let heard = |attempt: &Attempt| attempt.refused().map(|answer| answer.body);
        assert_eq!((heard(&ada).as_deref(), heard(&bob).as_deref()), (Some("ada's"), Some("bob's")));
    }
}
