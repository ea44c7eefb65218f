//! What a device says and hears over HTTPS and HTTP.

use slpsim_agent::{PollId, ReportId, ReportVerdict, Request};
use slpsim_transport::message::StatusWord;

use crate::client::{Device, World};

/// `spec/behaviour.md` §7.3 F: token, trust, usage, `OK_POLL`, poll, ACK with policy.
#[tokio::test]
async fn a_device_gets_trust_reports_and_fetches_its_ack_over_https() {
    let world = World::new().await;
    let smart = world.server.urls.smart.clone();
    let mut device = Device::new(&world, 1);
    let identity = device.gets_trust(&world).await;
    world.advance(30_000);
    let poll_id = device.reports(&world, &smart, &[1_772_445_600]).await;
    world.advance(300_000);
    let answer = device.says(&world, &smart, &Request::Poll { poll_id }).await.unwrap();
    assert_eq!(answer.status, StatusWord::Ok);
    let ack = answer.data.ack.unwrap().object.unwrap();
    assert_eq!(ack.reports, [(ReportId(1_772_445_600), ReportVerdict::Acknowledged)]);
    assert_eq!(ack.policy.unwrap().object.unwrap().policy.name, "Example Policy");
    let view = world.ok("GET", "devices/FDO00000001", None).await;
    assert_eq!(view["trust"]["id_cert_serial_number"], identity.serial.to_string());
    assert_eq!(view["hostname"], "n9k-leaf-01");
    assert_eq!(view["polls"][0]["acknowledged"], true);
    let reports = world.ok("GET", "reports", None).await;
    assert_eq!((&reports[0]["status"], &reports[0]["count"]), (&"acknowledged".into(), &1.into()));
}

/// `spec/behaviour.md` §6 "implicit trust".
#[tokio::test]
async fn a_device_without_trust_gets_it_with_its_first_ack_from_a_cslu() {
    let world = World::new().await;
    let cslu = world.server.urls.cslu.clone();
    let mut device = Device::new(&world, 1);
    let poll_id = device.reports(&world, &cslu, &[1]).await;
    let answer = device.says(&world, &cslu, &Request::Poll { poll_id }).await.unwrap();
    assert_eq!(answer.connect_info.name, "CSLU_V1");
    let ack = answer.data.ack.unwrap().object.unwrap();
    let code = ack.trust_codes[0].object.as_ref().unwrap();
    assert_eq!(code.code.udi, device.sender.udi);
    device.sender.identity = Some(code.code.identity);
    // The key behind that certificate is not known to the server, so what is signed with it is believed.
    let poll_id = device.reports(&world, &cslu, &[1, 2]).await;
    let answer = device.says(&world, &cslu, &Request::Poll { poll_id }).await.unwrap();
    let ack = answer.data.ack.unwrap().object.unwrap();
    assert!(ack.trust_codes.is_empty());
    assert_eq!(ack.reports.len(), 2);
    assert!(ack.reports.iter().all(|(_, verdict)| *verdict == ReportVerdict::Acknowledged));
}

#[tokio::test]
async fn a_report_whose_signature_does_not_fit_is_rejected_and_the_others_are_not() {
    let world = World::new().await;
    let cslu = world.server.urls.cslu.clone();
    let mut device = Device::new(&world, 1);
    let request = device.usage(&[1, 2]);
    let message = device.message(&world, &request);
    // The same report with another reason in it: the payload changes, the signature stays.
    let body = device.encode(&message);
    let forged = body.replacen("CurrentUsageRequested", "CurrentUsageRequestef", 1);
    assert_ne!(forged, body);
    let raw = crate::client::post(&world.http, &cslu, forged).await.unwrap();
    let received = slpsim_transport::smart::decode_response(
        &raw.body,
        &device.verifier,
        &slpsim_transport::WireProfile::default(),
    )
    .unwrap();
    let poll_id = received.message.data.poll_id.unwrap();
    let answer = device.says(&world, &cslu, &Request::Poll { poll_id }).await.unwrap();
    let reports = answer.data.ack.unwrap().object.unwrap().reports;
    assert_eq!(
        reports,
        [
            (ReportId(1), ReportVerdict::Rejected("SIGNATURE_MISMATCH".into())),
            (ReportId(2), ReportVerdict::Acknowledged)
        ]
    );
    let reports = world.ok("GET", "reports?device=FDO00000001", None).await;
    assert_eq!(reports[0]["rule"], "report-signature");
}

#[tokio::test]
async fn a_report_signed_before_a_new_identity_is_still_taken() {
    let world = World::new().await;
    let smart = world.server.urls.smart.clone();
    let mut device = Device::new(&world, 1);
    device.gets_trust(&world).await;
    let old = device.report(1);
    for _ in 0..2 {
        let forced = Request::Trust { token: world.token(), force: true, units: device.sender.units.clone() };
        let answer = device.says(&world, &smart, &forced).await.unwrap();
        device.sender.identity = Some(answer.data.trust_codes[0].object.as_ref().unwrap().code.identity);
        device.says(&world, &smart, &Request::TrustSync).await.unwrap();
    }
    let request = Request::Usage { reports: vec![old] };
    let poll_id = device.says(&world, &smart, &request).await.unwrap().data.poll_id.unwrap();
    let answer = device.says(&world, &smart, &Request::Poll { poll_id }).await.unwrap();
    let reports = answer.data.ack.unwrap().object.unwrap().reports;
    assert_eq!(reports, [(ReportId(1), ReportVerdict::Acknowledged)]);
}

/// `spec/formats.md` §12: all doors lead to the same handler.
#[tokio::test]
async fn every_device_route_answers_as_its_peer() {
    let world = World::new().await;
    let https = world.server.urls.smart.trim_end_matches("/licservice/license").to_owned();
    let http = world.server.urls.cslu.trim_end_matches("/cslu/v1/pi").to_owned();
    let mut device = Device::new(&world, 1);
    for base in [https, http] {
        for (path, name) in [
            ("/licservice/license", "SSM"),
            ("/SmartTransport", "SSM"),
            ("/cslu/v1/pi", "CSLU_V1"),
            ("/cslu/v1/pi/Example%20SA-1", "CSLU_V1"),
        ] {
            let answer = device.says(&world, &format!("{base}{path}"), &Request::Hello).await.unwrap();
            assert_eq!((answer.status, answer.connect_info.name.as_ref()), (StatusWord::Ok, name), "{path}");
        }
    }
}

/// A restart that forgets the records is told in words that the device logs (`spec/messages.md` §7).
#[tokio::test]
async fn an_identity_of_another_server_is_refused() {
    let (one, other) = (World::new().await, World::new().await);
    let mut device = Device::new(&one, 1);
    device.gets_trust(&one).await;
    device.verifier = slpsim_transport::sign::Verifier::root(&other.server.ca_pem).unwrap();
    let smart = other.server.urls.smart.clone();
    let answer = device.says(&other, &smart, &Request::Poll { poll_id: PollId(1) }).await.unwrap();
    assert_eq!(answer.status, StatusWord::Invalid);
    assert!(answer.status_message.contains("Please re-register the instance."), "{}", answer.status_message);
}
