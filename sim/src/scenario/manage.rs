//! Management calls in a scenario (`interface.md` §7): read when the file is, made on the mock's own methods.

use slpsim_agent::Udi;
use slpsim_config::parse_span;
use slpsim_config::reader::{Entry, Node, Value, did_you_mean};
use slpsim_cssm::records::Membership;
use slpsim_cssm::{AckMode, Cssm, ManageError, TokenWish};
use slpsim_policy::{Policy, Values, Wall};

/// A call that changes something.
#[derive(Clone, Debug)]
pub enum Call {
    /// `POST tokens`
    MakeToken(TokenWish),
    /// `PUT accounts/{virtual_account}`
    Membership(String, Membership),
    /// `PUT policies/{virtual_account}`; none: `DELETE`.
    Policy(String, Option<Policy>),
    /// `DELETE devices/{udi or serial}`
    RemoveDevice(String),
    /// `POST clock`: the server's clock minus true time, in milliseconds.
    Skew(i64),
    /// `PUT ack-mode`
    AckMode(AckMode),
    /// `POST acks/release`: of these devices, or of all.
    Release(Vec<String>),
}

/// Whether the body is wrong, not the call; and why.
type Wrong = (bool, String);

impl Call {
    /// Reads a call as it would be sent.
    pub(super) fn read(call: &str, body: Option<&Node>) -> Result<Self, Wrong> {
        let (method, path) = call.split_once(' ').unwrap_or((call, ""));
        let (root, rest) = path.split_once('/').unwrap_or((path, ""));
        let mut body = Body::of(body)?;
        let call = match (method, root, rest) {
            ("POST", "tokens", "") => Self::MakeToken(TokenWish {
                smart: body.text("smart_account")?,
                r#virtual: body.text("virtual_account")?,
                expires_after_days: body.number("expires_after_days")?,
                max_uses: body.number("max_uses")?,
                text: None,
            }),
            ("PUT", "accounts", name) if !name.is_empty() => {
                Self::Membership(name.into(), body.membership()?)
            }
            ("PUT", "policies", name) if !name.is_empty() => Self::Policy(name.into(), Some(body.policy()?)),
            ("DELETE", "policies", name) if !name.is_empty() => Self::Policy(name.into(), None),
            ("DELETE", "devices", name) if !name.is_empty() => Self::RemoveDevice(name.into()),
            ("POST", "clock", "") => Self::Skew(body.skew()?),
            ("PUT", "ack-mode", "") => Self::AckMode(body.ack_mode()?),
            ("POST", "acks", "release") => Self::Release(body.texts("devices")?),
            ("POST", "faults", "") => {
                return Err((false, "use a step with `fault`: its faults end with the run".into()));
            }
            _ => {
                let calls = CALLS.join(", ");
                let hint = did_you_mean(call, CALLS);
                return Err((false, format!("`{call}` is no call that a scenario can make{hint} ({calls})")));
            }
        };
        body.end()?;
        Ok(call)
    }

    /// What is called, without what is sent.
    pub(super) fn word(&self) -> String {
        match self {
            Self::MakeToken(_) => "POST tokens".into(),
            Self::Membership(account, _) => format!("PUT accounts/{account}"),
            Self::Policy(account, Some(_)) => format!("PUT policies/{account}"),
            Self::Policy(account, None) => format!("DELETE policies/{account}"),
            Self::RemoveDevice(name) => format!("DELETE devices/{name}"),
            Self::Skew(_) => "POST clock".into(),
            Self::AckMode(_) => "PUT ack-mode".into(),
            Self::Release(_) => "POST acks/release".into(),
        }
    }

    /// The keys of its answer.
    pub(super) const fn answers(&self) -> &'static [&'static str] {
        match self {
            Self::MakeToken(_) => &["idtoken"],
            Self::Release(_) => &["released"],
            Self::Membership(..)
            | Self::Policy(..)
            | Self::RemoveDevice(_)
            | Self::Skew(_)
            | Self::AckMode(_) => &[],
        }
    }

    /// Makes the call; the values of [`Call::answers`].
    pub(super) fn make(&self, cssm: &mut Cssm, now: Wall) -> Result<Vec<String>, ManageError> {
        match self {
            Self::MakeToken(wish) => return Ok(vec![cssm.make_token(now, wish)?.expose().to_owned()]),
            Self::Membership(account, membership) => cssm.set_membership(account, membership.clone())?,
            Self::Policy(account, policy) => cssm.set_policy(account, policy.clone())?,
            Self::RemoveDevice(name) => {
                if !cssm.remove_device(name, now) {
                    return Err(ManageError::NotFound(format!("the mock knows no device {name}")));
                }
            }
            Self::Skew(skew) => cssm.set_skew_ms(*skew),
            Self::AckMode(mode) => cssm.set_ack_mode(*mode),
            Self::Release(devices) => return Ok(vec![cssm.release_acks(devices).to_string()]),
        }
        Ok(Vec::new())
    }
}

