//! Self sign-up: who may, and what is there before the address is proven, which is nothing.

use time::Duration;

use super::{PASSWORD, ask, letter, link_in, sign_up};
use crate::it::stage::Stage;

/// No limits that a test would run into.
const CALM: &str = "[rate_limit]\nexempt = [\"192.0.2.0/24\"]\n";

async fn exists(stage: &Stage, email: &str) -> bool {
    stage.app.store().user_by_email(&email.parse().unwrap()).await.unwrap().is_some()
}

#[tokio::test]
async fn an_account_is_made_by_the_button_behind_the_mailed_link() {
    let stage = Stage::open().await;
    let mut ada = stage.browser();
    ada.open("/login").await.press("#signup").await;
    ada.fill_in("#email", "Ada@Example.org").fill_in("#name", "Ada").fill_in("#password", PASSWORD);
    ada.press("#signup-submit").await;
    assert!(ada.sees("Check your mail") && ada.sees("ada@example.org"), "{}", ada.body());
    assert!(!exists(&stage, "ada@example.org").await, "nothing is written before the address is proven");
    let link = link_in(&letter(&stage, "ada@example.org").await);
    ada.open(&link).await;
    ada.open(&link).await;
    assert!(!exists(&stage, "ada@example.org").await, "looking changes nothing");

    ada.press("#confirm").await;

    assert_eq!((ada.status(), ada.at.as_str()), (200, "/account"));
    let user = stage.user("ada@example.org").await;
    assert_eq!(user.name.as_deref(), Some("Ada"));
    assert_eq!(user.roles, ["member"]);
    assert!(user.email.unwrap().verified);
    let mut elsewhere = stage.browser();
    elsewhere.open("/login").await.fill_in("#email", "ada@example.org").fill_in("#password", PASSWORD);
    elsewhere.press("#password-submit").await;
    assert_eq!((elsewhere.status(), elsewhere.at.as_str()), (200, "/account"));
}

#[tokio::test]
async fn the_link_works_once_and_for_a_day() {
    let stage = Stage::open().await;
    let mut ada = stage.browser();
    ask(&mut ada, "ada@example.org", PASSWORD).await;
    let link = link_in(&letter(&stage, "ada@example.org").await);

    stage.wait(Duration::hours(24) - Duration::SECOND);
    ada.open(&link).await;
    assert_eq!(ada.status(), 200);
    stage.wait(Duration::SECOND);
    ada.open(&link).await;
    assert_eq!(ada.status(), 410);

    sign_up(&stage, &mut ada, "bob@example.org", PASSWORD).await;
    let used = link_in(&letter(&stage, "bob@example.org").await);
    let mut again = stage.browser();
    again.open(&used).await;
    assert_eq!(again.status(), 410);
    for forged in ["", "x", "x.y", &format!("{}x", link.rsplit('=').next().unwrap())] {
        again.open(&format!("/signup/confirm?token={forged}")).await;
        assert_eq!(again.status(), 410, "{forged}");
    }
}

#[tokio::test]
async fn a_known_address_gives_the_same_answer_and_its_owner_a_letter() {
    let stage = Stage::with(CALM).await;
    sign_up(&stage, &mut stage.browser(), "ada@example.org", PASSWORD).await;
    let (before, letters) = (stage.user("ada@example.org").await, stage.letters().await.len());
    let (mut known, mut unknown) = (stage.browser(), stage.browser());

    ask(&mut known, "ada@example.org", "another-secret-of-mallory-7").await;
    ask(&mut unknown, "bob@example.org", "another-secret-of-mallory-7").await;

    assert_eq!(known.status(), unknown.status());
    assert_eq!(known.at, unknown.at);
    assert_eq!(known.body().replace("ada@", "bob@"), unknown.body());
    let cookies = |browser: &crate::it::stage::Browser| browser.cookies.values().map(String::len).collect::<Vec<_>>();
    assert_eq!(cookies(&known), cookies(&unknown));
    assert_eq!(stage.letters().await.len(), letters + 2);
    let told = letter(&stage, "ada@example.org").await;
    assert_eq!(told.subject, "You already have an account at auth.example");
    assert!(!told.text.contains("/signup/confirm"), "{}", told.text);
    assert_eq!(stage.user("ada@example.org").await, before);
    let mut mallory = stage.browser();
    mallory.open("/login").await.fill_in("#email", "ada@example.org");
    mallory.fill_in("#password", "another-secret-of-mallory-7").press("#password-submit").await;
    assert_eq!(mallory.status(), 401);
}

