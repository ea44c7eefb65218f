//! `ins_api` in JSON.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::call::{Call, Kind, commands};
use super::output::{Output, json_of, run};
use super::xml;
use crate::access::operator::{Gone, Operator};

pub(super) const CONTENT_TYPE: &str = "application/json";

#[derive(Deserialize)]
struct Envelope {
    ins_api: Body,
}

#[derive(Deserialize)]
struct Body {
    r#type: String,
    input: String,
    #[serde(default)]
    output_format: Option<String>,
}

/// One answered command: what stands in `output`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answered {
    pub(super) input: String,
    pub(super) output: Output,
}

/// Answers a request in JSON; in XML where its `output_format` says so.
pub(super) async fn answer(
    operator: &mut Operator,
    body: &[u8],
    most: usize,
) -> Result<(&'static str, String), Gone> {
    let call = match read(body, most) {
        Ok(call) => call,
        Err(why) => return Ok((CONTENT_TYPE, refused("", &why).to_string())),
    };
    if call.xml {
        return Ok((xml::CONTENT_TYPE, xml::perform(operator, &call).await?));
    }
    let Some(kind) = Kind::by_word(&call.kind) else {
        let why = format!("Input message type {:?} is not supported", call.kind);
        return Ok((CONTENT_TYPE, refused(&call.kind, &why).to_string()));
    };
    let mut outputs = Vec::with_capacity(call.commands.len());
    for answered in perform(operator, kind, &call.commands).await? {
        outputs.push(output(&answered, kind));
    }
    // One command has one answer, several have a list.
    let output = match <[Json; 1]>::try_from(outputs) {
        Ok([only]) => only,
        Err(outputs) => Json::Array(outputs),
    };
    Ok((CONTENT_TYPE, envelope(&call.kind, output).to_string()))
}

/// Runs all commands of a request.
pub(super) async fn perform(
    operator: &mut Operator,
    kind: Kind,
    commands: &[String],
) -> Result<Vec<Answered>, Gone> {
    let mut answered = Vec::with_capacity(commands.len());
    for input in commands {
        let output = run(operator, kind, input).await?;
        answered.push(Answered { input: input.clone(), output });
    }
    Ok(answered)
}

fn read(body: &[u8], most: usize) -> Result<Call, String> {
    let Envelope { ins_api } =
        serde_json::from_slice(body).map_err(|error| format!("Request is malformed: {error}"))?;
    let xml = ins_api.output_format.is_some_and(|format| format.eq_ignore_ascii_case("xml"));
    Ok(Call { kind: ins_api.r#type, commands: commands(&ins_api.input, most)?, xml })
}

fn envelope(kind: &str, output: Json) -> Json {
    json!({ "ins_api": { "type": kind, "version": "1.0", "sid": "eoc", "outputs": { "output": output } } })
}

fn refused(kind: &str, why: &str) -> Json {
    let output = json!({ "clierror": why, "input": "", "msg": "Input message error", "code": "400" });
    envelope(kind, output)
}

fn output(answered: &Answered, kind: Kind) -> Json {
    let input = &answered.input;
    let done = |body: Json| json!({ "input": input, "msg": "Success", "code": "200", "body": body });
    match &answered.output {
        Output::Data(value) => done(json_of(value)),
        Output::Text(text) => done(json!(text)),
        Output::Nothing if kind == Kind::Text => done(json!("")),
        Output::Nothing => done(json!({})),
        Output::Refused(text) => {
            json!({ "clierror": text, "input": input, "msg": "Input CLI command error", "code": "400" })
        }
        Output::NoStructure => {
            json!({ "clierror": "structured output unsupported", "input": input,
                "msg": "Structured output unsupported", "code": "501" })
        }
    }
}
