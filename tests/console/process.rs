//! Daemons that terminals are connected to.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::tty::ready;

/// A running `slpsim run` or `slpsim cssm`, killed with the value.
pub(crate) struct Daemon {
    child: Child,
    ready: Value,
}

impl Daemon {
    /// Starts `slpsim COMMAND ARGS...` with its state and its ready file in `folder`, and waits until it is ready.
    pub(crate) fn start(folder: &Path, command: &str, args: &[&str]) -> Self {
        let (path, state) = (folder.join(command).with_extension("ready"), folder.join(command));
        let child = Command::new(env!("CARGO_BIN_EXE_slpsim"))
            .args([command, "--state"])
            .arg(state)
            .arg("--ready-file")
            .arg(&path)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let ready = serde_json::from_slice(&ready(&path)).unwrap();
        Self { child, ready }
    }

    pub(crate) fn text(&self, key: &str) -> &str {
        self.ready.pointer(key).unwrap().as_str().unwrap()
    }

    /// Where it listens: of `https://127.0.0.1:40001/path` the address.
    pub(crate) fn address(&self, key: &str) -> &str {
        self.text(key).split('/').nth(2).unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
