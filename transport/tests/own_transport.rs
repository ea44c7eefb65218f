//! A transport of one's own, plugged in from outside: neither the agent, nor this crate, nor a driver knows of it.
//! `docs/own-transport.md` goes through it.
#![cfg(all(feature = "client", unix))]
#![expect(clippy::unwrap_used, reason = "helpers of tests say what they expect by unwrapping it")]

#[path = "support/device.rs"]
mod device;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use device::{Clock as DeviceClock, Device};
use slpsim_agent::{Failure, PollId, Reply, ReportId, ReportVerdict, Request, Sender, TransportMode};
use slpsim_policy::{Policy, Values, Wall};
use slpsim_transport::client::{
    CarryError, Clock, Exchanged, Exchanging, Format, Nonces, SystemNonces, Transport,
};
use slpsim_transport::sign::{DeviceKeys, Signer, Verifier};
use slpsim_transport::smart::{Sealing, SmartFormat, decode_request, encode_response};
use slpsim_transport::{
    AckObject, ConnectInfo, DeviceBody, PolicyObject, Sealed, ServerMessage, StatusWord, WireProfile, accept,
    compose,
};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

/// 2026-03-02T10:00:00Z
const START: Wall = Wall::from_secs(1_772_445_600);
const LARGEST: u64 = 5_000_000;
const PATIENCE: Duration = Duration::from_secs(20);

/// Smart messages through a Unix socket, one line each way.
struct Postbox {
    path: PathBuf,
    format: SmartFormat,
    clock: DeviceClock,
}

impl Postbox {
    /// One line there, one line back. What is wrong is a row of `spec/messages.md` §5 and a line for the diagnostics.
    async fn carry(&self, body: &[u8]) -> Result<Vec<u8>, CarryError> {
        let unreachable = |error| CarryError::new(Failure::Unreachable, error);
        let mut socket = UnixStream::connect(&self.path).await.map_err(unreachable)?;
        socket.write_all(body).await.map_err(unreachable)?;
        socket.write_all(b"\n").await.map_err(unreachable)?;
        let mut line = Vec::new();
        BufReader::new(socket).take(LARGEST).read_until(b'\n', &mut line).await.map_err(unreachable)?;
        if line.is_empty() {
            return Err(CarryError::new(Failure::EmptyReply, "the other side closed without a word"));
        }
        Ok(line)
    }

    async fn attempt(
        &self,
        request: &Request,
        sender: &Sender,
        texts: &mut Exchanged,
    ) -> Result<Reply, CarryError> {
        let nonce =
            SystemNonces.next().ok_or_else(|| CarryError::new(Failure::NotReady, "no random number"))?;
        let message = compose(request, sender, self.clock.now(), nonce);
        let encoded = self.format.encode(message)?;
        texts.sent = Some(encoded.text);
        let late = |_| CarryError::new(Failure::Unreachable, "no answer in time");
        let answer = tokio::time::timeout(PATIENCE, self.carry(&encoded.body)).await.map_err(late)??;
        let decoded = self.format.decode(&answer);
        texts.received = decoded.text;
        accept(decoded.result?, nonce, &sender.units)
            .map_err(|failure| CarryError::new(failure, "the answer belongs to another request"))
    }
}

impl Transport for Postbox {
    fn exchange<'a>(&'a self, request: &'a Request, sender: &'a Sender) -> Exchanging<'a> {
        Box::pin(async move {
            let mut exchanged = Exchanged::unsent(Failure::NotReady, "");
            match self.attempt(request, sender, &mut exchanged).await {
                Ok(reply) => Exchanged { result: Ok(reply), detail: None, ..exchanged },
                Err(error) => {
                    Exchanged { result: Err(error.failure), detail: Some(error.detail), ..exchanged }
                }
            }
        })
    }
}

