//! A trust request whose answer was lost (`spec/behaviour.md` §6: the device asks again): the token is not used twice.
#![expect(clippy::unwrap_used, reason = "helpers of tests say what they expect by unwrapping it")]

use slpsim_agent::{IdCert, ProfileId, Request, Role, Sender, Token, Udi, Unit};
use slpsim_cssm::{Arrived, Config, Csr, Cssm, Proof, Route, Rule, Signed, TokenWish};
use slpsim_policy::Wall;
use slpsim_transport::message::{ServerMessage, compose};

const NOW: Wall = Wall::from_secs(1_772_445_600);
const LATER: Wall = NOW.plus_millis(3_600_000);

fn udi(n: u32) -> Udi {
    Udi::new("N9K-C93180YC-FX3", &format!("FDO{n:08}")).unwrap()
}

/// A device with these units, the active one first.
fn sender(units: &[u32]) -> Sender {
    let role = |at| if at == 0 { Role::Active } else { Role::Standby };
    let units: Vec<Unit> =
        units.iter().enumerate().map(|(at, n)| Unit { role: role(at), udi: udi(*n) }).collect();
    Sender {
        udi: units[0].udi,
        units,
        identity: None,
        profile: ProfileId::Nexus9000.profile(),
        hostname: Some("n9k-leaf-01".into()),
        send_version: true,
        standby_identity: None,
        custom_id: None,
    }
}

/// A mock and a token that is good for one request.
fn with_token(uses: u32) -> (Cssm, Token) {
    let mut cssm = Cssm::new(Config::default()).unwrap();
    let wish = TokenWish { max_uses: Some(uses), ..TokenWish::default() };
    let token = cssm.make_token(NOW, &wish).unwrap();
    (cssm, token)
}

fn says(cssm: &mut Cssm, sender: &Sender, at: Wall, request: &Request) -> Result<ServerMessage, Rule> {
    // Nonces differ from request to request; which they are does not matter to the rules.
    let nonce = 1 + u64::try_from(cssm.history().exchanges().count()).unwrap();
    let message = compose(request, sender, at, nonce);
    let answer = cssm.handle(at, &Arrived::in_process(Route::Smart, &message));
    answer.rule.map_or(Ok(answer.message), Err)
}

fn asks(cssm: &mut Cssm, sender: &Sender, at: Wall, token: &Token) -> Result<Vec<(u32, IdCert)>, Rule> {
    let request = Request::Trust { token: token.clone(), force: false, units: sender.units.clone() };
    let codes = says(cssm, sender, at, &request)?.data.trust_codes;
    let code = |code: slpsim_transport::message::Sealed<slpsim_transport::message::TrustObject>| {
        let code = code.object.unwrap().code;
        (code.trust_id, code.identity)
    };
    Ok(codes.into_iter().map(code).collect())
}

fn uses(cssm: &Cssm, token: &Token) -> u32 {
    cssm.store().tokens().find(|(text, _)| *text == token.expose()).unwrap().1.uses
}

#[test]
fn who_asks_again_because_the_answer_was_lost_gets_the_same_and_uses_the_token_once() {
    let (mut cssm, token) = with_token(1);
    let device = sender(&[1]);
    let lost = asks(&mut cssm, &device, NOW, &token).unwrap();
    assert_eq!(asks(&mut cssm, &device, LATER, &token), Ok(lost.clone()));
    assert_eq!(uses(&cssm, &token), 1);
    assert_eq!(asks(&mut cssm, &sender(&[2]), LATER, &token), Err(Rule::TokenUsedUp), "it is no one else's");

    // A store has all of it: the mock may have died in between.
    let mut restarted = Cssm::new(Config::default()).unwrap();
    let lines = cssm.export();
    restarted.restore(lines.iter().map(String::as_str)).unwrap();
    assert_eq!(asks(&mut restarted, &device, LATER, &token), Ok(lost));
}

