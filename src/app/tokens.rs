//! Login tokens, and the one-time codes they can be fetched with.

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::App;
use crate::account::AccountError;
use crate::domain::audit::By;
use crate::domain::claims::LoginClaims;
use crate::domain::id::{SessionId, TokenId, UserId};
use crate::keys::{TokenError, random_token};
use crate::store::live::Live;
use crate::store::{StoreError, spent};

/// How long a one-time code waits to be redeemed.
const CODE_TTL: Duration = Duration::seconds(60);
/// What codes are sealed for.
const CODE: &str = "next code";

/// What a one-time code stands for.
#[derive(Debug, Serialize, Deserialize)]
struct Code {
    session: SessionId,
    service: String,
    expires_at: i64,
}

/// A login token, and for how many seconds it lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Redeemed {
    /// The login token.
    pub jwt: String,
    /// In seconds.
    pub expires_in: i64,
}

impl App {
    /// A login token for a session that ends at `ends`.
    pub fn login_token(&self, user: UserId, session: SessionId, ends: OffsetDateTime) -> Result<Redeemed, TokenError> {
        let now = self.now().unix_timestamp();
        let exp = (now + self.settings.session.login_token_ttl.whole_seconds()).min(ends.unix_timestamp());
        let claims = LoginClaims {
            iss: self.issuer.clone(),
            aud: self.issuer.clone(),
            sub: user,
            sid: session,
            iat: now,
            exp,
            jti: TokenId::new(),
        };
        Ok(Redeemed { jwt: self.login_key.sign_login(&claims)?, expires_in: exp - now })
    }

    /// The live session behind a login token, and for how many seconds the token lives; `None` if either is over.
    pub async fn session_of_token(&self, token: &str) -> Result<Option<(std::sync::Arc<Live>, i64)>, StoreError> {
        let now = self.now();
        let Ok(claims) = self.login_key.verify_login(token, now) else { return Ok(None) };
        let live = self.live(claims.sid).await?.filter(|live| live.user.id == claims.sub);
        Ok(live.map(|live| (live, claims.exp - now.unix_timestamp())))
    }

    /// A code that the service redeems once, within a minute.
    pub fn one_time_code(&self, session: SessionId, service: &str) -> String {
        let expires_at = (self.now() + CODE_TTL).unix_timestamp();
        let code = Code { session, service: service.to_owned(), expires_at };
        let id = random_token();
        let sealed = self.house.master.seal(CODE, &id, &serde_json::to_vec(&code).expect("plain JSON"));
        format!("{id}.{sealed}")
    }

    /// The login token a code stands for; `None` if the code is another service's, late, spent, or its session is over.
    pub async fn redeem(&self, text: &str, service: &str, by: &By) -> Result<Option<Redeemed>, AccountError> {
        let opened =
            text.split_once('.').and_then(|(id, sealed)| Some((id, self.house.master.open(CODE, id, sealed)?)));
        let Some((id, plain)) = opened else { return Ok(None) };
        let Ok(code) = serde_json::from_slice::<Code>(&plain) else { return Ok(None) };
        if code.service != service || self.now().unix_timestamp() >= code.expires_at {
            return Ok(None);
        }
        // Asked before the code is spent: who comes first gets an answer even if the one who comes second ends the session.
        let Some(live) = self.live(code.session).await? else { return Ok(None) };
        if !spent::spend(self.store().write(), id, code.expires_at).await? {
            // Who has a copy of a spent code is not who it was made for.
            tracing::warn!(service.id = service, "a one-time code came a second time; its session ends");
            self.accounts.code_reused(&live.user, live.id, service, by).await?;
            return Ok(None);
        }
        Ok(self.login_token(live.user.id, live.id, live.expires_at).ok())
    }
}
