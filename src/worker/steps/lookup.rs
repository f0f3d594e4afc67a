//! The looks at the desk and in the store that several steps share: the customer behind a ticket, the customer's users, a
//! ticket's heir, and the bridge's own writes. Never writes a text.

pub(in crate::worker) mod customers;
pub(in crate::worker) mod identify;
pub(in crate::worker) mod merged;
pub(in crate::worker) mod own_writes;
pub(in crate::worker) mod talks;
pub(in crate::worker) mod theirs;
pub(in crate::worker) mod tickets;
pub(in crate::worker) mod users;
