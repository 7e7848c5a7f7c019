//! Users from files and from the tables of older servers.
