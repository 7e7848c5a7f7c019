//! Another algorithm, type or key in the header.

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use super::super::{b64, unb64};
use super::{Forge, now};
use crate::domain::service::Algorithm;
use crate::keys::schedule::KeyTimes;
use crate::keys::{KeyRing, SigningKey, generate};

#[test]
fn jw_01_an_unsigned_token_is_refused() {
    let forge = Forge::new();
    let good = forge.good();
    let (message, signature) = good.rsplit_once('.').unwrap();
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let token = forge.with_header("alg", json!(alg));
        forge.refuses(&token);
        forge.refuses(&format!("{}.", token.rsplit_once('.').unwrap().0));
    }
    let (header, payload) = message.split_once('.').unwrap();
    for token in [
        format!("{message}."),
        message.to_owned(),
        header.to_owned(),
        format!("{header}."),
        format!("{header}.."),
        format!("{header}..{signature}"),
        format!(".{payload}.{signature}"),
        format!("{good}."),
        format!("{good}.{signature}"),
        String::new(),
        ".".into(),
        "..".into(),
    ] {
        forge.refuses(&token);
    }
}

#[test]
fn jw_02_our_public_keys_are_no_secrets() {
    let forge = Forge::new();
    let times = KeyTimes { slot: 1, signs_from: now(), signs_until: None, drops_at: None };
    let key = SigningKey::open(Algorithm::RS256, times, &generate(Algorithm::RS256).unwrap()).unwrap();
    let ring = KeyRing::new(vec![key], now());
    let (kid, pem) = ring.pem_active(Algorithm::RS256, now()).unwrap();
    let set: Value = serde_json::from_str(ring.jwks()).unwrap();
    let modulus = set["keys"][0]["n"].as_str().unwrap();
    let der = pem.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    let secrets: [&[u8]; 8] = [
        pem.as_bytes(),
        pem.trim_end().as_bytes(),
        der.as_bytes(),
        ring.jwks().as_bytes(),
        modulus.as_bytes(),
        &unb64(modulus),
        b"",
        kid.as_bytes(),
    ];
    let payload = serde_json::to_string(&Forge::claims()).unwrap();
    let families = [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)];
    for secret in secrets {
        for (alg, family) in families {
            for kid in [json!(kid), forge.header()["kid"].clone()] {
                let header = json!({ "typ": "login+jwt", "alg": alg, "kid": kid }).to_string();
                let message = format!("{}.{}", b64(header), b64(&payload));
                let tag = hmac::sign(&hmac::Key::new(family, secret), message.as_bytes());
                forge.refuses(&format!("{message}.{}", b64(tag)));
            }
        }
    }
}

#[test]
fn jw_03_another_algorithm_is_refused_whoever_signed() {
    let forge = Forge::new();
    for alg in ["HS384", "HS512", "RS256", "PS256", "ES256", "EdDSA", "hs256", "HS256 ", "dir"] {
        forge.refuses(&forge.with_header("alg", json!(alg)));
    }
    for alg in [json!(null), json!(7), json!(["HS256"]), json!({ "alg": "HS256" })] {
        forge.refuses(&forge.with_header("alg", alg));
    }
    for algorithm in Algorithm::ALL {
        let times = KeyTimes { slot: 1, signs_from: now(), signs_until: None, drops_at: None };
        let key = SigningKey::open(algorithm, times, &generate(algorithm).unwrap()).unwrap();
        let ring = KeyRing::new(vec![key], now());
        let signed = ring.sign(algorithm, Some("login+jwt"), &Forge::claims(), now()).unwrap();
        forge.refuses(&signed);
        let header = forge.good().split_once('.').unwrap().0.to_owned();
        forge.refuses(&format!("{header}.{}", signed.split_once('.').unwrap().1));
    }
}

#[test]
fn jw_04_a_strange_kid_is_refused() {
    let forge = Forge::new();
    let mut bare = forge.header();
    bare.as_object_mut().unwrap().shift_remove("kid");
    forge.refuses(&forge.signed(&bare.to_string(), &serde_json::to_string(&Forge::claims()).unwrap()));
    let strange = ["", "unknown", "../../x", "' or 1=1", "\0", "https://evil.example/key"];
    for kid in strange.map(Value::from).into_iter().chain([json!("k".repeat(10_000)), json!(7), json!([]), json!(null)])
    {
        forge.refuses(&forge.with_header("kid", kid));
    }
}

#[test]
fn jw_05_a_key_that_comes_with_the_token_is_refused() {
    let forge = Forge::new();
    let jwk = json!({ "kty": "oct", "k": b64("evil evil evil evil evil evil ev") });
    for (name, value) in [
        ("jku", json!("https://evil.example/jwks")),
        ("x5u", json!("https://evil.example/cert")),
        ("jwk", jwk),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AAAA")),
        ("x5t#S256", json!("AAAA")),
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("unknown", json!(1)),
    ] {
        forge.refuses(&forge.with_header(name, value));
    }
}

#[test]
fn jw_11_another_class_of_token_is_refused() {
    let forge = Forge::new();
    for typ in ["at+jwt", "JWT", "jwt", "logout+jwt", "LOGIN+JWT", "application/login+jwt", ""] {
        forge.refuses(&forge.with_header("typ", json!(typ)));
    }
    for (name, value) in [("typ", json!(null)), ("cty", json!("JWT")), ("zip", json!("DEF")), ("enc", json!("A256GCM"))]
    {
        forge.refuses(&forge.with_header(name, value));
    }
    let mut bare = forge.header();
    bare.as_object_mut().unwrap().shift_remove("typ");
    forge.refuses(&forge.signed(&bare.to_string(), &serde_json::to_string(&Forge::claims()).unwrap()));
    let good = forge.good();
    let parts: Vec<_> = good.split('.').collect();
    forge.refuses(&format!("{}.{}.{}.{}.{}", parts[0], parts[1], parts[1], parts[1], parts[2]));
    let flat = json!({ "protected": parts[0], "payload": parts[1], "signature": parts[2] });
    forge.refuses(&flat.to_string());
    forge.refuses(&json!({ "payload": parts[1], "signatures": [flat] }).to_string());
}
