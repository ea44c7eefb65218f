//! netmiko, NAPALM, Ansible, unicon and genie, from the environment that `.ci/run` installs (`tests/clients/`).

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use slpsim_tests::changes::until;
use slpsim_tests::{clients, peer, root};
use tokio::process::Command;
use tokio::time::timeout;

use crate::process::{Daemon, stderr, stdout};
use crate::{SWITCH, port, start};

/// Python and its libraries take their time on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);

struct Bench {
    _folder: tempfile::TempDir,
    folder: PathBuf,
    daemon: Daemon,
    programs: PathBuf,
}

impl Bench {
    /// A switch, where the clients are installed.
    async fn new() -> Option<Self> {
        let programs = clients()?;
        let folder = tempfile::tempdir().unwrap();
        let daemon = start(folder.path(), SWITCH, &["--nxapi-https", "0"]).await;
        Some(Self { folder: folder.path().into(), _folder: folder, daemon, programs })
    }

    async fn run(&self, program: &str, args: &[&str]) -> Output {
        let mut path = self.programs.clone().into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let of = |key| port(&self.daemon, key).to_string();
        let running = Command::new(self.programs.join(program))
            .args(args)
            .current_dir(&self.folder)
            .env("PATH", path)
            .env("HOME", &self.folder)
            .env("ANSIBLE_HOME", self.folder.join("ansible"))
            .env("ANSIBLE_HOST_KEY_CHECKING", "False")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("SLPSIM_SSH", of("/devices/0/ssh"))
            .env("SLPSIM_NXAPI", of("/devices/0/nxapi"))
            .env("SLPSIM_NXAPI_HTTPS", of("/devices/0/nxapi_https"))
            .kill_on_drop(true)
            .stdin(std::process::Stdio::null())
            .output();
        timeout(PATIENCE, running).await.expect("the client ends").unwrap()
    }

    /// Runs a script of `tests/clients`.
    async fn script(&self, name: &str) {
        let script = root().join("tests/clients").join(name);
        let output = self.run("python", &[script.to_str().unwrap()]).await;
        assert!(output.status.success(), "{name}: {}\n{}", stdout(&output), stderr(&output));
    }

    async fn trust(&self) {
        let token = self.daemon.text("/idtoken").to_owned();
        self.daemon.show(&format!("license smart trust idtoken {token}")).await;
        // What the agent learns is durable before anybody sees it.
        until(&self.folder.join("state/devices"), async || {
            let status = self.daemon.show("show license status").await;
            status.contains("INSTALLED on").then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn netmiko_connects_shows_configures_and_saves() {
    let Some(bench) = Bench::new().await else { return };
    bench.script("with_netmiko.py").await;
}

#[tokio::test]
async fn napalm_gets_its_facts_over_ssh_and_both_ends_of_nxapi() {
    let Some(bench) = Bench::new().await else { return };
    bench.script("with_napalm.py").await;
}

#[tokio::test]
async fn unicon_has_all_accepted_that_it_sends_at_log_in() {
    if peer("ssh").is_none() {
        return;
    }
    let Some(bench) = Bench::new().await else { return };
    bench.script("with_unicon.py").await;
}

#[tokio::test]
async fn genie_reads_the_licensing_pages_as_far_as_nxos_allows() {
    let Some(bench) = Bench::new().await else { return };
    bench.trust().await;
    bench.script("with_genie.py").await;
}

#[tokio::test]
async fn ansible_gathers_waits_and_configures_once_over_network_cli_and_httpapi() {
    let Some(bench) = Bench::new().await else { return };
    let playbook = root().join("tests/clients/ansible.yml");
    let ways = [
        ("network_cli", "ansible_port", "/devices/0/ssh", "ansible_network_cli_ssh_type=paramiko"),
        ("httpapi", "ansible_httpapi_port", "/devices/0/nxapi", "ansible_httpapi_use_ssl=false"),
    ];
    for (way, key, listener, option) in ways {
        bench
            .daemon
            .show("configure terminal ; no license smart usage interval ; no ntp server 198.51.100.100")
            .await;
        let inventory = inventory(&bench, way, &format!("{key}={} {option}", port(&bench.daemon, listener)));
        let output = bench.run("ansible-playbook", &["-i", &inventory, playbook.to_str().unwrap()]).await;
        assert!(output.status.success(), "{way}: {}\n{}", stdout(&output), stderr(&output));
    }
}

fn inventory(bench: &Bench, way: &str, more: &str) -> String {
    let python = bench.programs.join("python");
    let path: &Path = &bench.folder.join(way);
    let text = format!(
        "[switch]\nswitch ansible_host=127.0.0.1 ansible_user=admin ansible_password=secret \
         ansible_network_os=cisco.nxos.nxos ansible_connection=ansible.netcommon.{way} \
         ansible_python_interpreter={} {more}\n",
        python.display()
    );
    std::fs::write(path, text).unwrap();
    path.display().to_string()
}
