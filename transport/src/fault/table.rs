//! The table of fault kinds: the one place where a kind is described.

use slpsim_agent::{Failure, Purpose};

/// Everything that is to be said of a kind.
#[derive(Debug)]
pub struct Row {
    /// Its word in files and calls.
    pub word: &'static str,
    /// What the device sees.
    pub sees: &'static str,
    /// How an exchange that it hits ends, with the defaults of its keys; none: with an authenticated answer, or so late
    /// that it depends.
    pub failure: Option<Failure>,
    /// Messages that are due.
    pub due: &'static str,
    /// Where it can be used.
    pub places: &'static [Place],
    /// What an exchange must have so that it can be hit.
    pub needs: Needs,
    /// The purposes that it can do something to; empty: all.
    pub aim: &'static [Purpose],
    /// The keys of its own, beside those that every kind takes.
    pub params: &'static [Param],
    /// As written in a scenario.
    pub example: &'static str,
}

/// Where a kind can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Simulated time in one process.
    Simulation,
    /// The same over real HTTP(S).
    Lockstep,
    /// The live mock, by `POST faults`.
    Live,
    /// In the first two also on the link between a CSLU or On-Prem and its CSSM (`link = "upstream"`).
    Upstream,
}

impl Place {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Simulation => "simulation",
            Self::Lockstep => "lockstep",
            Self::Live => "live mock",
            Self::Upstream => "upstream link",
        }
    }
}

/// What an exchange must have so that a kind can hit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Any,
    /// A name in its URL, where an address needs no DNS.
    Name,
    /// TLS.
    Tls,
    /// It is no exchange, but a write of the device's store.
    Write,
}

/// A key that only some kinds take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// `status`
    Status,
    /// `retry-after`
    RetryAfter,
    /// `by`
    By,
    /// `why`
    Why,
}

impl Key {
    /// As written.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::RetryAfter => "retry-after",
            Self::By => "by",
            Self::Why => "why",
        }
    }
}

/// A key of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param {
    /// Which.
    pub key: Key,
    /// What holds without it.
    pub default: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

const fn param(key: Key, default: &'static str, meaning: &'static str) -> Param {
    Param { key, default, meaning }
}

/// In a server as well as on the simulated way to it.
const BOTH: &[Place] = &[Place::Simulation, Place::Lockstep, Place::Live];
/// On the way or at the device only.
const WAY: &[Place] = &[Place::Simulation, Place::Lockstep];
/// As [`BOTH`], and between a CSLU or On-Prem and its CSSM.
const BOTH_UP: &[Place] = &[Place::Simulation, Place::Lockstep, Place::Live, Place::Upstream];
/// As [`WAY`], and between a CSLU or On-Prem and its CSSM.
const WAY_UP: &[Place] = &[Place::Simulation, Place::Lockstep, Place::Upstream];

macro_rules! kinds {
    ($($variant:ident { $($row:tt)+ })+) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the table says what each is")]
        pub enum Kind { $($variant,)+ }

        impl Kind {
            /// All kinds, in the order of the table.
            pub const ALL: [Self; [$(stringify!($variant)),+].len()] = [$(Self::$variant,)+];

            /// Its row.
            #[must_use]
            pub const fn row(self) -> &'static Row {
                match self { $(Self::$variant => const { &Row { $($row)+ } },)+ }
            }
        }
    };
}

impl Kind {
    /// The words of all kinds, in the order of the table.
    pub const WORDS: &'static [&'static str] = &{
        let mut words = [""; Self::ALL.len()];
        let mut at = 0;
        while at < words.len() {
            words[at] = Self::ALL[at].row().word;
            at += 1;
        }
        words
    };

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        self.row().word
    }

    /// What is said of a word that is none, with the nearest one.
    #[must_use]
    pub fn no_such(word: &str) -> String {
        let shown: String = word.chars().filter(|character| !character.is_control()).take(64).collect();
        let near = |known: &str| strsim::jaro_winkler(&shown.to_lowercase(), known);
        let best = Self::ALL.into_iter().map(|kind| (near(kind.word()), kind));
        let best = best.max_by(|(one, _), (other, _)| one.total_cmp(other));
        match best.filter(|(score, _)| *score > 0.75) {
            Some((_, kind)) => format!("no fault is called `{shown}`; did you mean `{}`?", kind.word()),
            None => {
                format!("no fault is called `{shown}`; `slpsim scenario faults` prints those that there are")
            }
        }
    }

    /// The kind of that word.
    #[must_use]
    pub fn by_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

