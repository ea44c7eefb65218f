//! The routes of devices: one message handler behind each door (`spec/formats.md` §8, §10, §12).

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::json;
use slpsim_agent::{ElementFault, Failure, Purpose, Udi, numbers};
use slpsim_transport::DecodeError;
use slpsim_transport::callhome::{Dispatch, decode_callhome_request, encode_callhome_response};
use slpsim_transport::fault::{Effect, Kind as Fault, PolicyFlaw};
use slpsim_transport::message::{DeviceBody, DeviceMessage, PolicyObject, Sealed, ServerMessage, Word};
use slpsim_transport::smart::{ReceivedRequest, decode_request};

use super::listen::Abort;
use super::metrics::Meant;
use super::{Shared, damage, forward, rest, store, wire};
use crate::exchange::{Answer, Arrived, Csr, Proof, Signed, Steer};
use crate::fault::{Faults, Struck, steer};
use crate::peer::Route;
use crate::rule::{Broken, Kind, Rule};

/// How long a message may wait until a core is free.
const WORK_TIME: Duration = Duration::from_secs(30);
/// Bytes of a message that is answered on the thread that has read it: about a millisecond of work, most of it signatures.
const SHORT: usize = 64 << 10;
/// The header that names the rule that a request broke.
pub(super) const RULE_HEADER: &str = "slpsim-rule";

/// All routes of devices, and the REST interface beside them.
pub(super) fn routes(shared: Arc<Shared>) -> Router {
    // A path has to be read before anything looks for its route.
    Router::new().fallback_service(inner(shared)).layer(from_fn(with_single_slashes))
}

async fn with_single_slashes(mut request: Request, next: Next) -> Response {
    if let Some(path) = rest::single_slashes(request.uri().path()) {
        let query = request.uri().query().map_or_else(String::new, |query| format!("?{query}"));
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = format!("{path}{query}").parse().ok().or(parts.path_and_query);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    next.run(request).await
}

fn inner(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/licservice/license", post(smart))
        .route("/SmartTransport", post(smart))
        .route("/its/service/oddce/services/DDCEService", post(callhome))
        .route("/Transportgateway/services/DeviceRequestHandler", post(callhome))
        .route("/cslu/v1/pi", post(cslu))
        .route("/cslu/v1/pi/{tenant}", post(tenant))
        .merge(store::off_the_runtime(rest::routes(&shared), &shared))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .with_state(shared)
}

async fn smart(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    take(shared, Route::Smart, request).await
}

async fn callhome(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    take(shared, Route::Callhome, request).await
}

async fn cslu(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    take(shared, Route::Cslu { tenant: None }, request).await
}

async fn tenant(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let element = request.uri().path().rsplit('/').next().unwrap_or_default();
    let route = Route::tenant(element);
    take(shared, route, request).await
}

async fn no_such_path(State(shared): State<Arc<Shared>>) -> Response {
    unread(&shared, None, Rule::Path.into(), Rule::Path.text())
}

async fn no_such_method(State(shared): State<Arc<Shared>>) -> Response {
    unread(&shared, None, Rule::Method.into(), Rule::Method.text())
}

/// Reads a body within its limits, lets a worker answer it, and sends the answer as the fault in force wants it.
async fn take(shared: Arc<Shared>, route: Route, request: Request) -> Response {
    let refuse = |rule: Rule| unread(&shared, Some(&route), rule.into(), rule.text());
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let right: &[&str] = match &route {
        Route::Callhome => &["text/xml", "application/xml", "application/soap+xml"],
        Route::Smart | Route::Cslu { .. } | Route::Rest { .. } | Route::File { .. } => &["application/json"],
    };
    if !right.iter().any(|right| kind.eq_ignore_ascii_case(right)) {
        return refuse(Rule::ContentType);
    }
    let meant = request.extensions().get::<Meant>().cloned().unwrap_or_default();
    let body = to_bytes(request.into_body(), numbers::MESSAGE_SIZE);
    let bytes = match tokio::time::timeout(shared.body_time, body).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(_)) => return refuse(Rule::BodySize),
        Err(_) => return refuse(Rule::BodyTime),
    };
    match here(&shared, &route, &bytes, &meant) {
        Some(outcome) => send(&shared, outcome).await,
        None => work(&shared, move |shared| exchange(shared, route, &bytes, &meant)).await,
    }
}

