//! `slpsim cssm bundle`, `export`, `import`: what people carry to and from a mock, one that runs or one that does not.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use slpsim_config::StorePlace;
use slpsim_cssm::server::{
    FileError, Handover, MAX_IMPORT, Offline, OfflineError, Refused, Remote, RemoteError, StartError,
    StoreChoice, Taken,
};

use super::options::{OutputForm, chosen, parse_store};
use super::output;
use crate::daemon::clock_of;
use crate::error::{BlameUser, user_error};
use crate::failpoint;
use crate::ready::Ready;

/// Commands of `slpsim cssm` that work on a mock instead of being one.
#[derive(Debug, Subcommand)]
pub(crate) enum CssmCommand {
    /// Carry files between a CSLU and CSSM, or between a switch and CSSM
    #[command(subcommand)]
    Bundle(BundleCommand),
    /// Write everything that a mock knows as JSON lines; they hold id tokens
    Export {
        /// Into this file
        file: PathBuf,
        #[command(flatten)]
        mock: WhichMock,
    },
    /// Take what `export` has written; records of the same name are replaced
    Import {
        /// From this file
        file: PathBuf,
        #[command(flatten)]
        mock: WhichMock,
    },
}

/// `slpsim cssm bundle`
#[derive(Debug, Subcommand)]
pub(crate) enum BundleCommand {
    /// Write what a CSLU keeps for CSSM: Download All For Cisco
    Download {
        /// Into this file, or into this folder under its own name
        file: PathBuf,
        #[command(flatten)]
        mock: WhichMock,
    },
    /// Bring a file: ACKs and policies to a CSLU (Upload From Cisco), usage and requests to CSSM
    ///
    /// CSSM answers with a file: beside FILE, with ACK_ before its name, unless --answer says otherwise. Devices of a bundle
    /// that it does not take are named with the reason; then the exit code is 1.
    Upload {
        /// Bundle, save file, trust request, ACK file or policy file
        file: PathBuf,
        /// Where the answer of CSSM goes
        #[arg(long, value_name = "FILE")]
        answer: Option<PathBuf>,
        /// For which Virtual Account it is brought [default: the one that a bundle names, else the first one]
        #[arg(long, value_name = "NAME")]
        virtual_account: Option<String>,
        #[command(flatten)]
        mock: WhichMock,
    },
}

/// Which mock is meant.
#[derive(Clone, Debug, Args)]
pub(crate) struct WhichMock {
    /// Management URL of a running mock
    #[arg(long, value_name = "URL", conflicts_with_all = ["ready", "store"])]
    manage: Option<String>,
    /// Management token of a running mock
    #[arg(long, value_name = "TOKEN", env = "SLPSIM_MANAGE_TOKEN", hide_env_values = true)]
    manage_token: Option<String>,
    /// Ready file of a running mock, which has URL and token
    #[arg(long, value_name = "READY_FILE", conflicts_with = "store")]
    ready: Option<PathBuf>,
    /// Store of a mock that does not run: its folder, sqlite:FILE, journal:FOLDER; or postgres://…, where others may run
    #[arg(long, value_name = "STORE", value_parser = parse_store)]
    store: Option<StorePlace>,
}

enum Mock {
    Running(Remote),
    AtRest(Box<Offline>),
}

impl WhichMock {
    fn open(&self) -> Result<Mock> {
        self.open_or_make(false)
    }

    /// As [`WhichMock::open`]; a store that is not there is made where `make` says so.
    fn open_or_make(&self, make: bool) -> Result<Mock> {
        if let Some(store) = &self.store {
            let store = chosen(store).context("--store").blame_user()?;
            return Ok(Mock::AtRest(Box::new(at_rest(&store, make)?)));
        }
        let (url, token) = match (&self.manage, &self.ready) {
            (Some(url), _) => (url.clone(), self.manage_token.clone()),
            (None, Some(path)) => {
                let ready = Ready::read(path)?;
                let url = ready.urls.manage.with_context(|| format!("{} has no mock", path.display()));
                (url.blame_user()?, self.manage_token.clone().or(ready.manage_token))
            }
            (None, None) => return Err(user_error("name the mock with --manage, --ready or --store")),
        };
        Ok(Mock::Running(Remote::new(&url, token).blame_user()?))
    }
}

/// Opens a store that is there. One that a slip of the pen has named is made only for an import, which fills it.
fn at_rest(store: &StoreChoice, make: bool) -> Result<Offline> {
    let (there, what) = match store {
        StoreChoice::Folder(dir) | StoreChoice::Journal(dir) => {
            (dir.join("licensing.pem").is_file(), "the folder of a mock")
        }
        StoreChoice::Sqlite { path, .. } => (path.is_file(), "the store of a mock"),
        StoreChoice::Postgres(_) => (true, "a database"),
    };
    if !there && !make {
        return Err(user_error(format!(
            "{store} is not there, or not {what}: `slpsim cssm --store {store}` makes one, `slpsim cssm import` fills a new one"
        )));
    }
    match Offline::open(store, Some(Arc::new(failpoint::Process::default())), clock_of) {
        Err(StartError::Store(error)) if !error.is_users() => Err(error.into()),
        opened => opened.blame_user(),
    }
}

