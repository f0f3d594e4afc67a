//! The store on sled.
