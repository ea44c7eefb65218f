//! The ready file (`interface.md` §2): written once everything listens, removed at a clean end.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::clock::SharedClock;
use crate::error::BlameUser;

/// The largest ready file that is read, in bytes.
const MAX_READY: u64 = 4 << 20;

/// What a script needs to know of a running daemon. Holds secrets: it is written with mode 0600.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Process number.
    pub pid: u32,
    /// Where it listens.
    #[serde(default, skip_serializing_if = "Urls::is_empty")]
    pub urls: Urls,
    /// Certificate to trust for TLS and licensing objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// A good id token of the embedded mock. A secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idtoken: Option<String>,
    /// Bearer token of the management API. A secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manage_token: Option<String>,
    /// The clock, for `--clock-from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<SharedClock>,
    /// Control socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<PathBuf>,
    /// Product instances.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<ReadyDevice>,
}

/// Listeners by what they serve.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Urls {
    /// Smart transport.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smart: Option<String>,
    /// Call Home.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callhome: Option<String>,
    /// CSLU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cslu: Option<String>,
    /// CSSM's REST interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rest: Option<String>,
    /// Management of the mock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manage: Option<String>,
    /// Web page of the mock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web: Option<String>,
    /// Prometheus metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<String>,
    /// Log lines, as a sink names it (`slpsim receive`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// Health of the daemon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<String>,
}

impl Urls {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One product instance of a running daemon.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadyDevice {
    /// Its name in configurations and for `--device`.
    pub name: String,
    /// Its UDI as show commands print it.
    pub udi: String,
    /// SSH address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh: Option<String>,
    /// NX-API URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nxapi: Option<String>,
    /// The same over HTTPS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nxapi_https: Option<String>,
}

impl std::fmt::Debug for Ready {
    /// Without the tokens.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ready")
            .field("pid", &self.pid)
            .field("urls", &self.urls)
            .field("control", &self.control)
            .field("devices", &self.devices)
            .finish_non_exhaustive()
    }
}

impl Ready {
    /// Reads the ready file of a running daemon.
    ///
    /// # Errors
    /// Where there is none, or it is no ready file; one line for the user.
    pub fn read(path: &Path) -> Result<Self> {
        let read = || -> Result<Self> {
            let mut bytes = Vec::new();
            fs::File::open(path)?.take(MAX_READY + 1).read_to_end(&mut bytes)?;
            anyhow::ensure!(u64::try_from(bytes.len())? <= MAX_READY, "larger than {MAX_READY} bytes");
            Ok(serde_json::from_slice(&bytes)?)
        };
        read().with_context(|| format!("ready file {}", path.display())).blame_user()
    }
}

/// A ready file that exists until the value is dropped.
#[derive(Debug)]
pub struct ReadyFile(PathBuf);

impl ReadyFile {
    /// Takes away what a daemon left behind that did not end cleanly: whoever waits for the file must not find it.
    ///
    /// # Errors
    /// Where it cannot be taken away; one line for the user.
    pub fn clear(path: &Path) -> Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("ready file {}", path.display())).blame_user()
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Writes `ready` to `path` at once: a reader sees the whole file or none.
    ///
    /// # Errors
    /// Where it cannot be written; one line for the user.
    pub fn write(path: &Path, ready: &Ready) -> Result<Self> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.tmp", std::process::id()));
        let temporary = path.with_file_name(name);
        let write = || -> Result<()> {
            let mut json = serde_json::to_vec_pretty(ready)?;
            json.push(b'\n');
            // A file of that name can only be left over from a process that had the same number.
            let _ = fs::remove_file(&temporary);
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
            file.write_all(&json)?;
            fs::rename(&temporary, path)?;
            Ok(())
        };
        if let Err(error) = write() {
            let _ = fs::remove_file(&temporary);
            return Err(error).with_context(|| format!("ready file {}", path.display())).blame_user();
        }
        Ok(Self(path.to_owned()))
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_ready_file_is_private_whole_and_gone_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.json");
        fs::write(&path, "an old one").unwrap();
        let ready = Ready {
            pid: 4711,
            idtoken: Some("EXAMPLETOKEN".into()),
            devices: vec![ReadyDevice { name: "switch".into(), ..ReadyDevice::default() }],
            ..Ready::default()
        };
        let file = ReadyFile::write(&path, &ready).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Ready::read(&path).unwrap(), ready);
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("urls") && !text.contains("ssh"), "absent keys stay away: {text}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        drop(file);
        assert!(!path.exists());
        assert!(!format!("{ready:?}").contains("EXAMPLETOKEN"));
    }

    #[test]
    fn a_missing_ready_file_is_named() {
        let error = Ready::read(Path::new("/nowhere/r.json")).unwrap_err();
        assert!(format!("{error:#}").contains("/nowhere/r.json"));
    }
}
