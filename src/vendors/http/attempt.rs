//! The attempt that calls belong to: it keeps the vendor's last refusal, the personal data that its causes must not hold,
//! and a claim's mark of the rate budgets that have counted no call of it yet.
//!
//! An answer is evidence for the operator and never decides anything. So it does not travel with
//! [`crate::ports::Failure`] from layer to layer, where a rule could read it and a debug output could show it. Every
//! call within [`Attempt::listen`] belongs to the attempt; the answer to any other call is not kept.

use std::fmt;
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
    claim: Option<(Need, Box<dyn Counted>)>,
}

/// A claim, as its rate budgets know it.
pub trait Counted: fmt::Debug + Send + Sync {
    /// These pools have counted a call of it, or given it a time.
    fn by(&self, pools: &[usize]);
}

impl Attempt {
    /// An attempt whose causes must not hold this data.
    #[must_use]
    pub fn new(personal: Personal) -> Arc<Self> {
        Arc::new(Self { personal, ..Self::default() })
    }

    /// The same of a claim with this need, which is told of each call for the need and dropped with the attempt.
    #[must_use]
    pub fn of_claim(personal: Personal, need: Need, claim: impl Counted + 'static) -> Arc<Self> {
        Arc::new(Self { personal, claim: Some((need, Box::new(claim))), ..Self::default() })
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

/// A rate budget has counted a call of the attempt at hand, or given it a time; tells the pools of a need on which it draws.
pub(crate) fn counted(pools: impl FnOnce(Need) -> Vec<usize>) {
    // A look for lost webhooks is no claim.
    let tell = |attempt: &Arc<Attempt>| {
        if let Some((need, claim)) = &attempt.claim {
            claim.by(&pools(*need));
        }
    };
    PRESENT.try_with(tell).ok();
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

    impl Counted for Arc<Mutex<Vec<usize>>> {
        fn by(&self, pools: &[usize]) {
            self.lock().unwrap().extend(pools);
        }
    }

    #[tokio::test]
    async fn a_claim_hears_which_pools_of_its_need_have_counted_a_call() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let claim = Attempt::of_claim(Personal::default(), Need::Text, Arc::clone(&heard));
        let pools = |need: Need| if need == Need::Text { vec![0, 3] } else { vec![1] };
        counted(pools);
        Attempt::new(Personal::default()).listen(async { counted(pools) }).await;
        assert_eq!(*heard.lock().unwrap(), [0; 0]);
        claim.listen(async { counted(pools) }).await;
        assert_eq!(*heard.lock().unwrap(), [0, 3]);
        drop(claim);
        assert_eq!(Arc::strong_count(&heard), 1, "it is dropped with the attempt");
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
