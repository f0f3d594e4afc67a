//! The key under which a part of a text goes to Bird, so that a part that is sent again is the same text. Never makes a call.
//!
//! Bird replays its first answer to a key for three hours; as far as is known, also where that was a refusal. A text that was
//! refused is not out, so its parts go under further keys, and are judged anew once the cause is mended. The time of the refusal
//! stands in the record ([`crate::domain::delivery::Delivery::refused_at`]) and makes the key, so that a restart gives the same key.
//! While an attempt is in doubt the key stays, because the part may be out under it.

use jiff::Timestamp;

/// The key of the part with this mark, of a text that was last refused then.
pub(super) fn key(mark: &str, refused_at: Option<Timestamp>) -> String {
    let first = format!("tandem-reply/{mark}");
    refused_at.map_or_else(|| first.clone(), |at| format!("{first}-{}", at.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_text_goes_under_a_further_key_and_no_other_does() {
        let now = Timestamp::from_second(1_796_030_102).unwrap();
        assert_eq!(key("evt_1-1", None), "tandem-reply/evt_1-1");
        assert_eq!(key("evt_1-1", Some(now)), "tandem-reply/evt_1-1-1796030102000");
    }
}
