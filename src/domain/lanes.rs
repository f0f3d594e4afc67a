//! Lanes: which delivery is next, as a value that a store keeps in memory.
