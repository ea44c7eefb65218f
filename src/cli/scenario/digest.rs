//! One number for all that happened in a run of scenarios.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use slpsim_sim::scenario::Outcome;

/// Stands for what happened and for what passed, in the order of the scenarios: the same on any number of threads, and
/// wherever and with whatever remarks the files are kept.
pub(super) struct Digest(Context);

impl Default for Digest {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl Digest {
    /// Adds an outcome.
    pub(super) fn add(&mut self, outcome: &Outcome) {
        let mut line = |text: &str| {
            self.0.update(text.as_bytes());
            self.0.update(b"\n");
        };
        line("run");
        for entry in &outcome.trace.entries {
            let mut object = entry.to_json(outcome);
            if let Some(map) = object.as_object_mut() {
                // Where a step is written is no event: a comment above it changes nothing.
                map.remove("place");
            }
            line(&object.to_string());
        }
        line(if outcome.passed() { "passed" } else { "failed" });
    }
}

impl fmt::Display for Digest {
    /// The first 64 bits, in hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = self.0.clone().finish();
        digest.as_ref().iter().take(8).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use slpsim_sim::scenario::{Mode, Options, parse};

    use super::Digest;
    use crate::cli::scenario::play_all;

    const TEXT: &str = "name = \"x\"\nuntil = \"60d\"\n[matrix]\nn = [1, 2, 3, 4, 5, 6, 7, 8]\n[device]\ntransport = \"smart\"\nusage-interval = 1\n\
            [[at]]\nt = \"10s\"\ncommand = \"license smart trust idtoken {token}\"\n\
            [[at]]\nt = \"5d\"\nfault = { kind = \"slow\", by = \"30s\", distribution = \"exponential\", next = \"{n}\" }\n\
            [[expect]]\nmessage = \"LOG_SMART_LIC_COMM_FAILED\"\ncount = \"2..\"\n";

    fn digest(jobs: usize, seed: u64) -> (String, Vec<String>) {
        of(TEXT, "f.toml", jobs, seed)
    }

    fn of(text: &str, file: &str, jobs: usize, seed: u64) -> (String, Vec<String>) {
        let scenarios = parse(text, file, Path::new("")).unwrap();
        let options = Options { mode: Mode::Sim, seed: Some(seed), ..Options::default() };
        let (mut digest, mut said) = (Digest::default(), Vec::new());
        play_all(&scenarios, options, jobs, |_, outcome, _| {
            let outcome = outcome?;
            digest.add(&outcome);
            said.push(format!("{} {}", outcome.title, outcome.failure_text()));
            Ok(())
        })
        .unwrap();
        (digest.to_string(), said)
    }

    #[test]
    fn any_number_of_jobs_gives_the_same_digest_and_the_same_verdicts() {
        let alone = digest(1, 7);
        assert_eq!((alone.0.len(), alone.1.len()), (16, 8));
        for jobs in [2, 5, 16] {
            assert_eq!(digest(jobs, 7), alone, "{jobs} jobs");
        }
        assert_ne!(digest(1, 8).0, alone.0, "another seed is another run");
    }

    #[test]
    fn remarks_and_the_place_of_a_file_change_no_digest() {
        let plain = of(TEXT, "f.toml", 1, 7).0;
        let remarked = TEXT.replace("[[at]]", "# A remark\n\n[[at]]");
        assert_eq!(of(&remarked, "elsewhere/g.toml", 1, 7).0, plain);
    }
}
