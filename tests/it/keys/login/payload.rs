//! Another issuer, time or subject in the claims.

use serde_json::json;

use super::{Forge, LIFE, OURS, now};
use crate::domain::claims::LoginClaims;
use crate::domain::id::UserId;
use crate::keys::TokenError;

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
    let (start, hour) = (now().unix_timestamp(), LIFE.whole_seconds());
    let (lives, expired, refused) = (Ok(()), Err("expired"), Err("refused"));
    let cases = [
        (start - 10, start + 1, lives),
        (start - 10, start, expired),
        (start - 10, start - 1, expired),
        (start, start + hour, lives),
        (start, start + hour + 1, refused),
        (start - 1, start + hour, refused),
        (start + 60, start + 120, lives),
        (start + 61, start + 120, refused),
        (start + 5, start + 5, refused),
        (start + 5, start + 4, refused),
        (-1, 5, refused),
        (0, 5, expired),
        (i64::MIN, i64::MAX, refused),
    ];
    for (iat, exp, expected) in cases {
        let token = forge.key.sign_login(&LoginClaims { iat, exp, ..Forge::claims() }).unwrap();
        let verdict = match forge.key.verify_login(&token, now()) {
            Ok(_) => Ok(()),
            Err(TokenError::Expired) => Err("expired"),
            Err(_) => Err("refused"),
        };
        assert_eq!(verdict, expected, "{iat} to {exp}");
    }
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
