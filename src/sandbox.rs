//! An embedded Zendesk and an embedded Braze.
