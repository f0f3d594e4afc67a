//! What is owed next to a conversation, from what is known.
