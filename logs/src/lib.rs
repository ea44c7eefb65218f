//! From a typed message to bytes at a receiver: line forms, framing, sinks (`spec/logs.md`).
//!
//! A [`Formatter`] turns a [`Line`] into the bytes of one log line, in a buffer of its own that it reuses. A [`Sink`]
//! takes such bytes; a [`Queue`] keeps a slow one off the path of the device. Time comes with the line, never from the
//! system.
#![forbid(unsafe_code)]

pub mod batch;
mod buffer;
pub mod form;
pub mod formatter;
pub mod framing;
pub mod line;
pub mod pri;
pub mod queue;
pub mod read;
pub mod receive;
pub mod repeat;
pub mod sink;
mod stamp;
pub mod stop;
pub mod target;
mod texts;
pub mod url;
pub mod verify;
pub mod zone;

pub use batch::Batch;
pub use form::{Form, Options, Origin, Precision, UDP_MAX_BYTES};
pub use formatter::{Foreign, Formatter};
pub use framing::Framing;
pub use line::{Line, Repeated};
pub use pri::Facility;
pub use queue::{Counts, Queue};
pub use repeat::{Repeat, Repeater};
#[cfg(feature = "unix-syslog")]
pub use sink::UnixSink;
pub use sink::{
    ClientCertificate, FileSink, NullSink, OpenError, Rotation, Sink, StdoutSink, Taken, TcpSink, TlsSink,
    TlsTrust, UdpSink, UnixStreamSink,
};
pub use stop::Stop;
pub use target::{Filter, SourceNet, Target, TargetError};
pub use url::{Receiver, SinkUrl, SinkUrlError};
pub use zone::{Zone, ZoneError};
