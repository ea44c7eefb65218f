//! A console in the page, over a WebSocket (RFC 6455): lines in one direction, what is shown in the other.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::json;

use super::Web;
use super::layout::{Trouble, Visit};
use super::switches::{self, Printed, Terminal};

/// Longest line, in bytes.
const LINE: usize = 16_384;
/// How long a browser may take to read what it was sent.
const PATIENCE: Duration = Duration::from_secs(60);

/// `GET /switches/{name}/terminal`
pub(super) async fn open(
    State(web): State<Arc<Web>>,
    Extension(visit): Extension<Visit>,
    Path(name): Path<String>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Trouble> {
    if visit.visitor.is_some_and(|visitor| !visitor.may_change) {
        return Err(Trouble::forbidden("Your role is network-operator: a console is not for you."));
    }
    let terminal = switches::of(&web)?.terminal(&name).map_err(Trouble::not_found)?;
    let upgrade = upgrade.max_message_size(LINE).max_frame_size(LINE);
    Ok(upgrade.on_upgrade(move |socket| async move {
        tokio::select! {
            () = serve(socket, terminal) => {}
            () = web.shared.stopped() => {}
        }
    }))
}

/// Until one of the two has gone.
async fn serve(mut socket: WebSocket, mut terminal: Terminal) {
    loop {
        tokio::select! {
            shown = terminal.shown.recv() => {
                let Some(shown) = shown else { break };
                let closed = shown.closed;
                let sent = tokio::time::timeout(PATIENCE, socket.send(Message::Text(text(&shown).into())));
                if !matches!(sent.await, Ok(Ok(()))) || closed {
                    break;
                }
            }
            said = socket.recv() => match said {
                Some(Ok(Message::Text(line))) => {
                    let line = line.trim_end_matches(['\r', '\n']).to_owned();
                    if terminal.typed.send(line).await.is_err() {
                        break;
                    }
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Binary(_) | Message::Close(_)) | Err(_)) | None => break,
            },
        }
    }
}

fn text(shown: &Printed) -> String {
    json!({"text": shown.text, "prompt": shown.prompt, "closed": shown.closed}).to_string()
}
