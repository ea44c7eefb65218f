//! The smart message over real HTTPS: signed, carried, verified, accepted.

use std::sync::{Arc, LazyLock};

use slpsim_agent::profile::ProfileId;
use slpsim_agent::{Failure, IdCert, InstanceId, PollId, Request, Role, Sender, Status, Token, Udi, Unit};
use slpsim_policy::Wall;
use slpsim_transport::client::{Exchanged, Link, Smart, SystemNonces, Transport};
use slpsim_transport::sign::{DeviceKeys, Signer, Verifier};
use slpsim_transport::smart::{ReceivedRequest, Sealing, SmartFormat, decode_request, encode_response};
use slpsim_transport::{ConnectInfo, DeviceBody, Nonce, ServerMessage, StatusWord, WireProfile};

use crate::peer::{Authority, Peer};
use crate::{NAME, NOW, carrier};

const TOKEN: &str = "EXAMPLE\"TOKEN\\0001";

// RSA keys are slow to make, so the tests of this file have them in common.
pub(crate) static SIGNER: LazyLock<Arc<Signer>> = LazyLock::new(signer);
pub(crate) static STRANGER: LazyLock<Arc<Signer>> = LazyLock::new(signer);
pub(crate) static KEYS: LazyLock<Arc<DeviceKeys>> =
    LazyLock::new(|| Arc::new(DeviceKeys::generate().unwrap()));

fn signer() -> Arc<Signer> {
    Arc::new(Signer::generate(Wall::from_secs(NOW)).unwrap())
}

/// A device, the authority of its CSSM's TLS certificate, and the signer of its CSSM.
struct World {
    authority: Authority,
    signer: Arc<Signer>,
    format: SmartFormat,
    sender: Sender,
}

impl World {
    fn new() -> Self {
        let signer = Arc::clone(&SIGNER);
        let verifier = Arc::new(Verifier::root(signer.root_pem()).unwrap());
        let keys = Some(Arc::clone(&KEYS));
        let format = SmartFormat { keys, verifier, profile: Arc::new(WireProfile::default()) };
        let udi = Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap();
        let sender = Sender {
            udi,
            units: vec![Unit { role: Role::Active, udi }],
            identity: None,
            profile: ProfileId::Nexus9000.profile(),
            hostname: Some("switch".to_owned()),
            send_version: true,
            standby_identity: None,
            custom_id: None,
        };
        Self { authority: Authority::new(), signer, format, sender }
    }

    /// One exchange with a server that answers `answer`; and what the server was asked.
    async fn exchange(
        &self,
        request: &Request,
        answer: impl Fn(&ReceivedRequest) -> String + Send + 'static,
    ) -> (Exchanged, String) {
        let server = self.authority.server(&[NAME], NOW - 1000..NOW + 1000);
        let respond =
            move |body: &str| answer(&decode_request(body.as_bytes(), &WireProfile::default()).unwrap());
        let peer = Peer::answering(Some(server), respond).await;
        let mut carrier = carrier(peer.address);
        carrier.anchors = self.authority.anchors();
        let link = Link { carrier, format: Arc::new(self.format.clone()), nonces: Arc::new(SystemNonces) };
        let smart = Smart { link, url: format!("https://{NAME}/licservice/license") };
        let exchanged = smart.exchange(request, &self.sender).await;
        (exchanged, peer.seen().await.request)
    }
}

pub(crate) fn ok(asked: &ReceivedRequest) -> ServerMessage {
    let message = &asked.message;
    let (nonce, kind) = (message.header.nonce.clone(), message.request_type());
    ServerMessage::bare(nonce, kind, Wall::from_secs(NOW), ConnectInfo::CSSM, StatusWord::Ok)
}

pub(crate) fn sealed(message: &ServerMessage, signer: &Signer) -> String {
    encode_response(message, Sealing::by(signer), &WireProfile::default()).unwrap()
}

