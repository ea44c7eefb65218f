//! Files between switch, CSLU and CSSM (`spec/formats.md` §2 to §7, `spec/behaviour.md` §12 rows 4 to 6).

use std::io::Read as _;

use serde_json::{Value, json};
use slpsim_agent::{ReportId, ReportVerdict, Request};
use slpsim_cssm::server::{Offline, ServerConfig, StoreChoice, SystemClock, Taken};
use slpsim_cssm::{Config, Role};
use slpsim_transport::files::{LicenseFile, Opener, SystemInfo, TrustRequest, save_file, trust_request_file};
use slpsim_transport::message::{DeviceBody, Nonce, StatusWord, compose};

use crate::client::{Device, NOW, World};

fn of(role: Role) -> ServerConfig {
    let mock = Config { role, connected: false, ..Config::default() };
    ServerConfig { mock, seed: Some(8), ..ServerConfig::default() }
}

/// A CSLU or On-Prem whose devices also trust the CSSM to which its files are carried.
async fn disconnected(role: Role, cssm: &World) -> World {
    let mut world = World::with(of(role)).await;
    world.server.ca_pem.push_str(&cssm.server.ca_pem);
    world
}

/// Status, name and contents of a file that a call answers.
pub(crate) async fn file(world: &World, method: &str, path: &str, body: Vec<u8>) -> (u16, String, Vec<u8>) {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let url = format!("{}/{path}", world.server.urls.manage);
    let request = world.http.request(method, url).bearer_auth(world.server.manage_token.as_ref().unwrap());
    let response = request.body(body).send().await.unwrap();
    let name = response.headers().get("content-disposition").and_then(|value| value.to_str().ok());
    let name = name.and_then(|value| value.split('"').nth(1)).unwrap_or_default().to_owned();
    (response.status().as_u16(), name, response.bytes().await.unwrap().to_vec())
}

/// Names in a bundle, in order.
fn names(bundle: &[u8]) -> Vec<String> {
    members(bundle).into_iter().map(|(name, _)| name).collect()
}

fn members(bundle: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bundle));
    let read = |entry: std::io::Result<tar::Entry<'_, _>>| {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (name, bytes)
    };
    archive.entries().unwrap().map(read).collect()
}

