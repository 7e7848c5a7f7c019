//! Small values that everything else leans on.

mod email;
mod return_to;
mod username;
