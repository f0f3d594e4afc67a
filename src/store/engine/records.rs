//! Deliveries, events and the vendors' answers, as they will stand after the next commit.
//!
//! It reads all three and writes only the answers.

use sled::IVec;

use crate::domain::answer::{Answer, Answers};
use crate::domain::delivery::Delivery;
use crate::domain::event::EventId;
use crate::domain::lanes::Place;
use crate::store::StoreError;
use crate::store::engine::core::Core;
use crate::store::engine::layout;

impl Core {
    /// A delivery, waiting or settled.
    pub(in crate::store) fn find(&self, place: Place) -> Result<Option<Delivery>, StoreError> {
        for prefix in [layout::PENDING, layout::HISTORY] {
            if let Some(record) = self.journal.load(&layout::at_place(prefix, place))? {
                return layout::decode("delivery", &record).map(Some);
            }
        }
        Ok(None)
    }

    /// The delivery of this id; a delivery of another opening at the same place does not count.
    pub(in crate::store) fn find_by_id(&self, id: EventId) -> Result<Option<Delivery>, StoreError> {
        Ok(self.find(Place::of(id))?.filter(|delivery| delivery.id == id))
    }

    /// The id of the delivery at this place.
    pub(in crate::store) fn id_at(&self, place: Place) -> Result<EventId, StoreError> {
        let made_later = if place.sub() > 0 { self.find(place)? } else { None };
        Ok(made_later.map_or_else(|| self.epochs.id(place), |delivery| delivery.id))
    }

    pub(in crate::store) fn not_found(&self, place: Place) -> StoreError {
        StoreError::NotFound(self.epochs.id(place).to_string())
    }

    /// A delivery that is in a lane.
    pub(in crate::store) fn waiting(&self, place: Place) -> Result<Delivery, StoreError> {
        match self.journal.load(&layout::at_place(layout::PENDING, place))? {
            Some(record) => layout::decode("delivery", &record),
            None => Err(self.not_found(place)),
        }
    }

    /// The vendor's answers to the failed attempts of the delivery at this place.
    pub(in crate::store) fn answers(&self, place: Place) -> Result<Answers, StoreError> {
        let record = self.journal.load(&layout::at_place(layout::ANSWERS, place))?;
        record.map_or_else(|| Ok(Answers::default()), |record| layout::decode("vendor's answers", &record))
    }

    /// Stages one more answer.
    pub(in crate::store) fn keep_answer(&mut self, place: Place, answer: Answer) -> Result<(), StoreError> {
        let mut answers = self.answers(place)?;
        answers.add(answer);
        self.journal.replace(layout::at_place(layout::ANSWERS, place), layout::encode("vendor's answers", &answers)?)
    }

    /// Stages the removal of a delivery's answers.
    pub(in crate::store) fn drop_answers(&mut self, place: Place) -> Result<(), StoreError> {
        let key = layout::at_place(layout::ANSWERS, place);
        if self.journal.get(&key)?.is_some() {
            self.journal.remove(key)?;
        }
        Ok(())
    }

    /// An event's record.
    pub(in crate::store) fn event_record(&self, place: Place) -> Result<IVec, StoreError> {
        for prefix in [layout::PENDING, layout::HISTORY] {
            let delivery = self.journal.load(&layout::at_place(prefix, place))?;
            if let Some(event) = delivery.as_deref().and_then(layout::event_in) {
                return Ok(IVec::from(event));
            }
        }
        let record = self.journal.load(&layout::at_place(layout::EVENT, place))?;
        record.ok_or_else(|| self.not_found(place))
    }
}
