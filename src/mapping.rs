//! Mappings: from an event to a request body.
