//! See [`tandem_fuzz::signature`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tandem_fuzz::signature::check(data));
