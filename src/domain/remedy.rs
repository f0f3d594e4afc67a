//! Remedies for a vendor that refuses the bridge or does not answer: one sentence each for the operator, without its
//! full stop, the same in logs, alarms and pages. The sentences are the vendor's own; this module never knows which.

/// The remedies for one vendor.
#[derive(Clone, Copy, Debug)]
pub struct Remedies {
    /// For a vendor that refuses the bridge as a whole, by the cause of the refusal.
    pub of_refusal: fn(cause: &str) -> &'static str,
    /// For a vendor that gives no answer.
    pub of_silence: &'static str,
}

/// No remedies.
impl Default for Remedies {
    fn default() -> Self {
        Self { of_refusal: |_| "", of_silence: "" }
    }
}
