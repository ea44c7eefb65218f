//! Files on a driven device, on real folders and under real signatures.

#[path = "../../../sim/tests/offline/mod.rs"]
mod offline;

use std::fs;
use std::path::PathBuf;

use slpsim_agent::ElementFault;
use slpsim_policy::{Policy, Values};
use slpsim_transport::client::SystemNonces;
use slpsim_transport::sign::DeviceKeys;

use self::offline::{Offline, example_policy};
use super::console::exec;
use super::*;
use crate::files::{DeviceFiles, FolderFiles};

/// A device that believes `cssm`, with its folder.
struct Site {
    bench: Bench,
    folder: tempfile::TempDir,
    cssm: Offline,
    orders: mpsc::Sender<Order>,
    _task: JoinHandle<Result<(), DriverError>>,
}

impl Site {
    fn new() -> Self {
        let (bench, cssm, folder) = (Bench::new(), Offline::new(START), tempfile::tempdir().unwrap());
        fs::create_dir(folder.path().join("bootflash")).unwrap();
        let files = DeviceFiles {
            files: Box::new(FolderFiles::new(folder.path().to_path_buf())),
            keys: Some(Arc::new(DeviceKeys::generate().unwrap())),
            verifier: Arc::new(cssm.verifier()),
            nonces: Arc::new(SystemNonces),
        };
        let peer = MemoryPeer { world: bench.world.clone(), clock: bench.clock.clone() };
        let lines = Lines { world: bench.world.clone(), start: START };
        let (orders, task) =
            bench.boot_filed(u32::MAX, TransportMode::Off, Box::new(peer), Box::new(lines), files);
        Self { bench, folder, cssm, orders, _task: task }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("bootflash").join(name)
    }

    async fn ok(&self, line: &str) -> String {
        let (text, error) = exec(&self.orders, &[line]).await;
        assert!(!error, "{line}: {text}");
        text
    }

    /// Lines of the log and saves since the last call.
    fn trace(&self) -> Vec<String> {
        self.bench.known(|known| std::mem::take(&mut known.trace))
    }

    /// All that can be seen of the device's licensing state.
    async fn state(&self) -> String {
        let shows = ["show license all", "show license rum id all detail", "show license authorization"];
        exec(&self.orders, &shows).await.0
    }
}

#[tokio::test(start_paused = true)]
async fn topology_5_on_a_driven_device() {
    let mut site = Site::new();
    site.bench.clock.reached(Mono(DAY)).await;
    site.ok("license smart save trust-request bootflash:trust.txt").await;
    let now = site.bench.clock.wall();
    let code = site.cssm.trust(&fs::read(site.path("trust.txt")).unwrap(), now);
    fs::write(site.path("code.txt"), code).unwrap();
    assert_eq!(site.ok("license smart import code.txt").await, "Import Data Successful\n");
    site.trace();
    site.ok("license smart save usage unreported file bootflash:usage.txt").await;
    assert_eq!(site.trace(), ["save"], "what is closed is durable before it is in a file");
    let usage = fs::read(site.path("usage.txt")).unwrap();
    let (ack, ids) = site.cssm.acknowledge(&usage, Some(example_policy()), now);
    assert_eq!(ids.len(), 1);
    fs::write(site.path("ack.txt"), ack).unwrap();
    assert_eq!(site.ok("license smart import ack.txt").await, "Import Data Successful\n");
    let installed =
        "%LICMGR-6-LOG_SMART_LIC_POLICY_INSTALL_SUCCESS: A new licensing policy was successfully installed.";
    assert_eq!(site.trace(), ["save".to_owned(), format!("{DAY} {installed}")]);
    let text = site.ok("show license rum id all").await;
    assert!(text.contains("  ACK  "), "{text}");
}

/// What a bad file is, what the reply says, and what is logged.
struct Bad {
    contents: Vec<u8>,
    reply: &'static str,
    message: Option<&'static str>,
}

