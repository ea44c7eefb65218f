//! A switch without any connection, in simulated time: files go by hand (`spec/behaviour.md` §12 topology 5).
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod offline;

use std::sync::Arc;

use offline::{Offline, example_policy, read};
use slpsim_agent::{BootCause, Keep, Message, ReportState, Settings, TransportMode, Udi};
use slpsim_cssm::{Config, Cssm};
use slpsim_policy::Wall;
use slpsim_sim::{Class, DeviceId, DeviceSpec, FilePath, Files, InProcess, World};

const START: Wall = Wall::from_secs(1_767_225_600);
const DAY: u64 = 86_400_000;

/// One switch, its lines, and CSSM at the other end of a USB stick.
struct Site {
    world: World<InProcess>,
    id: DeviceId,
    cssm: Offline,
    lines: Vec<String>,
}

impl Site {
    fn new(transport: TransportMode) -> Self {
        let udi = Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap();
        let spec = DeviceSpec::new("n9k-leaf-01", udi, Settings { transport, ..Settings::default() });
        let link = InProcess::to(Cssm::new(Config::default()).unwrap());
        let mut world = World::new(START, 7, link);
        world.shared.keep = Keep::SWITCH;
        let id = world.add(spec);
        let cssm = Offline::new(START);
        world.device_mut(id).unwrap().filed.verifier = Some(Arc::new(cssm.verifier()));
        let mut site = Self { world, id, cssm, lines: Vec::new() };
        let mut lines = Vec::new();
        let mut seen = |_, _, _, message: &Message| lines.push(message.to_string());
        site.world.boot(id, BootCause::First, &mut seen);
        site.lines.extend(lines);
        site
    }

    fn run(&mut self, days: u64) {
        let to = self.world.now_ms() + days * DAY;
        let mut lines = Vec::new();
        let mut seen = |_, _, _, message: &Message| lines.push(message.to_string());
        self.world.run_to(to, Class::Expect, &mut seen);
        self.lines.extend(lines);
    }

    fn exec(&mut self, line: &str) -> (String, bool) {
        let mut lines = Vec::new();
        let mut seen = |_, _, _, message: &Message| lines.push(message.to_string());
        let answer = self.world.exec(self.id, &[line.to_owned()], &mut seen).unwrap();
        self.lines.extend(lines);
        answer
    }

    fn ok(&mut self, line: &str) -> String {
        let (text, error) = self.exec(line);
        assert!(!error, "{line}: {text}");
        text
    }

    fn get(&mut self, name: &str) -> Vec<u8> {
        let files = &mut self.world.device_mut(self.id).unwrap().filed.files;
        files.read(&FilePath::parse(name).unwrap(), 10_000_000).unwrap()
    }

    fn put(&mut self, name: &str, text: &str) {
        let files = &mut self.world.device_mut(self.id).unwrap().filed.files;
        files.write(&FilePath::parse(name).unwrap(), text.as_bytes()).unwrap();
    }

    fn logged(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }
}