/// Answers a message on the thread that has read it: to hand it to another one and back costs a tenth of the whole. Only
/// where that waits for nobody: a short message, records that are free, and no fault that may want a key to be made.
fn here(shared: &Shared, route: &Route, bytes: &Bytes, meant: &Meant) -> Option<Outcome> {
    let _free = shared.free_records().filter(|_| bytes.len() <= SHORT && !shared.keeper.is_shared())?;
    if shared.local(|cssm| cssm.has_faults()) {
        return None;
    }
    Some(exchange(shared, route.clone(), bytes, meant))
}

/// Lets a worker do `job`, and sends what comes out.
pub(super) async fn work(
    shared: &Arc<Shared>,
    job: impl FnOnce(&Shared) -> Outcome + Send + 'static,
) -> Response {
    let Ok(Ok(permit)) = tokio::time::timeout(WORK_TIME, shared.work.acquire()).await else {
        return busy();
    };
    let worker = Arc::clone(shared);
    let outcome = tokio::task::spawn_blocking(move || job(&worker)).await;
    drop(permit);
    match outcome {
        Ok(outcome) => send(shared, outcome).await,
        Err(error) => {
            tracing::error!(%error, "a worker died on a message");
            busy()
        }
    }
}

/// What shall be sent.
pub(super) enum Outcome {
    /// This, now.
    Now(Response),
    /// This, later.
    Later(Response, Duration),
    /// These bytes of that content type, slowly.
    Slowly(Bytes, Duration, &'static str),
    /// What the CSSM above answers to it.
    Passed(Box<Passing>),
    /// Nothing: the connection is closed.
    Nothing,
    /// Nothing: the connection stays open.
    Silence,
}

/// A message on its way to the CSSM above.
pub(super) struct Passing {
    route: Route,
    received: ReceivedRequest,
    bytes: Bytes,
    wrapping: Wrapping,
}

async fn send(shared: &Arc<Shared>, outcome: Outcome) -> Response {
    match outcome {
        Outcome::Passed(passing) => pass(shared, *passing).await,
        Outcome::Now(response) => response,
        Outcome::Later(response, by) => {
            tokio::select! {
                () = tokio::time::sleep(by) => response,
                () = shared.stopped() => abort(),
            }
        }
        Outcome::Slowly(bytes, over, kind) => {
            ([(CONTENT_TYPE, kind)], damage::dribbling(bytes, over)).into_response()
        }
        Outcome::Nothing => abort(),
        Outcome::Silence => {
            shared.stopped().await;
            abort()
        }
    }
}

/// Passes a message on, byte for byte, and the answer back. While the CSSM above cannot be reached, the device is asked
/// to come again.
async fn pass(shared: &Arc<Shared>, passing: Passing) -> Response {
    let message = &passing.received.message;
    // A token has its account in itself.
    let home = match message.request_type().purpose() {
        Some(Purpose::Trust) => None,
        Some(_) | None => shared.with(|cssm| cssm.home_for(&passing.route, &message.header.udi)),
    };
    let answer = match &shared.forward {
        Some(forward) => forward::pass(forward, passing.bytes.clone(), home.as_ref()).await,
        None => None,
    };
    let worker = Arc::clone(shared);
    let finish = move || {
        let Passing { route, received, bytes, wrapping } = passing;
        let proof = Proof { request: Signed::Unverifiable, reports: &[], csr: Csr::NotNeeded };
        let arrived = Arrived { route, message: &received.message, proof };
        let now = worker.now();
        let Some(answer) = answer else {
            let steer = Steer { try_again_s: Some(PASS_AGAIN_S), ..Steer::default() };
            let answer = worker.with(|cssm| cssm.handle_steered(now, &arrived, &steer));
            return after(&worker, &received, &bytes, answer, None, wrapping);
        };
        let Some(answer) = wrapping.around(&worker, answer) else { return Outcome::Now(busy()) };
        let text = without_secrets(&received.message, &bytes);
        worker.local(|cssm| {
            let number = cssm.note_unjudged(now, &arrived, Word::Borrowed("passed on"));
            cssm.history_mut().texts(number, &text, &answer);
        });
        Outcome::Now(ok(answer, None, wrapping))
    };
    match tokio::task::spawn_blocking(finish).await {
        Ok(Outcome::Now(response)) => response,
        Ok(_) | Err(_) => busy(),
    }
}

/// When a device shall ask again what could not be passed on, in seconds.
const PASS_AGAIN_S: u32 = 60;

fn abort() -> Response {
    let mut response = StatusCode::SERVICE_UNAVAILABLE.into_response();
    response.extensions_mut().insert(Abort);
    response
}

fn busy() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")]).into_response()
}