/// Topologies 4 and 6: usage to the CSLU, bundle to CSSM, ACK bundle back, ACK to the device.
#[tokio::test]
async fn a_bundle_goes_from_a_disconnected_peer_to_cssm_and_its_ack_comes_back() {
    for role in [Role::Cslu, Role::OnPrem] {
        let cssm = World::new().await;
        let cslu = disconnected(role, &cssm).await;
        let door = cslu.server.urls.cslu.clone();
        assert_eq!(file(&cslu, "GET", "bundle", Vec::new()).await.0, 404);
        let mut devices: Vec<Device> = (1..=2).map(|n| Device::new(&cslu, n)).collect();
        let mut polls = Vec::new();
        for device in &mut devices {
            polls.push(device.reports(&cslu, &door, &[1_772_445_600, 1_772_445_601]).await);
            let poll = Request::Poll { poll_id: *polls.last().unwrap() };
            let answer = device.says(&cslu, &door, &poll).await.unwrap();
            assert_eq!((answer.status, answer.data.poll_interval_s), (StatusWord::OkPoll, Some(60)));
            let sync = device.says(&cslu, &door, &Request::TrustSync).await.unwrap();
            assert_eq!(sync.status, StatusWord::NoData);
        }

        let (status, name, bundle) = file(&cslu, "GET", "bundle", Vec::new()).await;
        assert_eq!((status, name.as_str()), (200, "UD_SA_26Mar02_10_00_00_000.tar.gz"));
        assert_eq!(names(&bundle), ["manifest.mf", "UD_VA_26Mar02_10_00_00_000.tar.gz"]);
        let outer = members(&bundle);
        let manifest = String::from_utf8(outer[0].1.clone()).unwrap();
        assert!(
            manifest.starts_with("Manifest-Version: 1.0\nCreated-By: \"{\\\"uuid\\\": \\\""),
            "{manifest}"
        );
        assert!(manifest.contains(
            "\n\nName: /UD_VA_26Mar02_10_00_00_000.tar.gz\nSpecification-VA: \nSpecification-VA-ID: \n"
        ));
        let inner = members(&outer[1].1);
        let expected = ["dev_1_26Mar02_10_00_00_000.txt", "dev_2_26Mar02_10_00_00_000.txt"];
        assert_eq!(names(&outer[1].1), expected);
        let text = String::from_utf8(inner[0].1.clone()).unwrap();
        assert!(text.starts_with("<smartLicense>\n<RUMReport><![CDATA[{\"payload\":"), "{text}");
        // The envelope as the device made it, byte for byte.
        let message = compose(&devices[0].usage(&[1_772_445_600]), &devices[0].sender, NOW, 1);
        let DeviceBody::LicenseUsage { reports, .. } = message.body else { panic!() };
        let envelope =
            slpsim_transport::rum::envelope_text(&slpsim_transport::rum::seal(&reports[0], None).unwrap());
        assert!(text.contains(&envelope));

        let path = format!("uploads?name={name}");
        let (status, ack_name, acks) = file(&cssm, "POST", &path, bundle.clone()).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&acks));
        assert_eq!(ack_name, "ACK_UD_SA_26Mar02_10_00_00_000.tar.gz");
        assert_eq!(names(&acks), ["ACK_UD_VA_26Mar02_10_00_00_000.tar.gz"]);
        assert_eq!(names(&members(&acks)[0].1), expected.map(|name| format!("ACK_{name}")));

        let back = file(&cslu, "POST", "uploads", acks.clone()).await.2;
        let back: Value = serde_json::from_slice(&back).unwrap();
        assert_eq!(back, json!({"acks": 2, "pushes": 2, "policy": true}));
        for (device, poll_id) in devices.iter_mut().zip(polls) {
            let answer = device.says(&cslu, &door, &Request::Poll { poll_id }).await.unwrap();
            let ack = answer.data.ack.unwrap().object.unwrap();
            let both = [1_772_445_600, 1_772_445_601].map(|id| (ReportId(id), ReportVerdict::Acknowledged));
            assert_eq!(ack.reports, both);
            assert_eq!(ack.policy.unwrap().object.unwrap().policy.name, "Example Policy");
            let code = ack.trust_codes[0].object.as_ref().unwrap();
            device.sender.identity = Some(code.code.identity);
            // From now on the policy is there for whoever asks (S-33e).
            let sync = device.says(&cslu, &door, &Request::TrustSync).await.unwrap();
            assert_eq!(sync.data.policy.unwrap().object.unwrap().policy.name, "Example Policy");
        }
        assert_eq!(file(&cslu, "GET", "bundle", Vec::new()).await.0, 404, "nothing waits any more");
        // The same files twice are harmless on both sides.
        let (status, _, _) = file(&cssm, "POST", &path, bundle).await;
        assert_eq!(status, 200);
        let again: Value = serde_json::from_slice(&file(&cslu, "POST", "uploads", acks).await.2).unwrap();
        assert_eq!(again["pushes"], 0);
    }
}

/// A push that came while the bundle was away waits for the next round, and its ACK names everything.
#[tokio::test]
async fn what_comes_while_a_bundle_is_away_waits_for_the_next_one() {
    let cssm = World::new().await;
    let cslu = disconnected(Role::Cslu, &cssm).await;
    let door = cslu.server.urls.cslu.clone();
    let mut device = Device::new(&cslu, 1);
    device.reports(&cslu, &door, &[1]).await;
    let first = file(&cslu, "GET", "bundle", Vec::new()).await.2;
    let poll_id = device.reports(&cslu, &door, &[1, 2]).await;
    let acks = file(&cssm, "POST", "uploads?name=UD_SA_1.tar.gz", first).await.2;
    file(&cslu, "POST", "uploads", acks).await;
    let poll = Request::Poll { poll_id };
    assert_eq!(device.says(&cslu, &door, &poll).await.unwrap().status, StatusWord::OkPoll);
    let second = file(&cslu, "GET", "bundle", Vec::new()).await.2;
    let acks = file(&cssm, "POST", "uploads?name=UD_SA_2.tar.gz", second).await.2;
    file(&cslu, "POST", "uploads", acks).await;
    let answer = device.says(&cslu, &door, &poll).await.unwrap();
    let ids: Vec<u64> = answer.data.ack.unwrap().object.unwrap().reports.iter().map(|(id, _)| id.0).collect();
    assert_eq!(ids, [1, 2]);
}