#[tokio::test]
async fn nobody_chooses_a_password_for_an_address_that_is_not_theirs() {
    let stage = Stage::open().await;
    let mut mallory = stage.browser();
    ask(&mut mallory, "victim@example.org", "password-of-mallory-4711").await;
    let link = link_in(&letter(&stage, "victim@example.org").await);
    let mut victim = stage.browser();

    victim.open(&link).await;
    assert!(victim.sees("not in this browser"));
    victim.press("#confirm").await;
    assert_eq!(victim.status(), 401);
    for guess in 0..4 {
        victim.fill_in("#password", &format!("guess number {guess}")).press("#confirm").await;
        assert_eq!(victim.status(), 401, "{guess}");
    }
    victim.fill_in("#password", "password-of-mallory-4711").press("#confirm").await;

    assert_eq!(victim.status(), 429, "five tries are enough");
    assert!(!exists(&stage, "victim@example.org").await);
}

#[tokio::test]
async fn in_another_browser_the_password_proves_who_asked() {
    let stage = Stage::open().await;
    ask(&mut stage.browser(), "ada@example.org", PASSWORD).await;
    let mut telephone = stage.browser();

    telephone.open(&link_in(&letter(&stage, "ada@example.org").await)).await;
    telephone.fill_in("#password", PASSWORD).press("#confirm").await;

    assert_eq!((telephone.status(), telephone.at.as_str()), (200, "/account"));
}

#[tokio::test]
async fn without_a_password_the_mailed_link_is_enough() {
    let stage = Stage::open().await;
    ask(&mut stage.browser(), "ada@example.org", "").await;
    let mut telephone = stage.browser();

    telephone.open(&link_in(&letter(&stage, "ada@example.org").await)).await.press("#confirm").await;

    assert_eq!((telephone.status(), telephone.at.as_str()), (200, "/account"));
    let user = stage.user("ada@example.org").await;
    assert_eq!(stage.app.store().password_hash(user.id).await.unwrap(), None);
}

