//! Who is told about new users, logins and logouts.

mod outbox;
mod webhook;
