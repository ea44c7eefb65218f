//! What waits: reports for CSSM, and results of uploads for whoever fetches them. Both are counted, so that neither
//! grows without end.

use std::collections::{BTreeMap, HashMap};

use slpsim_agent::{PollId, ReportId, Udi};

use crate::records::Upload;

/// Which reports wait for CSSM, and how much of them there is.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    by_device: BTreeMap<Udi, BTreeMap<ReportId, usize>>,
    count: usize,
    bytes: usize,
}

impl Waiting {
    /// Notes that a report of so many bytes waits; `None`: that it does not.
    pub(crate) fn set(&mut self, udi: Udi, id: ReportId, bytes: Option<usize>) {
        let before = match bytes {
            Some(bytes) => {
                self.count += 1;
                self.bytes = self.bytes.saturating_add(bytes);
                self.by_device.entry(udi).or_default().insert(id, bytes)
            }
            None => {
                let ids = self.by_device.get_mut(&udi);
                let before = ids.and_then(|ids| ids.remove(&id));
                if self.by_device.get(&udi).is_some_and(BTreeMap::is_empty) {
                    self.by_device.remove(&udi);
                }
                before
            }
        };
        if let Some(before) = before {
            self.count -= 1;
            self.bytes = self.bytes.saturating_sub(before);
        }
    }

    /// Forgets all reports of a device.
    pub(crate) fn forget(&mut self, udi: &Udi) {
        let gone = self.by_device.remove(udi).unwrap_or_default();
        self.count -= gone.len();
        self.bytes = self.bytes.saturating_sub(gone.values().sum());
    }

    /// The devices with reports that wait.
    pub(crate) fn devices(&self) -> impl ExactSizeIterator<Item = &Udi> {
        self.by_device.keys()
    }

    /// The reports of a device, oldest first.
    pub(crate) fn of(&self, udi: &Udi) -> impl DoubleEndedIterator<Item = ReportId> {
        self.by_device.get(udi).into_iter().flat_map(|ids| ids.keys().copied())
    }

    /// How many wait.
    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// How many bytes they have together.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Results of uploads by poll id; the oldest ones go where there are too many.
#[derive(Debug, Default)]
pub(crate) struct Uploads {
    by_id: BTreeMap<u64, Upload>,
    by_push: HashMap<(Udi, PollId), u64>,
    parts: usize,
}

/// How many uploads are kept, and how many devices in all of them.
const UPLOADS: usize = 10_000;
const PARTS: usize = 100_000;

impl Uploads {
    pub(crate) fn get(&self, poll_id: u64) -> Option<&Upload> {
        self.by_id.get(&poll_id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Upload)> {
        self.by_id.iter().map(|(poll_id, upload)| (*poll_id, upload))
    }

    /// The last upload that carried that push.
    pub(crate) fn of_push(&self, push: (Udi, PollId)) -> Option<u64> {
        self.by_push.get(&push).copied()
    }

    /// Keeps an upload; the poll ids of those that had to go for it.
    pub(crate) fn put(&mut self, poll_id: u64, upload: Upload) -> Vec<u64> {
        self.remove(poll_id);
        let mut gone = Vec::new();
        while self.by_id.len() >= UPLOADS || (self.parts >= PARTS && !self.by_id.is_empty()) {
            let Some(oldest) = self.by_id.keys().next().copied() else { break };
            self.remove(oldest);
            gone.push(oldest);
        }
        self.parts += parts(&upload);
        if let Upload::Acks(acks) = &upload {
            self.by_push.extend(acks.iter().map(|(udi, push, _)| ((*udi, *push), poll_id)));
        }
        self.by_id.insert(poll_id, upload);
        gone
    }

    pub(crate) fn remove(&mut self, poll_id: u64) {
        let Some(upload) = self.by_id.remove(&poll_id) else { return };
        self.parts -= parts(&upload);
        if let Upload::Acks(acks) = upload {
            for (udi, push, _) in acks {
                if self.by_push.get(&(udi, push)) == Some(&poll_id) {
                    self.by_push.remove(&(udi, push));
                }
            }
        }
    }
}

fn parts(upload: &Upload) -> usize {
    match upload {
        Upload::Acks(acks) => acks.len(),
        Upload::Codes(codes) => codes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn udi(n: u32) -> Udi {
        Udi::new("N9K-C93180YC-FX3", &format!("FDO{n:08}")).unwrap()
    }

    #[test]
    fn counts_follow_what_waits() {
        let mut waiting = Waiting::default();
        waiting.set(udi(1), ReportId(1), Some(10));
        waiting.set(udi(1), ReportId(1), Some(7));
        waiting.set(udi(1), ReportId(2), Some(5));
        waiting.set(udi(2), ReportId(1), Some(1));
        waiting.set(udi(2), ReportId(9), None);
        assert_eq!((waiting.count(), waiting.bytes(), waiting.devices().len()), (3, 13, 2));
        waiting.set(udi(2), ReportId(1), None);
        assert_eq!(waiting.of(&udi(1)).map(|id| id.0).collect::<Vec<_>>(), [1, 2]);
        waiting.forget(&udi(1));
        assert_eq!((waiting.count(), waiting.bytes(), waiting.devices().len()), (0, 0, 0));
    }

    #[test]
    fn the_oldest_uploads_go_where_there_are_too_many_or_too_large_ones() {
        let mut uploads = Uploads::default();
        let push = |n: u64| (udi(1), PollId(n), false);
        for n in 0..10_000 {
            assert!(uploads.put(n, Upload::Acks(vec![push(n)])).is_empty());
        }
        assert_eq!(uploads.put(10_000, Upload::Acks(vec![push(1)])), [0]);
        assert_eq!(uploads.of_push((udi(1), PollId(0))), None);
        assert_eq!(uploads.of_push((udi(1), PollId(1))), Some(10_000), "the last upload of that push");
        let large = Upload::Acks((0..200_000).map(push).collect());
        uploads.put(20_000, large);
        assert!(uploads.put(20_001, Upload::Acks(vec![push(5)])).contains(&20_000));
        assert!(uploads.get(20_000).is_none() && uploads.get(20_001).is_some());
        assert_eq!(uploads.iter().count(), 1);
    }
}