#[tokio::test]
async fn who_made_the_account_first_has_it() {
    let stage = Stage::with(CALM).await;
    let (mut ada, mut mallory) = (stage.browser(), stage.browser());
    ask(&mut mallory, "ada@example.org", "password-of-mallory-4711").await;
    let early = link_in(&letter(&stage, "ada@example.org").await);
    sign_up(&stage, &mut ada, "ada@example.org", PASSWORD).await;

    mallory.open(&early).await.press("#confirm").await;

    assert_eq!(mallory.status(), 409);
    assert!(mallory.session_cookie().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_confirmations_at_once_in_two_processes_one_makes_the_account() {
    let stage = Stage::with(CALM).await;
    let twin = stage.twin().await;
    let mut ada = stage.browser();
    ask(&mut ada, "ada@example.org", PASSWORD).await;
    ada.open(&link_in(&letter(&stage, "ada@example.org").await)).await;

    let running = (0..10).map(|number| {
        let mut browser = ada.clone();
        browser.goes_to(if number % 2 == 0 { &stage } else { &twin });
        tokio::spawn(async move { browser.press("#confirm").await.status() })
    });
    let mut made = 0;
    for answer in running.collect::<Vec<_>>() {
        match answer.await.unwrap() {
            200 => made += 1,
            other => assert_eq!(other, 410),
        }
    }

    assert_eq!(made, 1);
}

#[tokio::test]
async fn the_file_says_who_may_sign_up() {
    for (signup, offered, by_mail) in
        [("open", true, true), ("providers", true, false), ("invite", false, false), ("closed", false, false)]
    {
        let stage = Stage::with(&format!("[login]\nsignup = \"{signup}\"\n{CALM}")).await;
        let mut browser = stage.browser();
        browser.open("/login").await;
        assert_eq!(browser.has("#signup"), offered, "{signup}");
        browser.open("/signup").await;
        assert_eq!(browser.status(), if offered { 200 } else { 403 }, "{signup}");
        assert_eq!(browser.has("#signup-submit"), by_mail, "{signup}");
        let csrf = stage_csrf(&mut browser).await;
        let fields = [("csrf", csrf.as_str()), ("email", "ada@example.org"), ("password", PASSWORD)];
        browser.post("/signup", &fields).await;
        assert_eq!(browser.status(), if by_mail { 303 } else { 403 }, "{signup}");
    }
}

async fn stage_csrf(browser: &mut crate::it::stage::Browser) -> String {
    browser.open("/login").await;
    browser.fields("#password-submit").into_iter().find(|(name, _)| name == "csrf").unwrap().1
}

#[tokio::test]
async fn what_is_typed_is_checked_and_kept() {
    let stage = Stage::with(&format!("[login]\nblocked_email_domains = [\"blocked.example\"]\n{CALM}")).await;
    let cases = [
        ("ada", PASSWORD, "This is not an e-mail address"),
        ("a@b@example.org", PASSWORD, "This is not an e-mail address"),
        ("ada@blocked.example", PASSWORD, "Addresses of this domain"),
        ("ada@mailinator.com", PASSWORD, "throw-away mail"),
        ("ada@deep.below.mailinator.com", PASSWORD, "throw-away mail"),
        ("ada@p\u{430}ypal.com", PASSWORD, "mixes letters"),
        ("ada@\u{0430}\u{0440}\u{0440}\u{04cf}\u{0435}.com", PASSWORD, "looks like another one"),
        ("ada@example.org", "short", "at least"),
        ("ada@example.org", "aaaaaaaaaaaaaaaaaaaa", ""),
    ];
    for (email, password, says) in cases {
        let mut browser = stage.browser();
        ask(&mut browser, email, password).await;
        assert_eq!(browser.status(), 400, "{email}");
        assert!(browser.sees(says), "{email}: {}", browser.body());
        assert!(browser.body().contains("<title>Error: "), "{email}");
    }
    let mut browser = stage.browser();
    browser.open("/signup").await.fill_in("#email", "ada@example.org").fill_in("#name", "see www.evil.example");
    browser.fill_in("#password", PASSWORD).press("#signup-submit").await;
    assert!(browser.sees("A name cannot hold a web address."), "{}", browser.body());
    assert!(stage.letters().await.is_empty());
    ask(&mut browser, "anna@b\u{fc}cher.example", PASSWORD).await;
    assert!(browser.sees("Check your mail"), "{}", browser.body());
}

#[tokio::test]
async fn throw_away_mail_is_welcome_where_the_file_says_so() {
    let stage = Stage::with("[login]\ndisposable_domains = \"allow\"").await;
    let mut browser = stage.browser();

    ask(&mut browser, "ada@mailinator.com", PASSWORD).await;

    assert!(browser.sees("Check your mail"));
}

#[tokio::test]
async fn terms_are_accepted_and_remembered() {
    let stage = Stage::with("[login]\nterms_url = \"https://example.com/terms/3\"").await;
    let mut ada = stage.browser();
    ask(&mut ada, "ada@example.org", PASSWORD).await;
    assert!(ada.sees("Accept the terms to go on."), "{}", ada.body());
    ada.fill_in("#password", PASSWORD).fill_in("#terms", "yes").press("#signup-submit").await;
    ada.open(&link_in(&letter(&stage, "ada@example.org").await)).await.press("#confirm").await;

    let user = stage.user("ada@example.org").await;
    let all = stage.app.accounts.export(&user).await.unwrap();
    assert_eq!(all["account"]["terms_accepted"], "https://example.com/terms/3 2020-01-01T12:00:00Z");

    let mut bob = stage.browser();
    bob.open("/login").await.fill_in("#magic-link-email", "bob@example.org").press("#magic-link-submit").await;
    assert_eq!(
        stage.letter_to("bob@example.org").await,
        None,
        "a link alone makes no account where terms are to be accepted"
    );
}

#[tokio::test]
async fn sign_ups_are_counted_by_client_and_by_mailbox() {
    let stage = Stage::with("[rate_limit]\nsignup_ip = { limit = 2, per = \"1h\", burst = 2 }").await;
    let mut browser = stage.browser();
    for (number, expected) in [(1, 200), (2, 200), (3, 429)] {
        ask(&mut browser, &format!("person-{number}@example.org"), PASSWORD).await;
        assert_eq!(browser.status(), expected, "{number}");
    }

    let stage = Stage::with("[rate_limit]\nmail_address = { limit = 2, per = \"1h\", burst = 2 }").await;
    for (email, expected) in [("a.n.na+x@gmail.com", 200), ("anna@googlemail.com", 200), ("an.na+y@gmail.com", 429)] {
        let mut browser = stage.browser();
        ask(&mut browser, email, PASSWORD).await;
        assert_eq!(browser.status(), expected, "{email}");
    }
}

#[tokio::test]
async fn a_form_of_another_site_is_refused() {
    let stage = Stage::open().await;
    let mut ada = stage.browser();
    ada.open("/signup").await;

    ada.post_from_elsewhere("/signup", &[("csrf", "x"), ("email", "ada@example.org"), ("password", PASSWORD)]).await;

    assert_eq!(ada.status(), 403);
    assert!(stage.letters().await.is_empty());
}
