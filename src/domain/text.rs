//! Texts: HTML to plain text, plain text to HTML, segments and splitting.
