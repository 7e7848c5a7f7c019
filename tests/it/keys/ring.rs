//! What the ring signs, anybody verifies with what it publishes.

use aws_lc_rs::encoding::AsDer as _;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::{b64, unb64};
use crate::clock::Clock as _;
use crate::domain::service::Algorithm;
use crate::it::stage::clock::ManualClock;
use crate::keys::schedule::KeyTimes;
use crate::keys::{KeyError, KeyRing, SigningKey, TokenError, generate, sha256};

fn now() -> OffsetDateTime {
    ManualClock::new().now()
}

fn times(slot: i64, signs_from: OffsetDateTime) -> KeyTimes {
    KeyTimes { slot, signs_from, signs_until: None, drops_at: None }
}

fn key(algorithm: Algorithm, times: KeyTimes) -> SigningKey {
    SigningKey::open(algorithm, times, &generate(algorithm).unwrap()).unwrap()
}

fn one_each() -> KeyRing {
    KeyRing::new(Algorithm::ALL.map(|algorithm| key(algorithm, times(1, now()))).into(), now())
}

fn rules(algorithm: Algorithm) -> Validation {
    let mut rules = Validation::new(algorithm.name().parse().unwrap());
    rules.validate_exp = false;
    rules.required_spec_claims.clear();
    rules
}

#[test]
fn every_algorithm_verifies_by_jwk_and_by_pem() {
    let ring = one_each();
    let set: JwkSet = serde_json::from_str(ring.jwks()).unwrap();
    for algorithm in Algorithm::ALL {
        let token = ring.sign(algorithm, Some("at+jwt"), &json!({ "sub": "usr_1" }), now()).unwrap();
        let kid = jsonwebtoken::decode_header(&token).unwrap().kid.unwrap();
        let pem = ring.pem(&kid).unwrap().as_bytes();
        let by_pem = match algorithm {
            Algorithm::ES256 => DecodingKey::from_ec_pem(pem),
            Algorithm::EdDSA => DecodingKey::from_ed_pem(pem),
            Algorithm::RS256 => DecodingKey::from_rsa_pem(pem),
        };
        for verifier in [DecodingKey::from_jwk(set.find(&kid).unwrap()).unwrap(), by_pem.unwrap()] {
            let said = jsonwebtoken::decode::<Value>(&token, &verifier, &rules(algorithm)).unwrap();
            assert_eq!(said.claims, json!({ "sub": "usr_1" }));
            assert_eq!(said.header.typ.as_deref(), Some("at+jwt"));

            let (rest, signature) = token.rsplit_once('.').unwrap();
            let signature = unb64(signature);
            for position in [0, signature.len() / 2, signature.len() - 1] {
                let mut changed = signature.clone();
                changed[position] ^= 1;
                let changed = format!("{rest}.{}", b64(changed));
                assert!(jsonwebtoken::decode::<Value>(&changed, &verifier, &rules(algorithm)).is_err());
            }
        }
        assert_eq!(ring.pem_active(algorithm, now()), Some((kid.as_str(), ring.pem(&kid).unwrap())));
    }
    assert_eq!(ring.pem("unknown"), None);
}

