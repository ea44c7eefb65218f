//! The troubleshooting steps of the chapter, typed as the chapter prints them (`spec/chapter.md` §5.3), each to a healthy
//! end.

use std::path::{Path, PathBuf};
use std::process::Command;

use slpsim_tests::peer;
use tempfile::TempDir;

use crate::process::Daemon;
use crate::tty::Tty;

const EXEC: &str = "switch# ";
const CONFIG: &str = "switch(config)# ";

/// How a person reaches the switch.
enum Way {
    Console,
    /// By OpenSSH.
    Ssh(PathBuf),
}

/// Both ways, or one where there is no OpenSSH.
fn ways() -> impl Iterator<Item = Way> {
    [Some(Way::Console), peer("ssh").map(Way::Ssh)].into_iter().flatten()
}

/// A person at a switch, and a mock: at its plain address it is a CSLU, at the other one CSSM.
struct Desk {
    tty: Tty,
    mock: Daemon,
    _switch: Option<Daemon>,
    _folder: TempDir,
}

impl Desk {
    /// A switch in the network that the chapter prints, before the mock, with these keys and these lines at boot.
    fn new(way: &Way, keys: &str, lines: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mock = Daemon::start(folder.path(), "cssm", &[]);
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(path("switch.cfg"), lines).unwrap();
        let (https, plain) = (mock.address("/urls/smart"), mock.address("/urls/cslu"));
        let config = format!(
            r#"
[device]
startup-config = "switch.cfg"
ca-file = "{}"
{keys}
[[sink]]
url = "null:"
[network]
name-servers = ["192.168.0.1"]
[network.hosts]
"smartreceiver.cisco.com" = "171.70.168.183"
"cslu-local.example.com" = "192.168.0.1"
[network.routes]
"171.70.168.183:443" = "{https}"
"192.168.0.1:8182" = "{plain}"
"#,
            mock.text("/ca_file")
        );
        let (mut tty, switch) = match way {
            Way::Console => {
                std::fs::write(path("switch.toml"), config).unwrap();
                (Tty::start(&["console", "--offline", "-c", &path("switch.toml")]), None)
            }
            Way::Ssh(program) => {
                let user = user(&path("id"));
                std::fs::write(path("switch.toml"), config + &user).unwrap();
                let switch = Daemon::start(folder.path(), "run", &["-c", &path("switch.toml")]);
                (by_ssh(program, folder.path(), switch.text("/devices/0/ssh")), Some(switch))
            }
        };
        tty.expect(EXEC);
        tty.answer("terminal length 0", EXEC);
        if switch.is_some() {
            // Log lines come to the console by themselves, to a session where it asks for them.
            tty.answer("configure terminal", CONFIG);
            tty.answer("logging monitor 6", CONFIG);
            tty.answer("end", EXEC);
            tty.answer("terminal monitor", EXEC);
        }
        Self { tty, mock, _switch: switch, _folder: folder }
    }

    fn trust(&self) -> String {
        format!("license smart trust idtoken {} local", self.mock.text("/idtoken"))
    }
}

/// An administrator with a key, as the configuration has it.
fn user(id: &str) -> String {
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", id]).status().unwrap();
    assert!(made.success());
    let public = std::fs::read_to_string(format!("{id}.pub")).unwrap();
    format!("[[user]]\nname = \"admin\"\nrole = \"network-admin\"\nkeys = [\"{}\"]\n", public.trim())
}

/// A terminal at the switch; what ssh learns of host keys stays in `folder`.
fn by_ssh(program: &Path, folder: &Path, address: &str) -> Tty {
    let port = address.rsplit(':').next().unwrap();
    let (id, known) = (folder.join("id"), format!("UserKnownHostsFile={}", folder.join("known").display()));
    let args = ["-F", "none", "-tt", "-i", id.to_str().unwrap(), "-p", port, "-o", &known];
    let options = ["-o", "StrictHostKeyChecking=accept-new", "-o", "LogLevel=ERROR", "-o", "BatchMode=yes"];
    Tty::with(program, &[&args[..], &options, &["admin@127.0.0.1"]].concat())
}

