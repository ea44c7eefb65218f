//! The answering side.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::unistd::geteuid;
use tokio::io::BufReader;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::console::{Shown, Typed, Wire, Wish, wire};
use super::{Answer, MAX_LINES, MAX_REQUEST, Request, frame};
use crate::error::{BlameUser, user_error};

/// Most connections with requests at a time; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 32;
/// Most consoles at a time, which may stay for days and are counted apart, so that requests get through.
const MAX_CONSOLES: usize = 32;
/// How long a connection may take to its first request: whoever connects has one.
const FIRST: Duration = Duration::from_secs(5);
/// How long a connection may stay without another request.
const IDLE: Duration = Duration::from_secs(60);
/// Longest path of a socket: `sun_path` has 108 bytes, one of them the final zero (unix(7)).
const MAX_PATH: usize = 107;

/// What a client wants.
#[derive(Debug)]
pub enum Asked {
    /// One answer.
    Answer {
        /// What is asked.
        request: Request,
        /// Where the answer goes. A client that does not wait any more is no error.
        answer: oneshot::Sender<Answer>,
    },
    /// A console.
    Console {
        /// Which.
        wish: Wish,
        /// Where it is used.
        wire: Wire,
    },
}

/// Listens on a control socket until dropped, then removes it.
#[derive(Debug)]
pub struct ControlServer {
    path: PathBuf,
    /// Device and inode of the socket, so that a successor's is not removed.
    identity: (u64, u64),
    task: JoinHandle<()>,
}

impl ControlServer {
    /// Listens at `path` (mode 0600) and hands requests to `driver`. A socket that a dead daemon left behind is
    /// replaced.
    ///
    /// # Errors
    /// Where the path is too long, taken by something else, or cannot be written; one line for the user.
    pub fn start(path: &Path, driver: mpsc::Sender<Asked>) -> Result<Self> {
        let length = path.as_os_str().as_bytes().len();
        if length > MAX_PATH {
            return Err(user_error(format!(
                "the path of the control socket has {length} bytes and the system allows {MAX_PATH}: give a shorter one with --control ({})",
                path.display()
            )));
        }
        let listener =
            bind(path).with_context(|| format!("control socket {}", path.display())).blame_user()?;
        let made = fs::symlink_metadata(path)?;
        let task = tokio::spawn(accept(listener, driver));
        Ok(Self { path: path.into(), identity: (made.dev(), made.ino()), task })
    }

    /// Where it listens.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        self.task.abort();
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|now| (now.dev(), now.ino()) == self.identity);
        if ours {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "a file that is no socket is there"));
        }
        Ok(_) => match std::os::unix::net::UnixStream::connect(path) {
            Ok(_) => return Err(io::Error::new(io::ErrorKind::AddrInUse, "another daemon listens there")),
            // Nobody accepts: its daemon is dead.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)?,
            Err(error) => return Err(error),
        },
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// For the moment between bind and chmod the socket may be open to others, and the umask is the whole process's: so
/// whoever connects must be the user of this daemon, or root.
fn is_allowed(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == 0 || peer.uid() == geteuid().as_raw())
}

async fn accept(listener: UnixListener, driver: mpsc::Sender<Asked>) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let consoles = Arc::new(Semaphore::new(MAX_CONSOLES));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) if !is_allowed(&stream) => warn!("control socket: another user was turned away"),
            Ok((stream, _)) => {
                tokio::spawn(serve(stream, driver.clone(), slot, Arc::clone(&consoles)));
            }
            Err(error) => {
                warn!("control socket: {error}");
                // Out of file descriptors, most likely: give others time to close theirs.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(
    stream: UnixStream,
    driver: mpsc::Sender<Asked>,
    slot: OwnedSemaphorePermit,
    consoles: Arc<Semaphore>,
) {
    let (from, mut to) = stream.into_split();
    let mut from = BufReader::new(from);
    let mut limit = FIRST;
    loop {
        let answer = match timeout(limit, frame::read::<Request>(&mut from, MAX_REQUEST)).await {
            Err(_) | Ok(Ok(None)) => return,
            Ok(Ok(Some(Request::Console(wish)))) => {
                drop(slot);
                return open_console(wish, (from, to), driver, &consoles).await;
            }
            Ok(Ok(Some(request))) => ask(request, &driver).await,
            Ok(Err(error)) => {
                let refusal = Answer::Refused { why: format!("control request: {error}") };
                let _ = frame::write(&mut to, &refusal).await;
                return;
            }
        };
        if let Err(error) = frame::write(&mut to, &answer).await {
            debug!("control client: {error}");
            return;
        }
        limit = IDLE;
    }
}

