//! The ceiling of the benchmark: a bare axum route that does nothing but sign what a service token says (ES256).

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const HEADER: &str = r#"{"typ":"at+jwt","alg":"ES256","kid":"oUpnXtXAJPBSWjH8GT1ZOnzSGA8IKVXADMbQhVtVgfo"}"#;
/// As long as the claims of a token of the service `demo`.
const CLAIMS: &str = r#"{"iss":"http://localhost:8383","sub":"usr_018bcfe5680070008000018bcfe56800","aud":"demo","client_id":"demo","iat":1795347310,"exp":1795348210,"jti":"tok_019aab2f6d2a7c51b8f0a5a0c7c3a1de","sid":"ses_0190000000007000800001900000000","auth_time":1795347310,"permissions":["demo:read"],"roles":["member"]}"#;

async fn sign(State(key): State<Arc<EcdsaKeyPair>>) -> String {
    let mut token = URL_SAFE_NO_PAD.encode(HEADER);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(CLAIMS, &mut token);
    let signature = key.sign(&SystemRandom::new(), token.as_bytes()).expect("the key is whole");
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    token
}

#[tokio::main]
async fn main() {
    let address = std::env::args().nth(1).expect("the address to listen on");
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("there is randomness");
    let routes = Router::new().route("/", get(sign)).with_state(Arc::new(key));
    let listener = tokio::net::TcpListener::bind(address).await.expect("the address is free");
    axum::serve(listener, routes).await.expect("axum serves for ever");
}