/// `spec/chapter.md` S-28a, S-46, S-47.
#[test]
fn a_wrong_smart_url_is_seen_in_show_license_status_and_corrected() {
    for way in ways() {
        let url = "https://smartreceiver.cisco.com/licservice/license";
        let wrong = url.replace("license", "licence");
        let keys = format!("transport = \"smart\"\nurl-smart = \"{wrong}\"\n");
        let mut desk = Desk::new(&way, &keys, "");
        let trust = desk.trust();
        let (tty, mock) = (&mut desk.tty, &desk.mock);
        tty.answer(&trust, EXEC);
        tty.expect("%LICMGR-3-LOG_SMART_LIC_COMM_FAILED: Communications failure with the Cisco Smart Software Manager (CSSM) : 404 host not found");
        let status = tty.answer("show license status", EXEC);
        assert!(status.contains(&format!("  URL: {wrong}\n")), "{status}");
        assert!(status.contains("Trust Code Installed: <none>\n"), "{status}");

        tty.answer("configure terminal", CONFIG);
        tty.answer(&format!("license smart url smart {url}"), CONFIG);
        tty.answer("end", EXEC);
        tty.answer(&trust, EXEC);
        tty.expect("%LICMGR-3-LOG_SMART_LIC_COMM_RESTORED: Communications with the Cisco Smart Software Manager (CSSM) restored.");
        tty.expect("%LICMGR-6-LOG_SMART_LIC_TRUST_CODE_INSTALL_SUCCESS: ");
        let status = tty.answer("show license status", EXEC);
        assert!(status.contains(&format!("  URL: {url}\n")), "{status}");
        assert!(
            status.contains("    INSTALLED on ") && status.contains("Policy name: Example Policy\n"),
            "{status}"
        );
        // What Cisco's support would have asked for (S-12b, S-12c): all that was said is in it.
        let history = tty.answer("show license history message", EXEC);
        assert!(history.contains("Trust Establishment:\n  Sent request on "), "{history}");
        assert!(
            history.contains("  Received response on ") && !history.contains(mock.text("/idtoken")),
            "{history}"
        );
        let support = tty.answer("show license tech support", EXEC);
        assert!(support.contains("Trust Establishment:\n  Attempts: Total="), "{support}");
        assert!(support.contains("Trust Data INSTALLED"), "{support}");
    }
}

/// `spec/chapter.md` S-28b.
#[test]
fn a_missing_name_server_is_found_by_a_ping_and_configured() {
    for way in ways() {
        let mut desk = Desk::new(&way, "transport = \"smart\"\n", "no ip name-server 192.168.0.1\n");
        let trust = desk.trust();
        let tty = &mut desk.tty;
        tty.answer(&trust, EXEC);
        tty.expect("Communications failure with the Cisco Smart Software Manager (CSSM) : Unable to resolve server hostname/domain name");
        let by_name = tty.answer("ping smartreceiver.cisco.com", EXEC);
        assert!(by_name.starts_with("% Invalid host/interface smartreceiver.cisco.com: "), "{by_name}");
        let ping = "Type escape sequence to abort.\n\
                    Sending 5, 100-byte ICMP Echos to 171.70.168.183, timeout is 2 seconds:\n\
                    !!!!!\n\
                    Success rate is 100 percent (5/5), round-trip min/avg/max = 1/1/1 ms\n";
        assert_eq!(tty.answer("ping 171.70.168.183", EXEC), ping);

        tty.answer("configure terminal", CONFIG);
        tty.answer("ip name-server 192.168.0.1", CONFIG);
        tty.answer("end", EXEC);
        assert!(tty.answer("nslookup smartreceiver.cisco.com", EXEC).contains("Address: 171.70.168.183\n"));
        assert_eq!(tty.answer("ping smartreceiver.cisco.com", EXEC), ping);
        tty.answer(&trust, EXEC);
        tty.expect("Communications with the Cisco Smart Software Manager (CSSM) restored.");
        tty.expect("A new licensing trust code was successfully installed on ");
        tty.expect(EXEC);
        tty.answer("license smart sync", EXEC);
        let status = tty.answer("show license status", EXEC);
        assert!(status.contains("    INSTALLED on "), "{status}");
    }
}

/// `spec/chapter.md` S-28j, S-28k, S-28l, S-28m.
#[test]
fn a_cslu_that_cannot_be_discovered_is_found_by_domain_name_and_name_server() {
    for way in ways() {
        let mut desk = Desk::new(&way, "transport = \"cslu\"\n", "no ip name-server 192.168.0.1\n");
        let tty = &mut desk.tty;
        tty.answer("license smart sync", EXEC);
        tty.expect("Communications failure with the Cisco Smart License Utility (CSLU) : Unable to resolve server hostname/domain name");
        let all = tty.answer("show license all", EXEC);
        assert!(all.contains("Last ACK received: <none>\n"), "{all}");
        assert!(all.contains("Transport:\n  Type: cslu\n  Cslu address: cslu-local\n"), "{all}");
        assert!(tty.answer("ping cslu-local", EXEC).starts_with("% Invalid host/interface cslu-local: "));

        tty.answer("configure terminal", CONFIG);
        tty.answer("ip domain name example.com", CONFIG);
        tty.answer("ip name-server 192.168.0.1", CONFIG);
        tty.answer("end", EXEC);
        let ping = tty.answer("ping cslu-local", EXEC);
        assert!(ping.contains("Echos to 192.168.0.1,") && ping.contains("\n!!!!!\n"), "{ping}");
        tty.answer("license smart sync", EXEC);
        tty.expect("Communications with the Cisco Smart License Utility (CSLU) restored.");
        tty.expect(EXEC);
        let history = tty.answer("show license history message", EXEC);
        assert!(history.contains("Usage Reporting:\n  Sent request on "), "{history}");
    }
}
