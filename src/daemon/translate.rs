//! From the keys of a configuration file to the switch's own configuration, and to its log.

use std::str::FromStr;

use anyhow::{Context, Result};
use slpsim_config as config;
use slpsim_console::config::Config;
use slpsim_logs::{Facility, Form, Framing, Origin, Precision, Repeat, SinkUrl, Target, Zone};
use slpsim_network::World;
use slpsim_policy::Wall;

use crate::error::{BlameUser, user_error};
use crate::sinks::SinkSpec;

/// The configuration that the keys of `device` make, and its zone. `now` decides whether summer time is on.
pub(super) fn factory_config(device: &config::Device, world: &World, now: Wall) -> Result<(Config, Zone)> {
    slpsim_sim::factory_config(device, world, now).context("timezone").blame_user()
}

/// A sink as the file has it.
pub(crate) fn sink(sink: &config::Sink) -> Result<SinkSpec> {
    let target = Target::from_str(&sink.url).context("log sink").blame_user()?;
    let mut spec = SinkSpec { target, ..SinkSpec::to(SinkUrl::Null) };
    spec.framing = word("framing", sink.framing.as_deref(), Framing::by_word)?;
    spec.form = word("form", sink.form.as_deref(), Form::by_word)?;
    spec.repeat = word("repeat", sink.repeat.as_deref(), Repeat::by_word)?.unwrap_or_default();
    let options = &mut spec.options;
    options.origin = word("origin-id", sink.origin_id.as_deref(), Origin::by_word)?.unwrap_or_default();
    options.precision = word("timestamp", sink.timestamp.as_deref(), Precision::by_word)?.unwrap_or_default();
    options.facility = word("facility", sink.facility.as_deref(), Facility::by_word)?.unwrap_or_default();
    options.max_bytes = sink.max_bytes;
    Ok(spec)
}

fn word<T>(what: &str, word: Option<&str>, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>> {
    match word {
        None => Ok(None),
        Some(word) => match read(word) {
            Some(value) => Ok(Some(value)),
            None => Err(user_error(format!("log sink: unknown {what} {word:?}"))),
        },
    }
}
