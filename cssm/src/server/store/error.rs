//! Why a store does not do what it should.

/// What is the matter with a store; each says what can be done about it. `store` is a path, or a URL without password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No room.
    #[error("the store {store} is full ({detail}); make room, and the mock goes on by itself")]
    Full {
        /// Which.
        store: String,
        /// What it said.
        detail: String,
    },
    /// Somebody else writes, and does not end.
    #[error(
        "the store {store} is locked by another process ({detail}); the mock goes on when that has ended"
    )]
    Locked {
        /// Which.
        store: String,
        /// What it said.
        detail: String,
    },
    /// It cannot be reached, or is no more.
    #[error("the store {store} is gone ({detail}); bring it back, and the mock goes on by itself")]
    Gone {
        /// Which.
        store: String,
        /// What it said.
        detail: String,
    },
    /// A newer release has written it.
    #[error(
        "the store {store} was written by a newer slpsim (its version is {version}); use that, or another store"
    )]
    Newer {
        /// Which.
        store: String,
        /// Version of its tables.
        version: i64,
    },
    /// It holds what cannot be read.
    #[error(
        "the store {store} is damaged: {detail}; repair it, put a copy in its place, or name another store"
    )]
    Damaged {
        /// Which.
        store: String,
        /// What is wrong.
        detail: String,
    },
    /// It does not let us in, or there is no such database.
    #[error("the store {store} cannot be opened: {detail}")]
    Refused {
        /// Which.
        store: String,
        /// What it said.
        detail: String,
    },
    /// Another mock has it.
    #[error("{0} is in use by another mock; stop it, or steer it through its management interface")]
    InUse(String),
    /// The server has ended.
    #[error("the mock has ended and keeps nothing more")]
    Ended,
}

impl StoreError {
    /// Whether somebody has to choose or mend something, where waiting does not help.
    #[must_use]
    pub const fn is_users(&self) -> bool {
        match self {
            Self::Newer { .. } | Self::Damaged { .. } | Self::Refused { .. } | Self::InUse(_) => true,
            Self::Full { .. } | Self::Locked { .. } | Self::Gone { .. } | Self::Ended => false,
        }
    }

    /// One word, for logs and metrics.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Full { .. } => "full",
            Self::Locked { .. } => "locked",
            Self::Gone { .. } => "gone",
            Self::Newer { .. } => "newer",
            Self::Damaged { .. } => "damaged",
            Self::Refused { .. } => "refused",
            Self::InUse(_) => "in-use",
            Self::Ended => "ended",
        }
    }
}
