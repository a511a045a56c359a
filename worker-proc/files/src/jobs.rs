//! Calls that may wait for a disk, on threads beside the process's one, of which there are so many.

use std::io;

use tokio::sync::Semaphore;

/// Threads of one process that wait for disks at once; more calls wait for one of them.
const MAX_THREADS: usize = 32;

static THREADS: Semaphore = Semaphore::const_new(MAX_THREADS);

/// Does a piece of work on another thread. It goes on if nobody waits for it any more.
pub async fn run<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let thread = THREADS.acquire().await.map_err(io::Error::other)?;
    let done = tokio::task::spawn_blocking(move || {
        let done = work();
        drop(thread);
        done
    });
    done.await.map_err(io::Error::other)?
}