const CALLS: [&str; 8] = [
    "POST tokens",
    "PUT accounts/NAME",
    "PUT policies/NAME",
    "DELETE policies/NAME",
    "DELETE devices/SERIAL",
    "POST clock",
    "PUT ack-mode",
    "POST acks/release",
];

/// A body; keys that were asked for are known.
struct Body<'a> {
    entries: &'a [Entry],
    asked: Vec<&'static str>,
}

impl<'a> Body<'a> {
    fn of(node: Option<&'a Node>) -> Result<Self, Wrong> {
        match node.map(|node| &node.value) {
            None => Ok(Self { entries: &[], asked: Vec::new() }),
            Some(Value::Table(entries)) => Ok(Self { entries, asked: Vec::new() }),
            Some(other) => Err((true, format!("`body` must be a table, but is {}", other.kind()))),
        }
    }

    fn get(&mut self, key: &'static str) -> Option<&'a Value> {
        self.asked.push(key);
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node.value)
    }

    fn text(&mut self, key: &'static str) -> Result<Option<String>, Wrong> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text.clone())),
            Some(other) => Err((true, format!("`{key}` must be a text, but is {}", other.kind()))),
        }
    }

    fn needed(&mut self, key: &'static str) -> Result<String, Wrong> {
        self.text(key)?.ok_or_else(|| (true, format!("`{key}` is missing in the body")))
    }

    fn number<T: TryFrom<i64>>(&mut self, key: &'static str) -> Result<Option<T>, Wrong> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Integer(number)) => match T::try_from(*number) {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err((true, format!("`{key}`: {number} is out of range"))),
            },
            Some(other) => Err((true, format!("`{key}` must be a number, but is {}", other.kind()))),
        }
    }

    fn texts(&mut self, key: &'static str) -> Result<Vec<String>, Wrong> {
        let Some(value) = self.get(key) else { return Ok(Vec::new()) };
        let wrong = || (true, format!("`{key}` must be a list of texts"));
        let Value::List(nodes) = value else { return Err(wrong()) };
        let text =
            |node: &Node| if let Value::Text(text) = &node.value { Ok(text.clone()) } else { Err(wrong()) };
        nodes.iter().map(text).collect()
    }

    fn membership(&mut self) -> Result<Membership, Wrong> {
        let devices = self.texts("devices")?;
        match self.needed("membership")?.as_str() {
            "open" => Ok(Membership::Open),
            "listed" => {
                let udi = |text: &String| -> Result<Udi, Wrong> {
                    slpsim_cssm::fault::udi_of(text)
                        .ok_or_else(|| (true, format!("`{text}` is no UDI; write PID:<pid>,SN:<serial>")))
                };
                Ok(Membership::Listed(devices.iter().map(udi).collect::<Result<_, _>>()?))
            }
            other => Err((true, format!("membership `{other}` is none of open, listed"))),
        }
    }

    fn policy(&mut self) -> Result<Policy, Wrong> {
        let name = self.needed("name")?;
        let values = Values {
            first: self.number("first")?,
            ongoing: self.number("ongoing")?,
            on_change: self.number("on_change")?,
        };
        let ack_required = match self.get("ack_required") {
            None => None,
            Some(Value::Bool(value)) => Some(*value),
            Some(other) => {
                return Err((true, format!("`ack_required` must be true or false, but is {}", other.kind())));
            }
        };
        Ok(Policy { ack_required, ..Policy::nxos(&name, values) })
    }

    fn skew(&mut self) -> Result<i64, Wrong> {
        slpsim_cssm::span::parse(&self.needed("skew")?, true).map_err(|why| (true, why))
    }

    fn ack_mode(&mut self) -> Result<AckMode, Wrong> {
        let (mode, delay) = (self.needed("mode")?, self.text("delay")?);
        match (mode.as_str(), delay) {
            ("at-once", None) => Ok(AckMode::AtOnce),
            ("manual", None) => Ok(AckMode::Manual),
            ("delay", Some(delay)) => {
                let delay = parse_span(&delay).map_err(|why| (true, why))?;
                Ok(AckMode::Delay(i64::try_from(delay.as_millis()).unwrap_or(i64::MAX)))
            }
            ("delay", None) => Err((true, "mode delay needs a `delay`, such as \"10m\"".into())),
            ("at-once" | "manual", Some(_)) => Err((true, "only mode delay has a `delay`".into())),
            (other, _) => Err((true, format!("mode `{other}` is none of at-once, delay, manual"))),
        }
    }

    fn end(&self) -> Result<(), Wrong> {
        match self.entries.iter().find(|entry| !self.asked.contains(&entry.key.as_str())) {
            None => Ok(()),
            Some(entry) => {
                let hint = did_you_mean(&entry.key, self.asked.iter().copied());
                Err((true, format!("this call takes no `{}`{hint}", entry.key)))
            }
        }
    }
}