/// Lets a console in, or says at once that there is no room for it.
async fn open_console(
    wish: Wish,
    (from, mut to): (BufReader<OwnedReadHalf>, OwnedWriteHalf),
    driver: mpsc::Sender<Asked>,
    consoles: &Semaphore,
) {
    match consoles.try_acquire() {
        Ok(_open) => converse(wish, from, to, driver).await,
        Err(_) => {
            let why = format!(
                "{MAX_CONSOLES} consoles of this daemon are open already, and there is no room for more: leave one, or use `slpsim exec`"
            );
            // The client may have gone.
            let _ = frame::write(&mut to, &Shown::Refused { why }).await;
        }
    }
}

/// Carries a console session until one of its ends is closed. A person may think for as long as the session's own limit
/// allows.
async fn converse(
    wish: Wish,
    mut from: BufReader<OwnedReadHalf>,
    mut to: OwnedWriteHalf,
    driver: mpsc::Sender<Asked>,
) {
    let (wire, to_device, mut from_device) = wire();
    if driver.send(Asked::Console { wish, wire }).await.is_err() {
        return;
    }
    let typing = async {
        loop {
            match frame::read::<Typed>(&mut from, MAX_REQUEST).await {
                Ok(Some(typed)) => {
                    if to_device.send(typed).await.is_err() {
                        return;
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    debug!("control console: {error}");
                    return;
                }
            }
        }
    };
    let showing = async {
        while let Some(shown) = from_device.recv().await {
            if let Err(error) = frame::write(&mut to, &shown).await {
                debug!("control console: {error}");
                return;
            }
        }
    };
    // What the device had to say last is shown before its end of the wire is dropped.
    tokio::select! {
        () = typing => {}
        () = showing => {}
    }
}

async fn ask(request: Request, driver: &mpsc::Sender<Asked>) -> Answer {
    if let Request::Exec { lines, .. } = &request
        && lines.len() > MAX_LINES
    {
        return Answer::Refused { why: format!("more than {MAX_LINES} lines") };
    }
    let (answer, answered) = oneshot::channel();
    if driver.send(Asked::Answer { request, answer }).await.is_err() {
        return Answer::Refused { why: "the daemon is ending".into() };
    }
    answered.await.unwrap_or_else(|_| Answer::Refused { why: "the daemon is ending".into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::call;
    use crate::control::console::Reply;
    use std::os::unix::fs::PermissionsExt;
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt};

    fn echo() -> mpsc::Sender<Asked> {
        let (to, mut from) = mpsc::channel::<Asked>(4);
        tokio::spawn(async move {
            while let Some(asked) = from.recv().await {
                match asked {
                    Asked::Answer { request, answer } => {
                        let text = match request {
                            Request::Exec { lines, .. } => lines.join("|"),
                            other @ (Request::Advance { .. }
                            | Request::Event { .. }
                            | Request::Status
                            | Request::Console(_)) => format!("{other:?}"),
                        };
                        let _ = answer.send(Answer::Exec { text, error: false });
                    }
                    Asked::Console { wish, mut wire } => {
                        tokio::spawn(async move {
                            let log = Shown::Log(format!("{:?}", wish.device));
                            wire.shown.send(log).await.unwrap();
                            while let Some(typed) = wire.typed.recv().await {
                                let Typed::Line(text) = typed else { return };
                                let reply = Reply { text, ..Reply::default() };
                                wire.shown.send(Shown::Reply(reply)).await.unwrap();
                            }
                        });
                    }
                }
            }
        });
        to
    }

    #[tokio::test]
    async fn a_request_is_answered_over_a_private_socket_that_is_gone_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let server = ControlServer::start(&path, echo()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let request = Request::Exec { device: None, lines: vec!["a".into(), "b".into()] };
        assert_eq!(call(&path, &request).await.unwrap(), Answer::Exec { text: "a|b".into(), error: false });
        let second = ControlServer::start(&path, echo()).unwrap_err();
        assert!(format!("{second:#}").contains("another daemon listens there"), "{second:#}");
        drop(server);
        assert!(!path.exists());
        let error = call(&path, &request).await.unwrap_err();
        assert!(format!("{error:#}").contains("no daemon answers at"), "{error:#}");
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_a_file_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let server = ControlServer::start(&path, echo()).unwrap();
        call(&path, &Request::Status).await.unwrap();
        drop(server);
        fs::write(&path, "something of the user's").unwrap();
        let error = ControlServer::start(&path, echo()).unwrap_err();
        assert!(format!("{error:#}").contains("no socket"), "{error:#}");
        assert!(path.exists());
    }

    #[tokio::test]
    async fn a_path_beyond_the_limit_of_the_system_is_refused_in_words() {
        let path = Path::new("/tmp").join("x".repeat(120));
        let error = ControlServer::start(&path, echo()).unwrap_err();
        assert!(format!("{error:#}").contains("--control"), "{error:#}");
    }

    #[tokio::test]
    async fn a_console_keeps_its_connection_and_lines_come_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let _server = ControlServer::start(&path, echo()).unwrap();
        let (from, mut to) = UnixStream::connect(&path).await.unwrap().into_split();
        let mut from = BufReader::new(from);
        let wish = Wish { device: Some("leaf".into()), length: 24, width: 80 };
        frame::write(&mut to, &Request::Console(wish)).await.unwrap();
        let mut next = async || frame::read::<Shown>(&mut from, MAX_REQUEST).await.unwrap();
        assert_eq!(next().await, Some(Shown::Log("Some(\"leaf\")".into())));
        frame::write(&mut to, &Typed::Line("show clock".into())).await.unwrap();
        let Some(Shown::Reply(reply)) = next().await else { panic!("a reply") };
        assert_eq!(reply.text, "show clock");
        // What is no console message ends the session.
        to.write_all(b"{\"exec\":{\"lines\":[]}}\n").await.unwrap();
        assert_eq!(next().await, None);
    }

    #[tokio::test]
    async fn the_console_that_is_one_too_many_is_told_so_at_once_and_requests_get_through() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let _server = ControlServer::start(&path, echo()).unwrap();
        let open = async || {
            let (from, mut to) = UnixStream::connect(&path).await.unwrap().into_split();
            let mut from = BufReader::new(from);
            let wish = Wish { device: None, length: 24, width: 80 };
            frame::write(&mut to, &Request::Console(wish)).await.unwrap();
            let first = frame::read::<Shown>(&mut from, MAX_REQUEST).await.unwrap();
            (from, to, first)
        };
        let mut consoles = Vec::new();
        for _ in 0..MAX_CONSOLES {
            let console = open().await;
            assert!(matches!(console.2, Some(Shown::Log(_))), "{:?}", console.2);
            consoles.push(console);
        }
        let (mut from, _to, refused) = open().await;
        let Some(Shown::Refused { why }) = refused else { panic!("{refused:?}") };
        assert!(why.starts_with("32 consoles of this daemon are open already"), "{why}");
        assert_eq!(frame::read::<Shown>(&mut from, MAX_REQUEST).await.unwrap(), None, "nothing follows");
        let request = Request::Exec { device: None, lines: vec!["a".into()] };
        assert_eq!(call(&path, &request).await.unwrap(), Answer::Exec { text: "a".into(), error: false });
        // Where one leaves, there is room for another.
        let (mut from, to, _) = consoles.pop().unwrap();
        drop(to);
        while frame::read::<Shown>(&mut from, MAX_REQUEST).await.unwrap().is_some() {}
        loop {
            // The daemon may still be about to see that it has gone.
            if let (_, _, Some(Shown::Log(_))) = open().await {
                break;
            }
        }
    }

    #[tokio::test]
    async fn rubbish_is_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let _server = ControlServer::start(&path, echo()).unwrap();
        for rubbish in ["hello\n", "{\"exec\":{\"lines\":7}}\n", "{\"advance\":{\"ms\":-1}}\n"] {
            let mut stream = UnixStream::connect(&path).await.unwrap();
            stream.write_all(rubbish.as_bytes()).await.unwrap();
            let mut line = String::new();
            BufReader::new(stream).read_line(&mut line).await.unwrap();
            assert!(line.starts_with("{\"refused\""), "{rubbish}: {line}");
        }
    }
}
