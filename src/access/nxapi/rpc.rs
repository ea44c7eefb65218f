//! JSON-RPC 2.0.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::call::Kind;
use super::output::{Output, json_of, run};
use crate::access::operator::{Gone, Operator};

pub(super) const CONTENT_TYPE: &str = "application/json-rpc";

/// Numbers of JSON-RPC 2.0 §5.1.
const PARSE_ERROR: i64 = -32_700;
const INVALID_REQUEST: i64 = -32_600;
const METHOD_NOT_FOUND: i64 = -32_601;
const INVALID_PARAMS: i64 = -32_602;

#[derive(Deserialize)]
struct Request {
    method: String,
    params: Params,
    #[serde(default)]
    id: Json,
}

#[derive(Deserialize)]
struct Params {
    cmd: String,
}

/// Answers a request: an object to one command, a list to several (`spec/console.md` §4).
pub(super) async fn answer(operator: &mut Operator, body: &[u8], most: usize) -> Result<String, Gone> {
    let requests = match serde_json::from_slice(body) {
        Ok(Json::Array(requests)) => requests,
        Ok(single) => vec![single],
        Err(error) => {
            return Ok(refused(&Json::Null, PARSE_ERROR, "Parse error", &error.to_string()).to_string());
        }
    };
    if requests.is_empty() || requests.len() > most {
        let why = format!("a request has 1 to {most} commands");
        return Ok(refused(&Json::Null, INVALID_REQUEST, "Invalid Request", &why).to_string());
    }
    let mut answers = Vec::with_capacity(requests.len());
    for request in requests {
        answers.push(one(operator, request).await?);
    }
    Ok(match <[Json; 1]>::try_from(answers) {
        Ok([only]) => only.to_string(),
        Err(answers) => Json::Array(answers).to_string(),
    })
}

async fn one(operator: &mut Operator, request: Json) -> Result<Json, Gone> {
    let id = request.get("id").cloned().unwrap_or(Json::Null);
    let request: Request = match serde_json::from_value(request) {
        Ok(request) => request,
        Err(error) => return Ok(refused(&id, INVALID_REQUEST, "Invalid Request", &error.to_string())),
    };
    let kind = match request.method.as_str() {
        "cli" => Kind::Show,
        "cli_ascii" => Kind::Text,
        "cli_conf" => Kind::Conf,
        other => {
            let why = format!("there are cli, cli_ascii and cli_conf, but no {other:?}");
            return Ok(refused(&id, METHOD_NOT_FOUND, "Method not found", &why));
        }
    };
    let done = |result: Json| json!({ "jsonrpc": "2.0", "result": result, "id": request.id });
    Ok(match run(operator, kind, &request.params.cmd).await? {
        Output::Data(value) => done(json!({ "body": json_of(&value) })),
        Output::Text(text) => done(json!({ "msg": text })),
        Output::Nothing => done(Json::Null),
        Output::Refused(text) => refused(&id, INVALID_PARAMS, "Invalid params", &text),
        Output::NoStructure => {
            refused(&id, INVALID_PARAMS, "Invalid params", "structured output unsupported: use cli_ascii")
        }
    })
}

fn refused(id: &Json, code: i64, message: &str, why: &str) -> Json {
    json!({ "jsonrpc": "2.0", "error": { "code": code, "message": message, "data": { "msg": why } }, "id": id })
}
