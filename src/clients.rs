//! Calls to the vendors.
