use super::*;

const DAY: i64 = 86_400;
const POLICY: Policy = Policy {
    rotation_interval: Duration::days(90),
    publish_before: Duration::days(2),
    retire_after: Duration::days(7),
};

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).expect("a small number of seconds")
}

fn key(slot: i64, signs_from: i64, ends: Option<(i64, i64)>) -> KeyTimes {
    KeyTimes {
        slot,
        signs_from: at(signs_from),
        signs_until: ends.map(|(until, _)| at(until)),
        drops_at: ends.map(|(_, drops)| at(drops)),
    }
}

fn create(slot: i64, from: i64) -> Change {
    Change::Create { slot, signs_from: at(from) }
}

fn retire(slot: i64, until: i64, drops: i64) -> Change {
    Change::Retire { slot, signs_until: at(until), drops_at: at(drops) }
}

/// As the database would look after the changes.
fn after(keys: &[KeyTimes], changes: &[Change]) -> Vec<KeyTimes> {
    let mut keys = keys.to_vec();
    for change in changes {
        match *change {
            Change::Create { slot, signs_from } => {
                keys.push(KeyTimes { slot, signs_from, signs_until: None, drops_at: None });
            }
            Change::Retire { slot, signs_until, drops_at } => {
                for key in keys.iter_mut().filter(|key| key.slot == slot) {
                    (key.signs_until, key.drops_at) = (Some(signs_until), Some(drops_at));
                }
            }
            Change::Drop { slot } => keys.retain(|key| key.slot != slot),
        }
    }
    keys
}

#[test]
fn each_change_is_due_from_its_second_on() {
    let old = key(1, 0, None);
    let ended = key(1, 0, Some((90 * DAY, 97 * DAY)));
    let next = key(2, 90 * DAY, None);
    let cases: &[(&str, &[KeyTimes], i64, Vec<Change>)] = &[
        ("nothing yet: a first key, at once", &[], 5, vec![create(1, 5)]),
        ("a second before publishing", &[old], 88 * DAY - 1, vec![]),
        ("time to publish", &[old], 88 * DAY, vec![create(2, 90 * DAY)]),
        ("late: still published before it signs", &[old], 89 * DAY, vec![create(2, 91 * DAY)]),
        ("a year off: the old one signs on until the new one is public", &[old], 365 * DAY, vec![create(2, 367 * DAY)]),
        (
            "broken off after making: the end is noted later",
            &[old, next],
            88 * DAY,
            vec![retire(1, 90 * DAY, 97 * DAY)],
        ),
        ("broken off, and found after the change", &[old, next], 92 * DAY, vec![retire(1, 90 * DAY, 97 * DAY)]),
        ("in order, waiting", &[ended, next], 89 * DAY, vec![]),
        ("a second before dropping", &[ended, next], 97 * DAY - 1, vec![]),
        ("time to drop", &[ended, next], 97 * DAY, vec![Change::Drop { slot: 1 }]),
        ("broken off, and found after dropping", &[old, next], 97 * DAY, vec![Change::Drop { slot: 1 }]),
        (
            "a year off with a waiting key: it signs, the old one goes, a third one comes",
            &[ended, next],
            500 * DAY,
            vec![create(3, 502 * DAY), Change::Drop { slot: 1 }],
        ),
        ("brought forward by hand", &[ended, key(2, 50 * DAY, None)], 50 * DAY, vec![retire(1, 50 * DAY, 57 * DAY)]),
        ("the clock went back before all keys", &[next], 0, vec![]),
    ];
    for (name, keys, now, expected) in cases {
        assert_eq!(&due(keys, &POLICY, at(*now)), expected, "{name}");
        let mut reversed = keys.to_vec();
        reversed.reverse();
        assert_eq!(&due(&reversed, &POLICY, at(*now)), expected, "{name}, in another order");
    }
}

#[test]
fn an_interval_of_zero_leaves_rotation_to_people() {
    let by_hand = Policy { rotation_interval: Duration::ZERO, ..POLICY };
    assert_eq!(due(&[key(1, 0, None)], &by_hand, at(9_999 * DAY)), vec![]);
    assert_eq!(due(&[], &by_hand, at(7)), vec![create(1, 7)]);
    assert_eq!(due(&[key(1, 0, None), key(2, DAY, None)], &by_hand, at(DAY)), vec![retire(1, DAY, 8 * DAY)]);
}

#[test]
fn at_most_one_key_waits_even_if_publishing_takes_longer_than_the_interval() {
    let hasty = Policy { rotation_interval: Duration::days(1), publish_before: Duration::days(30), ..POLICY };
    let mut keys = Vec::new();
    for day in 0..200 {
        let now = at(day * DAY);
        for _ in 0..3 {
            keys = after(&keys, &due(&keys, &hasty, now));
        }
        assert!(stages(&keys, now).iter().filter(|stage| **stage == Stage::Next).count() <= 1, "day {day}");
        assert_eq!(due(&keys, &hasty, now), vec![], "day {day}");
    }
}

#[test]
fn exactly_one_key_signs_wherever_a_rotation_breaks_off() {
    let mut keys: Vec<KeyTimes> = Vec::new();
    let mut signed_by = 0;
    // Every third day only the first change is written, every fifth none.
    for day in 0..1_000 {
        let now = at(day * DAY);
        let mut changes = due(&keys, &POLICY, now);
        changes.truncate(match day {
            0 => usize::MAX,
            _ if day % 5 == 0 => 0,
            _ if day % 3 == 0 => 1,
            _ => usize::MAX,
        });
        keys = after(&keys, &changes);

        let stages = stages(&keys, now);
        assert_eq!(stages.iter().filter(|stage| **stage == Stage::Active).count(), 1, "day {day}");
        let active = active(keys.iter(), now).expect("there are keys");
        assert!(active >= signed_by, "day {day}: an older key signs again");
        assert!(
            !keys.iter().any(|key| key.slot == active && key.is_over(now)),
            "day {day}: what signs is not published"
        );
        signed_by = active;
    }
    assert!(signed_by >= 10, "keys changed about every 90 days: {signed_by}");
}

#[test]
fn the_newest_that_has_begun_signs() {
    let keys = [key(1, 0, None), key(2, 10, None), key(3, 20, None)];
    let cases = [(-1, 1), (0, 1), (9, 1), (10, 2), (19, 2), (20, 3), (99, 3)];
    for (now, slot) in cases {
        assert_eq!(active(keys.iter(), at(now)), Some(slot), "at {now}");
    }
    assert_eq!(active([].iter(), at(0)), None);
    assert_eq!(stages(&keys, at(15)), [Stage::Retired, Stage::Active, Stage::Next]);
}

#[test]
fn a_key_is_published_until_the_second_it_drops() {
    let key = key(1, 0, Some((10, 20)));
    assert!(!key.is_over(at(19)));
    assert!(key.is_over(at(20)));
}
