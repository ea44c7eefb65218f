//! The asking side.

use std::path::Path;

use anyhow::{Context, Result};
use tokio::io::BufReader;
use tokio::net::UnixStream;

use super::{Answer, MAX_ANSWER, Request, frame};
use crate::error::user_error;

/// Asks the daemon behind the socket `path`.
///
/// # Errors
/// Where no daemon listens there (one line for the user), or it ends before it has answered.
pub async fn call(path: &Path, request: &Request) -> Result<Answer> {
    let stream = match UnixStream::connect(path).await {
        Ok(stream) => stream,
        Err(error) => return Err(no_daemon(path, &error)),
    };
    let (from, mut to) = stream.into_split();
    frame::write(&mut to, request).await.context("the daemon closed its control socket")?;
    let answer = frame::read(&mut BufReader::new(from), MAX_ANSWER).await.context("the daemon's answer")?;
    answer.context("the daemon ended before it answered")
}

/// What is said where nobody listens at the socket `path`.
pub fn no_daemon(path: &Path, error: &std::io::Error) -> anyhow::Error {
    user_error(format!(
        "no daemon answers at {} ({error}): start `slpsim run`, or name its socket with --control or its folder with --state",
        path.display()
    ))
}
