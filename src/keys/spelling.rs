//! The name that a mistyped one was meant to be, among names that are given. It knows no names of its own.

/// The number of letters that may be wrong in a name: a third, as compilers allow it. Two neighbours in the wrong order
/// count as one.
pub(crate) fn letters_wrong(name: &str) -> usize {
    name.chars().count().max(3) / 3
}

/// The name among these that was meant by this one.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distances = known.map(|known| (strsim::osa_distance(name, known), known));
    let (distance, known) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= letters_wrong(name)).then_some(known)
}
