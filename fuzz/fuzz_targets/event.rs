//! See [`tandem_fuzz::event`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tandem_fuzz::event::check(data));
