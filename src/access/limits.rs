//! What a client may ask for at most.

use std::time::Duration;

/// Limits of one device's listeners. Times are real ones, however fast simulated time is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// SSH connections at a time; one more is closed before it has said anything.
    pub connections: usize,
    /// How long a client may take from connecting to having logged in.
    pub login_grace: Duration,
    /// Wrong log-ins of one connection, after which it is closed.
    pub login_attempts: usize,
    /// How long the answer to a wrong log-in is held back.
    pub login_penalty: Duration,
    /// Channels of one SSH connection at a time.
    pub channels: usize,
    /// How long a connection may stay without a channel.
    pub no_channel: Duration,
    /// How long a client may take to read what it was sent.
    pub output_patience: Duration,
    /// Bytes that may wait while a command runs; a client that sends more is disconnected.
    pub typed_ahead: usize,
    /// Characters of one line; the rest of a longer one is dropped and the line refused.
    pub line_chars: usize,
    /// Commands of one exec request or NX-API call.
    pub commands: usize,
    /// HTTP connections at a time.
    pub http_connections: usize,
    /// Bytes of one NX-API request.
    pub request_bytes: usize,
    /// How long a client may take for the body of a request.
    pub request_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            login_grace: Duration::from_secs(60),
            login_attempts: 6,
            login_penalty: Duration::from_secs(1),
            channels: 8,
            no_channel: Duration::from_secs(300),
            output_patience: Duration::from_secs(60),
            typed_ahead: 1 << 20,
            line_chars: 4096,
            commands: 10_000,
            http_connections: 64,
            request_bytes: 1 << 20,
            request_time: Duration::from_secs(30),
        }
    }
}
