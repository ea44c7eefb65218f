//! Files that people carry between a CSLU and CSSM, and between a switch and CSSM (`spec/formats.md` §2 to §7,
//! `spec/behaviour.md` §12 rows 4 to 6). Everything in a file is read before anything of it takes effect.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use slpsim_agent::{ReportId, Udi};
use slpsim_policy::Wall;
use slpsim_transport::files::{LicenseFile, Opener, SystemInfo, save_file};
use slpsim_transport::message::{AckObject, Nonce, Sealed, UsageReport, Word};
use slpsim_transport::sign::Verifier;
use time::OffsetDateTime;
use time::macros::format_description;

use super::Shared;
use super::archive::{self, Member};
use super::push::{self, Push, Refusal};
use crate::draw::For;
use crate::filetext::{self, usage_file};
use crate::peer::{Role, Route};
use crate::records::AccountId;
use crate::relay::Outgoing;

/// A file to be handed over.
#[derive(Clone, PartialEq, Eq)]
pub struct Handover {
    /// The name that it should have.
    pub name: String,
    /// Its contents.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Handover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} bytes)", self.name, self.bytes.len())
    }
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// CSSM took usage or requests.
    Answered {
        /// Its answer.
        answer: Handover,
        /// What it did not take of a bundle; of a single file it takes all or nothing.
        refused: Vec<Refused>,
    },
    /// A CSLU or On-Prem took what came from Cisco.
    Brought {
        /// ACK files in it.
        acks: usize,
        /// Pushes of devices whose ACK can be fetched now.
        pushes: usize,
        /// Whether a policy came along.
        policy: bool,
    },
}

/// A member of a bundle that is not taken; the others are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Its name in the bundle.
    pub member: String,
    /// Whose it is, as `show license udi` writes it, where that can be read.
    pub device: Option<String>,
    /// One line.
    pub why: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let device = self.device.as_deref().unwrap_or("a device that it does not name");
        write!(f, "{device} ({}): {}", self.member, self.why)
    }
}

/// Why a file is not taken; nothing of it took effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// The file is to blame.
    #[error("{0}")]
    Wrong(String),
    /// It was understood, and the rules refuse it.
    #[error("{0}")]
    Refused(String),
    /// There is nothing.
    #[error("nothing waits to be brought to Cisco")]
    Nothing,
}

impl From<Refusal> for FileError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(match refusal.rule {
            Some(rule) => format!("refused by rule {rule}: {}", refusal.text),
            None => refusal.text,
        })
    }
}

/// *Download All For Cisco*: everything that waits for CSSM. It goes on waiting until its ACK has been brought.
pub(super) fn download(shared: &Shared) -> Result<Handover, FileError> {
    let now = shared.now();
    let (at, all, uuid) = shared.with(|cssm| {
        let by_account = cssm.all_outgoing().into_iter().map(|outgoing| {
            let device = cssm.store().device(&outgoing.udi);
            (device.map_or(AccountId(0), |device| device.account), outgoing)
        });
        let mut all: BTreeMap<AccountId, Vec<Outgoing>> = BTreeMap::new();
        for (account, outgoing) in by_account {
            all.entry(account).or_default().push(outgoing);
        }
        (cssm.clock(now), all, cssm.luck().uuid_text(4, For::Transaction, 0))
    });
    if all.is_empty() {
        return Err(FileError::Nothing);
    }
    let packing = |error: std::io::Error| FileError::Wrong(format!("the bundle cannot be made: {error}"));
    let mut manifest = format!(
        "Manifest-Version: 1.0\nCreated-By: \"{{\\\"uuid\\\": \\\"{uuid}\\\"}}\"\nSmart-Account:\nSmart-Account-ID:\n"
    );
    let mut archives = Vec::with_capacity(all.len());
    let mut number = 0;
    for (n, (account, devices)) in (0..).zip(&all) {
        // Two accounts have two names.
        let stamp = stamp(at.plus_millis(n));
        let mut files = Vec::with_capacity(devices.len());
        for outgoing in devices {
            number += 1;
            let envelopes = outgoing.reports.iter().map(|report| &*report.held.envelope);
            let text = usage_file(sender_info(outgoing, at).as_deref(), envelopes);
            files.push((format!("dev_{number}_{stamp}.txt"), text));
        }
        let members = files.iter().map(|(name, text)| (name.as_str(), text.as_bytes()));
        let name = format!("UD_VA_{stamp}.tar.gz");
        let of = match account {
            // The public sample leaves it empty; another account than the first has to be told (modelled).
            AccountId(0) => String::new(),
            id => account_names(shared, *id),
        };
        manifest.push_str(&format!("\nName: /{name}\n{SPECIFICATION}{of}\nSpecification-VA-ID: \n"));
        archives.push((name, archive::pack(members, at).map_err(packing)?));
    }
    let members = archives.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    let members = std::iter::once(("manifest.mf", manifest.as_bytes())).chain(members);
    let bytes = archive::pack(members, at).map_err(packing)?;
    Ok(Handover { name: format!("UD_SA_{}.tar.gz", stamp(at)), bytes })
}