#[test]
fn who_has_shown_its_trust_has_used_the_token() {
    let (mut cssm, token) = with_token(1);
    let mut device = sender(&[1]);
    let got = asks(&mut cssm, &device, NOW, &token).unwrap();
    device.identity = Some(got[0].1);
    assert!(says(&mut cssm, &device, NOW, &Request::TrustSync).is_ok());
    assert!(!cssm.export().iter().any(|line| line.contains("asked_with")), "nobody needs the token any more");
    // A factory reset takes the trust away, and the token was for one request.
    device.identity = None;
    assert_eq!(asks(&mut cssm, &device, LATER, &token), Err(Rule::TokenUsedUp));
}

#[test]
fn a_token_that_was_revoked_meanwhile_is_refused_and_another_one_is_used() {
    let (mut cssm, token) = with_token(1);
    let device = sender(&[1]);
    let lost = asks(&mut cssm, &device, NOW, &token).unwrap();
    let other = cssm.make_token(NOW, &TokenWish { max_uses: Some(1), ..TokenWish::default() }).unwrap();
    assert!(cssm.revoke_token(token.expose()));
    assert_eq!(asks(&mut cssm, &device, LATER, &token), Err(Rule::TokenRevoked));
    let new = asks(&mut cssm, &device, LATER, &other).unwrap();
    assert_ne!(new, lost);
    assert_eq!(uses(&cssm, &other), 1);
}

#[test]
fn what_one_unit_has_asked_for_is_no_use_for_the_other_one() {
    let (mut cssm, token) = with_token(1);
    let pair = asks(&mut cssm, &sender(&[1, 2]), NOW, &token).unwrap();
    assert_eq!(asks(&mut cssm, &sender(&[2]), LATER, &token), Err(Rule::TokenUsedUp));
    assert_eq!(asks(&mut cssm, &sender(&[2, 1]), LATER, &token), Err(Rule::TokenUsedUp));
    assert_eq!(asks(&mut cssm, &sender(&[1, 3]), LATER, &token), Err(Rule::TokenUsedUp));
    // It gets what it had, and nothing that it had not.
    assert_eq!(asks(&mut cssm, &sender(&[1]), LATER, &token), Ok(vec![pair[0]]));
    assert_eq!(asks(&mut cssm, &sender(&[1, 2]), LATER, &token), Ok(pair));
    assert_eq!(uses(&cssm, &token), 1);
}

#[test]
fn another_key_is_another_use() {
    let (mut cssm, token) = with_token(1);
    let device = sender(&[1]);
    let mut with_key = |csr: &str, nonce| {
        let request = Request::Trust { token: token.clone(), force: false, units: device.units.clone() };
        let message = compose(&request, &device, NOW, nonce);
        let proof = Proof { request: Signed::Unverifiable, reports: &[], csr: Csr::Good(csr.into()) };
        let answer = cssm.handle(NOW, &Arrived { route: Route::Smart, message: &message, proof });
        let identity = || answer.message.data.trust_codes[0].object.as_ref().unwrap().code.identity;
        answer.rule.map_or_else(|| Ok(identity()), Err)
    };
    let lost = with_key("its own", 1).unwrap();
    assert_eq!(with_key("a stranger's", 2), Err(Rule::TokenUsedUp));
    assert_eq!(with_key("its own", 3), Ok(lost));
}

#[test]
fn a_request_that_names_one_more_unit_is_another_request() {
    let (mut cssm, token) = with_token(2);
    let alone = asks(&mut cssm, &sender(&[1]), NOW, &token).unwrap();
    let pair = asks(&mut cssm, &sender(&[1, 2]), NOW, &token).unwrap();
    assert_eq!((uses(&cssm, &token), pair.len()), (2, 2));
    assert_ne!(pair[0], alone[0]);
    assert_eq!(asks(&mut cssm, &sender(&[1, 2]), LATER, &token), Ok(pair));
    assert_eq!(uses(&cssm, &token), 2);
}
