//! People with a second factor, whose password reaches us through a program.

use serde_json::json;

use super::{SECRET, with_app};
use crate::it::stage::request::{Reply, claims_of};
use crate::it::stage::script::SHOP_SECRET;
use crate::it::stage::{House, Stage};

const ON: &str = "[services.wiki]\nbasic_exchange = true";

async fn exchange(house: &House, password: &str, otp: Option<&str>) -> Reply {
    let mut fields = vec![("service", "wiki")];
    fields.extend(otp.map(|code| ("otp", code)));
    house.post("/auth/exchange").basic("ada", password).form(&fields).await
}

fn refused(reply: &Reply) -> (u16, String) {
    (reply.status, reply.problem())
}

#[tokio::test]
async fn the_exchange_asks_for_the_second_factor_and_takes_each_code_once() {
    let stage = Stage::with(ON).await;
    let (_, phone, codes) = with_app(&stage, "ada").await;

    assert_eq!(refused(&exchange(&stage, SECRET, None).await), (401, "second-factor-needed".into()));
    assert_eq!(refused(&exchange(&stage, SECRET, Some("")).await), (401, "second-factor-needed".into()));
    assert_eq!(refused(&exchange(&stage, SECRET, Some("000000")).await), (401, "credentials-refused".into()));
    let code = phone.code(stage.now());
    assert_eq!(refused(&exchange(&stage, "wrong", Some(&code)).await), (401, "credentials-refused".into()));
    let reply = exchange(&stage, SECRET, Some(&code)).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(claims_of(reply.json()["token"].as_str().unwrap())["amr"], json!(["pwd", "otp", "mfa"]));
    assert_eq!(refused(&exchange(&stage, SECRET, Some(&code)).await), (401, "credentials-refused".into()));
    assert_eq!(exchange(&stage, SECRET, Some(&codes[0])).await.status, 200);
    assert_eq!(exchange(&stage, SECRET, Some(&codes[0])).await.status, 401);
}

#[tokio::test]
async fn a_services_own_front_end_asks_for_it_too() {
    let stage = Stage::open().await;
    let (_, phone, _) = with_app(&stage, "ada").await;
    let begin = async |otp: Option<String>| {
        let body = json!({ "name": "ada", "password": SECRET, "otp": otp });
        stage.post("/api/v1/sessions").basic("shop", SHOP_SECRET).json(&body).await
    };

    assert_eq!(refused(&begin(None).await), (403, "person-needs-factor".into()));
    assert_eq!(refused(&begin(Some("000000".into())).await), (403, "person-refused".into()));
    let reply = begin(Some(phone.code(stage.now()))).await;

    assert_eq!((reply.status, &reply.json()["amr"]), (201, &json!(["pwd", "otp", "mfa"])));
}
