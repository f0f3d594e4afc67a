//! Tables of keys: [`table`] makes a struct with a field for each key, and reading, showing and reloading of all of them, out
//! of one declaration. Never names a key itself.

use std::marker::PhantomData;

use super::book::{At, Book, joined};
use super::key::{About, Field, Shown};

/// A table of the configuration. It does not know its place in the file: an account of a vendor is the same table under
/// another name. Each method calls that of [`Field`] for all fields, in order.
pub(crate) trait Table: Clone {
    fn keys(above: &str, keys: &mut Vec<About>);
    fn read(at: &At, book: &mut Book<'_>) -> Option<Self>;
    fn show(&self, above: &str, shown: &mut Vec<Shown>);
    fn reload(&self, new: &Self, above: &str, waiting: &mut Vec<String>) -> Self;
}

/// Declares a struct whose fields are keys and tables of keys:
///
/// ```text
/// table! {
///     /// Something with a timeout.
///     pub struct Something {
///         /// How long an answer may take.
///         timeout_seconds: Duration = seconds(1, 60).or("10"),
///     }
/// }
/// ```
///
/// The doc comment of a field is the text of the reference, its name the name in the file, its value a [`Field`]. Each field
/// is also a function of the struct, `Something::timeout_seconds()`, for a command that reads this key alone.
macro_rules! table {
    (
        $(#[doc = $about:literal])+
        $vis:vis struct $table:ident {
            $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $key:expr,)+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug)]
        $vis struct $table {
            $($(#[doc = $doc])+ $vis $field: $type,)+
        }

        const _: () = {
            use $crate::keys::book::{At, Book};
            use $crate::keys::key::{About, Field, Shown};
            use $crate::keys::table::Table;

            impl $table {
                $(pub(crate) fn $field() -> impl Field<$type> {
                    Field::<$type>::named($key, stringify!($field), concat!($($doc),+))
                })+
            }

            impl Table for $table {
                fn keys(above: &str, keys: &mut Vec<About>) {
                    $(Self::$field().keys(above, keys);)+
                }

                fn read(at: &At, book: &mut Book<'_>) -> Option<Self> {
                    // Every field is read before the first that is missing ends it, so that all faults are told.
                    $(let $field = Self::$field().read(at, book);)+
                    Some(Self { $($field: $field?,)+ })
                }

                fn show(&self, above: &str, shown: &mut Vec<Shown>) {
                    $(Self::$field().show(&self.$field, above, shown);)+
                }

                fn reload(&self, new: &Self, above: &str, waiting: &mut Vec<String>) -> Self {
                    Self { $($field: Self::$field().reload(&self.$field, &new.$field, above, waiting),)+ }
                }
            }
        };
    };
}
pub(crate) use table;

/// A table below a table, as a field of it.
pub(crate) struct Below<T> {
    name: &'static str,
    table: PhantomData<T>,
}

/// The table `T` under the name of the field.
pub(crate) const fn below<T: Table>() -> Below<T> {
    Below { name: "", table: PhantomData }
}

impl<T: Table> Field<T> for Below<T> {
    fn named(self, name: &'static str, _doc: &'static str) -> Self {
        Self { name, ..self }
    }

    fn keys(&self, above: &str, keys: &mut Vec<About>) {
        T::keys(&joined(above, self.name), keys);
    }

    fn read(&self, at: &At, book: &mut Book<'_>) -> Option<T> {
        T::read(&at.below(self.name), book)
    }

    fn show(&self, value: &T, above: &str, shown: &mut Vec<Shown>) {
        value.show(&joined(above, self.name), shown);
    }

    fn reload(&self, old: &T, new: &T, above: &str, waiting: &mut Vec<String>) -> T {
        old.reload(new, &joined(above, self.name), waiting)
    }
}

/// A field that is no key: it is empty after reading, and a reload takes the new one.
pub(crate) struct Beside;

impl<F: Clone + Default> Field<F> for Beside {
    fn named(self, _name: &'static str, _doc: &'static str) -> Self {
        self
    }

    fn keys(&self, _above: &str, _keys: &mut Vec<About>) {}

    fn read(&self, _at: &At, _book: &mut Book<'_>) -> Option<F> {
        Some(F::default())
    }

    fn show(&self, _value: &F, _above: &str, _shown: &mut Vec<Shown>) {}

    fn reload(&self, _old: &F, new: &F, _above: &str, _waiting: &mut Vec<String>) -> F {
        new.clone()
    }
}