/// Answers one message; for a thread that may be kept busy. Every route of devices ends here.
fn exchange(shared: &Shared, route: Route, bytes: &Bytes, meant: &Meant) -> Outcome {
    let (received, inner, wrapping) = match unwrap(shared, &route, bytes) {
        Ok(unwrapped) => unwrapped,
        Err(error) => return Outcome::Now(undecodable(shared, &route, bytes, &error)),
    };
    let bytes = &inner;
    let message = &received.message;
    let (udi, purpose) = (message.header.udi, message.request_type().purpose());
    meant.say(purpose);
    let now = shared.now();
    // What another process has given out a moment ago counts here as well.
    if shared.keeper.look_blocking().is_err() {
        return Outcome::Now(busy());
    }
    let fault = strike(shared, |_| Some(udi), purpose);
    let keys = wire::keys_of(shared, &udi);
    let reports = wire::report_signatures(message, &keys, |udi| wire::keys_of(shared, udi));
    shared.payloads.note(message, &reports);
    let proof = Proof {
        request: wire::request_signature(&received, &keys),
        reports: &reports,
        csr: wire::csr(message),
    };
    let arrived = Arrived { route, message, proof };
    if let Some(struck) = fault
        && let Some(outcome) = before(shared, &arrived, struck)
    {
        return outcome;
    }
    if shared.local(|cssm| cssm.passes_on(&arrived)) {
        let route = arrived.route.clone();
        return Outcome::Passed(Box::new(Passing { route, received, bytes: inner, wrapping }));
    }
    let steer = steer(fault.map(|struck| struck.effect));
    let mut answer = shared.with(|cssm| cssm.handle_steered(now, &arrived, &steer));
    wire::certify(shared, &mut answer.message);
    if let (Some(Purpose::Usage), Some(forward)) = (purpose, &shared.forward) {
        forward.news.notify_one();
    }
    after(shared, &received, bytes, answer, fault, wrapping)
}

/// The message in what came, itself as bytes, and how the answer is to be wrapped.
fn unwrap(
    shared: &Shared,
    route: &Route,
    bytes: &Bytes,
) -> Result<(ReceivedRequest, Bytes, Wrapping), DecodeError> {
    if *route != Route::Callhome {
        return Ok((decode_request(bytes, &shared.wire)?, bytes.clone(), Wrapping(None)));
    }
    let delivery = decode_callhome_request(bytes, &shared.wire)?;
    let received = decode_request(delivery.message.as_bytes(), &shared.wire)?;
    let udi = received.message.header.udi;
    let dispatch = Dispatch { udi, number: delivery.message_id.number, created: shared.now() };
    Ok((received, delivery.message.into(), Wrapping(Some(dispatch))))
}

/// The envelope of an answer: that of Call Home (`spec/formats.md` §9), or none.
#[derive(Clone, Copy)]
struct Wrapping(Option<Dispatch>);

impl Wrapping {
    fn around(self, shared: &Shared, answer: Bytes) -> Option<Bytes> {
        let Some(dispatch) = &self.0 else { return Some(answer) };
        let message = std::str::from_utf8(&answer).ok()?;
        encode_callhome_response(dispatch, message, &shared.wire).ok().map(Bytes::from)
    }

    const fn content_type(self) -> &'static str {
        match self.0 {
            Some(_) => "text/xml; charset=utf-8",
            None => "application/json",
        }
    }
}

