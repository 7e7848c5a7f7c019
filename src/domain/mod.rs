//! Plain types and pure rules: no async, no web framework, no database.

pub mod access;
pub mod answer;
pub mod api_key;
pub mod audit;
pub mod claims;
pub mod disposable;
pub mod email;
pub mod id;
pub mod identity;
pub mod linking;
pub mod lookalike;
pub mod merge_patch;
pub mod old_token;
pub mod password;
pub mod pause;
pub mod permission;
pub mod proof;
pub mod return_to;
pub mod role;
pub mod scope;
pub mod service;
pub mod user;
pub mod username;
