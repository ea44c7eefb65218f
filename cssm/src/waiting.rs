//! What waits: reports for CSSM, and results of uploads for whoever fetches them. Both are counted, so that neither
//! grows without end.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use slpsim_agent::{PollId, ReportId, Udi};

use crate::records::Upload;

/// A report, by whose usage it is and its number.
pub(crate) type Key = (Udi, ReportId);

/// Which reports wait for CSSM, by whoever pushed them, and how much of them there is.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// With their sizes, oldest first.
    by_sender: BTreeMap<Udi, BTreeMap<(ReportId, Udi), usize>>,
    senders: HashMap<Key, Udi>,
    bytes: usize,
}

impl Waiting {
    /// Notes that a report of so many bytes waits, and for whom; `None`: that it does not.
    pub(crate) fn set(&mut self, key: Key, held: Option<(Udi, usize)>) {
        let (udi, id) = key;
        if let Some(sender) = self.senders.remove(&key)
            && let Some(reports) = self.by_sender.get_mut(&sender)
        {
            self.bytes = self.bytes.saturating_sub(reports.remove(&(id, udi)).unwrap_or(0));
            if reports.is_empty() {
                self.by_sender.remove(&sender);
            }
        }
        if let Some((sender, bytes)) = held {
            self.bytes = self.bytes.saturating_add(bytes);
            self.senders.insert(key, sender);
            self.by_sender.entry(sender).or_default().insert((id, udi), bytes);
        }
    }

    /// Forgets all reports about a device.
    pub(crate) fn forget(&mut self, udi: &Udi) {
        let gone: Vec<Key> = self.senders.keys().filter(|(of, _)| of == udi).copied().collect();
        for key in gone {
            self.set(key, None);
        }
    }

    /// The devices that wait.
    pub(crate) fn senders(&self) -> impl ExactSizeIterator<Item = &Udi> {
        self.by_sender.keys()
    }

    /// The devices that wait, those behind `last` first.
    pub(crate) fn senders_after(&self, last: Option<&Udi>) -> impl Iterator<Item = &Udi> {
        let after = last.map_or(Bound::Unbounded, |last| Bound::Excluded(*last));
        let until = last.map(|last| self.by_sender.range(..=*last));
        let behind = self.by_sender.range((after, Bound::Unbounded));
        behind.chain(until.into_iter().flatten()).map(|(udi, _)| udi)
    }

    /// What a device has pushed, oldest first.
    pub(crate) fn of(&self, sender: &Udi) -> impl DoubleEndedIterator<Item = Key> {
        let reports = self.by_sender.get(sender).into_iter().flat_map(BTreeMap::keys);
        reports.map(|(id, udi)| (*udi, *id))
    }

    /// How many wait.
    pub(crate) fn count(&self) -> usize {
        self.senders.len()
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
        let key = |n, id| (udi(n), ReportId(id));
        waiting.set(key(1, 1), Some((udi(1), 10)));
        waiting.set(key(1, 1), Some((udi(1), 7)));
        waiting.set(key(1, 2), Some((udi(1), 5)));
        waiting.set(key(2, 1), Some((udi(2), 1)));
        waiting.set(key(2, 9), None);
        assert_eq!((waiting.count(), waiting.bytes(), waiting.senders().len()), (3, 13, 2));
        waiting.set(key(2, 1), None);
        assert_eq!(waiting.of(&udi(1)).collect::<Vec<_>>(), [key(1, 1), key(1, 2)]);
        waiting.forget(&udi(1));
        assert_eq!((waiting.count(), waiting.bytes(), waiting.senders().len()), (0, 0, 0));
    }

    /// After a switchover the new active unit pushes what the old one has measured.
    #[test]
    fn a_report_waits_for_whoever_pushed_it_last() {
        let mut waiting = Waiting::default();
        let key = |n, id| (udi(n), ReportId(id));
        waiting.set(key(1, 1), Some((udi(1), 10)));
        waiting.set(key(1, 1), Some((udi(2), 10)));
        waiting.set(key(2, 2), Some((udi(2), 5)));
        assert_eq!(waiting.senders().copied().collect::<Vec<_>>(), [udi(2)]);
        assert_eq!(waiting.of(&udi(2)).collect::<Vec<_>>(), [key(1, 1), key(2, 2)]);
        assert_eq!((waiting.count(), waiting.bytes()), (2, 15));
        waiting.forget(&udi(1));
        assert_eq!(waiting.of(&udi(2)).collect::<Vec<_>>(), [key(2, 2)]);
    }

    #[test]
    fn the_round_goes_on_behind_the_last_one() {
        let mut waiting = Waiting::default();
        for n in 1..=3 {
            waiting.set((udi(n), ReportId(1)), Some((udi(n), 1)));
        }
        let round =
            |last: Option<u32>| waiting.senders_after(last.map(udi).as_ref()).copied().collect::<Vec<_>>();
        assert_eq!(round(None), [udi(1), udi(2), udi(3)]);
        assert_eq!(round(Some(2)), [udi(3), udi(1), udi(2)]);
        assert_eq!(round(Some(9)), [udi(1), udi(2), udi(3)]);
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