/// Faults that keep a message from the rules.
fn before(shared: &Shared, arrived: &Arrived<'_>, struck: Struck) -> Option<Outcome> {
    let (outcome, word) = cut_off(struck)?;
    shared.local(|cssm| cssm.note_fault_only(shared.now(), arrived, struck.id, word));
    Some(outcome)
}

/// Does `call`, which comes over another interface than that of devices and is about some of them, unless a fault in
/// force keeps it from being answered, or answered in time. One that is about several is met once: as that device which a
/// fault names, else as the first.
pub(super) fn faulted(
    shared: &Shared,
    devices: &[Udi],
    purpose: Purpose,
    call: impl FnOnce(&Shared) -> Response,
) -> Outcome {
    let about = |faults: &Faults| devices.iter().find(|udi| faults.names(udi)).or(devices.first()).copied();
    match strike(shared, about, Some(purpose)) {
        Some(struck) => match (struck.effect, cut_off(struck)) {
            (Effect::Late(by), _) => Outcome::Later(call(shared), by),
            (_, Some((outcome, _))) => outcome,
            (_, None) => Outcome::Now(call(shared)),
        },
        None => Outcome::Now(call(shared)),
    }
}

/// The fault that hits an exchange of the device that `whose` says. Most of the time there is none at all, which is found
/// out without a transaction.
fn strike(
    shared: &Shared,
    whose: impl FnOnce(&Faults) -> Option<Udi>,
    purpose: Option<Purpose>,
) -> Option<Struck> {
    if !shared.local(|cssm| cssm.has_faults()) {
        return None;
    }
    let now = shared.now();
    shared.with(|cssm| {
        let (at, luck) = (cssm.clock(now), cssm.luck());
        let faults = cssm.faults(now);
        let udi = whose(faults);
        faults.strike(at, udi.as_ref(), purpose, luck)
    })
}

