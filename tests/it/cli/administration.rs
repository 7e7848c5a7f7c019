//! `role`, `admin`, `user edit|verify|merge|export|invite`, `invitation`, `apikey`, `session`, `import`.

use super::Stage;

const FILE: &str = "[login]\ndefault_roles = [\"member\"]\n[roles.editor]\ndescription = \"Writes\"\n[services.wiki]\n\
    next_urls = [\"http://localhost:9999/*\"]\n";

async fn with(people: &[&str]) -> Stage {
    let stage = Stage::new(FILE);
    for name in people {
        let left = stage.run(&format!("user add --email {name}@example.com --username {name}")).await;
        assert_eq!(left.code, 0, "{left:?}");
    }
    stage
}

#[tokio::test]
async fn roles_are_listed_given_and_taken_and_the_last_admin_stays() {
    let stage = with(&["ada", "ben"]).await;
    let roles = stage.run("role list --json").await.json();
    assert!(roles.as_array().unwrap().iter().any(|role| role["role"] == "editor" && role["description"] == "Writes"));

    let dry = stage.run("role grant ada editor --dry-run --json").await.json();
    assert_eq!((&dry["changed"], &dry["dry_run"]), (&true.into(), &true.into()));
    assert_eq!(stage.run("role grant ada editor").await.out, "ada has the role `editor`\n");
    assert_eq!(stage.run("role grant ada editor --json").await.json()["changed"], false);
    assert_eq!(stage.run("role grant ada boss").await.code, 2);
    assert_eq!(stage.run("role grant nobody editor").await.code, 3);

    assert_eq!(stage.run("admin grant ada").await.code, 0);
    assert_eq!(stage.run("admin list --json").await.json().as_array().unwrap().len(), 1);
    for line in ["admin revoke ada", "user lock ada", "user delete ada --yes"] {
        let left = stage.run(line).await;
        assert_eq!(left.code, 1, "{line}");
        assert!(left.aside.contains("last administrator"), "{line}: {}", left.aside);
    }
    assert_eq!(stage.run("admin grant ben").await.code, 0);
    assert_eq!(stage.run("admin revoke ada").await.code, 0);
}

#[tokio::test]
async fn a_user_is_edited_merged_parted_and_exported() {
    let stage = with(&["ada", "old"]).await;
    let left = stage.run("user edit ada --name Countess --extra {\"a\":1} --verified false").await;
    assert_eq!((left.code, left.out.as_str()), (0, "Countess is changed\n"), "{left:?}");
    for (line, code) in [
        ("user edit ada", 2),
        ("user edit ada --extra []", 2),
        ("user edit ada --username admin", 2),
        ("user edit ada --username OLD", 1),
        ("user edit nobody --name x", 3),
    ] {
        assert_eq!(stage.run(line).await.code, code, "{line}");
    }
    let shown = stage.run("user show ada --json").await.json();
    assert_eq!((&shown["name"], &shown["extra"]["a"]), (&"Countess".into(), &1.into()));
    assert_eq!(stage.run("user verify ada --json").await.json()["changed"], true);

    let id = stage.run("user show old --json").await.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(stage.run("user merge old --into ada").await.code, 4);
    let dry = stage.run("user merge old --into ada --dry-run").await;
    assert!(dry.out.contains("moves     addresses: old@example.com"), "{dry:?}");
    assert_eq!(stage.run("user merge old --into ada --yes").await.code, 0);
    assert_eq!(stage.run("user list --json").await.json().as_array().unwrap().len(), 1);
    assert_eq!(stage.run(&format!("user show {id} --json")).await.json()["username"], "ada");
    assert_eq!(stage.run(&format!("user unmerge {id}")).await.code, 0);
    assert_eq!(stage.run(&format!("user unmerge {id}")).await.code, 1);

    let export = stage.run("user export ada").await.json();
    assert_eq!(export["account"]["username"], "ada");
    assert_eq!(stage.run("user reset-factors ada --json").await.json()["changed"], false);
    assert_eq!(stage.run("user unlink ada --provider google").await.code, 3);
}

#[tokio::test]
async fn keys_and_invitations_are_made_listed_and_revoked() {
    let stage = with(&["ada"]).await;
    let made =
        stage.run("apikey create --service wiki --name nightly --scope users:read --lasts 1d --json").await.json();
    assert!(made["key"].as_str().unwrap().starts_with("cs_"));
    assert_eq!(stage.run("apikey list --service wiki --json").await.json()[0]["name"], "nightly");
    let id = made["id"].as_str().unwrap();
    assert_eq!(stage.run(&format!("apikey revoke --service wiki {id}")).await.out, "1 key is revoked\n");
    assert_eq!(stage.run(&format!("apikey revoke --service wiki {id}")).await.code, 3);
    assert_eq!(stage.run("apikey revoke --user ada --all").await.out, "0 keys are revoked\n");
    for (line, code) in [
        ("apikey create --user ada --name x --scope users:read", 2),
        ("apikey create --user ada --name x --scope nonsense", 2),
        ("apikey create --name x --scope authorize", 2),
        ("apikey create --user ada --service wiki --name x --scope authorize", 2),
        ("apikey list --service none", 3),
        ("apikey revoke --user ada", 2),
    ] {
        assert_eq!(stage.run(line).await.code, code, "{line}");
    }

    let made = stage.run("user invite new@example.com --role editor --json").await.json();
    assert!(made["link"].as_str().unwrap().contains("/invite/"));
    let id = made["invitation"]["id"].as_str().unwrap();
    assert_eq!(stage.run("invitation list --json").await.json()[0]["email"], "new@example.com");
    assert_eq!(stage.run(&format!("invitation revoke {id}")).await.code, 0);
    assert_eq!(stage.run(&format!("invitation revoke {id}")).await.code, 3);
    assert_eq!(stage.run("user invite nobody").await.code, 2);
    assert_eq!(stage.run("user invite ada@example.com").await.code, 1);
}

