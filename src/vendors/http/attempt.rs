//! The attempt that calls belong to: it keeps the vendor's last refusal, and the personal data that its causes must not
//! hold.
//!
//! An answer is evidence for the operator and never decides anything. So it does not travel with
//! [`crate::ports::Failure`] from layer to layer, where a rule could read it and a debug output could show it. Every
//! call within [`Attempt::listen`] belongs to the attempt; the answer to any other call is not kept.

use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::answer::Answer;
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
}

impl Attempt {
    /// An attempt whose causes must not hold this data.
    #[must_use]
    pub fn new(personal: Personal) -> Arc<Self> {
        Arc::new(Self { personal, refused: Mutex::default() })
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
