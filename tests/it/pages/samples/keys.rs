//! API keys and devices.

use std::sync::Arc;

use super::{Sample, at, hidden, sample, shell};
use crate::http::page::{
    DeviceRow, DevicesPage, Frame, Hidden, KeyMadePage, KeyRow, KeysPage, NewKeyPage, Notice, ScopeChoice, Shell, Tab,
};

fn key(name: &str, prefix: &str, is_over: bool) -> KeyRow {
    KeyRow {
        id: "key_01".into(),
        name: name.into(),
        prefix: prefix.into(),
        scopes: vec!["authorize".into(), "users:read".into()],
        networks: vec!["192.0.2.0/24".into()],
        created: at(-60 * 24 * 40),
        expires: at(60 * 24),
        is_over,
        used: (!is_over).then(|| at(-3)),
    }
}

fn keys() -> KeysPage {
    KeysPage {
        frame: Frame::new(&shell(), Tab::Keys),
        shell: shell(),
        notice: None,
        keys: vec![key("backup", "cs_1a2B3c4D", false), key("old laptop", "cs_5e6F7g8H", true)],
        new: Some("/account/keys/new".into()),
        revoke: "/account/keys/revoke".into(),
        revoke_all: "/account/keys/revoke-all".into(),
        hidden: hidden(),
        now: at(0),
    }
}

fn new_key() -> NewKeyPage {
    NewKeyPage {
        frame: Frame::new(&shell(), Tab::Keys),
        shell: shell(),
        error: None,
        action: "/account/keys/new".into(),
        hidden: hidden(),
        name: String::new(),
        days: "90".into(),
        most_days: 365,
        networks: String::new(),
        services: vec![("wiki".into(), "Team wiki".into())],
        administered: vec![("wiki".into(), "Team wiki".into())],
        scopes: vec![ScopeChoice { word: "users:read".into(), says: "Read users", is_chosen: true }],
        back: "/account/keys".into(),
    }
}

fn made() -> KeyMadePage {
    KeyMadePage {
        frame: Frame::new(&shell(), Tab::Keys),
        shell: shell(),
        name: "backup".into(),
        key: "cs_1a2B3c4Dnotarealkeynotarealkeynotareal000000".into(),
        expires: at(60 * 24 * 90),
        done: "/account/keys".into(),
    }
}

fn device(id: &str, name: &str, minutes: i64, is_this: bool) -> DeviceRow {
    DeviceRow {
        id: id.into(),
        device: name.into(),
        place: Some("Berlin, Germany".into()),
        ip: Some("192.0.2.7".into()),
        created: at(minutes - 60 * 24 * 3),
        seen: at(minutes),
        is_this,
    }
}

fn devices() -> DevicesPage {
    DevicesPage {
        frame: Frame::new(&shell(), Tab::Devices),
        shell: shell(),
        sessions: vec![device("s1", "Firefox on Linux", 0, true), device("s2", "Safari on iPhone", -61, false)],
        end_session: "/account/devices/end".into(),
        end_others: "/account/devices/end-others".into(),
        hidden: hidden(),
        now: at(0),
    }
}

/// One state of each page.
pub fn faces() -> Vec<Sample> {
    vec![
        sample("keys", &keys()),
        sample("new-key", &new_key()),
        sample("key-made", &made()),
        sample("devices", &devices()),
    ]
}

/// The other states.
pub fn others() -> Vec<Sample> {
    let error = Some("A name has 1 to 60 characters.".to_owned());
    vec![
        sample("keys-empty", &KeysPage { keys: vec![], ..keys() }),
        sample("new-key-error", &NewKeyPage { error, scopes: vec![], ..new_key() }),
    ]
}

/// With a payload in every text that somebody else could have written.
pub fn hostile(shell: &Arc<Shell>, evil: &str, fields: &[Hidden]) -> Vec<Sample> {
    let evil = || evil.to_owned();
    let row = KeyRow {
        id: evil(),
        name: evil(),
        prefix: evil(),
        scopes: vec![evil()],
        networks: vec![evil()],
        ..key("", "", false)
    };
    let other = DeviceRow { device: evil(), place: Some(evil()), ip: Some(evil()), ..device("s2", "", -1, false) };
    let choice = ScopeChoice { word: evil(), says: "Read users", is_chosen: false };
    vec![
        sample(
            "keys",
            &KeysPage {
                shell: shell.clone(),
                notice: Some(Notice::error(evil())),
                keys: vec![row],
                hidden: fields.to_vec(),
                ..keys()
            },
        ),
        sample(
            "new-key",
            &NewKeyPage {
                shell: shell.clone(),
                error: Some(evil()),
                name: evil(),
                days: evil(),
                networks: evil(),
                services: vec![(evil(), evil())],
                administered: vec![(evil(), evil())],
                scopes: vec![choice],
                hidden: fields.to_vec(),
                ..new_key()
            },
        ),
        sample("key-made", &KeyMadePage { shell: shell.clone(), name: evil(), key: evil(), ..made() }),
        sample(
            "devices",
            &DevicesPage { shell: shell.clone(), sessions: vec![other], hidden: fields.to_vec(), ..devices() },
        ),
    ]
}