#[tokio::test]
async fn a_trust_request_arrives_whole_and_leaves_no_token_behind() {
    let world = World::new();
    let request =
        Request::Trust { token: Token::new(TOKEN).unwrap(), force: false, units: world.sender.units.clone() };
    let signer = Arc::clone(&world.signer);
    let (exchanged, _) = world
        .exchange(&request, move |asked| {
            let DeviceBody::IdTokenTrust { token, csr, .. } = &asked.message.body else {
                panic!("not a trust request")
            };
            assert_eq!(token.expose(), TOKEN);
            assert!(csr.is_some(), "the device names the key that its certificate is for");
            sealed(&ok(asked), &signer)
        })
        .await;
    assert_eq!(exchanged.result.unwrap().status, Status::Ok);
    let sent = exchanged.sent.unwrap();
    assert!(sent.starts_with("{\"header\":") && sent.contains("ID_TOKEN_TRUST"), "{sent}");
    assert!(!sent.contains("EXAMPLE") && !sent.contains("0001\\\\\\\""), "{sent}");
    assert!(exchanged.received.unwrap().contains("\"status_code\":\"OK\""));
}

#[tokio::test]
async fn a_request_with_trust_is_signed_with_the_key_of_the_device() {
    let mut world = World::new();
    world.sender.identity = Some(IdCert { instance: InstanceId([7; 16]), serial: 16_451_201 });
    let signer = Arc::clone(&world.signer);
    let (exchanged, _) = world
        .exchange(&Request::Poll { poll_id: PollId(77) }, move |asked| {
            assert!(asked.signature.is_some());
            assert_eq!(asked.message.header.id_cert_serial, Some(16_451_201));
            sealed(&ok(asked), &signer)
        })
        .await;
    assert_eq!(exchanged.result.unwrap().status, Status::Ok);
}

/// The rows of `spec/messages.md` §5 that only a read answer can bring.
#[tokio::test]
async fn each_answer_that_is_not_authentic_has_its_text() {
    type Spoil = fn(&ReceivedRequest, &Signer) -> String;
    let table: [(&str, Spoil); 7] = [
        ("nonce failed to match", |asked, signer| {
            sealed(&ServerMessage { nonce: Nonce::Number(1), ..ok(asked) }, signer)
        }),
        ("Signature Verification failed", |asked, signer| {
            let sealing = Sealing { signer, spoiled: true };
            encode_response(&ok(asked), sealing, &WireProfile::default()).unwrap()
        }),
        ("Signing Certificate Verification failed", |asked, _| sealed(&ok(asked), &STRANGER)),
        ("Could not validate Trust Chain", |asked, signer| {
            let mut answer: serde_json::Value = serde_json::from_str(&sealed(&ok(asked), signer)).unwrap();
            let signature = answer["signature"].as_object_mut().unwrap();
            signature.remove("certificate");
            signature["key"] = "4711".into();
            answer.to_string()
        }),
        ("message parsing error", |_, _| "<html>It works!</html>".to_owned()),
        ("message parsing error", |_, _| "{\"signature\":null}".to_owned()),
        ("message parsing error", |asked, signer| sealed(&ok(asked), signer).split_off(1)),
    ];
    let world = World::new();
    for (text, spoil) in table {
        let signer = Arc::clone(&world.signer);
        let (exchanged, _) = world.exchange(&Request::Hello, move |asked| spoil(asked, &signer)).await;
        assert_eq!(exchanged.result.map_err(|failure| failure.to_string()), Err(text.to_owned()));
        assert!(exchanged.detail.is_some_and(|detail| !detail.is_empty()), "{text}");
    }
}

#[tokio::test]
async fn without_verification_the_answer_of_a_stranger_is_taken() {
    let mut world = World::new();
    world.format.verifier = Arc::new(Verifier::OFF);
    let (exchanged, request) =
        world.exchange(&Request::Hello, move |asked| sealed(&ok(asked), &STRANGER)).await;
    assert_eq!(exchanged.result.unwrap().status, Status::Ok);
    assert!(request.contains("content-type: application/json\r\n"), "{request}");
    // The same answer is refused where it is verified.
    let (exchanged, _) =
        World::new().exchange(&Request::Hello, move |asked| sealed(&ok(asked), &STRANGER)).await;
    assert_eq!(exchanged.result, Err(Failure::SignerInvalid));
}