#[test]
fn a_header_says_typ_alg_and_kid_in_this_order() {
    let ring = one_each();
    let kid = ring.active(Algorithm::ES256, now()).unwrap().kid();
    let header = |typ| {
        let token = ring.sign(Algorithm::ES256, typ, &json!({}), now()).unwrap();
        String::from_utf8(unb64(token.split('.').next().unwrap())).unwrap()
    };
    assert_eq!(header(Some("at+jwt")), format!(r#"{{"typ":"at+jwt","alg":"ES256","kid":"{kid}"}}"#));
    assert_eq!(header(None), format!(r#"{{"alg":"ES256","kid":"{kid}"}}"#));
    assert_eq!(header(Some("a\"b")), format!(r#"{{"typ":"a\"b","alg":"ES256","kid":"{kid}"}}"#));
}

#[test]
fn the_key_set_holds_public_members_only_and_names_keys_by_thumbprint() {
    let ring = one_each();
    let set: Value = serde_json::from_str(ring.jwks()).unwrap();
    for jwk in set["keys"].as_array().unwrap() {
        let names: Vec<_> = jwk.as_object().unwrap().keys().map(String::as_str).collect();
        let (public, thumb): (&[&str], String) = match jwk["alg"].as_str().unwrap() {
            "ES256" => (
                &["crv", "kty", "x", "y"],
                format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, jwk["x"], jwk["y"]),
            ),
            "EdDSA" => (&["crv", "kty", "x"], format!(r#"{{"crv":"Ed25519","kty":"OKP","x":{}}}"#, jwk["x"])),
            "RS256" => (&["e", "kty", "n"], format!(r#"{{"e":{},"kty":"RSA","n":{}}}"#, jwk["e"], jwk["n"])),
            other => panic!("{other}"),
        };
        assert_eq!(names, [&["kid", "alg", "use"], public].concat());
        assert_eq!(jwk["use"], "sig");
        assert_eq!(jwk["kid"], b64(sha256(thumb.as_bytes())));
    }
    let rsa = set["keys"].as_array().unwrap().iter().find(|jwk| jwk["kty"] == "RSA").unwrap();
    assert_eq!((unb64(rsa["n"].as_str().unwrap()).len(), &rsa["e"]), (256, &json!("AQAB")));
}

#[test]
fn the_entity_tag_changes_exactly_with_the_published_keys() {
    let pkcs8 = [generate(Algorithm::ES256).unwrap(), generate(Algorithm::ES256).unwrap()];
    let ring = |slots: &[usize], now| {
        let open = |slot: &usize| {
            let slot_times = times(i64::try_from(*slot).unwrap(), self::now());
            SigningKey::open(Algorithm::ES256, slot_times, &pkcs8[*slot]).unwrap()
        };
        KeyRing::new(slots.iter().map(open).collect(), now)
    };
    let one = ring(&[0], now());

    assert_eq!(one.etag(), ring(&[0], now() + Duration::days(9)).etag());
    assert_ne!(one.etag(), ring(&[1], now()).etag());
    assert_ne!(one.etag(), ring(&[0, 1], now()).etag());
    assert_eq!(ring(&[1, 0], now()).etag(), ring(&[0, 1], now()).etag());
    assert!(one.etag().starts_with('"') && one.etag().ends_with('"') && !one.etag().starts_with("W/"));
}

#[test]
fn the_next_key_is_published_before_it_signs_and_the_last_one_after() {
    let (start, hour) = (now(), Duration::hours(1));
    let old = KeyTimes { signs_until: Some(start + hour), drops_at: Some(start + hour * 2), ..times(1, start) };
    let pkcs8 = [generate(Algorithm::EdDSA).unwrap(), generate(Algorithm::EdDSA).unwrap()];
    let ring = |now| {
        let open = |times, pkcs8: &[u8]| SigningKey::open(Algorithm::EdDSA, times, pkcs8).unwrap();
        KeyRing::new(vec![open(old, &pkcs8[0]), open(times(2, start + hour), &pkcs8[1])], now)
    };
    let second = Duration::seconds(1);
    let cases = [
        (start, 2, 1),
        (start + hour - second, 2, 1),
        (start + hour, 2, 2),
        (start + hour * 2 - second, 2, 2),
        (start + hour * 2, 1, 2),
    ];
    for (now, published, signs) in cases {
        let ring = ring(now);
        assert_eq!(ring.keys().len(), published, "{now}");
        assert_eq!(ring.active(Algorithm::EdDSA, now).unwrap().times().slot, signs, "{now}");
        assert_eq!(ring.jwks().matches("\"kid\"").count(), published, "{now}");
    }
    let one_ring = ring(start);
    let kid = |now| one_ring.active(Algorithm::EdDSA, now).unwrap().kid().to_owned();
    assert_ne!(kid(start), kid(start + hour), "a ring in memory changes over by itself");
}

#[test]
fn a_ring_without_a_key_says_so() {
    let empty = KeyRing::new(Vec::new(), now());
    assert_eq!(empty.jwks(), r#"{"keys":[]}"#);
    let refused = empty.sign(Algorithm::RS256, None, &json!({}), now());
    assert_eq!(refused, Err(TokenError::NoKey(Algorithm::RS256)));
    let map = std::collections::BTreeMap::from([((1, 2), 3)]);
    assert!(matches!(one_each().sign(Algorithm::EdDSA, None, &map, now()), Err(TokenError::Unmade(_))));
}

#[test]
fn a_private_part_that_is_not_of_its_algorithm_is_refused_when_it_is_opened() {
    for algorithm in Algorithm::ALL {
        let other = if algorithm == Algorithm::ES256 { Algorithm::EdDSA } else { Algorithm::ES256 };
        for pkcs8 in [Vec::new(), b"junk".to_vec(), generate(other).unwrap()] {
            let refused = SigningKey::open(algorithm, times(1, now()), &pkcs8);
            assert!(matches!(refused, Err(KeyError::Unusable(of, _)) if of == algorithm));
        }
    }
    let other_size = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa3072).unwrap().as_der().unwrap();
    assert!(SigningKey::open(Algorithm::RS256, times(1, now()), other_size.as_ref()).is_err());
}

#[test]
fn a_key_shows_its_name_and_nothing_private() {
    let key = key(Algorithm::EdDSA, times(1, now()));
    let shown = format!("{key:?}");
    assert!(shown.contains(key.kid()) && !shown.contains("private") && shown.ends_with(".. }"), "{shown}");
}
