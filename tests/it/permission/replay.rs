//! What providers were asked lately, and what another version of them says to it.

use serde_json::{Map, json};
use time::Duration;

use crate::it::stage::{Stage, erase};
use crate::jobs;
use crate::store::records::{self, KEPT, Recorded};

async fn recorded(stage: &Stage) -> Vec<Recorded> {
    jobs::note(&stage.app).await.unwrap();
    stage.app.store().recorded("house", 1000).await.unwrap()
}

async fn ask(stage: &Stage, token: &str) {
    assert_eq!(stage.get("/auth/authorize?service=wiki").bearer(token).await.status, 200);
}

#[tokio::test]
async fn a_question_is_kept_without_what_is_personal_and_asked_again_of_the_next_version() {
    let stage = Stage::open().await;
    let token = stage.browser().login_token().await;
    ask(&stage, &token).await;

    let kept = recorded(&stage).await;
    let same = stage.app.replay("house", KEPT).await.unwrap();
    stage.reload("[permissions.house]\nroles = { member = [\"wiki:write\"] }").unwrap();
    let changed = stage.running.now().app.replay("house", KEPT).await.unwrap();

    let [one] = kept.as_slice() else { panic!("{kept:?}") };
    assert_eq!((one.service.as_str(), one.verdict.as_str(), &one.request), ("wiki", "allow", &None));
    assert_eq!(one.permissions, [("wiki:read".to_owned(), true)].into());
    assert_eq!((same.asked, same.same, same.differences.len()), (1, 1, 0));
    let told: Vec<_> = changed
        .differences
        .iter()
        .map(|of| (of.difference.permission.as_str(), of.difference.would.as_str()))
        .collect();
    assert_eq!(told, [("wiki:read", "nothing"), ("wiki:write", "granted")]);
    assert_eq!((changed.asked, changed.same, changed.failed, changed.gone), (1, 0, 0, 0));
}

#[tokio::test]
async fn an_instant_provider_is_sampled_once_a_second() {
    let stage = Stage::open().await;
    let token = stage.browser().login_token().await;
    for _ in 0..5 {
        ask(&stage, &token).await;
    }
    assert_eq!(recorded(&stage).await.len(), 1);

    stage.wait(Duration::SECOND);
    ask(&stage, &token).await;
    assert_eq!(recorded(&stage).await.len(), 2);
}

#[tokio::test]
async fn the_file_says_how_much_is_kept() {
    for (record, questions, has_request) in [("off", 0, false), ("ids", 1, false), ("full", 1, true)] {
        let stage = Stage::with(&format!("[permissions.house]\nrecord = \"{record}\"")).await;
        let token = stage.browser().login_token().await;
        ask(&stage, &token).await;

        let kept = recorded(&stage).await;

        assert_eq!(kept.len(), questions, "{record}");
        assert_eq!(kept.iter().any(|one| one.request.is_some()), has_request, "{record}");
        assert!(kept.iter().filter_map(|one| one.request.as_ref()).all(|text| text.contains("\"version\":1")));
    }
}

#[tokio::test]
async fn only_the_last_questions_are_kept_and_none_of_who_is_gone() {
    let stage = Stage::open().await;
    let token = stage.browser().login_token().await;
    ask(&stage, &token).await;
    let one = recorded(&stage).await.remove(0);
    let many = |count: usize| {
        (0..count).map(|at| Recorded { at: i64::try_from(at).unwrap(), limits: Map::new(), ..one.clone() })
    };

    records::write(stage.app.store(), "house", many(KEPT - 1).collect()).await.unwrap();
    assert_eq!(recorded(&stage).await.len(), KEPT);
    records::write(stage.app.store(), "house", many(3).collect()).await.unwrap();
    let kept = recorded(&stage).await;
    assert_eq!((kept.len(), kept[0].at), (KEPT, 2));

    let user = stage.app.store().user(one.who.parse().unwrap()).await.unwrap().unwrap();
    let export = stage.app.accounts.export(&user).await.unwrap();
    assert_eq!(export["permissions_asked"].as_array().map(Vec::len), Some(KEPT), "they may read it");
    assert_eq!(export["permissions_compared"], json!([]));
    assert!(erase(&stage, &user).await.unwrap());
    assert_eq!(recorded(&stage).await.len(), 0);

    let notes = &stage.app.house.chain_state.notes;
    notes.record(one.clone());
    notes.record(Recorded { who: "wiki".into(), is_machine: true, ..one });
    let left: Vec<_> = recorded(&stage).await.into_iter().map(|one| one.who).collect();
    assert_eq!(left, ["wiki"], "what was asked before they went is not written down late");
}
