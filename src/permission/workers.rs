//! Runs what computes off the threads that serve requests, a bounded number at once.

use std::num::NonZero;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::PermissionError;

/// As many hands as may work at once.
#[derive(Debug, Clone)]
pub struct Workers(Arc<Semaphore>);

impl Workers {
    /// `0`: as many as there are processors.
    pub fn new(most: usize) -> Self {
        let most = NonZero::new(most).or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZero::get);
        Self(Arc::new(Semaphore::new(most)))
    }

    /// Does the work when a hand is free. Whoever stops waiting does not stop the work: it must end by itself, and keeps its hand
    /// busy until it does.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PermissionError> {
        let gone = || PermissionError::Unreachable("its work was given up".into());
        let permit = Arc::clone(&self.0).acquire_owned().await.map_err(|_| gone())?;
        let work = move || {
            let done = work();
            drop(permit);
            done
        };
        spawn_blocking(work).await.map_err(|_| gone())
    }
}
