//! What is sealed opens only where it belongs.

use super::{b64, master, unb64};
use crate::keys::{KeyError, Master, is_equal, random_token, sha256, sha256_hex};

#[test]
fn a_sealed_value_opens_only_for_its_purpose_and_row() {
    let master = master();
    let sealed = master.seal("note", "7", b"plain");

    assert_eq!(master.open("note", "7", &sealed).as_deref(), Some(&b"plain"[..]));
    assert_eq!(master.open("note", "8", &sealed), None);
    assert_eq!(master.open("not", "e7", &sealed), None);
    assert_eq!(master.open("other", "7", &sealed), None);
    assert_eq!(super::master().open("note", "7", &sealed), None);
    assert_eq!(master.open("empty", "", &master.seal("empty", "", b"")).as_deref(), Some(&b""[..]));
}

#[test]
fn a_sealed_value_with_any_bit_changed_stays_shut() {
    let master = master();
    let raw = unb64(&master.seal("note", "7", b"plain"));
    for bit in 0..raw.len() * 8 {
        let mut changed = raw.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(master.open("note", "7", &b64(changed)), None, "bit {bit}");
    }
    for length in 0..raw.len() {
        assert_eq!(master.open("note", "7", &b64(&raw[..length])), None, "{length} bytes");
    }
    for text in ["", "=", "é", "a b", "AAAA=="] {
        assert_eq!(master.open("note", "7", text), None, "{text}");
    }
}

#[test]
fn the_same_value_never_looks_the_same_and_shows_nothing() {
    let master = master();
    let one = master.seal("note", "7", b"canary canary canary");
    assert_ne!(one, master.seal("note", "7", b"canary canary canary"));
    assert!(!unb64(&one).windows(6).any(|window| window == b"canary"));
}

#[test]
fn an_earlier_master_key_still_opens_but_seals_no_more() {
    let (old, new) = (Master::generate(), Master::generate());
    let before = Master::new(&old, &[]).unwrap();
    let both = Master::new(&new, &[&old]).unwrap();
    let after = Master::new(&new, &[]).unwrap();
    let (sealed, mac) = (before.seal("note", "7", b"plain"), before.mac("link", &["a"]));

    assert_eq!(both.open("note", "7", &sealed).as_deref(), Some(&b"plain"[..]));
    assert!(both.verify_mac("link", &["a"], &mac) && both.recognises(&before.check_value()));
    assert!(both.is_outdated(&sealed));
    assert_eq!(after.open("note", "7", &sealed), None);
    assert!(!after.verify_mac("link", &["a"], &mac) && !after.recognises(&before.check_value()));
    let again = both.seal("note", "7", b"plain");
    assert!(!both.is_outdated(&again));
    assert!(after.open("note", "7", &again).is_some());
    assert_eq!(before.open("note", "7", &again), None);
}

#[test]
fn a_mac_holds_its_purpose_and_where_each_part_ends() {
    let master = master();
    let mac = master.mac("link", &["ab", "c"]);

    assert!(master.verify_mac("link", &["ab", "c"], &mac));
    let others: [(&str, &[&str]); 5] = [
        ("link", &["a", "bc"]),
        ("link", &["abc"]),
        ("link", &["ab", "c", ""]),
        ("linka", &["b", "c"]),
        ("code", &["ab", "c"]),
    ];
    for (purpose, parts) in others {
        assert!(!master.verify_mac(purpose, parts, &mac), "{purpose} {parts:?}");
    }
    for text in ["", &mac[1..], &format!("{mac}="), &format!("{mac}A")] {
        assert!(!master.verify_mac("link", &["ab", "c"], text), "{text}");
    }
}

#[test]
fn only_32_bytes_in_base64_are_a_master_key() {
    let good = Master::generate();
    for text in [good.clone(), format!(" {good}\n"), good.trim_end_matches('=').to_owned()] {
        assert!(Master::new(&text, &[]).is_ok());
    }
    let short = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MA==";
    let long = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEy";
    let same = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for text in ["", "changeme", short, long, same] {
        let refused = Master::new(text, &[]);
        assert!(matches!(refused, Err(KeyError::Master(_))), "{text}");
        assert!(Master::new(&good, &[text]).is_err(), "{text} as an earlier one");
        assert!(text.is_empty() || !refused.unwrap_err().to_string().contains(text));
    }
}

#[test]
fn a_master_key_is_never_shown() {
    let text = Master::generate();
    let master = Master::new(&text, &[]).unwrap();
    assert_eq!(format!("{master:?}"), "Master(…)");
    assert_ne!(master.check_value(), text);
    assert_eq!(master.check_value(), Master::new(&text, &[]).unwrap().check_value());
}

#[test]
fn hashes_and_random_tokens_are_what_they_say() {
    assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(sha256(b"abc")[..2], [0xba, 0x78]);
    assert_eq!(unb64(&random_token()).len(), 32);
    assert_ne!(random_token(), random_token());
    assert!(is_equal(b"same", b"same") && !is_equal(b"same", b"sane") && !is_equal(b"same", b"sam"));
}