/// The other side: takes reports, and has their ACK and a policy at the first poll.
async fn answer_all(listener: UnixListener, signer: Arc<Signer>) {
    let words = WireProfile::default();
    let mut open: Vec<ReportId> = Vec::new();
    while let Ok((socket, _)) = listener.accept().await {
        let mut socket = BufReader::new(socket);
        let mut line = Vec::new();
        socket.read_until(b'\n', &mut line).await.unwrap();
        let asked = decode_request(&line, &words).unwrap().message;
        let (kind, now) = (asked.request_type(), asked.header.timestamp);
        let nonce = asked.header.nonce.clone();
        let mut answer = ServerMessage::bare(nonce, kind, now, ConnectInfo::CSLU, StatusWord::Ok);
        match &asked.body {
            DeviceBody::LicenseUsage { reports, .. } => {
                open.extend(reports.iter().map(|report| report.id));
                answer.status = StatusWord::OkPoll;
                answer.data.poll_id = Some(PollId(77));
                answer.data.poll_interval_s = Some(60);
            }
            DeviceBody::Poll { .. } => {
                let policy = Policy::nxos("Example Policy", Values::of(60, 180, 60));
                let policy =
                    PolicyObject { id: "00000000-0000-4000-8000-000000000001".into(), policy, account: None };
                let ack = AckObject {
                    udi: asked.header.udi,
                    nonce: None,
                    account: None,
                    transaction_id: "00000000-0000-4000-8000-000000000002".into(),
                    reports: open.drain(..).map(|id| (id, ReportVerdict::Acknowledged)).collect(),
                    policy: Some(Sealed::good(now, policy)),
                    trust_codes: Vec::new(),
                };
                answer.data.ack = Some(Sealed::good(now, ack));
            }
            DeviceBody::IdTokenTrust { .. }
            | DeviceBody::TrustSync { .. }
            | DeviceBody::Hello
            | DeviceBody::AuthRequest { .. }
            | DeviceBody::AuthReturn { .. }
            | DeviceBody::AuthRenew
            | DeviceBody::IdRenew
            | DeviceBody::Unknown(_) => {}
        }
        let text = encode_response(&answer, Sealing::by(&signer), &words).unwrap();
        socket.write_all((text + "\n").as_bytes()).await.unwrap();
    }
}

fn postbox(path: &Path, clock: &DeviceClock, signer: &Signer) -> Arc<Postbox> {
    let format = SmartFormat {
        keys: Some(Arc::new(DeviceKeys::generate().unwrap())),
        verifier: Arc::new(Verifier::root(signer.root_pem()).unwrap()),
        profile: Arc::new(WireProfile::default()),
    };
    Arc::new(Postbox { path: path.to_owned(), format, clock: clock.clone() })
}

#[tokio::test]
async fn a_device_reports_through_a_transport_that_only_this_test_knows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("postbox");
    let signer = Arc::new(Signer::generate(START).unwrap());
    let clock = DeviceClock::at(START);
    // The agent names its peer by the transport that is configured (`spec/messages.md` §3).
    let transport = postbox(&path, &clock, &signer);
    let mut device = Device::boot(TransportMode::Cslu, clock, transport).await;

    // Nobody is there yet: the hello of start + 10 s fails (`spec/behaviour.md` §7.1).
    device.run_for(60).await;
    let server = tokio::spawn(answer_all(UnixListener::bind(&path).unwrap(), signer));
    // The report of start + 2 min arrives; a minute later its ACK is there, with a policy.
    device.run_for(180).await;
    server.abort();
    assert_eq!(
        device.log,
        [
            "%LICMGR-6-LOG_SMART_LIC_REPORTING_REQUIRED: A Usage report acknowledgement will be required in 89 days.",
            "%LICMGR-3-LOG_SMART_LIC_COMM_FAILED: Communications failure with the \
             Cisco Smart License Utility (CSLU) : Communications failure",
            "%LICMGR-3-LOG_SMART_LIC_COMM_RESTORED: Communications with the \
             Cisco Smart License Utility (CSLU) restored.",
            "%LICMGR-6-LOG_SMART_LIC_POLICY_INSTALL_SUCCESS: A new licensing policy was successfully installed.",
        ]
    );
    assert_eq!(device.details.len(), 1, "{:?}", device.details);
    let acknowledged = START.plus_millis(3 * 60_000);
    assert_eq!(device.view().last_ack(), Some(acknowledged));
}