pub(super) async fn run(command: CssmCommand, form: OutputForm) -> Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    let told = match command {
        CssmCommand::Bundle(BundleCommand::Download { file, mock }) => download(&file, &mock).await?,
        CssmCommand::Bundle(BundleCommand::Upload { file, answer, virtual_account, mock }) => {
            let (told, refused) = upload(&file, answer, virtual_account.as_deref(), &mock).await?;
            for refused in &refused {
                // A reader that is gone does not undo what was done.
                let _ = writeln!(std::io::stderr(), "slpsim: not taken: {refused}");
                code = ExitCode::FAILURE;
            }
            told
        }
        CssmCommand::Export { file, mock } => {
            let lines = match mock.open()? {
                Mock::Running(mock) => blamed(mock.export().await)?,
                Mock::AtRest(mock) => (mock.export().join("\n") + "\n").into_bytes(),
            };
            write(&file, &lines)?;
            (format!("{}\n", file.display()), json!({"file": file}))
        }
        CssmCommand::Import { file, mock } => {
            let lines = read_records(&file)?;
            let taken = match mock.open_or_make(true)? {
                Mock::Running(mock) => blamed(mock.import(lines).await)?,
                Mock::AtRest(mock) => {
                    let text = String::from_utf8(lines).context("the file is not UTF-8").blame_user()?;
                    match mock.import(&text) {
                        Err(OfflineError::Store(error)) if !error.is_users() => return Err(error.into()),
                        taken => taken.blame_user()?,
                    }
                }
            };
            (format!("{taken} records\n"), json!({"taken": taken}))
        }
    };
    let (text, value) = told;
    match form {
        OutputForm::Text => output::print(&text)?,
        OutputForm::Json => output::print(&format!("{value}\n"))?,
    }
    Ok(code)
}

async fn download(file: &Path, mock: &WhichMock) -> Result<(String, Value)> {
    let Handover { name, bytes } = match mock.open()? {
        Mock::Running(mock) => blamed(mock.download().await)?,
        Mock::AtRest(mock) => mock.download().blame_user()?,
    };
    let path = if file.is_dir() { file.join(name) } else { file.into() };
    write(&path, &bytes)?;
    Ok((format!("{}\n", path.display()), json!({"file": path})))
}

async fn upload(
    file: &Path,
    answer: Option<PathBuf>,
    account: Option<&str>,
    mock: &WhichMock,
) -> Result<((String, Value), Vec<Refused>)> {
    let bytes = read(file)?;
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let taken = match mock.open()? {
        Mock::Running(mock) => match mock.upload(&name, bytes, account).await {
            // A file is all right that the mock refuses by its rules.
            Err(error @ RemoteError::Declined(_)) => return Err(error.into()),
            taken => blamed(taken)?,
        },
        Mock::AtRest(mock) => match mock.upload(&name, &bytes, account) {
            Err(error @ FileError::Refused(_)) => return Err(error.into()),
            taken => taken.blame_user()?,
        },
    };
    Ok(match taken {
        Taken::Answered { answer: Handover { name, bytes }, refused } => {
            let path = answer.unwrap_or_else(|| file.with_file_name(name));
            write(&path, &bytes)?;
            let told = (format!("{}\n", path.display()), json!({"file": path, "refused": refused}));
            (told, refused)
        }
        Taken::Brought { acks, pushes, policy } => {
            let policy_word = if policy { "yes" } else { "no" };
            let text = format!(
                "ACK files: {acks}, pushes that can fetch their ACK: {pushes}, policy: {policy_word}\n"
            );
            ((text, json!({"acks": acks, "pushes": pushes, "policy": policy})), Vec::new())
        }
    })
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display())).blame_user()
}

/// The same of records, which are as many as a mock takes and no more.
fn read_records(path: &Path) -> Result<Vec<u8>> {
    let most = u64::try_from(MAX_IMPORT).unwrap_or(u64::MAX);
    let attempt = || {
        let mut bytes = Vec::new();
        fs::File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    };
    let bytes = attempt().with_context(|| format!("cannot read {}", path.display())).blame_user()?;
    match bytes.len() > MAX_IMPORT {
        true => Err(user_error(format!("{} has more than {MAX_IMPORT} bytes", path.display()))),
        false => Ok(bytes),
    }
}

/// Whoever asks is to blame for what a running mock does not do, but not for its store.
fn blamed<T>(done: Result<T, RemoteError>) -> Result<T> {
    match done {
        Err(error @ RemoteError::Unavailable(_)) => Err(error.into()),
        done => done.blame_user(),
    }
}

/// Under another name first, so that nobody finds half a file; readable by the owner only, because some of them hold
/// secrets.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let attempt = || {
        let _ = fs::remove_file(&beside);
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    attempt().with_context(|| format!("cannot write {}", path.display())).blame_user()
}
