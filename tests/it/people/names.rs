//! Usernames that are refused with a reason, on the page and by the API (UTS 39, RFC 8265).

use serde_json::json;

use super::{PASSWORD, sign_up};
use crate::domain::disposable::is_disposable;
use crate::domain::identity::own_name;
use crate::domain::lookalike::{check_domain, skeleton};
use crate::domain::username::{Scripts, Unusable, Username};
use crate::it::stage::Stage;

fn scripts(names: &[&str]) -> Scripts {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    Scripts::named(&names).unwrap()
}

#[test]
fn reserved_names_and_what_looks_like_them_are_nobodys() {
    let plain = Scripts::default();
    for name in [
        "admin",
        "ADMIN",
        "Admin",
        "adrnin",
        "r00t",
        "supp0rt",
        "ADM1N",
        "adminIstrator",
        "postmaster",
        "www",
        "no-reply",
    ] {
        assert_eq!(Username::parse(name, &plain), Err(Unusable::Reserved), "{name}");
    }
    let many = scripts(&["Latin", "Cyrillic", "Greek"]);
    assert_eq!(Username::parse("\u{ff41}dmin", &many), Err(Unusable::Reserved), "full width");
    assert_eq!(Username::parse("\u{430}dmin", &many), Err(Unusable::Mixed), "a Cyrillic a");
}

#[test]
fn without_scripts_only_plain_letters_are_a_name() {
    let plain = Scripts::default();
    for (name, why) in [
        ("\u{ff41}da", Unusable::Script),
        ("ad\u{200b}a", Unusable::Script),
        ("anna\u{301}", Unusable::Script),
        ("\u{fb01}na", Unusable::Script),
        ("\u{130}rma", Unusable::Script),
        ("\u{202e}ada", Unusable::Script),
        ("ada.", Unusable::Character),
        ("ada ", Unusable::Character),
        ("-ada", Unusable::Character),
        ("../ada", Unusable::Character),
        ("a", Unusable::Length),
        (&"a".repeat(32), Unusable::Length),
    ] {
        assert_eq!(Username::parse(name, &plain), Err(why), "{name:?}");
    }
}

#[test]
fn other_scripts_are_an_option_one_for_each_name() {
    let cyrillic = scripts(&["Cyrillic"]);
    let anna = Username::parse("\u{410}\u{43d}\u{43d}\u{430}", &cyrillic).unwrap();
    assert_eq!(anna.key(), "\u{430}\u{43d}\u{43d}\u{430}");
    assert_eq!(Username::parse("Zo\u{eb}", &cyrillic), Err(Unusable::Script), "Latin was not asked for");
    assert_eq!(Username::parse("ad\u{200b}a\u{430}", &cyrillic), Err(Unusable::Character));
    assert_eq!(Username::parse("\u{430}da", &cyrillic), Err(Unusable::Mixed));
    let latin = scripts(&["Latin"]);
    let composed = Username::parse("ann\u{e1}", &latin).unwrap();
    assert_eq!(Username::parse("anna\u{301}", &latin).unwrap().key(), composed.key(), "two spellings are one name");
    assert_eq!(Username::parse("stra\u{df}e", &latin).unwrap().key(), "strasse");
    assert_eq!(Username::parse("\u{131}rma", &latin).unwrap().key(), "irma");
    assert_eq!(Scripts::named(&["Klingon".to_owned()]), Err((0, "Klingon")));
    assert_eq!(Scripts::named(&["Common".to_owned()]), Err((0, "Common")));
}

#[test]
fn what_looks_alike_has_one_skeleton() {
    for (one, other) in [
        ("paypal", "p\u{430}yp\u{430}l"),
        ("O0", "oo"),
        ("rn", "m"),
        ("I1l", "lll"),
        ("ANNA", "anna"),
        ("paypaI", "paypal"),
    ] {
        assert_eq!(skeleton(one), skeleton(other), "{one} {other}");
    }
    assert_ne!(skeleton("anna"), skeleton("ann\u{e1}"));
}

#[test]
fn domains_that_deceive_are_told_from_domains_of_other_alphabets() {
    for honest in
        ["example.org", "xn--bcher-kva.example", "xn--80ak6aa92e.example.org.ru".trim_start_matches("xn--80ak6aa92e.")]
    {
        assert_eq!(check_domain(honest), Ok(()), "{honest}");
    }
    for deceptive in ["xn--80ak6aa92e.com", "xn--pypal-4ve.com"] {
        assert!(check_domain(deceptive).is_err(), "{deceptive}");
    }
}

