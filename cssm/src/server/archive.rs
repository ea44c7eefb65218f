//! Archives of files (`tar`, compressed or not), read as hostile and written plainly.

use std::io::{self, Read, Write};
use std::path::{Component, Path};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use slpsim_agent::numbers;
use slpsim_policy::Wall;

/// Most members, over all archives inside one another.
const MEMBERS: usize = 20_000;
/// Most bytes that all of them unpack to.
const BYTES: u64 = 256_000_000;
/// Archives in archives: an account, and in it the virtual ones.
const DEPTH: usize = 2;
/// Longest name.
const NAME: usize = 200;

/// A file in an archive.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// The archive inside the outer one, where there is one.
    pub(super) within: Option<String>,
    /// Its name without folders.
    pub(super) name: String,
    /// Its contents.
    pub(super) bytes: Vec<u8>,
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}/{} ({} bytes)", self.within, self.name, self.bytes.len())
    }
}

/// Why an archive is refused; whoever made it is to blame.
#[derive(Debug, thiserror::Error)]
pub(super) enum ArchiveError {
    #[error("it is damaged, or no tar archive: {0}")]
    Damaged(io::Error),
    #[error("it has more than {MEMBERS} members")]
    Members,
    #[error("it unpacks to more than {BYTES} bytes")]
    Bytes,
    #[error("member {0:?} has more than 5000000 bytes")]
    MemberBytes(String),
    #[error("member {0:?} leads outside the archive, or has an unusable name")]
    Name(String),
    #[error("member {0:?} is a link or a device; only files are taken")]
    Kind(String),
    #[error("it has archives in archives in archives")]
    Depth,
}

/// Whether these are the first bytes of a compressed file.
pub(super) fn is_compressed(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Whether these are the bytes of an archive, compressed or not (POSIX `ustar`, and what GNU tar writes).
pub(super) fn is_archive(bytes: &[u8]) -> bool {
    is_compressed(bytes) || bytes.get(257..262) == Some(b"ustar".as_slice())
}

/// All files in an archive and in the archives in it. Nothing is written anywhere.
pub(super) fn unpack(bytes: &[u8]) -> Result<Vec<Member>, ArchiveError> {
    let mut unpacking = Unpacking { members: Vec::new(), seen: 0, left: BYTES };
    unpacking.archive(bytes, None, 1)?;
    Ok(unpacking.members)
}

struct Unpacking {
    members: Vec<Member>,
    seen: usize,
    left: u64,
}

impl Unpacking {
    fn archive(&mut self, bytes: &[u8], within: Option<&str>, depth: usize) -> Result<(), ArchiveError> {
        if depth > DEPTH {
            return Err(ArchiveError::Depth);
        }
        let plain: Box<dyn Read + '_> =
            if is_compressed(bytes) { Box::new(MultiGzDecoder::new(bytes)) } else { Box::new(bytes) };
        // Headers and padding count as well, so that nothing unpacks without end.
        let mut bounded = Bounded { inner: plain, left: self.left };
        let outcome = self.members_of(&mut bounded, within, depth);
        self.left = bounded.left;
        match outcome {
            Err(ArchiveError::Damaged(_)) if bounded.left == 0 => Err(ArchiveError::Bytes),
            outcome => outcome,
        }
    }

    fn members_of(
        &mut self,
        plain: &mut Bounded<'_>,
        within: Option<&str>,
        depth: usize,
    ) -> Result<(), ArchiveError> {
        let mut inner = Vec::new();
        let mut archive = tar::Archive::new(plain);
        for entry in archive.entries().map_err(ArchiveError::Damaged)? {
            let mut entry = entry.map_err(ArchiveError::Damaged)?;
            self.seen += 1;
            if self.seen > MEMBERS {
                return Err(ArchiveError::Members);
            }
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let short = short_name(&name).ok_or_else(|| ArchiveError::Name(shown(&name)))?;
            let kind = entry.header().entry_type();
            if kind.is_dir() {
                continue;
            }
            if !kind.is_file() {
                return Err(ArchiveError::Kind(shown(&name)));
            }
            // An archive inside may be as large as everything together; it is bounded all the same.
            let is_inner = short.ends_with(".gz") || short.ends_with(".tar");
            let most =
                if is_inner { BYTES } else { u64::try_from(numbers::MESSAGE_SIZE).unwrap_or(u64::MAX) };
            if entry.size() > most {
                return Err(ArchiveError::MemberBytes(shown(&name)));
            }
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(ArchiveError::Damaged)?;
            match is_archive(&bytes) {
                true => inner.push((short, bytes)),
                false => self.members.push(Member { within: within.map(Into::into), name: short, bytes }),
            }
        }
        for (name, bytes) in inner {
            self.archive(&bytes, Some(&name), depth + 1)?;
        }
        Ok(())
    }
}

/// The last part of a name that stays inside the archive.
fn short_name(name: &str) -> Option<String> {
    let good = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    let path = Path::new(name);
    let usable = name.len() <= NAME
        && !name.contains(['\\', '\0'])
        && !name.chars().any(char::is_control)
        && path.components().all(good);
    if !usable {
        return None;
    }
    let last = path.components().rev().find(|part| matches!(part, Component::Normal(_)));
    Some(last.map_or_else(|| ".".into(), |part| part.as_os_str().to_string_lossy().into_owned()))
}

/// A name for a message: short, and without anything that a terminal obeys.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(80).collect()
}

