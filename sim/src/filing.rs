//! `license smart save …` and `license smart import` on a device: the agent decides, files are read and written here.

use std::collections::VecDeque;

use slpsim_agent::{Command, CommandError, File, ImportKind, SaveUsage, Signer};
use slpsim_console::Reply;
use slpsim_console::history::{ImportKind as Section, Imported};
use slpsim_policy::Wall;
use slpsim_transport::MAX_BYTES;
use slpsim_transport::files::{Opener, device_file, read_import};
use slpsim_transport::sign::{DeviceKeys, Verifier};

use crate::files::{FilePath, Files};
use crate::operate::Operated;

/// What a device works on files with.
#[expect(missing_debug_implementations, reason = "lent for one call")]
pub struct Filing<'a> {
    /// Its file systems.
    pub files: &'a mut dyn Files,
    /// The key of its ID certificate.
    pub keys: Option<&'a DeviceKeys>,
    /// Whom it believes.
    pub verifier: &'a Verifier,
    /// A random 63-bit number; `None` where the source has failed.
    pub nonce: Option<u64>,
}

/// Longest text of an imported element that is remembered, in characters: the history has room for sixty (modelled).
const TEXT_MAX: usize = 16_384;

/// Has the agent choose what `command` saves, and writes it to `path`.
///
/// # Errors
/// Where the device cannot go on.
pub(crate) fn save<D: Operated>(
    device: &mut D,
    command: Command,
    path: &str,
    reply: &mut Reply,
) -> Result<(), D::Error> {
    // A path that cannot be written to closes no report.
    let path = match FilePath::parse(path) {
        Ok(path) => path,
        Err(error) => return refused(reply, &error),
    };
    if let Err(error) = device.command(command)? {
        reply.refuse(&error);
        return Ok(());
    }
    let Some(file) = device.switch().0.unwritten.take() else { return Ok(()) };
    if let Err(why) = write(device, &file, &path) {
        reply.refuse_with(&why);
    }
    Ok(())
}

fn write<D: Operated>(device: &mut D, file: &File, path: &FilePath) -> Result<(), String> {
    if needs_keys(file) {
        device.make_keys();
    }
    let (switch, agent, _, now) = device.switch();
    let sender = switch.sender(agent);
    let filing = device.filing();
    let nonce = filing.nonce.ok_or("% The file cannot be made: no random numbers")?;
    let text = device_file(file, &sender, now.wall, nonce, filing.keys);
    let text = text.map_err(|error| format!("% The file cannot be made: {error}"))?;
    filing.files.write(path, text.as_bytes()).map_err(|error| error.to_string())
}

/// The ID key signs what was closed with trust, and asks for trust.
fn needs_keys(file: &File) -> bool {
    match file {
        File::Usage(reports) => reports.iter().any(|report| matches!(report.signer, Signer::Id(_))),
        File::TrustRequest { .. } => true,
    }
}

/// Imports the file at `path`.
///
/// # Errors
/// Where the device cannot go on.
pub(crate) fn import<D: Operated>(device: &mut D, path: &str, reply: &mut Reply) -> Result<(), D::Error> {
    let wall = device.switch().3.wall;
    let filing = device.filing();
    let bytes = FilePath::parse(path).and_then(|path| filing.files.read(&path, MAX_BYTES));
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(error) => return refused(reply, &error),
    };
    let mut opener = Opener::new(filing.verifier, wall);
    let received = read_import(&bytes, &mut opener);
    let notes = opener.notes;
    let result = device.command(Command::Import(Box::new(received.import)))?;
    let outcome = match (&received.unreadable, &result) {
        (Some(error), _) => Err(error.to_string()),
        (None, Ok(())) => Ok(()),
        (None, Err(error)) => Err(error.to_string()),
    };
    remember(device, wall, received.texts, (&result, outcome));
    match (received.unreadable, result) {
        (Some(error), _) => reply.refuse_with(&format!("% Import Data Failed: {error}")),
        (None, Ok(())) => reply.add_line("Import Data Successful"),
        (None, Err(error)) if notes.is_empty() => reply.refuse(&error),
        (None, Err(error)) => reply.refuse_with(&format!("{error} ({})", notes.join("; "))),
    }
    Ok(())
}

fn refused<E>(reply: &mut Reply, error: &crate::files::FileError) -> Result<(), E> {
    reply.refuse_with(&error.to_string());
    Ok(())
}

/// Keeps each element with what became of it. Elements of one kind are judged in the order of the file; one that the
/// agent does not know of shares the fate of the whole.
fn remember<D: Operated>(
    device: &mut D,
    at: Wall,
    texts: Vec<(ImportKind, String)>,
    (result, whole): (&Result<(), CommandError>, Result<(), String>),
) {
    let judged = match result {
        Err(CommandError::ImportRefused(judged)) => judged.to_vec(),
        Ok(()) | Err(_) => Vec::new(),
    };
    let mut of_kinds = ImportKind::ALL.map(|wanted| {
        let of_kind = judged.iter().filter(move |(kind, _)| *kind == wanted);
        of_kind.map(|(_, result)| *result).collect::<VecDeque<_>>()
    });
    let history = &mut device.switch().0.history;
    for (kind, mut text) in texts {
        let section = match kind {
            ImportKind::TrustCode => Section::TrustCode,
            ImportKind::Policy => Section::Policy,
            ImportKind::Ack => Section::RumAck,
            ImportKind::Authorization => Section::Auth,
        };
        if let Some((end, _)) = text.char_indices().nth(TEXT_MAX) {
            text.truncate(end);
            text.push_str(" …");
        }
        let own = of_kinds.get_mut(kind as usize).and_then(VecDeque::pop_front);
        let refused = match own {
            Some(own) => own.err().map(|fault| fault.to_string()),
            None => whole.clone().err(),
        };
        history.add_imported(section, Imported { at, text, refused });
    }
}

/// From the words of the console to those of the agent.
pub(crate) const fn choice(which: slpsim_console::device::SaveUsage) -> SaveUsage {
    use slpsim_console::device::SaveUsage as Typed;
    match which {
        Typed::All => SaveUsage::All,
        Typed::Days(days) => SaveUsage::Days(days),
        Typed::Report(id) => SaveUsage::Report(slpsim_agent::ReportId(id)),
        Typed::Unreported => SaveUsage::Unreported,
    }
}
