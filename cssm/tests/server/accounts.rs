//! An On-Prem with several accounts: each device comes into the account of its name at CSSM (`spec/behaviour.md` §12 rows 3
//! and 6, `spec/formats.md` §7, §12).

use std::time::Duration;

use serde_json::{Value, json};
use slpsim_agent::Request;
use slpsim_cssm::server::{ServerConfig, Upstream};
use slpsim_cssm::{AccountConfig, Config, Role};
use slpsim_policy::{Policy, Values};
use slpsim_transport::message::StatusWord;
use tokio::time::timeout;

use crate::client::{Device, World};
use crate::files::file;

const PATIENCE: Duration = Duration::from_secs(20);

fn with_accounts(role: Role, names: &[&str]) -> ServerConfig {
    let account = |name: &&str| AccountConfig {
        names: slpsim_agent::Account { smart: "Example SA".into(), r#virtual: (*name).into() },
        policy: Some(Policy::nxos(&format!("Policy of {name}"), Values::of(60, 180, 60))),
    };
    let accounts = names.iter().map(account).collect();
    let mock = Config { role, connected: role == Role::Cssm, accounts, ..Config::default() };
    ServerConfig { mock, seed: Some(7), ..ServerConfig::default() }
}

async fn on_prem_under(cssm: &World, names: &[&str]) -> World {
    let upstream = Upstream { url: cssm.server.urls.smart.clone(), ca_pem: Some(cssm.server.ca_pem.clone()) };
    World::with(ServerConfig { upstream: Some(upstream), ..with_accounts(Role::OnPrem, names) }).await
}

async fn account_at(cssm: &World, serial: &str) -> Value {
    cssm.ok("GET", &format!("devices/{serial}"), None).await["virtual_account"].clone()
}

async fn acked_policy(device: &mut Device, world: &World, door: &str, ids: &[u64]) -> String {
    let poll_id = device.reports(world, door, ids).await;
    timeout(PATIENCE, world.server.forwarded()).await.expect("the ACK comes back");
    let answer = device.says(world, door, &Request::Poll { poll_id }).await.unwrap();
    answer.data.ack.unwrap().object.unwrap().policy.unwrap().object.unwrap().policy.name
}

#[tokio::test]
async fn each_device_of_a_connected_on_prem_joins_the_account_of_its_tenant() {
    let cssm = World::with(with_accounts(Role::Cssm, &["Lab", "Branch 2"])).await;
    let on_prem = on_prem_under(&cssm, &["Branch 2", "Lab", "Only here"]).await;
    let door = on_prem.server.urls.cslu.clone();
    for (n, tenant, account) in [(1, "Lab", "Lab"), (2, "Branch%202", "Branch 2"), (3, "", "Branch 2")] {
        let door = if tenant.is_empty() { door.clone() } else { format!("{door}/{tenant}-1") };
        let mut device = Device::new(&on_prem, n);
        assert_eq!(acked_policy(&mut device, &on_prem, &door, &[1]).await, format!("Policy of {account}"));
        assert_eq!(account_at(&cssm, &format!("FDO{n:08}")).await, account);
    }
    // What is passed on as it came goes the same way.
    let mut device = Device::new(&on_prem, 4);
    let answer = device.says(&on_prem, &format!("{door}/Branch%202-1"), &Request::TrustSync).await.unwrap();
    assert_eq!(answer.data.account.unwrap().r#virtual, "Branch 2");
    assert_eq!(account_at(&cssm, "FDO00000004").await, "Branch 2");
}

#[tokio::test]
async fn an_account_that_cssm_does_not_have_is_told_and_its_reports_are_kept() {
    let cssm = World::with(with_accounts(Role::Cssm, &["Lab"])).await;
    let on_prem = on_prem_under(&cssm, &["Lab", "Branch"]).await;
    let door = format!("{}/Branch-1", on_prem.server.urls.cslu);
    let mut device = Device::new(&on_prem, 1);
    let poll_id = device.reports(&on_prem, &door, &[1]).await;
    let told = async {
        loop {
            let view = on_prem.ok("GET", "upstream", None).await;
            if let Some(trouble) = view["trouble"].as_str() {
                return trouble.to_owned();
            }
            tokio::task::yield_now().await;
        }
    };
    let told = timeout(PATIENCE, told).await.expect("trouble");
    assert!(
        told.starts_with("upstream has no Virtual Account \"Branch\" in \"Example SA\"; make it"),
        "{told}"
    );
    let sync = device.says(&on_prem, &door, &Request::TrustSync).await.unwrap();
    assert_eq!(sync.status, StatusWord::TryAgain);
    assert_eq!(cssm.ok("GET", "devices", None).await, json!([]));
    cssm.ok("POST", "tokens", Some(json!({"virtual_account": "Branch"}))).await;
    on_prem.ok("POST", "upstream/retry", None).await;
    timeout(PATIENCE, on_prem.server.forwarded()).await.expect("the ACK comes back");
    let answer = device.says(&on_prem, &door, &Request::Poll { poll_id }).await.unwrap();
    assert_eq!(answer.status, StatusWord::Ok);
    assert_eq!(account_at(&cssm, "FDO00000001").await, "Branch");
}

#[tokio::test]
async fn a_bundle_of_several_accounts_says_which_devices_are_of_which() {
    let cssm = World::with(with_accounts(Role::Cssm, &["Lab", "Branch"])).await;
    let mut on_prem = World::with(with_accounts(Role::OnPrem, &["Lab", "Branch", "Only here"])).await;
    on_prem.server.ca_pem.push_str(&cssm.server.ca_pem);
    let door = on_prem.server.urls.cslu.clone();
    let mut polls = Vec::new();
    for (n, tenant) in [(1, "Lab"), (2, "Branch"), (3, "Only%20here")] {
        let mut device = Device::new(&on_prem, n);
        let door = format!("{door}/{tenant}-1");
        let poll_id = device.reports(&on_prem, &door, &[1]).await;
        polls.push((device, door, poll_id));
    }
    let (_, name, bundle) = file(&on_prem, "GET", "bundle", Vec::new()).await;
    let (status, _, acks) = file(&cssm, "POST", &format!("uploads?name={name}"), bundle.clone()).await;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&acks));
    for (serial, account) in [("FDO00000001", "Lab"), ("FDO00000002", "Branch")] {
        assert_eq!(account_at(&cssm, serial).await, account);
    }
    assert_eq!(cssm.call("GET", "devices/FDO00000003", None).await.0, 404, "nobody knows its account");
    let (status, _, brought) = file(&on_prem, "POST", "uploads", acks).await;
    assert_eq!(status, 200);
    let brought: Value = serde_json::from_slice(&brought).unwrap();
    assert_eq!(brought, json!({"acks": 2, "pushes": 2, "policy": true}));
    let (device, door, poll_id) = &mut polls[1];
    let answer = device.says(&on_prem, door, &Request::Poll { poll_id: *poll_id }).await.unwrap();
    let ack = answer.data.ack.unwrap().object.unwrap();
    assert_eq!(ack.policy.unwrap().object.unwrap().policy.name, "Policy of Branch");
    // Whoever brings it may say otherwise.
    let (status, _, _) =
        file(&cssm, "POST", &format!("uploads?name={name}&virtual_account=Branch"), bundle).await;
    assert_eq!(status, 200);
    assert_eq!(account_at(&cssm, "FDO00000003").await, "Branch");
}
