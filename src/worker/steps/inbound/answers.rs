//! The first text of a customer to whose number an agent has written before their talk was known. It belongs on the ticket of
//! that text. Never calls a vendor.

use crate::domain::conversation::{Change, Conversation};
use crate::domain::delivery::Outcome;
use crate::domain::event::{Customer, CustomerText};
use crate::store::StoreError;

use crate::worker::Worker;

impl Worker {
    /// The conversation without a talk whose text the customer answers: that with their number on the line, or else that of a
    /// text which the carrier names.
    pub(in crate::worker) async fn answered(
        &self,
        text: &CustomerText,
        customer: &Customer,
    ) -> Result<Option<Conversation>, Outcome> {
        let here = |known: &Conversation| self.stands_in(known) && known.ends == self.ends;
        let number = text.told_line().zip(customer.phone.as_deref());
        if let Some(thread) = number.and_then(|(line, number)| self.carrier.stand_in(line, number))
            && let Some(known) = self.talk(&thread).await.map_err(retry)?.filter(here)
        {
            return Ok(Some(known));
        }
        for name in &text.answers {
            if let Some(known) = self.first_text(name).await.map_err(retry)?.filter(here) {
                return Ok(Some(known));
            }
        }
        Ok(None)
    }

    /// The conversation goes on in the customer's talk.
    pub(in crate::worker) async fn goes_on(&self, first: &Conversation, customer: &Customer) -> Result<(), Outcome> {
        let Customer { thread, carrier_id, .. } = customer.clone();
        let there = Change::TalkMoved(Customer { thread, carrier_id, ..Customer::default() });
        self.store.learn(&first.key, vec![there], self.clock.now()).await.map_err(retry)
    }
}

fn retry(error: StoreError) -> Outcome {
    Outcome::Retry { cause: error.to_string(), after: None }
}
