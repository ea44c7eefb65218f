//! Waiting for what another process does, by the changes that it makes to files.

use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use inotify::{Inotify, WatchMask};

/// Longest wait for anything; a busy machine needs some of it.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes for changes that are fetched at once.
const BUFFER: usize = 4096;

/// Looks at once, and again after each change to a file of `folder`, until there is something to see.
///
/// # Panics
/// Where the folder cannot be watched, or nothing is to be seen within a minute.
#[expect(clippy::expect_used, reason = "a test that waits for it has failed")]
pub async fn until<T>(folder: &Path, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    // Before the first look, so that no change falls between the two.
    let inotify = Inotify::init().expect("the system tells of changes");
    let wanted = WatchMask::CREATE | WatchMask::MODIFY | WatchMask::MOVED_TO | WatchMask::DELETE;
    inotify.watches().add(folder, wanted).expect("the folder is there");
    let changes = inotify.into_event_stream([0; BUFFER]).expect("the system tells of changes");
    // What has come while somebody looked is one reason to look again.
    let mut changes = pin!(changes.ready_chunks(BUFFER));
    let looking = async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            changes.next().await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("it happens in time")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_that_comes_while_somebody_looks_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut looks = 0;
        let text = until(folder.path(), async || {
            looks += 1;
            let seen = std::fs::read_to_string(&path).ok();
            if looks < 3 {
                std::fs::write(&path, looks.to_string()).unwrap();
            }
            seen.filter(|text| text == "2")
        })
        .await;
        assert_eq!((text.as_str(), looks), ("2", 3));
    }
}
