//! See [`tandem_fuzz::zendesk`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tandem_fuzz::zendesk::check(data));
