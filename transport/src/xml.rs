//! The little XML that the files need: elements, text, CDATA. Read into a tree within limits, written as text.
//!
//! A document type declaration is refused, as are entities beside the five predefined ones (`spec/formats.md` §19).

use std::ops::Range;

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::Event;

use crate::error::{DecodeError, Rule};
use crate::json::{MAX_BYTES, MAX_DEPTH};

/// Most elements of a document: a text within the size limit must not unfold to hundreds of megabytes.
const MAX_ELEMENTS: usize = 100_000;

/// An element with its contents.
#[derive(Debug, Default)]
pub(crate) struct Element {
    /// Name with prefix, as written.
    pub(crate) name: String,
    /// Where it stands in the document, tags included.
    pub(crate) span: Range<usize>,
    /// Elements inside.
    pub(crate) children: Vec<Self>,
    text: String,
    cdata: Option<String>,
}

impl Element {
    /// The first child of that name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The first child of that name, which must be there.
    pub(crate) fn needed(&self, name: &str) -> Result<&Self, DecodeError> {
        self.child(name).ok_or_else(|| DecodeError::new(Rule::Present, name, "").within(&self.name))
    }

    /// The name without its prefix, which every writer of XML may choose.
    pub(crate) fn local_name(&self) -> &str {
        self.name.rsplit_once(':').map_or(self.name.as_str(), |(_, local)| local)
    }

    /// The first child with that local name, which must be there.
    pub(crate) fn needed_local(&self, local: &str) -> Result<&Self, DecodeError> {
        let found = self.children.iter().find(|child| child.local_name() == local);
        found.ok_or_else(|| DecodeError::new(Rule::Present, local, "").within(self.local_name()))
    }

    /// The contents: of the CDATA sections where there are any (blanks around them do not count), else of the text
    /// without the blanks around it.
    pub(crate) fn content(&self) -> &str {
        match &self.cdata {
            Some(cdata) if self.text.trim().is_empty() => cdata,
            Some(_) | None => self.text.trim(),
        }
    }
}

/// Reads a document, or a fragment with several elements at the top.
pub(crate) fn parse(bytes: &[u8]) -> Result<(&str, Vec<Element>), DecodeError> {
    if bytes.len() > MAX_BYTES {
        return Err(DecodeError::new(Rule::Size, "", format!("{} bytes", bytes.len())));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        DecodeError::new(Rule::Utf8, "", format!("a bad byte at {}", error.valid_up_to()))
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader::from_str(text);
    // The last one is the document itself.
    let mut open = vec![Element::default()];
    let mut elements = 0_usize;
    loop {
        let start = position(&reader);
        let event = reader.read_event().map_err(|error| broken(&error.to_string(), start))?;
        let end = position(&reader);
        if matches!(event, Event::Start(_) | Event::Empty(_)) {
            elements += 1;
            if elements > MAX_ELEMENTS {
                return Err(DecodeError::new(Rule::Count, "", format!("more than {MAX_ELEMENTS} elements")));
            }
        }
        match event {
            Event::Start(tag) => {
                if open.len() > MAX_DEPTH {
                    return Err(DecodeError::new(Rule::Depth, "", format!("more at byte {start}")));
                }
                let name = tag.name().into_inner().to_owned();
                open.push(Element { name, span: start..end, ..Element::default() });
            }
            Event::Empty(tag) => {
                let name = tag.name().into_inner().to_owned();
                add(&mut open, Element { name, span: start..end, ..Element::default() });
            }
            Event::End(_) => {
                if let Some(mut element) = open.pop() {
                    element.span.end = end;
                    add(&mut open, element);
                }
            }
            Event::Text(content) => text_of(&mut open, &content.xml10_content()),
            Event::CData(content) => cdata_of(&mut open, &content),
            Event::GeneralRef(name) => text_of(&mut open, &resolve(&name)?),
            Event::DocType(_) => {
                return Err(DecodeError::new(Rule::NoDtd, "", format!("one at byte {start}")));
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    match open.pop() {
        Some(document) if open.is_empty() && document.text.trim().is_empty() && document.cdata.is_none() => {
            Ok((text, document.children))
        }
        Some(_) | None => {
            Err(broken("text outside of elements, or an element that is not closed", text.len()))
        }
    }
}

fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

fn broken(what: &str, at: usize) -> DecodeError {
    DecodeError::new(Rule::Xml, "", format!("a fault at byte {at}: {what}"))
}

fn add(open: &mut [Element], element: Element) {
    if let Some(parent) = open.last_mut() {
        parent.children.push(element);
    }
}

fn text_of(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn cdata_of(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.cdata.get_or_insert_default().push_str(text);
    }
}

fn resolve(name: &quick_xml::events::BytesRef<'_>) -> Result<String, DecodeError> {
    let character = name.resolve_char_ref().ok().flatten();
    let resolved = character.map(String::from).or_else(|| resolve_xml_entity(name).map(str::to_owned));
    resolved.ok_or_else(|| DecodeError::new(Rule::NoDtd, "", "an entity that is not predefined"))
}

/// A CDATA section; `]]>` inside is split over two sections.
pub(crate) fn cdata(out: &mut String, text: &str) {
    out.push_str("<![CDATA[");
    out.push_str(&text.replace("]]>", "]]]]><![CDATA[>"));
    out.push_str("]]>");
}

/// `<name>text</name>`, escaped.
pub(crate) fn leaf(out: &mut String, name: &str, text: &str) {
    out.push_str(&format!("<{name}>{}</{name}>", quick_xml::escape::partial_escape(text)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rule(text: &str) -> Rule {
        parse(text.as_bytes()).unwrap_err().rule
    }

    #[test]
    fn what_is_refused_is_refused_by_name() {
        assert_eq!(rule("<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>"), Rule::NoDtd);
        assert_eq!(rule("<a>&b;</a>"), Rule::NoDtd);
        assert_eq!(rule(&("<a>".repeat(33) + &"</a>".repeat(33))), Rule::Depth);
        assert_eq!(rule(&("<a>".to_owned() + &" ".repeat(MAX_BYTES) + "</a>")), Rule::Size);
        assert_eq!(rule(&"<a/>".repeat(MAX_ELEMENTS + 1)), Rule::Count);
        for bad in ["<a>", "<a></b>", "</a>", "text", "<a/>text", "<![CDATA[x]]>"] {
            assert_eq!(rule(bad), Rule::Xml, "{bad}");
        }
        assert!(parse(("<a>".repeat(32) + &"</a>".repeat(32)).as_bytes()).is_ok());
    }

    #[test]
    fn blanks_around_cdata_do_not_count_and_entities_of_xml_are_read() {
        let (_, elements) = parse(
            "\u{feff}<?xml version=\"1.0\"?><a>\n <![CDATA[ x ]]>\n</a><b> 1 &lt;&#50; </b><c/>".as_bytes(),
        )
        .unwrap();
        assert_eq!(elements[0].content(), " x ");
        assert_eq!(elements[1].content(), "1 <2");
        assert_eq!(elements[2].content(), "");
    }

    proptest! {
        #[test]
        fn any_text_survives_cdata_and_arbitrary_bytes_never_panic(text in ".*", bytes in any::<Vec<u8>>()) {
            let mut out = "<a>".to_owned();
            cdata(&mut out, &text);
            out.push_str("</a>");
            let (_, elements) = parse(out.as_bytes()).unwrap();
            prop_assert_eq!(elements[0].content(), text);
            let _ = parse(&bytes);
        }
    }
}