/// From factory default to an acknowledged report with a customer policy, with nothing but files.
#[test]
fn topology_5_from_factory_default_to_an_acknowledged_report() {
    let mut site = Site::new(TransportMode::Off);
    site.run(10);
    assert_eq!(
        site.logged(),
        [
            "%LICMGR-6-LOG_SMART_LIC_REPORTING_REQUIRED: A Usage report acknowledgement will be required in 89 days."
        ]
    );

    // Trust: request, upload, code.
    assert_eq!(site.ok("license smart save trust-request bootflash:trust.txt"), "");
    let request = site.get("bootflash:trust.txt");
    let now = site.world.wall();
    let code = site.cssm.trust(&request, now);
    site.put("usb1:code.txt", &code);
    assert_eq!(site.ok("license smart import usb1:code.txt"), "Import Data Successful\n");

    // Usage: file, upload, ACK with the policy of the account.
    site.run(5);
    assert_eq!(site.ok("license smart save usage unreported file bootflash:usage.txt"), "");
    let usage = site.get("usage.txt");
    let now = site.world.wall();
    let (ack, ids) = site.cssm.acknowledge(&usage, Some(example_policy()), now);
    assert_eq!(ids.len(), 1);
    site.put("ack.txt", &ack);
    assert!(site.ok("show license rum id all").contains("UNACK"));
    assert_eq!(site.ok("license smart import bootflash:ack.txt"), "Import Data Successful\n");
    let lines = site.logged();
    let names: Vec<_> = lines.iter().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(
        names,
        [
            "%LICMGR-6-LOG_SMART_LIC_TRUST_CODE_INSTALL_SUCCESS",
            "%LICMGR-6-LOG_SMART_LIC_POLICY_INSTALL_SUCCESS"
        ]
    );
    let view = site.world.view(site.id).unwrap();
    assert_eq!(view.policy().unwrap().0, "Example Policy");
    assert_eq!(view.account().unwrap().0.r#virtual, "Lab");
    assert_eq!((view.last_ack(), view.last_file_write()), (Some(now), Some(now)));
    assert!(view.reports().any(|report| report.state == ReportState::Acknowledged));
    let status = site.ok("show license status");
    for part in
        ["Type: Transport Off", "INSTALLED on Jan 11 00:00:00 2026 UTC", "Policy name: Example Policy"]
    {
        assert!(status.contains(part), "{part} in\n{status}");
    }
    let history = site.ok("show license history message");
    for part in ["Imported on Jan 16 00:00:00 2026 UTC", "<smartLicenseRumAck>", "<smartLicenseTrustCode>"] {
        assert!(history.contains(part), "{part} in\n{history}");
    }

    // Both files again: harmless.
    site.run(3);
    let before = site.world.view(site.id).unwrap().last_ack();
    for file in ["usb1:code.txt", "ack.txt"] {
        assert_eq!(site.ok(&format!("license smart import {file}")), "Import Data Successful\n");
    }
    assert_eq!((site.logged(), site.world.view(site.id).unwrap().last_ack()), (vec![], before));

    // The next report is signed with the key of the trust code, and nothing was ever sent.
    site.ok("license smart save usage all file usage.txt");
    let usage = site.get("usage.txt");
    let now = site.world.wall();
    let (ack, ids) = site.cssm.acknowledge(&usage, Some(example_policy()), now);
    assert_eq!(ids.len(), 1);
    site.put("ack.txt", &ack);
    site.ok("license smart import ack.txt");
    let deadline = site.world.view(site.id).unwrap().ack_deadline();
    assert_eq!(deadline, Some(now.plus_days(180)), "the policy's ongoing value");
    assert_eq!(site.world.link.cssm.store().reports().count(), 0);
}

/// The chapter's S-33f and S-45d.
#[test]
fn without_connection_the_policy_comes_back_after_a_factory_reset() {
    let mut site = Site::new(TransportMode::Off);
    let file = site.cssm.policy(example_policy(), START);
    site.put("policy.txt", &file);
    site.ok("license smart import policy.txt");
    site.run(1);
    site.logged();
    site.ok("license smart factory reset");
    assert_eq!(
        site.logged(),
        ["%LICMGR-3-LOG_SMART_LIC_POLICY_REMOVED: The licensing policy has been removed."]
    );
    site.ok("license smart import policy.txt");
    assert_eq!(
        site.logged(),
        [
            "%LICMGR-6-LOG_SMART_LIC_POLICY_INSTALL_SUCCESS: A new licensing policy was successfully installed."
        ]
    );
}

#[test]
fn what_the_console_says_of_paths_and_of_nothing_to_save() {
    let mut site = Site::new(TransportMode::Off);
    site.run(1);
    let before = site.world.view(site.id).unwrap().reports().count();
    for (line, expected) in [
        (
            "license smart save usage all file ../x",
            "% Invalid path: use bootflash:NAME with letters, digits and . _ -",
        ),
        (
            "license smart save trust-request tftp://198.51.100.1/x",
            "% Invalid path: there is no file system tftp: here; use bootflash:NAME",
        ),
        ("license smart import nothing.txt", "% No such file or directory: bootflash:nothing.txt"),
        ("license smart save usage rum-id 7 file x", "The requested item was not found"),
    ] {
        assert_eq!(site.exec(line), (format!("{expected}\n"), true), "{line}");
    }
    assert_eq!(site.world.view(site.id).unwrap().reports().count(), before, "no report was closed");
    assert_eq!(site.world.device(site.id).unwrap().filed.files.iter().count(), 0);
}

/// `spec/behaviour.md` §14.
#[test]
fn privacy_settings_and_id_tokens_in_files_and_histories() {
    let mut site = Site::new(TransportMode::Smart);
    site.world.link.outages.add(slpsim_sim::Outage { from: START, to: START.plus_days(100) });
    site.ok("license smart trust idtoken EXAMPLETOKEN0001 local");
    site.run(1);
    site.ok("license smart save trust-request trust.txt");
    let open = String::from_utf8(site.get("trust.txt")).unwrap();
    assert!(open.contains("\"id_token\":\"EXAMPLETOKEN0001\"") && open.contains("n9k-leaf-01"), "{open}");
    site.world
        .exec(
            site.id,
            &["configure terminal", "license smart privacy all"].map(str::to_owned),
            &mut |_, _, _, _: &Message| {},
        )
        .unwrap();
    site.ok("license smart save trust-request trust.txt");
    site.ok("license smart save usage all file usage.txt");
    for file in ["trust.txt", "usage.txt"] {
        let text = String::from_utf8(site.get(file)).unwrap();
        assert!(!text.contains("n9k-leaf-01") && !text.contains("10.3(3)"), "{text}");
    }
    assert!(read(&site.get("usage.txt")).system_info.unwrap().hostname.is_none());
    // A trust request is nothing that a switch installs, and its token goes nowhere.
    let (text, error) = site.exec("license smart import trust.txt");
    assert_eq!((text.as_str(), error), ("Unsupported response type\n", true));
    for show in ["show license history message", "show license tech support", "show license eventlog"] {
        assert!(!site.ok(show).contains("EXAMPLETOKEN0001"), "{show}");
    }
}
