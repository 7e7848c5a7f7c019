//! The threads that hash. There are few and always the same: the allocator keeps what a hash took for the thread that took it,
//! so that work spread over all threads for blocking work would keep the memory of a hash for each of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

type Job = Box<dyn FnOnce() + Send>;

/// A number of threads with one queue. They end when the last bench is gone.
#[derive(Clone)]
pub struct Bench {
    queue: Sender<Job>,
}

impl Bench {
    /// Starts that many threads.
    ///
    /// # Panics
    ///
    /// If the system has no thread left.
    pub fn new(threads: usize) -> Self {
        let (queue, jobs) = mpsc::channel();
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..threads {
            let jobs = Arc::clone(&jobs);
            let thread = std::thread::Builder::new().name("password".into());
            thread.spawn(move || work(&jobs)).expect("the system has a thread left");
        }
        Self { queue }
    }

    /// Queues a job.
    pub fn give(&self, job: impl FnOnce() + Send + 'static) {
        // The threads end after the last sender only; a job that nobody takes is dropped, and whoever waits for it sees that.
        let _over = self.queue.send(Box::new(job));
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        // A job that panics drops what it would have answered with; the thread goes on with the next.
        let _panicked = catch_unwind(AssertUnwindSafe(job));
    }
}