fn bad(contents: impl Into<Vec<u8>>, reply: &'static str, message: Option<&'static str>) -> Bad {
    Bad { contents: contents.into(), reply, message }
}

const POLICY: &str = "POLICY_INSTALL_FAILED: The installation of a new licensing policy has failed: ";
const TRUST: &str = "TRUST_CODE_INSTALL_FAILED: The install of a new licensing trust code has failed on P:N9K-C93180YC-FX3,S:FDO00000001: ";

fn not_readable() -> Vec<Bad> {
    let laughs = "<!DOCTYPE smartLicensePolicy [<!ENTITY a \"haha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]><smartLicensePolicy><data>&c;</data></smartLicensePolicy>";
    let external = "<!DOCTYPE smartLicense [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><smartLicense><smartLicenseTrustCode><data>&x;</data></smartLicenseTrustCode></smartLicense>";
    let mut large = b"<smartLicensePolicy><data>".to_vec();
    large.resize(50 << 20, b' ');
    let dtd = "must have no document type declaration";
    vec![
        bad("this is no XML", "must be well-formed XML", None),
        bad([0xff, 0xfe, 0x00], "must be UTF-8", None),
        bad("<html><body/></html>", "must have a known root element", None),
        bad("", "must have a known root element", None),
        bad("<smartLicense></smartLicense>", "Unsupported response type", None),
        bad("<smartLicense><somethingNew/></smartLicense>", "Unsupported response type", None),
        bad(laughs, dtd, Some("%message parsing error.")),
        bad(external, dtd, Some("$message parsing error.")),
        bad(large, "must have at most 5000000 bytes", Some("%message parsing error.")),
    ]
}

fn issued(site: &mut Site) -> Vec<Bad> {
    let now = site.bench.clock.wall();
    let other = || Policy::nxos("Other", Values::of(1, 2, 3));
    let whole = site.cssm.policy(other(), now);
    let cut = whole.get(..whole.len() / 2).unwrap().to_owned();
    let tampered = whole.replace("\\\"Other\\\"", "x").replace("Other", "Othex");
    let stranger = Offline::new(START);
    let unsigned = whole.split("<signature>").next().unwrap().to_owned() + "</smartLicensePolicy>";
    let udi = Udi::new("N9K-C93180YC-FX3", "FDO00000009").unwrap();
    let foreign_ack = site.cssm.ack_for(udi, &[slpsim_agent::ReportId(1_767_225_600)], now);
    let own = fs::read(site.path("trust.txt")).unwrap();
    let foreign = String::from_utf8(own.clone()).unwrap().replace("FDO00000001", "FDO00000009");
    let (old, foreign) =
        (site.cssm.trust(&own, now.plus_millis(-90_000_000)), site.cssm.trust(foreign.as_bytes(), now));
    site.cssm.fault = Some(ElementFault::Unreadable);
    let garbled = site.cssm.policy(other(), now);
    site.cssm.fault = None;
    vec![
        bad(cut, "must be well-formed XML", Some("%message parsing error.")),
        bad(
            garbled,
            "policy: message parsing error (policy: message must be JSON",
            Some("%message parsing error."),
        ),
        bad(
            tampered,
            "policy: Signature mismatch (policy: the signature does not fit",
            Some("%Signature mismatch."),
        ),
        bad(
            unsigned,
            "policy: Signature mismatch (policy: there is no signature",
            Some("%Signature mismatch."),
        ),
        bad(
            stranger.policy(other(), now),
            "policy: Signature mismatch (policy: the signer's certificate",
            Some("%Signature mismatch."),
        ),
        bad(
            site.cssm.policy(other(), now.plus_millis(-DAY_MS)),
            "policy: it is older than the one installed",
            Some("%Timestamp mismatch."),
        ),
        bad(
            site.cssm.policy(other(), now.plus_millis(2 * 3_600_000)),
            "policy: Timestamp mismatch",
            Some("%Timestamp mismatch."),
        ),
        bad(foreign_ack, "RUM ACK: it is for another product instance", None),
        bad(foreign, "trust code: it is for another product instance", Some("$message parsing error.")),
        bad(old, "trust code: it is older than the one installed", Some("$Timestamp mismatch.")),
        bad(site.cssm.authorization(udi, "regid.x", now), "Unsupported response type", None),
        bad(own, "Unsupported response type", None),
    ]
}

