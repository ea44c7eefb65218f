//! Transports `smart` and `cslu`: the same message to different places.

use slpsim_agent::{Failure, Request, Sender, numbers};

use super::call::CarryError;
use super::link::Link;
use super::transport::{Exchanged, Exchanging, Transport};

/// Transport `smart`: direct to CSSM (`spec/formats.md` §8).
#[derive(Clone, Debug)]
pub struct Smart {
    /// What carries.
    pub link: Link,
    /// `license smart url smart`; empty: none is configured.
    pub url: String,
}

impl Transport for Smart {
    fn exchange<'a>(&'a self, request: &'a Request, sender: &'a Sender) -> Exchanging<'a> {
        Box::pin(self.link.exchange(&self.url, request, sender))
    }
}

/// Transport `cslu`: to a CSLU, or to an SSM On-Prem behind a CSLU URL (`spec/formats.md` §10).
#[derive(Clone, Debug)]
pub struct Cslu {
    /// What carries.
    pub link: Link,
    /// `license smart url cslu`; [`Cslu::DISCOVERY`]: the device looks for one; empty: none is configured.
    pub url: String,
    /// `ip domain name`, the second place where discovery looks.
    pub domain: Option<String>,
}

impl Cslu {
    /// The URL that stands for discovery, and the name that is looked up (`spec/behaviour.md` §7.1).
    pub const DISCOVERY: &'static str = "cslu-local";

    /// The URL in use: the configured one, or the one of the CSLU that was found.
    ///
    /// # Errors
    /// [`Failure::Resolve`] where discovery finds none; else why it could not look.
    pub async fn resolved_url(&self) -> Result<String, CarryError> {
        if self.url != Self::DISCOVERY {
            return Ok(self.url.clone());
        }
        let in_domain = self.domain.iter().map(|domain| format!("{}.{domain}", Self::DISCOVERY));
        let mut missing = Vec::new();
        let mut refused = false;
        for host in std::iter::once(Self::DISCOVERY.to_owned()).chain(in_domain) {
            match self.link.carrier.look_up(&host, numbers::CSLU_PORT).await {
                Ok(()) => return Ok(format!("http://{host}:{}/cslu/v1/pi", numbers::CSLU_PORT)),
                // A name that leads nowhere: the next one may. Everything else holds for both.
                Err(error) if error.failure == Failure::Resolve => {
                    refused |= error.refused;
                    missing.push(error.detail);
                }
                Err(error) => return Err(error),
            }
        }
        let why = format_args!("no CSLU found by discovery: {}", missing.join("; "));
        Err(CarryError { refused, ..CarryError::new(Failure::Resolve, why) })
    }
}

impl Transport for Cslu {
    fn exchange<'a>(&'a self, request: &'a Request, sender: &'a Sender) -> Exchanging<'a> {
        Box::pin(async move {
            match self.resolved_url().await {
                Ok(url) => self.link.exchange(&url, request, sender).await,
                Err(error) => {
                    Exchanged { refused: error.refused, ..Exchanged::unsent(error.failure, error.detail) }
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    use slpsim_policy::Wall;

    use crate::client::link::{Decoded, Encoded, Format};
    use crate::client::{Carrier, NoWay, SystemNonces, Way};
    use crate::message::DeviceMessage;

    /// Discovery sends nothing, so nothing is ever encoded.
    struct NoFormat;

    impl Format for NoFormat {
        fn content_type(&self) -> &'static str {
            "text/plain"
        }
        fn encode(&self, _message: DeviceMessage) -> Result<Encoded, CarryError> {
            Err(CarryError::new(Failure::NotReady, "no format"))
        }
        fn decode(&self, _body: &[u8]) -> Decoded {
            Decoded { result: Err(CarryError::new(Failure::BadReply, "no format")), text: None }
        }
    }

    type Asked = Arc<Mutex<Vec<(String, u16)>>>;

    /// A CSLU of a device whose network knows the name `known` alone; and what was asked for.
    fn cslu(url: &str, domain: Option<&str>, known: &'static str, otherwise: NoWay) -> (Cslu, Asked) {
        let asked = Asked::default();
        let notes = Arc::clone(&asked);
        let network = move |host: &str, port: u16| {
            notes.lock().unwrap().push((host.to_owned(), port));
            if host == known { Ok(Way::Mapped(([127, 0, 0, 1], 1).into())) } else { Err(otherwise.clone()) }
        };
        let carrier = Carrier::new(Arc::new(|| Wall(0)), Arc::new(network));
        let link = Link { carrier, format: Arc::new(NoFormat), nonces: Arc::new(SystemNonces) };
        (Cslu { link, url: url.to_owned(), domain: domain.map(str::to_owned) }, asked)
    }

    fn nxdomain() -> NoWay {
        NoWay::Name("NXDOMAIN".to_owned())
    }

    /// `spec/behaviour.md` §7.1, `spec/formats.md` §10.
    #[tokio::test]
    async fn discovery_looks_up_the_bare_name_and_then_the_one_in_the_domain() {
        let bare = ("cslu-local".to_owned(), 8182);
        let full = ("cslu-local.example.com".to_owned(), 8182);
        let table = [
            (Some("example.com"), "cslu-local", Ok("http://cslu-local:8182/cslu/v1/pi"), vec![bare.clone()]),
            (
                Some("example.com"),
                "cslu-local.example.com",
                Ok("http://cslu-local.example.com:8182/cslu/v1/pi"),
                vec![bare.clone(), full.clone()],
            ),
            (Some("example.com"), "other", Err(Failure::Resolve), vec![bare.clone(), full]),
            (None, "cslu-local.example.com", Err(Failure::Resolve), vec![bare]),
        ];
        for (domain, known, expected, asked_for) in table {
            let (cslu, asked) = cslu("cslu-local", domain, known, nxdomain());
            let url = cslu.resolved_url().await;
            assert_eq!(url.as_deref().map_err(|error| error.failure), expected, "{domain:?} {known}");
            assert_eq!(*asked.lock().unwrap(), asked_for, "{domain:?} {known}");
        }
    }

    #[tokio::test]
    async fn a_source_interface_without_address_ends_discovery_at_once() {
        let down = NoWay::NotReady("no address on the source interface".to_owned());
        let (cslu, asked) = cslu("cslu-local", Some("example.com"), "none", down);
        assert_eq!(cslu.resolved_url().await.unwrap_err().failure, Failure::NotReady);
        assert_eq!(asked.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_configured_url_is_taken_as_it_is() {
        let (cslu, asked) =
            cslu("http://192.168.0.1:8182/cslu/v1/pi", Some("example.com"), "none", nxdomain());
        assert_eq!(cslu.resolved_url().await.unwrap(), "http://192.168.0.1:8182/cslu/v1/pi");
        assert!(asked.lock().unwrap().is_empty());
    }
}
