//! The transition table: each state of each concern with each input.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod closed;
mod inputs;
mod observe;
mod replies;
mod scenes;
mod states;
mod steps;
#[path = "../support/mod.rs"]
mod support;

use inputs::InputKind;
use observe::{Entry, observe};
use scenes::Scene;

#[test]
fn dump() {
    for scene in Scene::ALL {
        let at = scene.reach();
        println!("## {} {:?}", scene.state().text(), scene);
        let mut groups: Vec<(Entry, Vec<InputKind>)> = Vec::new();
        for kind in InputKind::all() {
            let entry = observe(*scene, &at, kind);
            match groups.iter_mut().find(|(e, _)| *e == entry) {
                Some((_, kinds)) => kinds.push(kind),
                None => groups.push((entry, vec![kind])),
            }
        }
        for (entry, kinds) in groups {
            println!("{} {:?} => {}", kinds.len(), kinds.iter().take(4).collect::<Vec<_>>(), match entry {
                Ok(o) => format!("{} | {} | {:?}", o.next.text(), o.effects.iter().map(|e| e.text()).collect::<Vec<_>>().join("; "), o.messages),
                Err(n) => n.text().to_owned(),
            });
        }
    }
}