const DAY_MS: i64 = 86_400_000;

/// The reply names the reason, the right message appears, nothing changes.
#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_a_file_is_named_and_nothing_changes() {
    let mut site = Site::new();
    site.bench.clock.reached(Mono(DAY)).await;
    site.ok("license smart save trust-request trust.txt").await;
    let now = site.bench.clock.wall();
    let code = site.cssm.trust(&fs::read(site.path("trust.txt")).unwrap(), now);
    for text in [code, site.cssm.policy(example_policy(), now)] {
        fs::write(site.path("good.txt"), text).unwrap();
        site.ok("license smart import good.txt").await;
    }
    site.ok("license smart save usage all file usage.txt").await;
    let rows = not_readable().into_iter().chain(issued(&mut site));
    for (number, row) in rows.enumerate() {
        fs::write(site.path("bad.txt"), &row.contents).unwrap();
        let before = site.state().await;
        site.trace();
        let (text, error) = exec(&site.orders, &["license smart import bad.txt"]).await;
        assert!(error && text.contains(row.reply) && text.lines().count() == 1, "row {number}: {text}");
        let lines: Vec<_> = site.trace().into_iter().filter(|line| line != "save").collect();
        match row.message {
            Some(message) => {
                let message = message.replacen('%', POLICY, 1).replacen('$', TRUST, 1);
                let expected = format!("{DAY} %LICMGR-3-LOG_SMART_LIC_{message}");
                assert_eq!(lines, [expected], "row {number}");
            }
            None => assert_eq!(lines, [""; 0], "row {number}"),
        }
        assert_eq!(site.state().await, before, "row {number}");
    }
    let text = site.ok("show license status").await;
    assert!(text.contains("Policy name: Example Policy"), "{text}");
}

/// `spec/behaviour.md` §9: what is good of a file is installed, and the switch says exactly what that was.
#[tokio::test(start_paused = true)]
async fn a_file_that_is_refused_in_part_says_what_was_taken_on_the_console_and_in_the_history() {
    let mut site = Site::new();
    site.bench.clock.reached(Mono(DAY)).await;
    site.ok("license smart save trust-request trust.txt").await;
    let now = site.bench.clock.wall();
    let code = site.cssm.trust(&fs::read(site.path("trust.txt")).unwrap(), now);
    let policy = Offline::new(START).policy(example_policy(), now);
    let policy = policy.get(policy.find("<smartLicensePolicy").unwrap()..).unwrap().trim().to_owned();
    let both = code.replacen("</smartLicense>", &(policy + "</smartLicense>"), 1);
    fs::write(site.path("both.txt"), both).unwrap();
    let (text, error) = exec(&site.orders, &["license smart import both.txt"]).await;
    assert!(error, "{text}");
    assert!(
        text.starts_with("% Import Data Failed: policy: Signature mismatch; taken: trust code (policy: "),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1, "{text}");
    let history = site.ok("show license history message").await;
    let section = |name: &str| {
        let rest = history.split(&format!("{name}:\n")).nth(1).unwrap();
        rest.lines().next().unwrap().trim().to_owned()
    };
    assert_eq!(section("Import TRUST CODE"), "Imported on Jan 02 00:00:00 2026 UTC");
    let refused = section("Import POLICY");
    assert!(refused.starts_with("Refused on Jan 02 00:00:00 2026 UTC: Signature mismatch"), "{refused}");
    assert!(site.ok("show license status").await.contains("INSTALLED on"));
}
