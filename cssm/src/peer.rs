//! What the mock is: by role, and by the route at which a message arrives.

use slpsim_agent::numbers;
use slpsim_transport::message::ConnectInfo;

use crate::records::AccountId;

/// What a mock plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Role {
    /// CSSM; at the CSLU route a connected CSLU and its CSSM in one.
    #[default]
    Cssm,
    /// A CSLU; connected to a CSSM, or not.
    Cslu,
    /// An SSM On-Prem; connected to a CSSM, or not.
    OnPrem,
}

impl Role {
    /// The word on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cssm => "cssm",
            Self::Cslu => "cslu",
            Self::OnPrem => "on-prem",
        }
    }

    /// The role of that word.
    #[must_use]
    pub fn by_word(word: &str) -> Option<Self> {
        [Self::Cssm, Self::Cslu, Self::OnPrem].into_iter().find(|role| role.word() == word)
    }
}

/// The door through which a message came.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// `/licservice/license`, `/SmartTransport`.
    Smart,
    /// Call Home.
    Callhome,
    /// The REST interface (`spec/formats.md` §11).
    Rest {
        /// The account that the call names.
        account: AccountId,
    },
    /// A file that somebody brought (`spec/formats.md` §2, §7).
    File {
        /// The account that it was brought for.
        account: AccountId,
    },
    /// `/cslu/v1/pi`, with the tenant that an On-Prem URL names (`spec/formats.md` §12).
    Cslu {
        /// Percent-decoded, without the trailing `-<n>`.
        tenant: Option<Box<str>>,
    },
}

impl Route {
    /// Its word in histories and metrics.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Smart => "smart",
            Self::Callhome => "callhome",
            Self::Rest { .. } => "rest",
            Self::File { .. } => "file",
            Self::Cslu { .. } => "cslu",
        }
    }

    /// Whether no device is at the other end: somebody brings what a device made.
    #[must_use]
    pub const fn is_upload(&self) -> bool {
        matches!(self, Self::Rest { .. } | Self::File { .. })
    }

    /// The CSLU route with the last element of an On-Prem path, such as `Example%20SA-1`.
    #[must_use]
    pub fn tenant(element: &str) -> Self {
        let decoded = percent_decode(element);
        let tenant = match decoded.rsplit_once('-') {
            Some((name, n)) if !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()) => name,
            Some(_) | None => decoded.as_str(),
        };
        Self::Cslu { tenant: (!tenant.is_empty()).then(|| tenant.into()) }
    }
}

/// How the mock behaves towards one message.
#[derive(Clone, Debug, PartialEq)]
pub struct Peer {
    /// What it says of itself.
    pub connect_info: ConnectInfo,
    /// `poll_interval`, in seconds.
    pub poll_s: u32,
    /// Wants to know who asks: no usage without a product instance identifier.
    pub direct: bool,
    /// Is CSSM itself: nothing stands above it.
    pub is_cssm: bool,
    /// Can have tokens validated.
    pub connected: bool,
    /// Judges identities and reports itself. One that does not keeps reports until CSSM has judged them: without
    /// connection, or with a CSSM of its own above it.
    pub judges: bool,
    /// Knows nothing of policies (`spec/behaviour.md` §13).
    pub down_rev: bool,
}

impl Peer {
    /// The peer that a message at `route` meets.
    #[must_use]
    pub fn at(role: Role, connected: bool, down_rev: bool, route: &Route) -> Self {
        let at_cslu = matches!(route, Route::Cslu { .. });
        let connected = connected || role == Role::Cssm;
        let down_rev = down_rev && role == Role::OnPrem;
        let connect_info = if down_rev {
            ConnectInfo::DOWN_REV
        } else if at_cslu || role == Role::Cslu {
            ConnectInfo::CSLU
        } else {
            ConnectInfo::CSSM
        };
        let at_cssm = !at_cslu && role == Role::Cssm;
        let poll = if at_cssm { numbers::POLL_DIRECT } else { numbers::POLL_CSLU };
        Self {
            connect_info,
            poll_s: u32::try_from(poll.as_secs()).unwrap_or(u32::MAX),
            direct: at_cssm && matches!(route, Route::Smart | Route::Callhome),
            is_cssm: at_cssm,
            connected,
            judges: connected,
            down_rev,
        }
    }
}

/// Percent-decoding (RFC 3986 §2.1); what is no escape stays, what is no UTF-8 becomes a replacement character.
fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = (first == b'%').then(|| tail.get(..2)).flatten().and_then(hex_byte);
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let text = core::str::from_utf8(digits).ok()?;
    text.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u8::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `spec/formats.md` §12.
    #[test]
    fn a_tenant_is_decoded_and_loses_its_number() {
        for (element, expected) in [
            ("Example%20SA-1", Some("Example SA")),
            ("Lab-12", Some("Lab")),
            ("Lab", Some("Lab")),
            ("a-b", Some("a-b")),
            ("a-b-2", Some("a-b")),
            ("100%-1", Some("100%")),
            ("%zz%4", Some("%zz%4")),
            ("-1", None),
            ("", None),
        ] {
            let Route::Cslu { tenant } = Route::tenant(element) else { panic!("not a CSLU route") };
            assert_eq!(tenant.as_deref(), expected, "{element}");
        }
    }

    /// `interface.md` §7, last line, and `spec/behaviour.md` §8, §13.
    #[test]
    fn a_mock_answers_by_role_and_route() {
        let cslu = Route::Cslu { tenant: None };
        for (role, connected, down_rev, route, name, poll_s, is_connected) in [
            (Role::Cssm, false, false, &Route::Smart, "SSM", 300, true),
            (Role::Cssm, false, false, &cslu, "CSLU_V1", 60, true),
            (Role::Cslu, true, false, &cslu, "CSLU_V1", 60, true),
            (Role::Cslu, false, false, &cslu, "CSLU_V1", 60, false),
            (Role::OnPrem, true, false, &cslu, "CSLU_V1", 60, true),
            (Role::OnPrem, true, true, &cslu, "SSM", 60, true),
            (Role::OnPrem, false, false, &Route::Smart, "SSM", 60, false),
        ] {
            let peer = Peer::at(role, connected, down_rev, route);
            assert_eq!(peer.connect_info.name, name, "{role:?} {route:?}");
            assert_eq!((peer.poll_s, peer.connected), (poll_s, is_connected), "{role:?} {route:?}");
            assert_eq!(peer.down_rev, down_rev);
        }
    }
}
