//! What faults do to an answer that is ready.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::stream;
use slpsim_agent::numbers;
use slpsim_transport::message::Nonce;

use crate::draw::{For, Luck};

/// The first half.
pub(super) fn truncated(bytes: &Bytes) -> Bytes {
    bytes.slice(..bytes.len() / 2)
}

/// One byte in sixteen is another.
pub(super) fn corrupt(bytes: &Bytes, luck: Luck, n: u64) -> Bytes {
    let mut bytes = bytes.to_vec();
    for (at, byte) in bytes.iter_mut().enumerate() {
        let drawn = luck.number(n, For::Damage, u64::try_from(at).unwrap_or(0)).to_le_bytes();
        if drawn[0].is_multiple_of(16) {
            *byte ^= drawn[1] | 1;
        }
    }
    bytes.into()
}

/// More bytes than a message may have: blanks, which JSON allows.
pub(super) fn oversized(bytes: &Bytes) -> Bytes {
    let mut long = bytes.to_vec();
    long.resize(numbers::MESSAGE_SIZE + 1, b' ');
    long.into()
}

/// Another nonce than the right one.
pub(super) fn other_nonce(nonce: &Nonce) -> Nonce {
    match nonce {
        Nonce::Number(number) => Nonce::Number(number ^ 1),
        Nonce::Text(text) => Nonce::Text(format!("{text}x").into()),
    }
}

/// A body whose bytes come in small pieces, spread over `over`.
pub(super) fn dribbling(bytes: Bytes, over: Duration) -> Body {
    const PIECES: u32 = 32;
    let size = bytes.len().div_ceil(usize::try_from(PIECES).unwrap_or(1)).max(1);
    let pause = over / PIECES;
    Body::from_stream(stream::unfold(bytes, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let piece = rest.split_to(size.min(rest.len()));
        Some((Ok::<Bytes, Infallible>(piece), rest))
    }))
}