#[tokio::test]
async fn an_import_is_rehearsed_done_and_resumed() {
    let stage = with(&[]).await;
    let file = stage.folder.path().join("users.csv");
    std::fs::write(&file, "email,username\nada@example.com,ada\nnobody,x\n").unwrap();
    let line = format!("import {} --from csv", file.display());

    let dry = stage.run(&format!("{line} --dry-run")).await;
    assert_eq!((dry.code, dry.out.lines().next()), (0, Some("2 read, 1 would be made")), "{dry:?}");
    assert!(dry.aside.contains("line 3: `email` is not an e-mail address"));
    assert_eq!(stage.run("user list --json").await.json(), serde_json::json!([]));
    let done = stage.run(&format!("{line} --json")).await.json();
    assert_eq!((&done["made"], &done["skipped"]), (&1.into(), &1.into()));
    assert!(stage.run(&line).await.aside.contains("--resume"));
    assert_eq!(stage.run(&format!("{line} --resume --json")).await.json()["made"], 0);
    assert_eq!(stage.run("import none.csv --from csv").await.code, 3);
    assert_eq!(stage.run(&format!("{line} --rename-role a=none")).await.code, 2);
}

#[tokio::test]
async fn the_first_key_of_a_service_is_made_here_shown_once_and_opens_what_it_is_for() {
    let stage = with(&["ada"]).await;
    let left = stage.run("apikey create --service wiki --name first --scope users:read --scope users:write").await;
    assert_eq!(left.code, 0, "{left:?}");
    let key = left.out.trim();

    let keyed = stage.server().await.key(key, None).await.unwrap().expect("a good key");
    assert!(keyed.has(&"users:read".parse().unwrap()) && keyed.has(&"users:write".parse().unwrap()));
    assert!(!keyed.has(&"roles:write".parse().unwrap()));
    assert!(!stage.run("apikey list --service wiki --json").await.out.contains(key), "shown once");
    assert_eq!(stage.run("apikey revoke --service wiki --all").await.out, "1 key is revoked\n");
    assert!(stage.server().await.key(key, None).await.unwrap().is_none());
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_and_changes_nothing() {
    let stage = with(&["ada"]).await;
    stage.run("apikey create --service wiki --name first --scope users:read").await;
    let invitation = stage.run("user invite new@example.com --json").await.json();
    let invitation = invitation["invitation"]["id"].as_str().unwrap();
    for line in [
        "user add --email ben@example.com".to_owned(),
        "user invite ben@example.com".to_owned(),
        "apikey create --service wiki --name second --scope users:read".to_owned(),
        "apikey revoke --service wiki --all".to_owned(),
        format!("invitation revoke {invitation}"),
        "user reset ada --print".to_owned(),
    ] {
        let dry = stage.run(&format!("{line} --dry-run --json")).await.json();
        assert_eq!(dry["dry_run"], true, "{line}");
        let left = stage.run(&format!("{line} --dry-run")).await;
        assert!(left.aside.contains("nothing has changed"), "{line}: {left:?}");
        assert!(!left.out.contains("cs_") && !left.out.contains("://"), "{line}: {left:?}");
    }

    assert_eq!(stage.run("user list --json").await.json().as_array().unwrap().len(), 1);
    assert_eq!(stage.run("invitation list --json").await.json().as_array().unwrap().len(), 1);
    assert_eq!(stage.run("apikey list --service wiki --json").await.json().as_array().unwrap().len(), 1);
    assert_eq!(stage.run(&format!("invitation revoke {invitation}")).await.code, 0, "it was open still");
    assert_eq!(stage.run("user add --email ada@example.com --dry-run").await.code, 1);
}

#[tokio::test]
async fn a_link_to_another_password_is_printed() {
    let stage = with(&["ada"]).await;
    let left = stage.run("user reset ada --print").await;
    assert!(left.code == 0 && left.out.contains("/login/reset?token="), "{left:?}");
    let link = stage.run("user reset ada --print --json").await.json();
    assert!(link["link"].as_str().unwrap().contains("/login/reset?token="));
    assert_eq!(stage.run("user reset nobody --print").await.code, 3);
    stage.run("user lock ada").await;
    assert_eq!(stage.run("user reset ada --print").await.code, 1);
}

#[tokio::test]
async fn an_event_that_is_none_is_a_mistake_with_a_guess() {
    let stage = with(&[]).await;
    let left = stage.run("audit search --event user.lokced").await;
    assert_eq!(left.code, 2);
    assert!(left.aside.contains("did you mean `user.locked`?"), "{left:?}");
    assert_eq!(stage.run("audit search --event nonsense.*").await.code, 2);
    assert_eq!(stage.run("audit search --event user.*").await.code, 0);
}
