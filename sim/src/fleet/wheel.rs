//! When which device is due: a wheel of buckets, one for each stretch of time.
//!
//! Devices do not influence one another, so those of one bucket may run in any order, each up to the bucket's end; the
//! total order of lines is made afterwards. A bucket is a list that runs through one array, so that a device costs
//! twelve bytes and moving it costs two writes.

const NONE: u32 = u32::MAX;
/// Buckets of the ring; what is due later waits in the last one and is put in again.
const RING: usize = 4096;

/// The wheel.
#[derive(Debug)]
pub(crate) struct Wheel {
    step_ms: u64,
    /// The bucket that is taken next, counted from time 0.
    next: u64,
    heads: Vec<u32>,
    link: Vec<u32>,
    due: Vec<u64>,
}

impl Wheel {
    /// An empty wheel for `devices`, whose buckets are `step_ms` long.
    pub(crate) fn new(devices: usize, step_ms: u64) -> Self {
        Self {
            step_ms: step_ms.max(1),
            next: 0,
            heads: vec![NONE; RING],
            link: vec![NONE; devices],
            due: vec![u64::MAX; devices],
        }
    }

    /// Makes room for one more device; it is not due.
    pub(crate) fn grow(&mut self) {
        self.link.push(NONE);
        self.due.push(u64::MAX);
    }

    /// Puts a device in that is in no bucket. [`u64::MAX`]: it is never due.
    pub(crate) fn put(&mut self, device: u32, due_ms: u64) {
        let (Some(due), Some(link)) = (self.due.get_mut(at(device)), self.link.get_mut(at(device))) else {
            return;
        };
        *due = due_ms;
        if due_ms == u64::MAX {
            return;
        }
        let ahead = (due_ms / self.step_ms).clamp(self.next, self.next + RING as u64 - 1);
        let head = &mut self.heads[slot(ahead)];
        *link = *head;
        *head = device;
    }

    /// Takes the devices that are due before the end of the next bucket into `out`, in order of their number.
    pub(crate) fn take(&mut self, out: &mut Vec<u32>) {
        out.clear();
        let slot = slot(self.next);
        let end = self.next.saturating_add(1).saturating_mul(self.step_ms);
        self.next += 1;
        let mut device = std::mem::replace(&mut self.heads[slot], NONE);
        while device != NONE {
            let following = std::mem::replace(&mut self.link[at(device)], NONE);
            if self.due[at(device)] < end {
                out.push(device);
            } else {
                self.put(device, self.due[at(device)]);
            }
            device = following;
        }
        // Neighbours in memory run one after the other.
        out.sort_unstable();
    }

    /// The bucket that has just been taken goes on: its end has not been reached.
    pub(crate) fn again(&mut self) {
        self.next = self.next.saturating_sub(1);
    }

    /// Lets buckets have another length from `now_ms` on; everything before has been taken.
    pub(crate) fn restep(&mut self, step_ms: u64, now_ms: u64) {
        let due = std::mem::take(&mut self.due);
        let mut wheel = Self::new(due.len(), step_ms);
        wheel.next = now_ms / wheel.step_ms;
        // What is in no bucket was taken out and not put in again; it is due in the past.
        for (device, due) in (0..).zip(due).filter(|(_, due)| *due >= now_ms) {
            wheel.put(device, due);
        }
        *self = wheel;
    }
}

const fn at(device: u32) -> usize {
    device as usize
}

fn slot(bucket: u64) -> usize {
    // The ring is far smaller than any usize.
    usize::try_from(bucket % RING as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_due_beyond_the_ring_is_put_in_again() {
        let mut wheel = Wheel::new(3, 10);
        wheel.put(0, 10 * 9000 + 3);
        wheel.put(2, 25);
        wheel.put(1, 25);
        let mut taken = Vec::new();
        let mut seen = Vec::new();
        for bucket in 0..=9000 {
            wheel.take(&mut taken);
            seen.extend(taken.iter().map(|device| (bucket, *device)));
        }
        assert_eq!(seen, [(2, 1), (2, 2), (9000, 0)]);
    }

    proptest! {
        #[test]
        fn every_device_is_taken_in_the_bucket_of_its_time_also_after_a_change_of_length(
            due in proptest::collection::vec(0_u64..2_000_000, 1..40),
            step in 1_u64..500,
            restep in 1_u64..500,
        ) {
            let mut wheel = Wheel::new(due.len(), step);
            for (device, due) in (0..).zip(&due) {
                wheel.put(device, *due);
            }
            let mut taken = Vec::new();
            let mut now = 0;
            let mut seen = 0;
            let mut check = |wheel: &mut Wheel, now: &mut u64, step: u64| {
                wheel.take(&mut taken);
                for device in &taken {
                    let due = due[at(*device)];
                    prop_assert!((*now..*now + step).contains(&due), "{due} at {now}");
                }
                seen += taken.len();
                *now += step;
                Ok(())
            };
            for _ in 0..100 {
                check(&mut wheel, &mut now, step)?;
            }
            // Everything before `now` has been taken; the first new bucket may have begun earlier.
            wheel.restep(restep, now);
            now = now / restep * restep;
            while now < 2_000_000 {
                check(&mut wheel, &mut now, restep)?;
            }
            prop_assert_eq!(seen, due.len());
        }
    }
}