/// Reads so many bytes and no more.
struct Bounded<'a> {
    inner: Box<dyn Read + 'a>,
    left: u64,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 && !buffer.is_empty() {
            return Err(io::Error::other("larger than allowed"));
        }
        let read = self.inner.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.left -= u64::try_from(read).unwrap_or(self.left);
        Ok(read)
    }
}

/// Writes files into a compressed archive.
pub(super) fn pack<'a>(
    members: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    at: Wall,
) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(bytes.len()).map_err(io::Error::other)?);
        header.set_mode(0o644);
        header.set_mtime(u64::try_from(at.secs()).unwrap_or(0));
        archive.append_data(&mut header, name, bytes)?;
    }
    let mut compressed = archive.into_inner()?;
    compressed.flush()?;
    compressed.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An archive with one member of that name and kind; names that the library would refuse are written as well.
    fn with_member(name: &str, kind: tar::EntryType, bytes: &[u8]) -> Vec<u8> {
        let mut header = tar::Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_size(bytes.len().try_into().unwrap());
        header.set_cksum();
        let mut builder = tar::Builder::new(Vec::new());
        builder.append(&header, bytes).unwrap();
        builder.into_inner().unwrap()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_was_packed_is_unpacked_archives_inside_too() {
        let inner = pack([("dev_1.txt", b"one".as_slice()), ("dev_2.txt", b"two")], Wall(0)).unwrap();
        let outer = pack([("manifest.mf", b"m".as_slice()), ("UD_VA_x.tar.gz", &inner)], Wall(0)).unwrap();
        let members = unpack(&outer).unwrap();
        let found: Vec<_> = members
            .iter()
            .map(|member| (member.within.as_deref(), member.name.as_str(), member.bytes.as_slice()))
            .collect();
        assert_eq!(
            found,
            [
                (None, "manifest.mf", b"m".as_slice()),
                (Some("UD_VA_x.tar.gz"), "dev_1.txt", b"one"),
                (Some("UD_VA_x.tar.gz"), "dev_2.txt", b"two"),
            ]
        );
    }

    #[test]
    fn names_that_lead_outside_links_and_devices_are_refused() {
        use tar::EntryType;
        for name in ["../evil", "/etc/passwd", "a/../../b", "a\\b", "a\nb"] {
            let refusal = unpack(&with_member(name, EntryType::Regular, b"x")).unwrap_err();
            assert!(matches!(refusal, ArchiveError::Name(_)), "{name}: {refusal}");
            assert!(!refusal.to_string().contains('\n'));
        }
        for kind in [EntryType::Symlink, EntryType::Link, EntryType::Char, EntryType::Fifo] {
            let refusal = unpack(&with_member("a", kind, b"")).unwrap_err();
            assert!(matches!(refusal, ArchiveError::Kind(_)), "{kind:?}: {refusal}");
        }
        assert!(unpack(&with_member("./folder/", EntryType::Directory, b"")).unwrap().is_empty());
    }

    #[test]
    fn bombs_end_at_the_limit() {
        // 300 MB of zeros, a few hundred kilobytes as they come.
        let zeros = vec![0; 1_000_000];
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let mut header = tar::Header::new_gnu();
        header.set_path("UD_VA_bomb.tar.gz").unwrap();
        header.set_size(10_000_000_000);
        header.set_cksum();
        encoder.write_all(header.as_bytes()).unwrap();
        for _ in 0..300 {
            encoder.write_all(&zeros).unwrap();
        }
        let bomb = encoder.finish().unwrap();
        assert!(matches!(unpack(&bomb).unwrap_err(), ArchiveError::MemberBytes(_)));

        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_path("dev.txt").unwrap();
        header.set_size(5_000_001);
        header.set_cksum();
        builder.append(&header, io::repeat(b' ').take(5_000_001)).unwrap();
        let large = gzip(&builder.into_inner().unwrap());
        assert!(matches!(unpack(&large).unwrap_err(), ArchiveError::MemberBytes(_)));

        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for n in 0..60 {
            let mut header = tar::Header::new_gnu();
            header.set_path(format!("dev_{n}.txt")).unwrap();
            header.set_size(5_000_000);
            header.set_cksum();
            builder.append(&header, io::repeat(b' ').take(5_000_000)).unwrap();
        }
        let many = builder.into_inner().unwrap().finish().unwrap();
        assert!(matches!(unpack(&many).unwrap_err(), ArchiveError::Bytes));
    }

    #[test]
    fn too_many_members_too_deep_and_no_archive_at_all() {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_path("a").unwrap();
        header.set_size(0);
        header.set_cksum();
        for _ in 0..=MEMBERS {
            builder.append(&header, io::empty()).unwrap();
        }
        assert!(matches!(unpack(&builder.into_inner().unwrap()).unwrap_err(), ArchiveError::Members));

        let mut nested = pack([("a.txt", b"x".as_slice())], Wall(0)).unwrap();
        for _ in 0..DEPTH {
            nested = pack([("a.tar.gz", nested.as_slice())], Wall(0)).unwrap();
        }
        assert!(matches!(unpack(&nested).unwrap_err(), ArchiveError::Depth));

        let good = pack([("a.txt", b"x".as_slice())], Wall(0)).unwrap();
        for bytes in [&good[..good.len() / 2], b"\x1f\x8bnonsense", &gzip(b"no archive inside, just text")] {
            assert!(matches!(unpack(bytes).unwrap_err(), ArchiveError::Damaged(_)));
        }
        assert!(is_archive(&good) && !is_archive(b"<smartLicense>"));
    }
}
