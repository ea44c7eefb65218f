//! The queue of events and its total order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What comes first at one instant (`spec/behaviour.md` §7.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Changes of the world, and faults.
    World,
    /// Commands, changes of usage, clock steps.
    Event,
    /// Ends of exchanges.
    Reply,
    /// Timers, in the order that the agent gives them.
    Timer,
    /// Expectations that read at that time.
    Expect,
}

/// Where an event stands in the total order: time in milliseconds since the start, class, device, number.
pub(crate) type Key = (u64, Class, u32, u64);

/// A priority queue over [`Key`].
#[derive(Debug)]
pub(crate) struct Queue<T> {
    heap: BinaryHeap<Reverse<Entry<T>>>,
}

#[derive(Debug)]
struct Entry<T> {
    key: Key,
    event: T,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new() }
    }
}

impl<T> Queue<T> {
    pub(crate) fn push(&mut self, key: Key, event: T) {
        self.heap.push(Reverse(Entry { key, event }));
    }

    pub(crate) fn peek(&self) -> Option<Key> {
        self.heap.peek().map(|Reverse(entry)| entry.key)
    }

    pub(crate) fn pop(&mut self) -> Option<(Key, T)> {
        self.heap.pop().map(|Reverse(entry)| (entry.key, entry.event))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_one_instant_come_by_class_then_device_then_number() {
        let mut queue = Queue::default();
        let keys = [
            (5, Class::Timer, 0, 0),
            (5, Class::Reply, 1, 0),
            (5, Class::Reply, 0, 9),
            (5, Class::Reply, 0, 2),
            (4, Class::Expect, 7, 0),
            (5, Class::World, 3, 0),
        ];
        for key in keys {
            queue.push(key, ());
        }
        let mut sorted = keys;
        sorted.sort_unstable();
        let popped: Vec<Key> = std::iter::from_fn(|| queue.pop().map(|(key, ())| key)).collect();
        assert_eq!(popped, sorted);
    }
}
