//! So many who ask a provider that nobody else has a turn within the deadline.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;

use super::ward::MODES;
use crate::domain::permission::Permissions;
use crate::domain::user::User;
use crate::it::permission::{ada, service};
use crate::permission::Ask;
use crate::permission::chain::{Chain, Question};

/// Who ask each of the providers.
const HEADS: usize = 1000;

/// Who ask, past the chain's gate, again and again.
pub struct Crowd(JoinSet<()>);

impl Crowd {
    /// All of them stand in the line when this returns.
    pub async fn around(chain: &Arc<Chain>) -> Self {
        let (mut asking, begun) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
        for mode in MODES {
            for _ in 0..HEADS {
                let (chain, begun) = (Arc::clone(chain), Arc::clone(&begun));
                asking.spawn(async move {
                    begun.fetch_add(1, Ordering::SeqCst);
                    again_and_again(&chain, mode).await;
                });
            }
        }
        while begun.load(Ordering::SeqCst) < MODES.len() * HEADS {
            tokio::task::yield_now().await;
        }
        Self(asking)
    }

    /// Nobody asks any more; who has begun to work is not stopped.
    pub fn goes_home(mut self) {
        self.0.abort_all();
    }
}

async fn again_and_again(chain: &Chain, mode: &str) {
    let (wiki, user) = (service("wiki", &[mode]), User { roles: vec!["broken".into()], ..ada() });
    let previous = Permissions::new();
    let Question { service, who, provider, ip, is_multi_factor } = crate::it::permission::question(&wiki, &user);
    let ask = Ask { service, who, provider, ip, is_multi_factor, previous: &previous };
    loop {
        let _ = chain.provider(mode).unwrap().permissions(&ask).await;
        tokio::task::yield_now().await;
    }
}
