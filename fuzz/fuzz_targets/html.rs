//! See [`tandem_fuzz::html`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tandem_fuzz::html::check(data));