fn saved(device: &Device, ids: &[u64], with_info: bool) -> String {
    let message = compose(&device.usage(ids), &device.sender, NOW, 1);
    let DeviceBody::LicenseUsage { reports, .. } = message.body else { panic!() };
    let info = SystemInfo {
        udi: device.sender.udi,
        timestamp: NOW,
        nonce: Nonce::Number(4_611_686_018_427_387_905),
        hostname: Some("n9k-leaf-01".into()),
        software_tag: Some(device.sender.profile.software_tag.into()),
        devices: Vec::new(),
        other: serde_json::Map::new(),
    };
    save_file(with_info.then_some(&info), &reports, Some(device.keys)).unwrap()
}

fn read(device: &Device, bytes: &[u8]) -> LicenseFile {
    let mut opener = Opener::new(&device.verifier, NOW);
    let file = LicenseFile::read(bytes, &mut opener).unwrap();
    assert_eq!(opener.notes, Vec::<String>::new());
    file
}

/// Topology 5.
#[tokio::test]
async fn a_switch_without_any_network_gets_ack_policy_and_trust_by_file() {
    let cssm = World::new().await;
    let device = Device::new(&cssm, 1);
    for with_info in [true, false] {
        let text = saved(&device, &[1, 2], with_info);
        let (status, name, ack) = file(&cssm, "POST", "uploads?name=usage.txt", text.into()).await;
        assert_eq!((status, name.as_str()), (200, "ACK_usage.txt"), "{}", String::from_utf8_lossy(&ack));
        let file = read(&device, &ack);
        assert_eq!((file.acks.len(), file.policies.len(), file.trust_codes.len()), (1, 1, 0));
        let ack = file.into_ack().unwrap().object.unwrap();
        assert_eq!(ack.udi, device.sender.udi);
        assert_eq!(ack.reports.len(), 2);
        if with_info {
            assert_eq!(ack.nonce, Some(Nonce::Number(4_611_686_018_427_387_905)));
        }
    }
    let hostname = cssm.ok("GET", "devices/FDO00000001", None).await["hostname"].clone();
    assert_eq!(hostname, "n9k-leaf-01");

    let request = TrustRequest {
        udi: device.sender.udi,
        hostname: None,
        software_tag: device.sender.profile.software_tag.into(),
        csr: device.keys.csr(&device.sender.udi).unwrap().into(),
        token: Some(cssm.token()),
        force: false,
        nonce: Nonce::Number(7),
        timestamp: NOW,
    };
    let text = trust_request_file(&request).unwrap();
    let (status, name, code) = file(&cssm, "POST", "uploads?name=trust.txt", text.into()).await;
    assert_eq!((status, name.as_str()), (200, "ACK_trust.txt"));
    let code = read(&device, &code).trust_codes.remove(0).object.unwrap();
    assert_eq!((code.code.udi, code.nonce), (device.sender.udi, Some(Nonce::Number(7))));
    // A switch without connection has no token; the account of the upload is meant.
    let other = slpsim_agent::Udi::new("N9K-C93180YC-FX3", "FDO00000077").unwrap();
    let bare = TrustRequest { token: None, udi: other, ..request.clone() };
    let (status, _, code) = file(&cssm, "POST", "uploads", trust_request_file(&bare).unwrap().into()).await;
    let code = read(&device, &code).trust_codes.remove(0).object.unwrap();
    assert_eq!((status, code.code.udi, code.account.unwrap().r#virtual), (200, other, "Lab".to_owned()));
    let token = Some(slpsim_agent::Token::new("NOSUCHTOKEN").unwrap());
    let bad = TrustRequest { token, ..request };
    let bad = trust_request_file(&bad).unwrap();
    let (status, _, refusal) = file(&cssm, "POST", "uploads", bad.into()).await;
    let refusal = String::from_utf8(refusal).unwrap();
    assert!(status == 409 && refusal.contains("token-unknown: The token is not valid"), "{refusal}");
    assert!(!refusal.contains("NOSUCHTOKEN"));

    let (status, name, policy) = file(&cssm, "GET", "policies/Lab/file", Vec::new()).await;
    assert_eq!((status, name.as_str()), (200, "policy.xml"));
    assert_eq!(read(&device, &policy).policies[0].object.as_ref().unwrap().policy.name, "Example Policy");
    cssm.ok("DELETE", "policies/Lab", None).await;
    assert_eq!(file(&cssm, "GET", "policies/Lab/file", Vec::new()).await.0, 404);
}

/// A policy file alone, brought to a CSLU: its devices get it with their next synchronisation.
#[tokio::test]
async fn a_policy_file_alone_reaches_the_devices_of_a_disconnected_cslu() {
    let cssm = World::new().await;
    let cslu = disconnected(Role::Cslu, &cssm).await;
    let policy = file(&cssm, "GET", "policies/Lab/file", Vec::new()).await.2;
    let taken: Value = serde_json::from_slice(&file(&cslu, "POST", "uploads", policy).await.2).unwrap();
    assert_eq!(taken, json!({"acks": 0, "pushes": 0, "policy": true}));
    let mut device = Device::new(&cslu, 1);
    let door = cslu.server.urls.cslu.clone();
    let sync = device.says(&cslu, &door, &Request::TrustSync).await.unwrap();
    assert_eq!(sync.data.policy.unwrap().object.unwrap().policy.name, "Example Policy");
}

/// One member with this name and kind; the library itself would refuse to write some of them.
fn hostile(name: &str, kind: tar::EntryType) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(0);
    header.set_cksum();
    let mut builder = tar::Builder::new(Vec::new());
    builder.append(&header, std::io::empty()).unwrap();
    builder.into_inner().unwrap()
}

#[tokio::test]
async fn files_that_are_not_as_they_should_be_change_nothing_and_say_why() {
    let cssm = World::new().await;
    let cslu = disconnected(Role::Cslu, &cssm).await;
    let door = cslu.server.urls.cslu.clone();
    let mut device = Device::new(&cslu, 1);
    let poll_id = device.reports(&cslu, &door, &[1]).await;
    let usage = saved(&device, &[1], true).into_bytes();
    let ack = file(&cssm, "POST", "uploads", usage.clone()).await.2;
    let stranger = saved(&Device::new(&cssm, 9), &[1], true).into_bytes();
    let stranger = file(&cssm, "POST", "uploads", stranger).await.2;
    let half = [ack.clone(), usage.clone()].concat();
    // One good ACK and one for a device that is not known here: all or nothing.
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in [("ACK_dev_1.txt", &ack), ("ACK_dev_2.txt", &stranger)] {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len().try_into().unwrap());
        builder.append_data(&mut header, name, bytes.as_slice()).unwrap();
    }
    let mixed = builder.into_inner().unwrap();
    let dtd =
        b"<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><smartLicense>&x;</smartLicense>".to_vec();
    for (world, bytes, why) in [
        (&cssm, Vec::new(), "root"),
        (&cssm, b"no xml".to_vec(), ""),
        (&cssm, b"<html></html>".to_vec(), "root"),
        (&cssm, dtd, "document type"),
        (&cssm, usage[..usage.len() / 2].to_vec(), "XML"),
        (&cssm, b"<smartLicense></smartLicense>".to_vec(), "nothing in it"),
        (&cssm, hostile("../../etc/cron.d/x", tar::EntryType::Regular), "leads outside"),
        (&cssm, hostile("/etc/passwd", tar::EntryType::Regular), "leads outside"),
        (&cssm, hostile("dev_1.txt", tar::EntryType::Symlink), "link"),
        (&cssm, b"\x1f\x8bnonsense".to_vec(), "damaged"),
        (&cssm, ack.clone(), "for the switch or for a CSLU"),
        (&cslu, usage, "for CSSM"),
        (&cslu, half, ""),
        (&cslu, stranger, "has never reported here"),
        (&cslu, mixed, "has never reported here"),
    ] {
        let before = (world.ok("GET", "reports", None).await, world.ok("GET", "upstream", None).await);
        let (status, _, answer) = file(world, "POST", "uploads", bytes).await;
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        let text = answer["error"].as_str().unwrap();
        assert!(status == 400 && text.contains(why) && !text.contains('\n'), "{status} {text} ({why})");
        let after = (world.ok("GET", "reports", None).await, world.ok("GET", "upstream", None).await);
        assert_eq!(before, after, "{text}");
    }
    let poll = Request::Poll { poll_id };
    assert_eq!(device.says(&cslu, &door, &poll).await.unwrap().status, StatusWord::OkPoll);
    assert_eq!(file(&cslu, "POST", "uploads", ack).await.0, 200);
    assert_eq!(device.says(&cslu, &door, &poll).await.unwrap().status, StatusWord::Ok);
    for path in ["uploads?virtual_account=Nowhere", "uploads?colour=red", "uploads?name=a%0Ab"] {
        let (status, _, _) = file(&cssm, "POST", path, b"<smartLicense/>".to_vec()).await;
        assert!(matches!(status, 400 | 404), "{path}: {status}");
    }
}