#[test]
fn domains_of_throw_away_mail_are_known_with_all_below_them() {
    for domain in ["mailinator.com", "a.b.mailinator.com", "0-mail.com", "yopmail.com"] {
        assert!(is_disposable(domain), "{domain}");
    }
    for domain in ["example.org", "gmail.com", "com", "", "mailinator.com.example.org"] {
        assert!(!is_disposable(domain), "{domain}");
    }
}

#[test]
fn a_name_is_shown_to_others_so_it_is_plain() {
    assert_eq!(own_name("  Ada \u{202e}Lovelace\u{7} "), Ok(Some("Ada Lovelace".into())));
    assert_eq!(own_name(" \u{200e} "), Ok(None));
    assert_eq!(own_name("Ada St. John"), Ok(Some("Ada St. John".into())), "a dot is no web address");
    assert!(own_name("https://evil.example").is_err());
    assert!(own_name("go to WWW.evil.example").is_err());
    assert!(own_name(&"a".repeat(100)).is_ok() && own_name(&"a".repeat(101)).is_err());
}

#[tokio::test]
async fn names_that_look_like_anothers_are_refused_on_the_page_and_by_the_api() {
    let stage = Stage::with("[login]\nusername_scripts = [\"Latin\", \"Cyrillic\"]\nusername = \"free\"").await;
    stage.upstream_knows("corn", "corn@example.org");
    stage.browser().sign_in().await;
    stage.upstream_knows("bob", "bob@example.org");
    let mut bob = stage.browser();
    let token = bob.login_token().await;

    for (name, says, answer) in [
        ("corn", "Somebody else has this username", "Username taken"),
        ("CORN", "Somebody else has this username", "Username taken"),
        ("com", "looks like the username of somebody else", "Username taken"),
        ("c0rn", "looks like the username of somebody else", "Username taken"),
        ("\u{ff43}orn", "Somebody else has this username", "Username taken"),
        ("\u{441}orn", "cannot mix letters", "Username not allowed"),
        ("co\u{200b}rn", "A username is made of", "Username not allowed"),
        ("\u{202e}nroc", "A username is made of", "Username not allowed"),
        ("corn ", "A username is made of", "Username not allowed"),
        ("corn.", "A username is made of", "Username not allowed"),
        ("admin", "This name is reserved", "Username not allowed"),
        ("\u{3b1}\u{3b2}\u{3b3}", "Only the letters", "Username not allowed"),
        ("x", "2 to 31", "Username not allowed"),
    ] {
        let reply = stage.post("/auth/update").bearer(&token).form(&[("username", name)]).await;
        assert_eq!(reply.json(), json!({ "success": false, "error": answer }), "{name:?}");
        bob.open("/account/profile").await.fill_in("#username", name).press("#username-submit").await;
        assert_eq!(bob.status(), 400, "{name:?}");
        assert!(bob.sees(says), "{name:?}: {}", bob.body());
    }
    bob.fill_in("#username", "\u{411}\u{43e}\u{431}").press("#username-submit").await;
    assert!(bob.sees("It is saved."), "{}", bob.body());
    let resolved = stage.get("/auth/resolve?username=%D0%B1%D0%9E%D0%B1").await.json();
    assert_eq!(resolved["userid"], stage.user("bob@example.org").await.id.to_string(), "case does not matter");
}

#[tokio::test]
async fn the_profile_is_its_owners_and_a_chosen_name_stays() {
    let stage = Stage::open().await;
    let mut ada = stage.browser();
    ada.sign_in().await;
    ada.open("/account/profile").await.fill_in("#name", "Countess Ada").press("#name-submit").await;
    assert!(ada.sees("It is saved."), "{}", ada.body());
    ada.fill_in("#username", "countess").press("#username-submit").await;
    assert!(!ada.has("#username-submit"), "chosen once");

    stage.browser().sign_in().await;

    let user = stage.user("ada@example.org").await;
    assert_eq!((user.name.as_deref(), user.username.as_deref()), (Some("Countess Ada"), Some("countess")));
    ada.open("/account/profile").await.fill_in("#name", "http://evil.example").press("#name-submit").await;
    assert_eq!(ada.status(), 400);
    assert!(ada.body().contains(&user.id.to_string()));
    let mut nobody = stage.browser();
    nobody.open("/account/profile").await;
    assert_eq!(nobody.at, "/login");
}

#[tokio::test]
async fn names_given_at_first_do_not_look_alike_either() {
    let stage = Stage::open().await;
    sign_up(&stage, &mut stage.browser(), "corn@example.org", PASSWORD).await;
    sign_up(&stage, &mut stage.browser(), "com@example.net", PASSWORD).await;

    let (one, other) = (stage.user("corn@example.org").await, stage.user("com@example.net").await);
    assert_eq!((one.username.as_deref(), other.username.as_deref()), (Some("corn"), Some("com-2")));
}
