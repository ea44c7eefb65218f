//! The little of Markdown that the reference uses: numbered headings, tables, numbered lists.

/// A numbered section: its heading, and the text up to the next heading of any level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The number, without a final stop: `7.2`.
    pub number: String,
    /// The section's own lines, without those of its sub-sections.
    pub text: String,
}

/// All numbered sections of a document (`## 3. Title`, `### 3.1 Title`), in order.
#[must_use]
pub fn sections(document: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut inside = false;
    for line in document.lines() {
        if let Some(title) = heading(line) {
            let number = title.split(' ').next().unwrap_or_default().trim_end_matches('.');
            inside = number.chars().next().is_some_and(|c| c.is_ascii_digit());
            if inside {
                sections.push(Section { number: number.to_owned(), text: String::new() });
            }
        } else if let (true, Some(section)) = (inside, sections.last_mut()) {
            section.text.push_str(line);
            section.text.push('\n');
        }
    }
    sections
}

/// The rows of all tables in a text, cell by cell; the rows of dashes are left out, the header rows are kept.
#[must_use]
pub fn rows(text: &str) -> Vec<Vec<String>> {
    text.lines().filter_map(row).filter(|cells| !cells.iter().all(|cell| is_rule(cell))).collect()
}

fn heading(line: &str) -> Option<&str> {
    let title = line.trim_start_matches('#');
    (title.len() < line.len()).then_some(())?;
    title.strip_prefix(' ')
}

fn row(line: &str) -> Option<Vec<String>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    // `\|` is a bar inside a cell.
    let inner = inner.replace("\\|", "\u{1}");
    Some(inner.split('|').map(|cell| cell.replace('\u{1}', "|").trim().to_owned()).collect())
}

fn is_rule(cell: &str) -> bool {
    !cell.is_empty() && cell.chars().all(|c| c == '-' || c == ':')
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "# Title\nlead\n## 1. One\n| a | b |\n|---|:-:|\n| `x \\| y` | 2 |\n### 1.1 Part\ntext\n## Free\nloose\n## 2 Two\n";

    #[test]
    fn sections_end_at_the_next_heading_of_any_kind() {
        let found = sections(DOCUMENT);
        let numbers: Vec<_> = found.iter().map(|section| section.number.as_str()).collect();
        assert_eq!(numbers, ["1", "1.1", "2"]);
        assert_eq!(found[1].text, "text\n");
        assert_eq!(found[2].text, "");
    }

    #[test]
    fn a_table_gives_its_cells_and_an_escaped_bar_does_not_part_them() {
        assert_eq!(rows(&sections(DOCUMENT)[0].text), [["a", "b"], ["`x | y`", "2"]]);
    }
}
