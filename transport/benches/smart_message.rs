//! What a smart message costs, beside what it cannot cost less than: bare JSON on the same bytes, bare RSA.
//!
//! `cargo bench -p slpsim-transport`

use std::hint::black_box;
use std::time::{Duration, Instant};

use slpsim_agent::{
    IdCert, InstanceId, Measurement, PollId, ProfileId, Purpose, Reason, Report, ReportId, Request, Role,
    Sender, Signer as ReportSigner, Udi, Unit,
};
use slpsim_policy::{Policy, Values, Wall};
use slpsim_transport::WireProfile;
use slpsim_transport::message::{
    ConnectInfo, Nonce, PolicyObject, Sealed, ServerData, ServerMessage, StatusWord, accept, compose,
};
use slpsim_transport::sign::{DeviceKeys, Signer, Verifier};
use slpsim_transport::smart::{Sealing, decode_request, decode_response, encode_request, encode_response};

const NOW: Wall = Wall(1_772_446_020_000);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let udi = Udi::new("N9K-C93180YC-FX3", "FDO00000001")?;
    let units = vec![Unit { role: Role::Active, udi }];
    let profile = WireProfile::default();
    let (keys, signer) = (DeviceKeys::generate()?, Signer::generate(NOW)?);
    let verifier = Verifier::root(signer.root_pem())?;
    let instance = InstanceId::parse("00000000-0000-4000-8000-0000000000aa").ok_or("no uuid")?;
    let identity = IdCert { instance, serial: 16_451_201 };

    let sender = |identity| Sender {
        udi,
        units: units.clone(),
        identity,
        profile: ProfileId::Nexus9000.profile(),
        hostname: Some("n9k-leaf-01".into()),
        send_version: true,
        standby_identity: None,
        custom_id: None,
    };
    let usage = Request::Usage { reports: vec![report(&units)] };
    let untrusted = compose(&usage, &sender(None), NOW, 7);
    let trusted = compose(&usage, &sender(Some(identity)), NOW, 7);
    let body = encode_request(&untrusted, None, &profile)?.body;
    let value: serde_json::Value = serde_json::from_str(&body)?;

    let write_json = measure(|| serde_json::to_string(black_box(&value)));
    let read_json = measure(|| serde_json::from_str::<serde_json::Value>(black_box(&body)));
    let sign = measure(|| keys.sign(black_box(body.as_bytes())));
    let block = signer.sign(body.as_bytes(), "SHA256")?;
    let verify = measure(|| verifier.verify(black_box(body.as_bytes()), Some(&block)));

    println!("usage report of {} bytes", body.len());
    row("compose", measure(|| compose(black_box(&usage), &sender(None), NOW, 7)), None);
    row(
        "encode, unsigned",
        measure(|| encode_request(&untrusted, None, &profile)),
        Some(("serde_json", write_json)),
    );
    row(
        "encode, signed",
        measure(|| encode_request(&trusted, Some(&keys), &profile)),
        Some(("bare RSA sign", sign)),
    );
    row("decode", measure(|| decode_request(body.as_bytes(), &profile)), Some(("serde_json", read_json)));

    let answer = answer();
    let body = encode_response(&answer, Sealing::by(&signer), &profile)?;
    println!("answer with a policy, {} bytes", body.len());
    let seal = measure(|| encode_response(&answer, Sealing::by(&signer), &profile));
    row("encode, two signatures", seal, Some(("bare RSA sign", sign)));
    let open = measure(|| decode_response(body.as_bytes(), &verifier, &profile));
    row("decode, two signatures", open, Some(("verify with its chain", verify)));
    row("accept", measure(|| accept(answer.clone(), 7, &units)), None);
    Ok(())
}

fn report(units: &[Unit]) -> Report {
    let measurement = Measurement {
        start: Wall::from_secs(1_772_445_600),
        end: Wall::from_secs(1_772_445_720),
        value: 1,
        reason: Some(Reason::CurrentUsageRequested),
        clock_change_s: None,
    };
    Report {
        id: ReportId(1_772_445_600),
        previous: None,
        license: &ProfileId::Nexus9000.profile().licenses[0],
        signer: ReportSigner::Builtin,
        units: units.to_vec(),
        measurements: vec![measurement],
    }
}

fn answer() -> ServerMessage {
    let policy = Policy::nxos("Example Policy", Values::of(60, 180, 60));
    let policy = PolicyObject { id: "00000000-0000-4000-8000-0000000000d1".into(), policy, account: None };
    let kind = Purpose::Usage.into();
    let mut answer = ServerMessage::bare(Nonce::Number(7), kind, NOW, ConnectInfo::CSSM, StatusWord::OkPoll);
    answer.data = ServerData {
        poll_id: Some(PollId(77_000_000_000_000_001)),
        poll_interval_s: Some(300),
        policy: Some(Sealed::good(NOW, policy)),
        ..ServerData::default()
    };
    answer
}

/// The best of several rounds: what disturbs only makes slower.
fn measure<T>(mut work: impl FnMut() -> T) -> Duration {
    const ROUNDS: u32 = 10;
    const PER_ROUND: Duration = Duration::from_millis(20);
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let (start, mut count) = (Instant::now(), 0_u32);
        while start.elapsed() < PER_ROUND {
            black_box(work());
            count += 1;
        }
        best = best.min(start.elapsed() / count.max(1));
    }
    best
}

fn row(what: &str, took: Duration, limit: Option<(&str, Duration)>) {
    let ratio = limit.map_or_else(String::new, |(name, limit)| {
        format!("{:.2} times {name} ({limit:.2?})", took.as_secs_f64() / limit.as_secs_f64())
    });
    println!("  {what:<24} {:>10}  {ratio}", format!("{took:.2?}"));
}
