//! The authorization code grant, which every upstream speaks (RFC 6749 §4.1, RFC 7636).

use ::oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType,
};
use ::oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet,
    ExtraTokenFields, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError, Scope,
    StandardRevocableToken, StandardTokenResponse, TokenResponse, TokenUrl,
};
use serde::{Deserialize, Serialize};
use url::Url;

use super::common::Common;
use super::{Handshake, ProviderError, json, line};
use crate::domain::identity::{Grant, Token};
use crate::net::NetError;

/// How this server proves to the token endpoint who it is (RFC 6749 §2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// In the `Authorization` header.
    #[default]
    ClientSecretBasic,
    /// In the form.
    ClientSecretPost,
    /// Not at all: a public client; PKCE alone ties the code to us.
    None,
}

/// What a code was traded for.
pub struct Tokens {
    /// Fit to stand in a header.
    pub access: String,
    /// The ID token, if there is one.
    pub id: Option<String>,
    /// What the upstream can be asked with again, where the section says that it is kept.
    pub grant: Option<Grant>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Extra {
    id_token: Option<String>,
}

impl ExtraTokenFields for Extra {}

type Answer = StandardTokenResponse<Extra, BasicTokenType>;

type Client<Auth = EndpointNotSet, Token = EndpointNotSet> = ::oauth2::Client<
    BasicErrorResponse,
    Answer,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    Auth,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    Token,
>;

/// Where to send the browser, with PKCE, state and whatever `extra` the kind wants to say.
pub fn authorize_url(
    common: &Common,
    endpoint: &Url,
    handshake: &Handshake,
    extra: &[(&str, &str)],
) -> Result<Url, ProviderError> {
    let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier(handshake)?);
    let client: Client = Client::new(ClientId::new(common.client_id.clone()));
    let client = client.set_auth_uri(AuthUrl::from_url(endpoint.clone()));
    let redirect = RedirectUrl::from_url(handshake.redirect_uri.clone());
    let mut request = client
        .authorize_url(|| CsrfToken::new(handshake.state.clone()))
        .set_redirect_uri(std::borrow::Cow::Owned(redirect))
        .set_pkce_challenge(challenge)
        .add_scopes(common.scopes.iter().cloned().map(Scope::new));
    let prompt = match (handshake.again, common.prompt.as_deref()) {
        (true, Some("consent")) => Some("login consent"),
        (true, _) => Some("login"),
        (false, prompt) => prompt,
    };
    if let Some(prompt) = prompt {
        request = request.add_extra_param("prompt", prompt.to_owned());
    }
    for (name, value) in extra {
        request = request.add_extra_param(*name, *value);
    }
    Ok(request.url().0)
}

/// Where an upstream trades what, and how it learns who we are.
pub struct Counter<'a> {
    pub common: &'a Common,
    pub endpoint: &'a Url,
    pub auth: ClientAuth,
    /// Whether an access token that comes without a refresh token does not end by itself.
    pub lasts: bool,
    /// Who grants what is granted here: [`Grant::from`].
    pub from: String,
}

impl Counter<'_> {
    /// Trades the code (RFC 6749 §4.1.3).
    pub async fn exchange(self, handshake: &Handshake, code: &str) -> Result<Tokens, ProviderError> {
        let client = self.client().set_redirect_uri(RedirectUrl::from_url(handshake.redirect_uri.clone()));
        let request = client.exchange_code(AuthorizationCode::new(code.to_owned()));
        let request = request.set_pkce_verifier(verifier(handshake)?);
        let answer = request.request_async(&Door { out: &self.common.out }).await;
        self.tokens(&answer.map_err(|error| refusal(error, said_no))?, None)
    }

    /// What a grant of an earlier sign-in is worth now (RFC 6749 §6).
    pub async fn renew(self, grant: &Grant) -> Result<Tokens, ProviderError> {
        match &grant.token {
            Token::Refresh(token) => {
                let (client, token) = (self.client(), RefreshToken::new(token.clone()));
                let answer = client.exchange_refresh_token(&token).request_async(&Door { out: &self.common.out }).await;
                self.tokens(&answer.map_err(|error| refusal(error, said_no_again))?, Some(&grant.token))
            }
            Token::Access(token) => Ok(Tokens { access: token.clone(), id: None, grant: Some(grant.clone()) }),
        }
    }

    fn client(&self) -> Client<EndpointNotSet, EndpointSet> {
        let Self { common, endpoint, auth, .. } = self;
        let client = Client::new(ClientId::new(common.client_id.clone()))
            .set_token_uri(TokenUrl::from_url((*endpoint).clone()))
            .set_auth_type(match auth {
                ClientAuth::ClientSecretBasic => AuthType::BasicAuth,
                ClientAuth::ClientSecretPost | ClientAuth::None => AuthType::RequestBody,
            });
        match &common.client_secret {
            Some(secret) if *auth != ClientAuth::None => {
                client.set_client_secret(ClientSecret::new(secret.reveal().to_owned()))
            }
            _ => client,
        }
    }

    /// The tokens of an answer. `before`: what they were traded for, which stays where there is nothing new in its place.
    fn tokens(self, answer: &Answer, before: Option<&Token>) -> Result<Tokens, ProviderError> {
        let access = answer.access_token().secret().clone();
        if !is_token(&access) {
            return Err(ProviderError::Untrusted("the access token holds characters that no token may hold".into()));
        }
        let token = match (answer.refresh_token(), before) {
            (Some(token), _) => Some(Token::Refresh(token.secret().clone())),
            (None, Some(before)) => Some(before.clone()),
            (None, None) => (self.lasts && answer.expires_in().is_none()).then(|| Token::Access(access.clone())),
        };
        let token = token.filter(|_| self.common.store_tokens);
        let grant = token.map(|token| Grant { token, from: self.from });
        Ok(Tokens { access, id: answer.extra_fields().id_token.clone(), grant })
    }
}

