//! The OpenAPI document of the management interface, made from the calls themselves.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use super::{accounts, files, steering, views};

/// The document.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Management of the slpsim mock",
        description = "Steers a mock of CSSM, CSLU or SSM On-Prem, and shows what it knows. Not Cisco's, and not an interface of Cisco's. Every call but `health` wants the management token as a bearer token, unless the mock was started with `--manage-open`.",
        license(name = "Apache-2.0"),
    ),
    servers((url = "/mock/v1")),
    paths(
        super::health, super::openapi,
        accounts::make_token, accounts::revoke_token, accounts::list, accounts::get, accounts::put,
        accounts::get_policy, accounts::put_policy, accounts::delete_policy,
        files::policy, files::instances, files::upload, files::download, files::upstream, files::retry, files::transfer,
        views::devices, views::device, views::delete_device, views::reports, views::events, views::requests,
        views::export, views::import,
        steering::faults, steering::begin_fault, steering::clear_faults, steering::fault, steering::end_fault,
        steering::clock, steering::set_clock, steering::ack_mode, steering::set_ack_mode, steering::release,
    ),
    modifiers(&Common),
)]
pub(super) struct Document;

/// Calls that want no token.
const OPEN: [&str; 2] = ["/health", "/openapi.json"];

/// What is the same for every call.
struct Common;

impl Modify for Common {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("manage_token", bearer);
        for (path, item) in &mut document.paths.paths {
            if OPEN.contains(&path.as_str()) {
                continue;
            }
            let calls = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete];
            for call in calls.into_iter().flatten() {
                let needed = SecurityRequirement::new::<_, _, &str>("manage_token", []);
                call.security.get_or_insert_default().push(needed);
                for (status, why) in
                    [("401", "without the management token"), ("413", "a body that is too large or too slow")]
                {
                    let schema = Ref::from_schema_name("ErrorView");
                    let content = ContentBuilder::new().schema(Some(schema)).build();
                    let refusal =
                        ResponseBuilder::new().description(why).content("application/json", content);
                    call.responses.responses.insert(status.into(), refusal.build().into());
                }
            }
        }
    }
}

/// The document as JSON.
pub(super) fn text() -> Result<String, serde_json::Error> {
    let mut text = Document::openapi().to_pretty_json()?;
    text.push('\n');
    Ok(text)
}
