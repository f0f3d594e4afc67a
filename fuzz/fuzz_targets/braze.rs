//! See [`tandem_fuzz::braze`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tandem_fuzz::braze::check(data));
