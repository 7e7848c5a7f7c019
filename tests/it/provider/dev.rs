//! Made-up people.

use super::{Play, email, handshake, query, refusal};
use crate::provider::Callback;

fn play() -> Play {
    let mut play = Play::new();
    play.tools.is_dev = true;
    play
}

fn choose(at: &str) -> Callback {
    Callback { code: at.into(), iss: None }
}

#[tokio::test]
async fn three_people_are_there_from_the_start() {
    let provider = play().open("people", "kind = \"dev\"");

    let seeds = provider.seeds();
    let names: Vec<_> = seeds.iter().filter_map(|seed| seed.identity.name.as_deref()).collect();

    assert_eq!(names, ["Ada Admin", "Ben Member", "Eve Locked"]);
    assert_eq!(seeds[0].roles, ["admin"]);
    assert_eq!(seeds.iter().map(|seed| seed.locked).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(provider.identify(&handshake(), &choose("1")).await.unwrap(), seeds[1].identity);
}

#[tokio::test]
async fn the_browser_is_sent_to_our_own_page() {
    let url = play().open("people", "kind = \"dev\"").authorize_url(&handshake()).await.unwrap();

    assert!(url.as_str().starts_with("https://auth.test/dev/people/people?"));
    assert_eq!(query(&url, "state").as_deref(), Some("state-1"));
    assert_eq!(query(&url, "redirect_uri").as_deref(), Some("https://auth.test/auth/callback/sso"));
}

#[tokio::test]
async fn the_section_makes_its_own_people() {
    let users = "users = [{ name = \"Cy\", email = \"cy@dev.test\", email_verified = false, groups = [\"crew\"] }]";
    let provider = play().open("people", &format!("kind = \"dev\"\n{users}"));

    let cy = provider.identify(&handshake(), &choose("0")).await.unwrap();

    assert_eq!(email(&cy), None);
    assert_eq!(cy.groups, ["people:crew"]);
    for nobody in ["1", "-1", "x", ""] {
        refusal(provider.identify(&handshake(), &choose(nobody)).await);
    }
}

#[test]
fn made_up_people_exist_in_dev_mode_only() {
    let wrong = Play::new().wrong("people", "kind = \"dev\"");

    assert!(wrong[0].contains("dev mode only"), "{wrong:?}");
}

#[test]
fn people_have_names_of_their_own_and_addresses_that_are_some() {
    for (users, expected) in [
        ("[{ name = \"A\" }, { name = \"A\" }]", "twice"),
        ("[{ name = \"\" }]", "needs a name"),
        ("[{ name = \"A\", email = \"nowhere\" }]", "not an e-mail address"),
    ] {
        let wrong = play().wrong("people", &format!("kind = \"dev\"\nusers = {users}"));

        assert!(wrong[0].contains(expected), "{wrong:?}");
    }
}