#[tokio::test]
async fn a_product_instance_is_listed_in_its_account_and_can_be_moved() {
    let world = World::new().await;
    let smart = world.server.urls.smart.clone();
    let mut device = Device::new(&world, 1);
    device.gets_trust(&world).await;
    world.ok("PUT", "policies/Other", Some(json!({"name": "Other Policy", "first": 10}))).await;
    assert_eq!(world.ok("GET", "accounts/Other/devices", None).await, json!([]));
    let moved =
        world.ok("POST", "devices/FDO00000001/transfer", Some(json!({"virtual_account": "Other"}))).await;
    assert_eq!(moved["virtual_account"], "Other");
    assert_eq!(world.ok("GET", "accounts/Lab/devices", None).await, json!([]));
    let list = world.ok("GET", "accounts/Other/devices", None).await;
    assert_eq!((list.as_array().unwrap().len(), &list[0]["serial"]), (1, &json!("FDO00000001")));
    let sync = device.says(&world, &smart, &Request::TrustSync).await.unwrap();
    assert_eq!(sync.data.policy.unwrap().object.unwrap().policy.name, "Other Policy");
    // A token of the account that it left: account mismatch (S-35b).
    let trust = Request::Trust { token: world.token(), force: true, units: device.sender.units.clone() };
    let answer = device.says(&world, &smart, &trust).await.unwrap();
    assert_eq!(answer.status_message, "Smart Account and Virtual Account mismatch");
    world.ok("PUT", "accounts/Closed", Some(json!({"membership": "listed", "devices": []}))).await;
    for (path, body, status) in [
        ("devices/FDO00000001/transfer", json!({"virtual_account": "Closed"}), 400),
        ("devices/FDO00000001/transfer", json!({"virtual_account": "Nowhere"}), 404),
        ("devices/FDO00000077/transfer", json!({"virtual_account": "Lab"}), 404),
        ("devices/FDO00000001/transfer", json!({}), 400),
    ] {
        assert_eq!(world.call("POST", path, Some(body)).await.0, status, "{path}");
    }
}

