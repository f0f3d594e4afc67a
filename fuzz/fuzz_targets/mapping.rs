//! See [`tandem_fuzz::mapping`].

#![no_main]

libfuzzer_sys::fuzz_target!(
    init: {
        // The bridge catches the template engine's panics. libFuzzer's own hook would end the process before that;
        // without it, an uncaught panic still does.
        drop(std::panic::take_hook());
    },
    |data: &[u8]| tandem_fuzz::mapping::check(data)
);
