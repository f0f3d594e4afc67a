//! The keys of a line that hold names of its carrier's own: an address, and the ids of forms. Never knows the shape of a name;
//! the folder of the carrier's vendor does.

use crate::config::accounts::standing;
use crate::keys::book::{At, Book};
use crate::keys::fault::Flaw;
use crate::keys::key::{About, Field, Key, Shape, Shown};
use crate::keys::shapes::TEXT;
use crate::keys::value::Value;
use crate::vendors::folder::LineTerms;
use crate::vendors::registry::Vendor;

/// A key that holds a name of the carrier's own. Its shape is that of the line's carrier, so that it is judged once the
/// carrier is known.
pub(super) struct OwnName {
    key: Key<String, Option<String>>,
    name: &'static str,
    shape: fn(LineTerms) -> Option<Shape<String>>,
}

/// The key, with this value in the example.
pub(super) const fn own_name(example: &'static str, shape: fn(LineTerms) -> Option<Shape<String>>) -> OwnName {
    OwnName { key: TEXT.optional().such_as(example), name: "", shape }
}

impl Field<Option<String>> for OwnName {
    fn named(self, name: &'static str, doc: &'static str) -> Self {
        Self { key: self.key.named(name, doc), name, ..self }
    }

    fn keys(&self, above: &str, keys: &mut Vec<About>) {
        self.key.keys(above, keys);
    }

    fn read(&self, at: &At, book: &mut Book<'_>) -> Option<Option<String>> {
        let text = self.key.read(at, book)?;
        let vendor = text.as_ref().and_then(|_| carrier_of(at, book));
        match vendor.and_then(|vendor| Some((vendor, (self.shape)(vendor.line_terms()?)))) {
            Some((_, Some(shape))) => shape.optional().named(self.name, "").read(at, book),
            Some((vendor, None)) => {
                let problem = format!("has no meaning on a line of {}, which takes the words alone", vendor.title());
                book.fault(at, self.name, Flaw::new(problem, "Remove it"))
            }
            None => Some(text),
        }
    }

    fn show(&self, value: &Option<String>, above: &str, shown: &mut Vec<Shown>) {
        self.key.show(value, above, shown);
    }

    fn reload(
        &self,
        old: &Option<String>,
        new: &Option<String>,
        above: &str,
        waiting: &mut Vec<String>,
    ) -> Option<String> {
        self.key.reload(old, new, above, waiting)
    }
}

/// The vendor of the account that a line names as its carrier.
pub(super) fn carrier_of(at: &At, book: &mut Book<'_>) -> Option<Vendor> {
    let Ok(Value::Text(name)) = &book.given(at, "carrier")?.value else { return None };
    let name = name.clone();
    let accounts = book.quietly(|book| Some(standing(book)))?;
    accounts.iter().find(|known| known.account.name() == name).map(|known| known.vendor)
}
