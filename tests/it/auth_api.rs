//! The JSON API, line by line.

mod check;
