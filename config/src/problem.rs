//! What is wrong with a configuration, and where.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Problems that are listed; a file with more has one cause, not many.
const LISTED: usize = 40;

/// Where a text came from.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// As printed: the path, or `--set KEY=VALUE`.
    pub name: String,
    /// Relative paths are relative to this folder.
    pub base: PathBuf,
}

/// A place in a configuration, printed as `file:line:column`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub(crate) source: Arc<Source>,
    /// From 1; 0 where the source has no lines.
    pub(crate) line: usize,
    /// In characters, from 1.
    pub(crate) column: usize,
}

impl Place {
    /// A whole source.
    #[must_use]
    pub fn whole(source: &Arc<Source>) -> Self {
        Self { source: Arc::clone(source), line: 0, column: 0 }
    }

    /// The folder to which paths that are written here are relative.
    #[must_use]
    pub fn base(&self) -> &std::path::Path {
        &self.source.base
    }

    pub(crate) fn at(source: &Arc<Source>, text: &Lines<'_>, offset: usize) -> Self {
        let (line, column) = text.position(offset);
        Self { source: Arc::clone(source), line, column }
    }
}

/// A text that knows where its lines begin.
pub(crate) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self { text, starts: std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect() }
    }

    /// Line and column, both from 1.
    fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let before = self.text.get(start..offset).unwrap_or_default();
        (line.max(1), before.chars().count() + 1)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source.name)?;
        if self.line > 0 { write!(f, ":{}:{}", self.line, self.column) } else { Ok(()) }
    }
}

/// One thing that is wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// One line.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// Everything that is wrong with a configuration; printed one problem a line.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, problem) in self.0.iter().take(LISTED).enumerate() {
            if position > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        match self.0.len().saturating_sub(LISTED) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl Problems {
    /// Adds one.
    pub fn add(&mut self, place: &Place, message: impl Into<String>) {
        self.0.push(Problem { place: place.clone(), message: message.into() });
    }

    /// The value, where nothing was wrong.
    ///
    /// # Errors
    /// All problems, where there are some.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

/// The candidate that is most like `word`, quoted, as an end of a sentence; empty where none is near.
#[must_use]
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(word, candidates) {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None => String::new(),
    }
}

fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A word of a file may be as long as the file; what is near is not.
    let word: String = word.chars().take(64).collect::<String>().to_lowercase();
    let score = |candidate: &str| strsim::jaro_winkler(&word, &candidate.to_lowercase());
    let scored = candidates.into_iter().map(|candidate| (score(candidate), candidate));
    let best = scored.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.filter(|(score, _)| *score > 0.75).map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters() {
        let source = Arc::new(Source { name: "f.toml".into(), base: PathBuf::new() });
        let text = "é = 1\nab = \"日本\" # x\n";
        for (offset, expected) in
            [(0, "f.toml:1:1"), (3, "f.toml:1:3"), (7, "f.toml:2:1"), (19, "f.toml:2:9")]
        {
            assert_eq!(Place::at(&source, &Lines::of(text), offset).to_string(), expected, "{offset}");
        }
        assert_eq!(Place::whole(&source).to_string(), "f.toml");
    }

    #[test]
    fn near_words_are_offered_and_far_ones_are_not() {
        let words = ["hostname", "transport", "timezone"];
        assert_eq!(did_you_mean("hostnme", words), "; did you mean `hostname`?");
        assert_eq!(did_you_mean("TRANSPORT", words), "; did you mean `transport`?");
        assert_eq!(did_you_mean("xyzzy", words), "");
    }

    #[test]
    fn a_long_list_of_problems_is_cut() {
        let source = Arc::new(Source { name: "f".into(), base: PathBuf::new() });
        let mut problems = Problems::default();
        for _ in 0..45 {
            problems.add(&Place::whole(&source), "bad");
        }
        let text = problems.to_string();
        assert_eq!((text.lines().count(), text.lines().last()), (41, Some("and 5 more")));
    }
}
