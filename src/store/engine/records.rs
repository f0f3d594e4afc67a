//! Deliveries, events and the vendors' answers, as they will stand after the next commit.
//!
//! It reads all three and writes only the answers.

use crate::domain::answer::{Answer, Answers};
use crate::domain::delivery::Delivery;
use crate::domain::event::EventId;
use crate::domain::lanes::Position;
use crate::store::StoreError;
use crate::store::engine::bytes::Bytes;
use crate::store::engine::core::Core;
use crate::store::engine::layout::{self, Digest};
use crate::store::engine::part::{Loaded, Want};

impl Core {
    /// A delivery, waiting or settled.
    pub(in crate::store) fn find(&self, position: Position) -> Result<Option<Delivery>, StoreError> {
        for prefix in [layout::PENDING, layout::HISTORY] {
            if let Some(record) = self.journal.load(&layout::at_position(prefix, position))? {
                return layout::decode("delivery", &record).map(Some);
            }
        }
        Ok(None)
    }

    /// The delivery of this id; a delivery of another opening at the same position does not count.
    pub(in crate::store) fn find_by_id(&self, id: EventId) -> Result<Option<Delivery>, StoreError> {
        Ok(self.find(Position::of(id))?.filter(|delivery| delivery.id == id))
    }

    /// Whether the text of this id may still be written, with its pictures.
    pub(in crate::store) fn needs_pictures(&self, text: EventId) -> Result<bool, StoreError> {
        Ok(self.find_by_id(text)?.is_some_and(|delivery| !delivery.state.is_over()))
    }

    /// The id of the delivery at this position.
    pub(in crate::store) fn id_at(&self, position: Position) -> Result<EventId, StoreError> {
        let made_later = if position.sub() > 0 { self.find(position)? } else { None };
        Ok(made_later.map_or_else(|| self.epochs.id(position), |delivery| delivery.id))
    }

    pub(in crate::store) fn not_found(&self, position: Position) -> StoreError {
        StoreError::NotFound(self.epochs.id(position).to_string())
    }

    /// Has these deliveries loaded together, where not all are, before they are read one after the other.
    pub(in crate::store) fn prefetch(&self, positions: impl IntoIterator<Item = Position>) {
        for position in positions {
            self.scope.want(|| Want::Record(layout::at_position(layout::PENDING, position)));
        }
    }

    /// A delivery that is in a lane.
    pub(in crate::store) fn waiting(&self, position: Position) -> Result<Delivery, StoreError> {
        match self.journal.load(&layout::at_position(layout::PENDING, position))? {
            Some(record) => layout::decode("delivery", &record),
            None => Err(self.not_found(position)),
        }
    }

    /// The vendor's answers to the failed attempts of the delivery at this position.
    pub(in crate::store) fn answers(&self, position: Position) -> Result<Answers, StoreError> {
        let record = self.journal.load(&layout::at_position(layout::ANSWERS, position))?;
        record.map_or_else(|| Ok(Answers::default()), |record| layout::decode("vendor's answers", &record))
    }

    /// Stages one more answer.
    pub(in crate::store) fn keep_answer(&mut self, position: Position, answer: Answer) -> Result<(), StoreError> {
        let mut answers = self.answers(position)?;
        answers.add(answer);
        self.journal
            .replace(layout::at_position(layout::ANSWERS, position), layout::encode("vendor's answers", &answers)?)
    }

    /// Stages the removal of a delivery's answers.
    pub(in crate::store) fn drop_answers(&mut self, position: Position) -> Result<(), StoreError> {
        let key = layout::at_position(layout::ANSWERS, position);
        if self.journal.get(&key)?.is_some() {
            self.journal.remove(key)?;
        }
        Ok(())
    }

    /// An event's record.
    pub(in crate::store) fn event_record(&self, position: Position) -> Result<Bytes, StoreError> {
        for prefix in [layout::PENDING, layout::HISTORY] {
            let delivery = self.journal.load(&layout::at_position(prefix, position))?;
            if let Some(event) = delivery.as_deref().and_then(layout::event_in) {
                return Ok(Bytes::from(event));
            }
        }
        let record = self.journal.load(&layout::at_position(layout::EVENT, position))?;
        record.ok_or_else(|| self.not_found(position))
    }

    pub(in crate::store) fn duplicate(&self, digests: &[Digest]) -> Result<Option<EventId>, StoreError> {
        for digest in digests {
            if let Some(Loaded::Seen(Some(first))) = self.scope.answer(|| Want::Seen(*digest)) {
                return Ok(Some(self.epochs.id(first)));
            }
            for position in self.dedupe_index.positions(digest) {
                let same = match self.dedupe_index.fresh_has(position, digest) {
                    Some(same) => same,
                    None => self.remembers(position, digest)?,
                };
                if same {
                    return Ok(Some(self.epochs.id(position)));
                }
            }
        }
        Ok(None)
    }

    /// Whether the committed event at this position came with this digest.
    fn remembers(&self, position: Position, digest: &Digest) -> Result<bool, StoreError> {
        let from = layout::at_position(layout::DEDUPE, Position(0));
        let behind = layout::at_position(layout::DEDUPE, Position(position.0.saturating_add(1)));
        let Some(record) = self.journal.last_before(&from, &behind)? else {
            return Ok(false);
        };
        let known = layout::read_remembered(&record).ok_or_else(not_dedupe)?;
        Ok(known.iter().any(|known| known.position == position && known.digest == *digest))
    }
}

fn not_dedupe() -> StoreError {
    StoreError::Failed("a dedupe record is damaged".into())
}
