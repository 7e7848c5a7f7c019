//! Tokens that are almost login tokens.

use std::fmt::Write as _;

use aws_lc_rs::hmac;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::{b64, master, unb64};
use crate::clock::Clock as _;
use crate::domain::claims::LoginClaims;
use crate::domain::id::{SessionId, TokenId, UserId};
use crate::domain::service::Algorithm;
use crate::it::stage::clock::ManualClock;
use crate::keys::schedule::KeyTimes;
use crate::keys::{KeyRing, LoginKey, Master, SigningKey, TokenError, generate};

const OURS: &str = "https://auth.example.com";
const LIFE: Duration = Duration::hours(1);

fn now() -> OffsetDateTime {
    ManualClock::new().now()
}

/// A key, and its secret for those who break in.
struct Forge {
    key: LoginKey,
    secret: Vec<u8>,
}

impl Forge {
    fn new() -> Self {
        let master = master();
        Self { key: LoginKey::new(&master, OURS, LIFE).unwrap(), secret: master.sub_keys("login token")[0].to_vec() }
    }

    fn claims() -> LoginClaims {
        let iat = now().unix_timestamp();
        let (sub, sid, jti) = (UserId::new(), SessionId::new(), TokenId::new());
        LoginClaims { iss: OURS.into(), aud: OURS.into(), sub, sid, iat, exp: iat + LIFE.whole_seconds(), jti }
    }

    fn good(&self) -> String {
        self.key.sign_login(&Self::claims()).unwrap()
    }

    fn header(&self) -> Value {
        serde_json::from_slice(&unb64(self.good().split('.').next().unwrap())).unwrap()
    }

    /// Signed with our own secret.
    fn signed(&self, header: &str, payload: &str) -> String {
        let message = format!("{}.{}", b64(header), b64(payload));
        self.resigned(&message)
    }

    fn resigned(&self, message: &str) -> String {
        format!("{message}.{}", b64(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.secret), message.as_bytes())))
    }

    /// Our token with another member in its claims; `null` takes it out, `"null"` stands for null.
    fn with(&self, name: &str, value: &Value) -> String {
        let mut claims = serde_json::to_value(Self::claims()).unwrap();
        claims[name] = value.clone();
        self.signed(&self.header().to_string(), &claims.to_string())
    }

    fn without(&self, name: &str) -> String {
        let mut claims = serde_json::to_value(Self::claims()).unwrap();
        claims.as_object_mut().unwrap().shift_remove(name);
        self.signed(&self.header().to_string(), &claims.to_string())
    }

    fn with_header(&self, name: &str, value: Value) -> String {
        let mut header = self.header();
        header[name] = value;
        self.signed(&header.to_string(), &serde_json::to_string(&Self::claims()).unwrap())
    }

    #[track_caller]
    fn refuses(&self, token: &str) {
        let shown: String = token.chars().take(120).collect();
        let said = self.key.verify_login(token, now());
        assert!(matches!(said, Err(TokenError::Refused(_))), "{said:?}: {shown}");
    }
}

#[test]
fn a_login_token_says_again_what_was_put_in() {
    let forge = Forge::new();
    let claims = Forge::claims();
    let token = forge.key.sign_login(&claims).unwrap();

    assert_eq!(forge.key.verify_login(&token, now()), Ok(claims.clone()));
    assert_eq!(forge.header()["typ"], "login+jwt");
    assert_eq!(forge.header()["alg"], "HS256");
    let by_hand = forge.signed(&forge.header().to_string(), &serde_json::to_string(&claims).unwrap());
    assert_eq!(by_hand, token, "the forge makes tokens as we do, so what it changes is what is refused");
}

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
fn jw_08_another_issuer_or_audience_is_refused() {
    let forge = Forge::new();
    for name in ["iss", "aud"] {
        forge.refuses(&forge.without(name));
        for value in [
            json!(null),
            json!(7),
            json!({}),
            json!([OURS]),
            json!([OURS, "https://evil.example"]),
            json!(["https://evil.example", OURS]),
            json!(""),
            json!("https://evil.example"),
            json!("https://AUTH.example.com"),
            json!("https://auth.example.com/"),
            json!("https://auth.example.com "),
            json!("http://auth.example.com"),
        ] {
            forge.refuses(&forge.with(name, &value));
        }
    }
}

