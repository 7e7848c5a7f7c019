//! Who is told about new users, logins and logouts.

mod deciding;
mod outbox;
mod webhook;