/// Which account an archive of a bundle is of.
const SPECIFICATION: &str = "Specification-VA: ";

fn account_names(shared: &Shared, id: AccountId) -> String {
    shared.with(|cssm| {
        let account = cssm.store().accounts().get(usize::from(id.0));
        account.map(|account| account.names.r#virtual.clone()).unwrap_or_default()
    })
}

/// The accounts that a manifest names, by the archives that are theirs.
fn accounts_in(manifest: &str) -> BTreeMap<String, String> {
    let mut accounts = BTreeMap::new();
    let mut archive = None;
    for line in manifest.lines() {
        if let Some(name) = line.strip_prefix("Name: ") {
            archive = Some(name.trim().trim_start_matches('/').to_owned());
        } else if let Some(account) = line.strip_prefix(SPECIFICATION.trim_end()).map(str::trim)
            && !account.is_empty()
        {
            accounts.extend(archive.take().map(|archive| (archive, account.to_owned())));
        }
    }
    accounts
}

/// A member of a bundle has no system information (`spec/formats.md` §7). Only where a device brings what another unit has
/// measured, after a switchover, CSSM has to be told who waits for the ACK (modelled).
fn sender_info(outgoing: &Outgoing, at: Wall) -> Option<String> {
    if outgoing.is_own() {
        return None;
    }
    let info = SystemInfo {
        udi: outgoing.udi,
        timestamp: at,
        nonce: Nonce::Number(0),
        hostname: outgoing.hostname.clone(),
        software_tag: outgoing.software_tag.clone(),
        devices: Vec::new(),
        other: serde_json::Map::new(),
    };
    let file = save_file(Some(&info), &[], None).ok()?;
    filetext::element(&file, filetext::SYSTEM_INFO).map(ToOwned::to_owned)
}

/// `26Mar02_10_02_00_123`
fn stamp(at: Wall) -> String {
    let format = format_description!(
        "[year repr:last_two][month repr:short][day]_[hour]_[minute]_[second]_[subsecond digits:3]"
    );
    let nanos = i128::from(at.0).saturating_mul(1_000_000);
    let time = OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(&format).unwrap_or_default()
}

/// One file, read.
struct Read {
    within: Option<String>,
    name: String,
    text: Arc<str>,
    file: LicenseFile,
}

impl Read {
    fn has_requests(&self) -> bool {
        let file = &self.file;
        !(file.reports.is_empty() && file.trust_requests.is_empty() && file.auth_requests.is_empty())
    }

    /// Whose it is.
    fn device(&self) -> Option<Udi> {
        let file = &self.file;
        let report = file.reports.first().map(|report| report.udi);
        file.system_info.as_ref().map(|info| info.udi).or(report)
    }

    fn comes_from_cisco(&self) -> bool {
        !(self.file.acks.is_empty() && self.file.policies.is_empty())
    }
}

/// Takes a file: usage, trust requests and authorization requests as CSSM does, ACKs and policies as a CSLU does
/// (*Upload From Cisco*). What is inside decides which; `role` may be left out where the file alone shall decide. What
/// names no account belongs to the first one; `account` comes before what a bundle says.
pub(super) fn upload(
    shared: &Shared,
    name: &str,
    bytes: &[u8],
    account: Option<AccountId>,
    role: Option<Role>,
) -> Result<Taken, FileError> {
    let bundled = archive::is_archive(bytes);
    let members = match bundled {
        true => archive::unpack(bytes)
            .map_err(|error| FileError::Wrong(format!("the archive is refused: {error}")))?,
        false => vec![Member { within: None, name: name.into(), bytes: bytes.to_vec() }],
    };
    let (manifests, members): (Vec<Member>, Vec<Member>) =
        members.into_iter().partition(|member| member.name == "manifest.mf");
    let manifest = manifests.first().map(|member| String::from_utf8_lossy(&member.bytes));
    let files: Vec<Read> =
        members.into_iter().map(|member| read(shared, member)).collect::<Result<_, _>>()?;
    let requests = files.iter().any(Read::has_requests);
    let answers = files.iter().any(Read::comes_from_cisco);
    match (requests, answers, role) {
        (false, false, _) => Err(FileError::Wrong("there is nothing in it that could be taken".into())),
        (true, true, _) => Err(FileError::Wrong("it has both requests and answers of CSSM in it".into())),
        (true, false, Some(Role::Cslu | Role::OnPrem)) => Err(FileError::Wrong(
            "usage and requests are for CSSM; a CSLU takes ACK and policy files from Cisco".into(),
        )),
        (false, true, Some(Role::Cssm)) => Err(FileError::Wrong(
            "ACK and policy files come from CSSM; they are for the switch or for a CSLU".into(),
        )),
        (true, false, _) if bundled => {
            let named = accounts_in(manifest.as_deref().unwrap_or_default());
            answer_bundle(shared, name, files, (account, &named))
        }
        (true, false, _) => {
            let answer = answer_file(shared, files, account.unwrap_or_default())?;
            Ok(Taken::Answered { answer, refused: Vec::new() })
        }
        (false, true, _) => bring(shared, &files, account.unwrap_or_default()),
    }
}

fn read(shared: &Shared, member: Member) -> Result<Read, FileError> {
    let Member { within, name, bytes } = member;
    // A CSLU cannot judge what CSSM signs for a device, and what devices sign is judged by the rules.
    let verifier = Verifier::OFF;
    let wrong = |detail: &dyn std::fmt::Display| FileError::Wrong(format!("{name}: {detail}"));
    let file = LicenseFile::read(&bytes, &mut Opener::new(&verifier, shared.now()));
    let file = file.map_err(|error| wrong(&error))?;
    let text = String::from_utf8(bytes).map_err(|error| wrong(&error))?;
    Ok(Read { within, name, text: text.into(), file })
}

/// An ACK bundle: `ACK_` and the name of each (`spec/formats.md` §7).
fn answer_bundle(
    shared: &Shared,
    name: &str,
    files: Vec<Read>,
    (account, named): (Option<AccountId>, &BTreeMap<String, String>),
) -> Result<Taken, FileError> {
    let mut archives: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    let mut refused = Vec::new();
    let now = shared.now();
    let at = shared.with(|cssm| cssm.clock(now));
    for read in files {
        let file_name = format!("ACK_{}", read.name);
        let within = read.within.clone().unwrap_or_else(|| format!("UD_VA_{}.tar.gz", stamp(at)));
        let device = read.device().map(|udi| udi.in_show().to_string());
        let account = match (account, read.within.as_ref().and_then(|within| named.get(within))) {
            (Some(account), _) => Ok(account),
            (None, Some(named)) => account_called(shared, named),
            (None, None) => Ok(AccountId(0)),
        };
        match account.and_then(|account| answer(shared, read.file, account, true)) {
            Ok(text) => archives.entry(format!("ACK_{within}")).or_default().push((file_name, text)),
            Err(error) => refused.push(Refused { member: read.name, device, why: error.to_string() }),
        }
    }
    if archives.is_empty() {
        let all: Vec<String> = refused.iter().map(ToString::to_string).collect();
        return Err(FileError::Refused(all.join("; ")));
    }
    for refused in &refused {
        tracing::warn!("a bundle is answered without {refused}");
    }
    let packing = |error: std::io::Error| FileError::Wrong(format!("the ACK bundle cannot be made: {error}"));
    let mut members = Vec::with_capacity(archives.len());
    for (name, files) in &archives {
        let files = files.iter().map(|(name, text)| (name.as_str(), text.as_bytes()));
        members.push((name.as_str(), archive::pack(files, at).map_err(packing)?));
    }
    let bytes = archive::pack(members.iter().map(|(name, bytes)| (*name, bytes.as_slice())), at);
    let name = name.rsplit('/').next().unwrap_or_default();
    let answer = Handover { name: format!("ACK_{name}"), bytes: bytes.map_err(packing)? };
    Ok(Taken::Answered { answer, refused })
}

fn account_called(shared: &Shared, name: &str) -> Result<AccountId, FileError> {
    shared.with(|cssm| cssm.store().account_by_name(None, name)).ok_or_else(|| {
        FileError::Refused(format!(
            "it is of Virtual Account {name:?}, which there is not; make it, or name another"
        ))
    })
}

fn answer_file(shared: &Shared, files: Vec<Read>, account: AccountId) -> Result<Handover, FileError> {
    let mut files = files.into_iter();
    let read = files.next().ok_or(FileError::Nothing)?;
    let name = read.name.rsplit('/').next().unwrap_or_default();
    let name = if name.is_empty() { "ACK.txt".into() } else { format!("ACK_{name}") };
    let text = answer(shared, read.file, account, false)?;
    Ok(Handover { name, bytes: text.into_bytes() })
}

/// The answers to everything in one file, as one file. From a bundle, a device whose last report names no identity gets
/// a trust code (`spec/behaviour.md` §6: a disconnected CSLU, once files have been exchanged).
fn answer(
    shared: &Shared,
    file: LicenseFile,
    account: AccountId,
    bundled: bool,
) -> Result<String, FileError> {
    let route = Route::File { account };
    let mut texts = Vec::new();
    let info = file.system_info;
    for (udi, reports) in by_sender(info.as_ref().map(|info| info.udi), file.reports) {
        let last = reports.iter().max_by_key(|report| report.id);
        // What another unit has measured says nothing of the sender's identity.
        let own = reports.iter().filter(|report| report.udi == udi).max_by_key(|report| report.id);
        let with_trust = bundled && own.is_some_and(|report| report.instance.is_none());
        let tag = info.as_ref().and_then(|info| info.software_tag.clone());
        let push = Push {
            udi,
            hostname: info.as_ref().and_then(|info| info.hostname.clone()),
            software_tag: tag.or_else(|| Some(last?.software_tag.clone())).unwrap_or(Word::Borrowed("")),
            nonce: info.as_ref().map_or(Nonce::Number(0), |info| info.nonce.clone()),
            reports,
        };
        let poll_id = push::push(shared, &route, push)?;
        let ack: Option<Sealed<AckObject>> = push::ack(shared, &route, udi, poll_id, with_trust)?;
        let ack = ack.ok_or_else(|| FileError::Refused("the ACK is held back by a fault".into()))?;
        texts.push(push::ack_text(shared, &ack)?);
    }
    let mut codes = Vec::new();
    for request in file.trust_requests {
        codes.append(&mut push::trust(shared, &route, account, request)?);
    }
    if !codes.is_empty() {
        texts.push(push::trust_text(shared, &codes)?);
    }
    for request in file.auth_requests {
        let code =
            push::authorize(shared, &route, request.udi, request.keys, request.remove_code.as_deref())?;
        texts.extend(code);
    }
    Ok(combined(texts))
}

/// Reports by whom they are acknowledged to: the device that saved the file, else the device that each measures.
fn by_sender(sender: Option<Udi>, reports: Vec<UsageReport>) -> Vec<(Udi, Vec<UsageReport>)> {
    let mut groups: Vec<(Udi, Vec<UsageReport>)> = Vec::new();
    for report in reports {
        let of = sender.unwrap_or(report.udi);
        match groups.iter_mut().find(|(udi, _)| *udi == of) {
            // The same report twice in a file is harmless.
            Some((_, group)) => {
                if group.iter().all(|known| (known.udi, known.id) != (report.udi, report.id)) {
                    group.push(report);
                }
            }
            None => groups.push((of, vec![report])),
        }
    }
    groups
}

/// Several files as one. Signatures cover texts inside the elements, so that these may stand beside one another.
fn combined(mut texts: Vec<String>) -> String {
    if texts.len() < 2 {
        return texts.pop().unwrap_or_else(|| "<smartLicense>\n</smartLicense>\n".into());
    }
    let mut out = "<smartLicense>\n".to_owned();
    for text in &texts {
        let inside = text.trim().strip_prefix("<smartLicense>").unwrap_or(text);
        out.push_str(inside.strip_suffix("</smartLicense>").unwrap_or(inside).trim());
        out.push('\n');
    }
    out.push_str("</smartLicense>\n");
    out
}

/// *Upload From Cisco*.
fn bring(shared: &Shared, files: &[Read], account: AccountId) -> Result<Taken, FileError> {
    let mut acks: Vec<(Udi, Arc<str>, Vec<ReportId>)> = Vec::new();
    let mut policy = None;
    for read in files {
        let wrong = |detail: &str| FileError::Wrong(format!("{}: {detail}", read.name));
        let mut objects = Vec::with_capacity(read.file.acks.len());
        for ack in &read.file.acks {
            objects.push(ack.object.as_ref().ok_or_else(|| wrong("its ACK cannot be read"))?);
        }
        if objects.is_empty() {
            policy = filetext::element(&read.text, filetext::POLICY).or(policy);
        }
        let Some(udi) = objects.first().map(|ack| ack.udi) else { continue };
        if objects.iter().any(|ack| ack.udi != udi) {
            return Err(wrong("it acknowledges several devices; a CSLU takes one file for each"));
        }
        if shared.with(|cssm| cssm.store().device(&udi).is_none()) {
            return Err(wrong(&format!("its device {} has never reported here", udi.in_show())));
        }
        let ids = objects.iter().flat_map(|ack| &ack.reports).map(|(id, _)| *id).collect();
        acks.push((udi, Arc::clone(&read.text), ids));
    }
    let now = shared.now();
    let pushes = shared.with(|cssm| {
        if let Some(policy) = policy {
            cssm.bring_policy(account, policy);
        }
        let brought = acks.iter().map(|(udi, text, ids)| cssm.bring_ack(now, udi, text, ids));
        brought.sum::<Result<usize, _>>()
    });
    let pushes = pushes.map_err(|error| FileError::Wrong(error.to_string()))?;
    let with_policy = |read: &Read| !read.file.policies.is_empty();
    Ok(Taken::Brought { acks: acks.len(), pushes, policy: files.iter().any(with_policy) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `spec/formats.md` §7.
    #[test]
    fn a_stamp_has_its_form() {
        assert_eq!(stamp(Wall(1_772_445_720_123)), "26Mar02_10_02_00_123");
    }

    #[test]
    fn a_manifest_names_the_accounts_of_its_archives() {
        let manifest = "Manifest-Version: 1.0\nSmart-Account:\n\nName: /a.tar.gz\nSpecification-VA: \nSpecification-VA-ID: \n\nName: /b.tar.gz\r\nSpecification-VA: Branch 2\r\n";
        let expected = BTreeMap::from([("b.tar.gz".to_owned(), "Branch 2".to_owned())]);
        assert_eq!(accounts_in(manifest), expected);
        assert_eq!(accounts_in("Specification-VA: nobody's"), BTreeMap::new());
    }

    #[test]
    fn files_are_put_side_by_side_in_one() {
        let [one, two] = ["<smartLicense>\n<a/>\n</smartLicense>\n", "<smartLicense><b/></smartLicense>"];
        assert_eq!(combined(vec![one.into()]), one);
        assert_eq!(combined(vec![one.into(), two.into()]), "<smartLicense>\n<a/>\n<b/>\n</smartLicense>\n");
    }
}
