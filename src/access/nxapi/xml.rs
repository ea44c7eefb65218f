//! `ins_api` in XML.

use quick_xml::Reader;
use quick_xml::events::Event;
use slpsim_console::Value;

use super::call::{Call, Kind, commands};
use super::ins::{self, Answered};
use super::output::Output;
use crate::access::operator::{Gone, Operator};

pub(super) const CONTENT_TYPE: &str = "application/xml";

/// Without an `encoding`: clients parse text, and refuse text that names one (`spec/console.md` §4).
const DECLARATION: &str = "<?xml version=\"1.0\"?>\n";
/// Deepest nesting of a request.
const DEPTH_MAX: usize = 8;

/// Answers a request in XML.
pub(super) async fn answer(operator: &mut Operator, body: &[u8], most: usize) -> Result<String, Gone> {
    match read(body, most) {
        Ok(call) => perform(operator, &call).await,
        Err(why) => Ok(refused("", &why)),
    }
}

/// Runs a request and writes the answer in XML.
pub(super) async fn perform(operator: &mut Operator, call: &Call) -> Result<String, Gone> {
    let Some(kind) = Kind::by_word(&call.kind) else {
        return Ok(refused(&call.kind, &format!("Input message type {:?} is not supported", call.kind)));
    };
    let mut outputs = String::new();
    for answered in ins::perform(operator, kind, &call.commands).await? {
        write_output(&mut outputs, &answered);
    }
    Ok(envelope(&call.kind, &outputs))
}

