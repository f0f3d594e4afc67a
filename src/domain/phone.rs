//! Phone numbers: E.164, short codes, and how a number is shown.