/// The folder of a mock that does not run: the same files, and nobody else meanwhile.
#[tokio::test]
async fn a_folder_serves_the_file_round_without_a_running_mock() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [at_cslu, at_cssm] = [&folders[0], &folders[1]].map(|folder| folder.path().to_owned());
    let open = |path: &std::path::Path| {
        Offline::open(&StoreChoice::Folder(path.into()), None, |_| Ok(std::sync::Arc::new(SystemClock)))
    };
    let cslu = ServerConfig { store: Some(StoreChoice::Folder(at_cslu.clone())), ..of(Role::Cslu) };
    let cslu = World::with(cslu).await;
    let door = cslu.server.urls.cslu.clone();
    let mut device = Device::new(&cslu, 1);
    let poll_id = device.reports(&cslu, &door, &[1]).await;
    let refusal = open(&at_cslu).unwrap_err().to_string();
    assert!(refusal.contains("in use by another mock"), "{refusal}");
    cslu.server.shutdown().await;

    let bundle = open(&at_cslu).unwrap().download().unwrap();
    let cssm = open(&at_cssm).unwrap();
    let taken = cssm.upload(&bundle.name, &bundle.bytes, None).unwrap();
    let Taken::Answered { answer: acks, refused } = taken else { panic!() };
    assert_eq!(refused, []);
    assert_eq!(acks.name, format!("ACK_{}", bundle.name));
    let taken = open(&at_cslu).unwrap().upload(&acks.name, &acks.bytes, None).unwrap();
    assert_eq!(taken, Taken::Brought { acks: 1, pushes: 1, policy: true });
    assert!(open(&at_cslu).unwrap().download().is_err());
    let lines = cssm.export().join("\n");
    assert!(lines.contains("FDO00000001"));

    let cslu = ServerConfig { store: Some(StoreChoice::Folder(at_cslu.clone())), ..of(Role::Cslu) };
    let mut cslu = World::with(cslu).await;
    cslu.server.ca_pem.push_str(&std::fs::read_to_string(at_cssm.join("ca.pem")).unwrap());
    device.verifier = slpsim_transport::sign::Verifier::root(&cslu.server.ca_pem).unwrap();
    let door = cslu.server.urls.cslu.clone();
    let answer = device.says(&cslu, &door, &Request::Poll { poll_id }).await.unwrap();
    assert_eq!(answer.status, StatusWord::Ok);
}

