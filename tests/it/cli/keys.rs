//! `key`.

use serde_json::Value;
use time::Duration;

use super::Stage;

fn of<'a>(listed: &'a Value, alg: &str) -> Vec<(&'a str, &'a str)> {
    let keys = listed.as_array().unwrap().iter().filter(|key| key["alg"] == alg);
    keys.map(|key| (key["stage"].as_str().unwrap(), key["signs_from"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn keys_are_listed_with_their_stage_and_times() {
    let stage = Stage::new("");
    let listed = stage.run("key list --json").await.json();
    assert_eq!(listed.as_array().unwrap().len(), 3);
    for alg in ["ES256", "EdDSA", "RS256"] {
        assert_eq!(of(&listed, alg), [("active", "2020-01-01T12:00:00Z")]);
    }
    assert_eq!(listed[0]["kid"].as_str().unwrap().len(), 43);
    assert_eq!((&listed[0]["signs_until"], &listed[0]["drops_at"]), (&Value::Null, &Value::Null));
    let table = stage.run("key list").await.out;
    assert!(table.starts_with("KEY ") && table.lines().count() == 4, "{table}");
}

#[tokio::test]
async fn a_rotation_publishes_the_next_key_first_and_never_makes_a_third() {
    let stage = Stage::new("[keys]\npublish_before = \"48h\"\n");
    for _ in 0..2 {
        let left = stage.run("key rotate --alg es256").await;
        assert_eq!((left.code, left.out.lines().count()), (0, 3), "{left:?}");
    }
    let listed = stage.run("key list --json").await.json();
    let next = ("next", "2020-01-03T12:00:00Z");
    assert_eq!(of(&listed, "ES256"), [("active", "2020-01-01T12:00:00Z"), next]);
    assert_eq!(of(&listed, "RS256").len(), 1);

    stage.clock.advance(Duration::hours(48));
    let stages: Vec<_> =
        of(&stage.run("key list --json").await.json(), "ES256").iter().map(|key| key.0.to_owned()).collect();
    assert_eq!(stages, ["retired", "active"]);
}

#[tokio::test]
async fn a_rotation_at_once_says_what_breaks() {
    let stage = Stage::new("");
    let left = stage.run("key rotate --now").await;
    assert_eq!(left.code, 0);
    assert!(left.aside.contains("for up to 15m, services that keep the old key set refuse tokens"), "{}", left.aside);
    let listed = stage.run("key list --json").await.json();
    for alg in ["ES256", "EdDSA", "RS256"] {
        let stages: Vec<_> = of(&listed, alg).iter().map(|key| key.0).collect();
        assert_eq!(stages, ["retired", "active"], "{alg}");
    }
}

#[tokio::test]
async fn a_generated_key_signs_when_the_present_ones_time_is_over() {
    let stage = Stage::new("[keys]\nrotation_interval = \"90d\"\n");
    assert_eq!(stage.run("key generate --alg EdDSA").await.code, 0);
    let listed = stage.run("key list --json").await.json();
    assert_eq!(of(&listed, "EdDSA")[1], ("next", "2020-03-31T12:00:00Z"));
    assert_eq!(of(&listed, "ES256").len(), 1);
    assert_eq!(stage.run("key rotate --alg EdDSA").await.code, 0);
    let listed = stage.run("key list --json").await.json();
    assert_eq!(of(&listed, "EdDSA")[1], ("next", "2020-01-03T12:00:00Z"), "a rotation takes the published key");

    stage.write("[keys]\nrotation_interval = \"0s\"\n");
    let left = stage.run("key generate").await;
    assert_eq!(left.code, 2);
    assert!(left.aside.contains("countersign key rotate"), "{}", left.aside);
    assert_eq!(stage.run("key rotate --alg HS256").await.code, 2);
}