fn read(body: &[u8], most: usize) -> Result<Call, String> {
    let text = std::str::from_utf8(body).map_err(|_| "Request is malformed: no UTF-8".to_owned())?;
    let malformed = |why: &dyn std::fmt::Display| format!("Request is malformed: {why}");
    let mut reader = Reader::from_str(text);
    let (mut path, mut kind, mut input) = (Vec::new(), None, None::<String>);
    loop {
        match reader.read_event().map_err(|error| malformed(&error))? {
            Event::Start(start) => {
                path.push(start.name().as_ref().to_owned());
                if path.len() > DEPTH_MAX {
                    return Err(malformed(&"nested too deeply"));
                }
            }
            Event::End(_) => {
                path.pop();
            }
            Event::Text(text) => {
                note(&path, &text, &mut kind, &mut input);
            }
            Event::GeneralRef(entity) => {
                let character = match entity.resolve_char_ref().map_err(|error| malformed(&error))? {
                    Some(character) => character.to_string(),
                    None => quick_xml::escape::resolve_predefined_entity(&entity)
                        .ok_or_else(|| malformed(&format!("unknown entity {}", &*entity)))?
                        .to_owned(),
                };
                note(&path, &character, &mut kind, &mut input);
            }
            Event::CData(data) => {
                note(&path, &data, &mut kind, &mut input);
            }
            Event::Eof => break,
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
    let kind: String = kind.ok_or_else(|| malformed(&"no <type> in <ins_api>"))?;
    let input = input.ok_or_else(|| malformed(&"no <input> in <ins_api>"))?;
    Ok(Call { kind: kind.trim().to_owned(), commands: commands(&input, most)?, xml: true })
}

fn note(path: &[String], text: &str, kind: &mut Option<String>, input: &mut Option<String>) {
    match path {
        [root, leaf] if root == "ins_api" && leaf == "type" => {
            kind.get_or_insert_default().push_str(text);
        }
        [root, leaf] if root == "ins_api" && leaf == "input" => {
            input.get_or_insert_default().push_str(text);
        }
        _ => {}
    }
}

fn envelope(kind: &str, outputs: &str) -> String {
    let kind = escape(kind);
    format!(
        "{DECLARATION}<ins_api><type>{kind}</type><version>1.0</version><sid>eoc</sid><outputs>{outputs}</outputs></ins_api>\n"
    )
}

fn refused(kind: &str, why: &str) -> String {
    let why = escape(why);
    let output = format!(
        "<output><clierror>{why}</clierror><input></input><msg>Input message error</msg><code>400</code></output>"
    );
    envelope(kind, &output)
}

fn write_output(to: &mut String, answered: &Answered) {
    let input = escape(&answered.input);
    let (inner, msg, code) = match &answered.output {
        Output::Data(value) => (element("body", value), "Success", 200),
        Output::Text(text) => (format!("<body>{}</body>", escape(text.as_str())), "Success", 200),
        Output::Nothing => ("<body></body>".to_owned(), "Success", 200),
        Output::Refused(text) => {
            (format!("<clierror>{}</clierror>", escape(text.as_str())), "Input CLI command error", 400)
        }
        Output::NoStructure => (
            "<clierror>structured output unsupported</clierror>".to_owned(),
            "Structured output unsupported",
            501,
        ),
    };
    to.push_str(&format!(
        "<output>{inner}<input>{input}</input><msg>{msg}</msg><code>{code}</code></output>"
    ));
}

/// A value under its key; a list is the key again for each of its items.
fn element(key: &str, value: &Value) -> String {
    let name = name_of(key);
    let wrapped = |inner: &str| format!("<{name}>{inner}</{name}>");
    match value {
        Value::Text(text) => wrapped(&escape(text.as_str())),
        Value::Number(number) => wrapped(&number.to_string()),
        Value::Bool(bool) => wrapped(&bool.to_string()),
        Value::Null => wrapped(""),
        Value::List(list) => list.iter().map(|item| element(key, item)).collect(),
        Value::Map(map) => wrapped(&map.iter().map(|(key, value)| element(key, value)).collect::<String>()),
    }
}

/// Text between tags. XML 1.0 §2.2 has no way to say a control character, so another stands for it.
fn escape(text: &str) -> String {
    let fits = |c: &char| !c.is_control() || matches!(c, '\t' | '\n' | '\r');
    let text: String = text.chars().map(|c| if fits(&c) { c } else { char::REPLACEMENT_CHARACTER }).collect();
    quick_xml::escape::escape(text).into_owned()
}

/// A key as the name of an element: a licence may be called anything.
fn name_of(key: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let name: String = key.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    if name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') { name } else { format!("_{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_with_its_entities_and_a_wrong_one_is_told_why() {
        let request = |inner: &str| format!("<?xml version=\"1.0\"?>\n  <ins_api>{inner}</ins_api>");
        let good = "<version>1.0</version><type>cli_show</type><input>show run | i &quot;a;b&quot; ;show clock</input>";
        let call = read(request(good).as_bytes(), 10).unwrap();
        assert_eq!(call.commands, ["show run | i \"a;b\"", "show clock"]);
        assert_eq!(call.kind, "cli_show");
        for (body, why) in [
            (request("<type>cli_show</type>"), "no <input>"),
            (request("<input>show clock</input>"), "no <type>"),
            (request("<type>cli_show</type><input> ; </input>"), "no command"),
            (request(&format!("<type>cli_show</type><input>{}</input>", "a;".repeat(11))), "at most 10"),
            ("<ins_api><type>x</input>".to_owned(), "malformed"),
            ("<a>".repeat(100), "nested too deeply"),
            (request("<type>x</type><input>&lol;</input>"), "unknown entity"),
        ] {
            let error = read(body.as_bytes(), 10).unwrap_err();
            assert!(error.contains(why), "{why}: {error}");
        }
        assert!(read(b"\xff\xfe", 10).unwrap_err().contains("no UTF-8"));
    }

    #[test]
    fn what_xml_cannot_say_is_replaced() {
        assert_eq!(escape("show \u{1}<x>\n"), "show \u{fffd}&lt;x&gt;\n");
    }

    #[test]
    fn a_value_becomes_elements_whatever_its_keys_are() {
        let rows = Value::List(vec![Value::Map(vec![("n".into(), 1_i64.into())]), Value::Null]);
        let value = Value::Map(vec![("ROW_x".into(), rows), ("2 (odd)".into(), "<&>".into())]);
        assert_eq!(
            element("body", &value),
            "<body><ROW_x><n>1</n></ROW_x><ROW_x></ROW_x><_2__odd_>&lt;&amp;&gt;</_2__odd_></body>"
        );
    }
}