#[test]
fn jw_09_times_are_whole_seconds_in_their_limits() {
    let forge = Forge::new();
    for name in ["exp", "iat"] {
        forge.refuses(&forge.without(name));
        let ends = [
            json!("1577880001"),
            json!(-1),
            json!(0),
            json!(null),
            json!(1e18),
            json!(i64::MAX),
            json!(i64::MIN),
            json!(u64::MAX),
            json!(1_577_880_100.5),
            json!(true),
            json!([1]),
        ];
        for value in ends {
            forge.refuses(&forge.with(name, &value));
        }
    }
    forge.refuses(&forge.with("nbf", &json!(0)));
}

#[test]
fn jw_09_a_token_lives_until_its_very_second_and_no_longer_than_allowed() {
    let forge = Forge::new();
    let start = now().unix_timestamp();
    let made = |iat: i64, exp: i64| forge.key.sign_login(&LoginClaims { iat, exp, ..Forge::claims() }).unwrap();
    let verdict = |iat, exp| forge.key.verify_login(&made(iat, exp), now()).map(|_| ());
    let hour = LIFE.whole_seconds();

    assert_eq!(verdict(start - 10, start + 1), Ok(()));
    assert_eq!(verdict(start - 10, start), Err(TokenError::Expired));
    assert_eq!(verdict(start - 10, start - 1), Err(TokenError::Expired));
    assert_eq!(verdict(start, start + hour), Ok(()));
    assert!(matches!(verdict(start, start + hour + 1), Err(TokenError::Refused(_))));
    assert_eq!(verdict(start + 60, start + 120), Ok(()));
    assert!(matches!(verdict(start + 61, start + 120), Err(TokenError::Refused(_))));
    assert!(matches!(verdict(start + 5, start + 5), Err(TokenError::Refused(_))));
    assert!(matches!(verdict(start + 5, start + 4), Err(TokenError::Refused(_))));
    assert!(matches!(verdict(i64::MIN, i64::MAX), Err(TokenError::Refused(_))));
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

#[test]
fn jw_12_another_spelling_of_the_same_token_is_refused() {
    let forge = Forge::new();
    let good = forge.good();
    let header = forge.header().to_string();
    let payload = serde_json::to_string(&Forge::claims()).unwrap();
    let twice = |text: &str, member: &str| text.replacen('{', &format!("{{{member},"), 1);
    for (header, payload) in [
        (twice(&header, r#""alg":"none""#), payload.clone()),
        (twice(&header, r#""alg":"HS256""#), payload.clone()),
        (header.clone(), twice(&payload, r#""iss":"https://evil.example""#)),
        (header.clone(), twice(&payload, r#""iss":"https://auth.example.com""#)),
        (header.clone(), twice(&payload, r#""exp":9999999999"#)),
        (header.clone(), payload.replacen(':', ": ", 1)),
        (header.clone(), format!("{payload}\n")),
        (header.clone(), format!(" {payload}")),
        (header.clone(), format!("{payload}{{}}")),
        (header.clone(), format!("\u{feff}{payload}")),
        (header.clone(), payload.replacen("iss", "\\u0069ss", 1)),
        (header.clone(), "[]".into()),
        (header.clone(), "null".into()),
        (header.replacen(':', ": ", 1), payload.clone()),
        (format!("{header} "), payload.clone()),
        (format!("\u{feff}{header}"), payload.clone()),
    ] {
        forge.refuses(&forge.signed(&header, &payload));
    }
    for changed in [
        format!("{good}="),
        format!("{good}=="),
        format!("{good}\n"),
        format!(" {good}"),
        format!("\u{feff}{good}"),
        format!("Bearer {good}"),
        good.replace('.', ". "),
        good.replacen('.', "=.", 1),
        format!("{good}\0"),
        format!("{good}é"),
    ] {
        forge.refuses(&changed);
    }
    let (message, _) = good.rsplit_once('.').unwrap();
    forge.refuses(&forge.resigned(&format!("{message}=")));
    forge.refuses(&forge.resigned(&format!("{message}\n")));
}

#[test]
fn jw_12_every_other_last_character_is_refused() {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/";
    let forge = Forge::new();
    let good = forge.good();
    let (rest, last) = good.split_at(good.len() - 1);
    for other in ALPHABET.chars().filter(|other| !last.starts_with(*other)) {
        forge.refuses(&format!("{rest}{other}"));
    }
    let (message, _) = good.rsplit_once('.').unwrap();
    let (rest, last) = message.split_at(message.len() - 1);
    for other in ALPHABET.chars().filter(|other| !last.starts_with(*other)) {
        forge.refuses(&forge.resigned(&format!("{rest}{other}")));
    }
}

#[test]
fn jw_13_a_signature_of_any_other_form_is_refused() {
    let forge = Forge::new();
    let good = forge.good();
    let (message, signature) = good.rsplit_once('.').unwrap();
    let signature = unb64(signature);
    let twice = signature.repeat(2);
    for form in [&[][..], &[0], &[0; 32], &[0; 64], &[0; 256], &[255; 32], &signature[..31], &signature[1..], &twice] {
        forge.refuses(&format!("{message}.{}", b64(form)));
    }
    for bit in 0..signature.len() * 8 {
        let mut changed = signature.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        forge.refuses(&format!("{message}.{}", b64(changed)));
    }
}

#[test]
fn jw_14_a_huge_or_deep_token_is_refused_unread() {
    let forge = Forge::new();
    let header = forge.header().to_string();
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let mut many = String::from("{");
    for number in 0..100_000 {
        write!(many, "\"c{number}\":1,").unwrap();
    }
    forge.refuses(&forge.signed(&header, &format!("{many}\"iss\":1}}")));
    forge.refuses(&forge.signed(&header, &deep));
    forge.refuses(
        &forge.with("deep", &serde_json::from_str(&format!("{}1{}", "[".repeat(100), "]".repeat(100))).unwrap()),
    );
    forge.refuses(&forge.with_header("x", json!("x".repeat(100_000))));
    forge.refuses(&"a".repeat(1_000_000));
    forge.refuses(&".".repeat(4096));
    forge.refuses(&forge.with("iss", &json!("x".repeat(4096))));
}

#[test]
fn a_subject_session_or_name_that_is_not_an_id_is_refused() {
    let forge = Forge::new();
    for name in ["sub", "sid", "jti"] {
        forge.refuses(&forge.without(name));
        let strange = [
            json!(7),
            json!([]),
            json!({}),
            json!(""),
            json!(null),
            json!("usr_1"),
            json!("grp_00000000000000000000000000000000"),
        ];
        for value in strange {
            forge.refuses(&forge.with(name, &value));
        }
    }
    let upper = UserId::new().to_string().to_uppercase().replace("USR_", "usr_");
    forge.refuses(&forge.with("sub", &json!(format!("{}A", &upper[..35]))));
    forge.refuses(&forge.with("admin", &json!(true)));
}

#[test]
fn a_token_of_another_deployment_is_refused() {
    let (ours, theirs) = (Forge::new(), Forge::new());
    ours.refuses(&theirs.good());
    let header = ours.header().to_string();
    ours.refuses(&theirs.signed(&header, &serde_json::to_string(&Forge::claims()).unwrap()));
}

#[test]
fn tokens_of_the_last_master_key_are_believed_while_it_is_named() {
    let (old, new) = (Master::generate(), Master::generate());
    let key = |now: &str, earlier: &[&str]| LoginKey::new(&Master::new(now, earlier).unwrap(), OURS, LIFE).unwrap();
    let token = key(&old, &[]).sign_login(&Forge::claims()).unwrap();

    assert!(key(&new, &[&old]).verify_login(&token, now()).is_ok());
    assert!(key(&new, &[]).verify_login(&token, now()).is_err());
    let fresh = key(&new, &[&old]).sign_login(&Forge::claims()).unwrap();
    assert!(key(&new, &[]).verify_login(&fresh, now()).is_ok());
}