/// A folder stays what its mock was: its role, its accounts, and whether it verifies.
#[tokio::test]
async fn a_folder_of_a_cslu_takes_no_usage_and_one_of_cssm_no_acks() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [at_cslu, at_cssm] =
        [&folders[0], &folders[1]].map(|folder| StoreChoice::Folder(folder.path().into()));
    let names = slpsim_agent::Account { smart: "ACME".into(), r#virtual: "Prod".into() };
    let accounts = vec![slpsim_cssm::AccountConfig { names, policy: None }];
    for (role, dir) in [(Role::Cslu, &at_cslu), (Role::Cssm, &at_cssm)] {
        let mut config = of(role);
        config.mock.accounts.clone_from(&accounts);
        let world = World::with(ServerConfig { store: Some(dir.clone()), ..config }).await;
        if role == Role::Cslu {
            Device::new(&world, 1).reports(&world, &world.server.urls.cslu.clone(), &[1]).await;
        }
        world.server.shutdown().await;
    }
    let open = |path| Offline::open(path, None, |_| Ok(std::sync::Arc::new(SystemClock))).unwrap();
    let bundle = open(&at_cslu).download().unwrap();
    let refusal = open(&at_cslu).upload(&bundle.name, &bundle.bytes, None).unwrap_err().to_string();
    assert!(refusal.contains("usage and requests are for CSSM"), "{refusal}");
    let taken = open(&at_cssm).upload(&bundle.name, &bundle.bytes, None).unwrap();
    let Taken::Answered { answer, .. } = taken else { panic!() };
    let refusal = open(&at_cssm).upload(&answer.name, &answer.bytes, None).unwrap_err().to_string();
    assert!(refusal.contains("for the switch or for a CSLU"), "{refusal}");
    assert!(open(&at_cslu).upload(&answer.name, &answer.bytes, None).is_ok());
    for dir in [&at_cslu, &at_cssm] {
        let accounts: Vec<_> =
            open(dir).export().into_iter().filter(|line| line.contains("\"account\":{")).collect();
        assert!(accounts.len() == 1 && accounts[0].contains("Prod"), "{accounts:?}");
    }
}

/// The others of a bundle get their answers, and whoever brought it learns which did not.
#[tokio::test]
async fn devices_that_cssm_does_not_take_of_a_bundle_are_named_with_the_reason() {
    let cssm = World::new().await;
    let cslu = disconnected(Role::Cslu, &cssm).await;
    let door = cslu.server.urls.cslu.clone();
    for n in 1..=3 {
        Device::new(&cslu, n).reports(&cslu, &door, &[1]).await;
    }
    let udi = "PID:N9K-C93180YC-FX3,SN:FDO00000002";
    let listed = json!({"membership": "listed", "devices": [udi]});
    cssm.ok("PUT", "accounts/Lab", Some(listed)).await;
    let remote = |world: &World| {
        slpsim_cssm::server::Remote::new(&world.server.urls.manage, world.server.manage_token.clone())
            .unwrap()
    };
    let bundle = remote(&cslu).download().await.unwrap();
    let taken = remote(&cssm).upload(&bundle.name, bundle.bytes.clone(), None).await.unwrap();
    let Taken::Answered { answer, refused } = taken else { panic!() };
    assert_eq!(names(&members(&answer.bytes)[0].1), ["ACK_dev_2_26Mar02_10_00_00_000.txt"]);
    let told: Vec<_> = refused.iter().map(ToString::to_string).collect();
    let expected = |n| {
        format!(
            "PID:N9K-C93180YC-FX3,SN:FDO0000000{n} (dev_{n}_26Mar02_10_00_00_000.txt): refused by rule membership: "
        )
    };
    assert_eq!(told.len(), 2);
    assert!(told[0].starts_with(&expected(1)) && told[1].starts_with(&expected(3)), "{told:?}");
    // None is left: then nothing is answered.
    cssm.ok("PUT", "accounts/Lab", Some(json!({"membership": "listed", "devices": []}))).await;
    cssm.ok("DELETE", "devices/FDO00000002", None).await;
    let error = remote(&cssm).upload(&bundle.name, bundle.bytes, None).await.unwrap_err();
    assert!(matches!(error, slpsim_cssm::server::RemoteError::Declined(_)), "{error:?}");
    assert!(error.to_string().contains("FDO00000001"), "{error}");
}
