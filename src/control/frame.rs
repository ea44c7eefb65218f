//! One JSON value a line, of limited length.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};

/// Why there is no frame.
#[derive(Debug, thiserror::Error)]
pub(super) enum FrameError {
    /// The stream broke.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Too long.
    #[error("longer than {0} bytes")]
    TooLong(usize),
    /// The stream ended inside a line.
    #[error("cut off")]
    CutOff,
    /// Not what the protocol has.
    #[error("not understood: {0}")]
    Json(#[from] serde_json::Error),
}

/// Reads one frame of at most `limit` bytes; none at the end of the stream.
pub(super) async fn read<T: DeserializeOwned>(
    from: &mut (impl AsyncBufRead + Unpin),
    limit: usize,
) -> Result<Option<T>, FrameError> {
    let mut line = Vec::new();
    loop {
        let (used, ended) = {
            let available = from.fill_buf().await?;
            if available.is_empty() {
                return if line.is_empty() { Ok(None) } else { Err(FrameError::CutOff) };
            }
            let end = available.iter().position(|byte| *byte == b'\n');
            let part = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
            if line.len() + part.len() > limit {
                return Err(FrameError::TooLong(limit));
            }
            line.extend_from_slice(part);
            (part.len() + usize::from(end.is_some()), end.is_some())
        };
        from.consume(used);
        if ended {
            return Ok(Some(serde_json::from_slice(&line)?));
        }
    }
}

/// Writes one frame.
pub(super) async fn write(
    to: &mut (impl AsyncWrite + Unpin),
    value: &impl Serialize,
) -> Result<(), FrameError> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    to.write_all(&line).await?;
    Ok(to.flush().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_are_read_one_by_one_and_limited() {
        let mut bytes = &b"[1]\n[2,\n"[..];
        assert_eq!(read::<Vec<u8>>(&mut bytes, 10).await.unwrap(), Some(vec![1]));
        assert!(matches!(read::<Vec<u8>>(&mut bytes, 10).await, Err(FrameError::Json(_))));
        assert_eq!(read::<Vec<u8>>(&mut bytes, 10).await.unwrap(), None);
        assert!(matches!(read::<Vec<u8>>(&mut &b"[1,2,3]\n"[..], 6).await, Err(FrameError::TooLong(6))));
        assert!(matches!(read::<Vec<u8>>(&mut &b"[1"[..], 6).await, Err(FrameError::CutOff)));
    }
}
