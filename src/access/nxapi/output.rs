//! What a command answers, before it is written down.

use serde_json::{Map, Value as Json, json};
use slpsim_console::{Mode, Reply, Value};

use super::call::Kind;
use crate::access::operator::{Gone, Operator};

/// The answer to one command.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Output {
    /// The structured form.
    Data(Value),
    /// The text.
    Text(String),
    /// Done; there is nothing to say.
    Nothing,
    /// The switch refuses; its words.
    Refused(String),
    /// There is text, but no structured form of it.
    NoStructure,
}

/// Runs one command of a request.
pub(super) async fn run(operator: &mut Operator, kind: Kind, command: &str) -> Result<Output, Gone> {
    if kind == Kind::Conf && operator.session().mode == Mode::Exec {
        let reply = operator.line("configure terminal".to_owned()).await?;
        if reply.error {
            return Ok(Output::Refused(reply.text));
        }
    }
    let reply = operator.line(command.to_owned()).await?;
    Ok(Output::of(kind, command, reply))
}

impl Output {
    fn of(kind: Kind, command: &str, reply: Reply) -> Self {
        if reply.error {
            return Self::Refused(reply.text);
        }
        match kind {
            Kind::Text => Self::Text(reply.text),
            Kind::Conf => Self::Nothing,
            Kind::Show => match reply.document.to_value() {
                Value::Map(map) if map.is_empty() && shows(command) && !reply.text.is_empty() => {
                    Self::NoStructure
                }
                Value::Map(map) if map.is_empty() => Self::Nothing,
                value @ (Value::Map(_)
                | Value::Text(_)
                | Value::Number(_)
                | Value::Bool(_)
                | Value::Null
                | Value::List(_)) => Self::Data(value),
            },
        }
    }
}

/// Whether it is a show command, as far as it is written out.
fn shows(command: &str) -> bool {
    let first = command.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    first.len() > 1 && "show".starts_with(&first)
}

/// The console's value as JSON.
pub(super) fn json_of(value: &Value) -> Json {
    match value {
        Value::Text(text) => json!(text),
        Value::Number(number) => json!(number),
        Value::Bool(bool) => json!(bool),
        Value::Null => Json::Null,
        Value::List(list) => Json::Array(list.iter().map(json_of).collect()),
        Value::Map(map) => {
            Json::Object(map.iter().map(|(key, value)| (key.clone(), json_of(value))).collect::<Map<_, _>>())
        }
    }
}
