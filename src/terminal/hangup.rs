//! A terminal that goes away while somebody reads its keys: the line editor would read nothing for ever.

use std::io;
use std::os::fd::AsFd;
use std::thread;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Calls `gone` when the terminal at standard input has been closed at its other end, as when its window is.
///
/// # Errors
/// Where there is no thread for it.
pub fn on_hangup(gone: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let watch = move || {
        let input = io::stdin();
        loop {
            // Without a wish for input, so that only the end wakes it.
            let mut ends = [PollFd::new(input.as_fd(), PollFlags::empty())];
            match poll(&mut ends, PollTimeout::NONE) {
                Ok(_) => return gone(),
                Err(Errno::EINTR) => {}
                Err(_) => return,
            }
        }
    };
    thread::Builder::new().name("hangup".into()).spawn(watch).map(drop)
}
