//! Expected output that is too long for a test stands in a file, written by `SLPSIM_BLESS=1`.

use std::path::Path;
use std::{env, fs};

use crate::root;

/// Compares `actual` with the golden of this name, relative to `tests/goldens`.
///
/// With `SLPSIM_BLESS=1` the golden is written anew instead, for its author to read as a difference.
///
/// # Panics
/// Where the two differ, or the file cannot be read or written.
pub fn assert_golden(name: &str, actual: &str) {
    let path = root().join("tests/goldens").join(name);
    let bless = env::var_os("SLPSIM_BLESS").is_some_and(|value| value == "1");
    if let Err(complaint) = compare(&path, actual, bless) {
        #[expect(clippy::panic, reason = "the assertion of a test")]
        {
            panic!("{complaint}");
        }
    }
}

/// Compares or writes; the error says where the difference begins and what to do about it.
fn compare(path: &Path, actual: &str, bless: bool) -> Result<(), String> {
    let shown = path.display();
    if bless {
        let folder = path.parent().unwrap_or(path);
        return fs::create_dir_all(folder)
            .and_then(|()| fs::write(path, actual))
            .map_err(|error| format!("{shown}: {error}"));
    }
    let expected = fs::read_to_string(path)
        .map_err(|error| format!("{shown}: {error}; SLPSIM_BLESS=1 writes it from this run"))?;
    if expected == actual {
        return Ok(());
    }
    let same = expected.lines().zip(actual.lines()).take_while(|(old, new)| old == new).count();
    let line = |text: &str| text.lines().nth(same).unwrap_or("<end>").to_owned();
    Err(format!(
        "{shown}:{}: differs; SLPSIM_BLESS=1 writes it anew, if that is wanted\n  expected: {}\n  seen:     {}",
        same + 1,
        line(&expected),
        line(actual)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_named_with_its_line_until_it_is_blessed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("new/show.txt");
        assert!(compare(&path, "a\n", false).expect_err("missing").contains("SLPSIM_BLESS=1"));
        compare(&path, "a\nb\n", true).expect("written");
        compare(&path, "a\nb\n", false).expect("equal");
        let complaint = compare(&path, "a\nc\n", false).expect_err("different");
        assert!(complaint.contains("show.txt:2: differs"), "{complaint}");
        assert!(complaint.ends_with("expected: b\n  seen:     c"), "{complaint}");
        let complaint = compare(&path, "a\n", false).expect_err("shorter");
        assert!(complaint.ends_with("expected: b\n  seen:     <end>"), "{complaint}");
    }
}