/// RFC 6750 §2.1, a little wider: visible ASCII. Anything else would break the header it goes into.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// oauth2 panics on a verifier of a wrong length (RFC 7636 §4.1).
fn verifier(handshake: &Handshake) -> Result<PkceCodeVerifier, ProviderError> {
    if (43..=128).contains(&handshake.verifier.len()) {
        Ok(PkceCodeVerifier::new(handshake.verifier.clone()))
    } else {
        Err(ProviderError::Untrusted("the login's code verifier has a wrong length".into()))
    }
}

/// The way out, where a status that means "later" is no answer.
struct Door<'a> {
    out: &'a crate::net::Outward,
}

impl<'c> ::oauth2::AsyncHttpClient<'c> for Door<'_> {
    type Error = NetError;
    type Future = crate::net::Answer<'c>;

    fn call(&'c self, request: crate::net::HttpRequest) -> Self::Future {
        Box::pin(async move {
            let host = request.uri().host().unwrap_or_default().to_owned();
            let answer = ::oauth2::AsyncHttpClient::call(self.out, request).await?;
            line::is_up(&host, answer.status())?;
            Ok(answer)
        })
    }
}

type Failed = RequestTokenError<NetError, BasicErrorResponse>;

fn refusal(error: Failed, no: fn(&str) -> ProviderError) -> ProviderError {
    match error {
        RequestTokenError::Request(cause) => ProviderError::Unreachable(cause),
        RequestTokenError::ServerResponse(answer) => no(answer.error().as_ref()),
        // GitHub says no with status 200.
        RequestTokenError::Parse(_, body) => {
            match json::parse(&body).as_ref().and_then(|answer| answer["error"].as_str()) {
                Some(code) => no(code),
                None => ProviderError::Untrusted("the token endpoint's answer is not a token".into()),
            }
        }
        RequestTokenError::Other(_) => ProviderError::Untrusted("the token endpoint's answer is not a token".into()),
    }
}

/// RFC 6749 §5.2; GitHub has a word of its own. Anything else says nothing about the person.
fn said_no_again(code: &str) -> ProviderError {
    match code {
        "invalid_grant" | "bad_refresh_token" => {
            ProviderError::Refused(format!("what it granted is not valid any more ({code})"))
        }
        _ => match said_no(code) {
            ProviderError::Refused(why) => ProviderError::Untrusted(why),
            other => other,
        },
    }
}

/// Only the code is repeated, and only if it looks like one; descriptions are the upstream's words, not ours.
fn said_no(code: &str) -> ProviderError {
    let is_plain = code.len() <= 60 && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    match code {
        "invalid_client"
        | "unauthorized_client"
        | "incorrect_client_credentials"
        | "redirect_uri_mismatch"
        | "invalid_request"
        | "unsupported_grant_type" => ProviderError::Untrusted(format!(
            "the token endpoint answered `{code}`: compare client_id, client_secret and the registered redirect address"
        )),
        _ if is_plain => ProviderError::Refused(format!("it did not accept this sign-in ({code})")),
        _ => ProviderError::Refused("it did not accept this sign-in".into()),
    }
}
