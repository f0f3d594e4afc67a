//! From a raw webhook to an event, as a pure function.
