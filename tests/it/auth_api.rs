//! The JSON API, line by line.

mod access;
mod authorize;
mod budget;
mod check;
mod code;
mod cors;
mod keys;
mod limit;
mod logout;
mod open_redirect;
mod people;
mod shapes;
mod update;
