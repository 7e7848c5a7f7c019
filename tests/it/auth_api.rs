//! The JSON API, line by line.

mod authorize;
mod check;
mod code;
mod cors;
mod keys;
mod logout;
mod open_redirect;
mod people;
mod shapes;
mod update;