kinds! {
    Unreachable {
        word: "unreachable",
        sees: "the TCP connection is refused at once",
        failure: Some(Failure::Unreachable),
        due: "COMM_FAILED for each attempt, COMM_RESTORED once afterwards",
        places: BOTH_UP,
        needs: Needs::Any,
        aim: &[],
        params: &[],
        example: "{ kind = \"unreachable\", for = \"6h\" }",
    }
    Reset {
        word: "reset",
        sees: "the connection is reset before an answer",
        failure: Some(Failure::Unreachable),
        due: "COMM_FAILED for each attempt, COMM_RESTORED once afterwards",
        places: BOTH_UP,
        needs: Needs::Any,
        aim: &[],
        params: &[],
        example: "{ kind = \"reset\", every = 2, for = \"1d\" }",
    }
    Stall {
        word: "stall",
        sees: "no answer until the time-out of 60 s",
        failure: Some(Failure::Unreachable),
        due: "COMM_FAILED 60 s after each attempt",
        places: BOTH_UP,
        needs: Needs::Any,
        aim: &[],
        params: &[],
        example: "{ kind = \"stall\", for = \"6h\" }",
    }
    Slow {
        word: "slow",
        sees: "the answer comes late; later than the time-out it is lost",
        failure: None,
        due: "none below 60 s, else COMM_FAILED",
        places: BOTH_UP,
        needs: Needs::Any,
        aim: &[],
        params: &[param(Key::By, "5s", "how late the answer is")],
        example: "{ kind = \"slow\", by = \"20s\", for = \"1h\" }",
    }
    Latency {
        word: "latency",
        sees: "the answer comes a little later",
        failure: None,
        due: "none below 60 s, else COMM_FAILED",
        places: BOTH_UP,
        needs: Needs::Any,
        aim: &[],
        params: &[param(Key::By, "200ms", "how late the answer is")],
        example: "{ kind = \"latency\", by = \"1s\", for = \"1d\" }",
    }
    Dribble {
        word: "dribble",
        sees: "the answer comes byte by byte",
        failure: None,
        due: "none below 60 s, else COMM_FAILED",
        places: BOTH_UP,
        needs: Needs::Any,
        aim: &[],
        params: &[param(Key::By, "10s", "time for the whole answer")],
        example: "{ kind = \"dribble\", by = \"30s\", next = 1 }",
    }
    DnsNxdomain {
        word: "dns-nxdomain",
        sees: "the name of the URL does not exist",
        failure: Some(Failure::Resolve),
        due: "COMM_FAILED for each attempt",
        places: WAY_UP,
        needs: Needs::Name,
        aim: &[],
        params: &[],
        example: "{ kind = \"dns-nxdomain\", for = \"1d\" }",
    }
    DnsServfail {
        word: "dns-servfail",
        sees: "the name server answers SERVFAIL",
        failure: Some(Failure::Resolve),
        due: "COMM_FAILED for each attempt",
        places: WAY_UP,
        needs: Needs::Name,
        aim: &[],
        params: &[],
        example: "{ kind = \"dns-servfail\", for = \"1h\" }",
    }
    DnsTimeout {
        word: "dns-timeout",
        sees: "no name server answers until the time-out of 60 s",
        failure: Some(Failure::Resolve),
        due: "COMM_FAILED 60 s after each attempt",
        places: WAY_UP,
        needs: Needs::Name,
        aim: &[],
        params: &[],
        example: "{ kind = \"dns-timeout\", for = \"1h\" }",
    }
    TlsExpired {
        word: "tls-expired",
        sees: "the server's certificate has expired",
        failure: Some(Failure::TlsCertificate),
        due: "COMM_FAILED for each attempt",
        places: WAY_UP,
        needs: Needs::Tls,
        aim: &[],
        params: &[],
        example: "{ kind = \"tls-expired\", for = \"2d\" }",
    }
    TlsNotYetValid {
        word: "tls-not-yet-valid",
        sees: "the server's certificate is not valid yet",
        failure: Some(Failure::TlsCertificate),
        due: "COMM_FAILED for each attempt",
        places: WAY_UP,
        needs: Needs::Tls,
        aim: &[],
        params: &[],
        example: "{ kind = \"tls-not-yet-valid\", for = \"1h\" }",
    }
    TlsWrongName {
        word: "tls-wrong-name",
        sees: "the server's certificate is for another name",
        failure: Some(Failure::TlsCertificate),
        due: "COMM_FAILED for each attempt",
        places: WAY_UP,
        needs: Needs::Tls,
        aim: &[],
        params: &[],
        example: "{ kind = \"tls-wrong-name\", for = \"1h\" }",
    }
    TlsUnknownCa {
        word: "tls-unknown-ca",
        sees: "the server's certificate is from an unknown CA",
        failure: Some(Failure::TlsCertificate),
        due: "COMM_FAILED for each attempt",
        places: WAY_UP,
        needs: Needs::Tls,
        aim: &[],
        params: &[],
        example: "{ kind = \"tls-unknown-ca\", for = \"1h\" }",
    }
    TlsClosed {
        word: "tls-closed",
        sees: "the connection is closed in the TLS handshake",
        failure: Some(Failure::Unreachable),
        due: "COMM_FAILED for each attempt",
        places: WAY_UP,
        needs: Needs::Tls,
        aim: &[],
        params: &[],
        example: "{ kind = \"tls-closed\", next = 1 }",
    }
    ProxyAuth {
        word: "proxy-auth",
        sees: "a proxy in the way asks for credentials",
        failure: Some(Failure::Proxy),
        due: "COMM_FAILED for each attempt",
        places: WAY_UP,
        needs: Needs::Any,
        aim: &[],
        params: &[],
        example: "{ kind = \"proxy-auth\", for = \"1h\" }",
    }
    ProxyUnreachable {
        word: "proxy-unreachable",
        sees: "a proxy in the way refuses the connection",
        failure: Some(Failure::Unreachable),
        due: "COMM_FAILED for each attempt",
        places: WAY_UP,
        needs: Needs::Any,
        aim: &[],
        params: &[],
        example: "{ kind = \"proxy-unreachable\", for = \"1h\" }",
    }
    HttpStatus {
        word: "http-status",
        sees: "an HTTP status outside 2xx",
        failure: Some(Failure::HttpStatus(503)),
        due: "COMM_FAILED for each attempt",
        places: BOTH_UP,
        needs: Needs::Any,
        aim: &[],
        params: &[param(Key::Status, "503", "the status, 300 to 599"), param(Key::RetryAfter, "none", "header Retry-After in seconds; the device does not heed it")],
        example: "{ kind = \"http-status\", status = 404, for = \"6h\" }",
    }
    Quota {
        word: "quota",
        sees: "429 Too Many Requests",
        failure: Some(Failure::HttpStatus(429)),
        due: "COMM_FAILED for each attempt",
        places: BOTH_UP,
        needs: Needs::Any,
        aim: &[],
        params: &[param(Key::RetryAfter, "60", "header Retry-After in seconds; the device does not heed it")],
        example: "{ kind = \"quota\", for = \"1h\" }",
    }
    Maintenance {
        word: "maintenance",
        sees: "503 Service Unavailable",
        failure: Some(Failure::HttpStatus(503)),
        due: "COMM_FAILED for each attempt",
        places: BOTH_UP,
        needs: Needs::Any,
        aim: &[],
        params: &[param(Key::RetryAfter, "3600", "header Retry-After in seconds; the device does not heed it")],
        example: "{ kind = \"maintenance\", for = \"2h\" }",
    }
    TryAgain {
        word: "try-again",
        sees: "status OK_TRY_AGAIN; nothing was done",
        failure: None,
        due: "none: the answer is authenticated",
        places: BOTH_UP,
        needs: Needs::Any,
        aim: &[],
        params: &[param(Key::RetryAfter, "0", "retry_time_seconds; 0: the device waits 900 s")],
        example: "{ kind = \"try-again\", next = 2 }",
    }
    Empty {
        word: "empty",
        sees: "200 without a body",
        failure: Some(Failure::EmptyReply),
        due: "COMM_FAILED for each attempt",
        places: BOTH_UP,
        needs: Needs::Any,
        aim: &[],
        params: &[],
        example: "{ kind = \"empty\", next = 1 }",
    }
    Truncated {
        word: "truncated",
        sees: "the first half of the answer",
        failure: Some(Failure::BadReply),
        due: "COMM_FAILED for each attempt",
        places: BOTH_UP,
        needs: Needs::Any,
        aim: &[],
        params: &[],
        example: "{ kind = \"truncated\", next = 1 }",
    }
    Corrupt {
        word: "corrupt",
        sees: "some bytes of the answer are others",
        failure: Some(Failure::BadReply),
        due: "COMM_FAILED for each attempt",
        places: BOTH_UP,
        needs: Needs::Any,
        aim: &[],
        params: &[],
        example: "{ kind = \"corrupt\", probability = 0.1, for = \"30d\" }",
    }
    Oversized {
        word: "oversized",
        sees: "more bytes than a message may have",
        failure: Some(Failure::BadReply),
        due: "COMM_FAILED for each attempt",
        places: BOTH_UP,
        needs: Needs::Any,
        aim: &[],
        params: &[],
        example: "{ kind = \"oversized\", next = 1 }",
    }
    WrongNonce {
        word: "wrong-nonce",
        sees: "the answer repeats another nonce",
        failure: Some(Failure::NonceMismatch),
        due: "COMM_FAILED for each attempt",
        places: BOTH_UP,
        needs: Needs::Any,
        aim: &[],
        params: &[],
        example: "{ kind = \"wrong-nonce\", next = 1 }",
    }
    BadSignature {
        word: "bad-signature",
        sees: "the signature of the answer does not verify",
        failure: Some(Failure::BadSignature),
        due: "COMM_FAILED for each attempt",
        places: BOTH_UP,
        needs: Needs::Any,
        aim: &[],
        params: &[],
        example: "{ kind = \"bad-signature\", next = 1 }",
    }
    WrongSigner {
        word: "wrong-signer",
        sees: "the answer is signed by somebody who is not under the licensing root",
        failure: Some(Failure::SignerInvalid),
        due: "COMM_FAILED for each attempt",
        places: BOTH_UP,
        needs: Needs::Any,
        aim: &[],
        params: &[],
        example: "{ kind = \"wrong-signer\", next = 1 }",
    }
    Replayed {
        word: "replayed",
        sees: "the answer to the exchange before",
        failure: Some(Failure::NonceMismatch),
        due: "COMM_FAILED for each attempt",
        places: BOTH_UP,
        needs: Needs::Any,
        aim: &[],
        params: &[],
        example: "{ kind = \"replayed\", next = 1 }",
    }
    LostAnswer {
        word: "lost-answer",
        sees: "the peer does its part, but the connection breaks before its answer",
        failure: Some(Failure::Unreachable),
        due: "COMM_FAILED for each attempt; what the peer did is done, so a report arrives twice",
        places: BOTH_UP,
        needs: Needs::Any,
        aim: &[],
        params: &[],
        example: "{ kind = \"lost-answer\", purpose = \"usage\", next = 1 }",
    }
    LostAck {
        word: "lost-ack",
        sees: "the answer that brings the ACK is lost on the way",
        failure: Some(Failure::Unreachable),
        due: "COMM_FAILED; the next poll a day later brings COMM_RESTORED",
        places: BOTH,
        needs: Needs::Any,
        aim: &[Purpose::Poll],
        params: &[],
        example: "{ kind = \"lost-ack\", next = 1 }",
    }
    LateAck {
        word: "late-ack",
        sees: "OK_POLL until the ACK of the push is ready",
        failure: None,
        due: "none",
        places: BOTH,
        needs: Needs::Any,
        aim: &[Purpose::Usage],
        params: &[param(Key::By, "1h", "how much later the ACK is ready")],
        example: "{ kind = \"late-ack\", by = \"12h\", next = 1 }",
    }
    ForeignAck {
        word: "foreign-ack",
        sees: "an ACK that names unknown reports",
        failure: None,
        due: "none: an entry in the event log",
        places: BOTH,
        needs: Needs::Any,
        aim: &[Purpose::Poll],
        params: &[],
        example: "{ kind = \"foreign-ack\", next = 1 }",
    }
    RejectReport {
        word: "reject-report",
        sees: "the ACK says REJECTED",
        failure: None,
        due: "none: the report is closed for good",
        places: BOTH,
        needs: Needs::Any,
        aim: &[Purpose::Usage],
        params: &[param(Key::Why, "SIGNATURE_MISMATCH", "SIGNATURE_MISMATCH, TIMESTAMP_MISMATCH, UNKNOWN_DEVICE")],
        example: "{ kind = \"reject-report\", next = 1 }",
    }
    PolicyBadSignature {
        word: "policy-bad-signature",
        sees: "a policy whose signature does not verify",
        failure: None,
        due: "POLICY_INSTALL_FAILED `Signature mismatch`",
        places: BOTH,
        needs: Needs::Any,
        aim: &[Purpose::Trust, Purpose::TrustSync, Purpose::Poll],
        params: &[],
        example: "{ kind = \"policy-bad-signature\", next = 1 }",
    }
    PolicyBadTime {
        word: "policy-bad-time",
        sees: "a policy that was issued later, or earlier, than it was",
        failure: None,
        due: "POLICY_INSTALL_FAILED where the signer is not valid then, or a relayed policy lies in the future",
        places: BOTH,
        needs: Needs::Any,
        aim: &[Purpose::Trust, Purpose::TrustSync, Purpose::Poll],
        params: &[param(Key::By, "2h", "how much later it was issued; may be negative")],
        example: "{ kind = \"policy-bad-time\", by = \"-400d\", next = 1 }",
    }
    TokenRefused {
        word: "token-refused",
        sees: "the id token is refused",
        failure: None,
        due: "TRUST_CODE_INSTALL_FAILED with the reason",
        places: BOTH,
        needs: Needs::Any,
        aim: &[Purpose::Trust],
        params: &[param(Key::Why, "unknown", "unknown, expired, revoked, used-up, account, connection, installed")],
        example: "{ kind = \"token-refused\", why = \"expired\", next = 1 }",
    }
    WriteLost {
        word: "write-lost",
        sees: "its store takes a write and loses it; only the next loss of power shows that",
        failure: None,
        due: "none; after a loss of power the device is where the last kept write has left it",
        places: WAY,
        needs: Needs::Write,
        aim: &[],
        params: &[],
        example: "{ kind = \"write-lost\", next = 2 }",
    }
    DiskFull {
        word: "disk-full",
        sees: "its store refuses every write, of its durable state and of files",
        failure: None,
        due: "none; the device works on, files are refused with `No space left`, a loss of power loses the rest",
        places: WAY,
        needs: Needs::Write,
        aim: &[],
        params: &[],
        example: "{ kind = \"disk-full\", for = \"2d\" }",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_found_and_the_table_is_complete() {
        for kind in Kind::ALL {
            let row = kind.row();
            assert_eq!(Kind::by_word(row.word), Some(kind));
            assert!(!row.sees.is_empty() && !row.due.is_empty() && row.places.contains(&Place::Simulation));
            assert!(row.example.contains(&format!("kind = \"{}\"", row.word)), "{}", row.word);
        }
        assert_eq!(Kind::by_word("no-such-kind"), None);
        assert!(Kind::no_such("unreachble").ends_with("did you mean `unreachable`?"));
        assert!(Kind::no_such("\u{1}xyzzy").contains("no fault is called `xyzzy`; `slpsim"));
    }
}
