//! See [`tandem_fuzz::mapping`].

#![no_main]

libfuzzer_sys::fuzz_target!(
    init: {
        // The bridge catches what the template engine panics at. libFuzzer's own hook would end the process before
        // that; without it, a panic that nobody catches still does.
        drop(std::panic::take_hook());
    },
    |data: &[u8]| tandem_fuzz::mapping::check(data)
);
