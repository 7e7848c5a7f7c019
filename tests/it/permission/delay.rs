//! How long somebody may go on with what was taken from them.

use time::Duration;

use super::{Act, Scripted, allow, chain, policy, service, stage};
use crate::permission::delay::worst_case;
use crate::permission::{OnError, ProviderPolicy};

/// A policy with these times in seconds; the second counts only with `stale`.
fn lasting(cache: i64, stale: Option<i64>) -> ProviderPolicy {
    ProviderPolicy {
        cache_ttl: Duration::seconds(cache),
        on_error: if stale.is_some() { OnError::Stale } else { OnError::Deny },
        stale_max_age: Duration::seconds(stale.unwrap_or(900)),
        ..policy()
    }
}

#[test]
fn the_delay_is_the_token_and_the_oldest_answer_it_may_come_from() {
    let wiki = service("wiki", &[]);
    let token = 15 * 60;
    for (policies, cache, stale) in [
        (vec![], 0, 0),
        (vec![lasting(60, None)], 60, 0),
        (vec![lasting(0, None)], 0, 0),
        (vec![lasting(60, None), lasting(300, None)], 300, 0),
        (vec![lasting(60, Some(900))], 60, 840),
        (vec![lasting(60, Some(60))], 60, 0),
        (vec![lasting(3600, Some(10))], 3600, 0),
        (vec![lasting(300, None), lasting(0, Some(900))], 300, 600),
        (
            [OnError::Skip, OnError::Deny]
                .into_iter()
                .map(|on_error| ProviderPolicy { on_error, ..policy() })
                .collect(),
            60,
            0,
        ),
    ] {
        let delay = worst_case(&wiki, policies.iter());

        let seconds = [delay.token, delay.cache, delay.stale, delay.total].map(Duration::whole_seconds);
        assert_eq!(seconds, [token, cache, stale, token + cache + stale], "{policies:?}");
    }
}

#[test]
fn only_providers_that_count_delay_anything() {
    let (clock, state) = stage();
    let counts = Scripted::new(lasting(60, None), Act::Say(allow(&[])));
    let observes = Scripted::new(ProviderPolicy { observe: true, ..lasting(3600, None) }, Act::Say(allow(&[])));
    let chain = chain(&clock, &state, &[counts, observes]);
    let wiki = service("wiki", &["a", "b"]);

    let delay = chain.revocation_delay(&wiki);

    assert_eq!(delay.cache, Duration::seconds(60));
}

#[test]
fn one_sentence_says_what_it_is_made_of() {
    let wiki = service("wiki", &[]);
    for (policies, sentence) in [
        (vec![], "Works after 15 min at worst: a token lives 15 min."),
        (
            vec![lasting(90, None)],
            "Works after 16 min 30 s at worst: a token lives 15 min, an answer is remembered for 1 min 30 s.",
        ),
        (
            vec![lasting(60, Some(3600))],
            "Works after 1 h 15 min at worst: a token lives 15 min, an answer is remembered for 1 min, and for 59 min more while a provider fails.",
        ),
        (
            vec![lasting(0, Some(900))],
            "Works after 30 min at worst: a token lives 15 min, and an answer is remembered for 15 min while a provider fails.",
        ),
    ] {
        assert_eq!(worst_case(&wiki, policies.iter()).sentence(), sentence);
    }
}
