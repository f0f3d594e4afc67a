//! Wake, claim, run, drain.
