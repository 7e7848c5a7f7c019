//! What a reload cannot change.

use super::settings::Settings;

/// The keys that differ and need a restart, as they are written.
pub fn restart_needed(old: &Settings, new: &Settings) -> Vec<&'static str> {
    let (was, is) = (&old.database, &new.database);
    let checks = [
        ("server.issuer", old.server.issuer != new.server.issuer),
        ("server.listen", old.server.listen != new.server.listen),
        ("server.mode", old.server.is_dev != new.server.is_dev),
        ("server.data_dir", old.server.data_dir != new.server.data_dir),
        ("database.url", was.url != is.url),
        ("database.max_connections", was.max_connections != is.max_connections),
        ("database.min_connections", was.min_connections != is.min_connections),
        ("database.acquire_timeout", was.acquire_timeout != is.acquire_timeout),
        ("database.idle_timeout", was.idle_timeout != is.idle_timeout),
        ("database.statement_timeout", was.statement_timeout != is.statement_timeout),
        ("database.auto_migrate", was.auto_migrate != is.auto_migrate),
        ("database.slow_query", was.slow_query != is.slow_query),
        ("database.sqlite_busy_timeout", was.sqlite_busy_timeout != is.sqlite_busy_timeout),
        ("database.sqlite_synchronous", was.sqlite_synchronous_full != is.sqlite_synchronous_full),
        ("secrets.master_key", old.secrets.master_key != new.secrets.master_key),
        ("session.cookie_name", old.session.cookie_name != new.session.cookie_name),
    ];
    checks.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
}
