//! See [`tandem_fuzz::phone`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tandem_fuzz::phone::check(data));
