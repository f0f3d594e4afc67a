//! A page of a list. It says what it leaves out.

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// The number of items on all pages, at the time of the call.
    pub total: u64,
    /// Whether more items follow the last one.
    pub more: bool,
}