/// What is sent in place of an answer, and its word in the history.
fn cut_off(struck: Struck) -> Option<(Outcome, Word)> {
    match struck.effect {
        Effect::Lost { failure: Failure::HttpStatus(status), .. } => {
            let code = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            let mut response = code.into_response();
            if let Some(seconds) = struck.retry_after_s {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
            Some((Outcome::Now(response), Word::Owned(format!("HTTP {status}"))))
        }
        Effect::Lost { at_timeout: true, .. } => Some((Outcome::Silence, Word::Borrowed("stalled"))),
        Effect::Lost { at_timeout: false, .. } => Some((Outcome::Nothing, Word::Borrowed("no answer"))),
        Effect::Late(_)
        | Effect::Spoiled(_)
        | Effect::LostAck
        | Effect::Decided(_)
        | Effect::Policy(_)
        | Effect::Write(_) => None,
    }
}

/// Seals the answer, does to it what the fault wants, and notes both texts.
fn after(
    shared: &Shared,
    received: &ReceivedRequest,
    request: &[u8],
    mut answer: Answer,
    fault: Option<Struck>,
    wrapping: Wrapping,
) -> Outcome {
    let kind = fault.map(|struck| struck.kind);
    if let Some(struck) = fault {
        change(&mut answer.message, struck);
    }
    let spoiled = kind == Some(Fault::BadSignature);
    let stranger = kind == Some(Fault::WrongSigner);
    let body = wire::encode(shared, &answer.message, spoiled, stranger);
    let Some(mut bytes) = body.and_then(|body| wrapping.around(shared, body.into())) else {
        return Outcome::Now(busy());
    };
    let udi = received.message.header.udi;
    if let Some(previous) = shared.remember_answer(udi, &bytes)
        && kind == Some(Fault::Replayed)
    {
        bytes = previous;
    }
    let luck = shared.local(|cssm| {
        cssm.history_mut().texts(answer.number, &without_secrets(&received.message, request), &bytes);
        if let Some(struck) = fault {
            cssm.history_mut().faulted(answer.number, struck.id);
        }
        cssm.luck()
    });
    let fetched = answer.message.data.ack.is_some() || answer.message.data.file.is_some();
    let ok = |bytes, rule| ok(bytes, rule, wrapping);
    let late = if let Some(Struck { effect: Effect::Late(by), .. }) = fault { by } else { Duration::ZERO };
    match kind {
        Some(Fault::LostAnswer) => Outcome::Nothing,
        Some(Fault::LostAck) if fetched => Outcome::Nothing,
        Some(Fault::Empty) => Outcome::Now(ok(Bytes::new(), None)),
        Some(Fault::Truncated) => Outcome::Now(ok(damage::truncated(&bytes), None)),
        Some(Fault::Corrupt) => Outcome::Now(ok(damage::corrupt(&bytes, luck, answer.number), None)),
        Some(Fault::Oversized) => Outcome::Now(ok(damage::oversized(&bytes), None)),
        Some(Fault::Slow | Fault::Latency) => Outcome::Later(ok(bytes, answer.rule), late),
        Some(Fault::Dribble) => Outcome::Slowly(bytes, late, wrapping.content_type()),
        Some(_) | None => Outcome::Now(ok(bytes, answer.rule)),
    }
}

/// Faults that change what an answer says, before it is signed.
fn change(answer: &mut ServerMessage, struck: Struck) {
    if struck.kind == Fault::WrongNonce {
        answer.nonce = damage::other_nonce(&answer.nonce);
    } else if struck.effect == Effect::Policy(PolicyFlaw::Signature) {
        each_policy(answer, |policy| policy.spoiled(ElementFault::Signature));
    } else if let Effect::Policy(PolicyFlaw::Time(by)) = struck.effect {
        each_policy(answer, |policy| Sealed { issued: policy.issued.plus_millis(by), ..policy });
    }
}

fn each_policy(answer: &mut ServerMessage, spoil: impl Fn(Sealed<PolicyObject>) -> Sealed<PolicyObject>) {
    answer.data.policy = answer.data.policy.take().map(&spoil);
    if let Some(ack) = answer.data.ack.as_mut().and_then(|ack| ack.object.as_mut()) {
        ack.policy = ack.policy.take().map(&spoil);
    }
}

fn ok(bytes: Bytes, rule: Option<Rule>, wrapping: Wrapping) -> Response {
    let mut response = ([(CONTENT_TYPE, wrapping.content_type())], Body::from(bytes)).into_response();
    if let Some(rule) = rule {
        response.headers_mut().insert(RULE_HEADER, HeaderValue::from_static(rule.name()));
    }
    response
}

/// The text of a request for the history, without the id token in it.
fn without_secrets(message: &DeviceMessage, request: &[u8]) -> Vec<u8> {
    let DeviceBody::IdTokenTrust { token, .. } = &message.body else { return request.to_vec() };
    let text = String::from_utf8_lossy(request);
    // JSON may write any character in several ways. Where the token is not found as it is, nothing is kept.
    match text.contains(token.expose()) {
        true => text.replace(token.expose(), "********").into_bytes(),
        false => b"(a trust request whose text hides its id token)".to_vec(),
    }
}

fn undecodable(shared: &Shared, route: &Route, bytes: &[u8], error: &DecodeError) -> Response {
    tracing::debug!(%error, size = bytes.len(), "a request cannot be read");
    unread(shared, Some(route), error.rule.into(), &error.to_string())
}

/// Refuses what could not be read: `{rule, message}`.
fn unread(shared: &Shared, route: Option<&Route>, broken: Broken, message: &str) -> Response {
    let status = match broken {
        Broken::Mock(rule) => match rule.kind() {
            Kind::Unreadable(status) => status,
            Kind::Failed | Kind::InvalidStatus | Kind::Report => 400,
        },
        Broken::Wire(_) => 400,
    };
    let answer = Word::Owned(format!("HTTP {status}"));
    let number = shared.local(|cssm| cssm.refuse_unread(shared.now(), route, broken, answer));
    let body = json!({"rule": broken.name(), "message": message});
    shared.local(|cssm| cssm.history_mut().texts(number, b"", body.to_string().as_bytes()));
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    (status, [(RULE_HEADER, broken.name())], axum::Json(body)).into_response()
}
