//! Panics of an agent, as results.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// On a thread that plays a life: what its panic has said.
    static SAID: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Does something that may panic; then the error says what the panic said, in one line, and where. Nothing is printed:
/// the same panic comes up thousands of times while its life is shrunk.
pub(super) fn caught<T>(act: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |info| {
            let is_playing =
                SAID.with_borrow_mut(|said| said.as_mut().map(|said| *said = told(info)).is_some());
            if !is_playing {
                usual(info);
            }
        }));
    });
    SAID.set(Some(String::new()));
    // Whatever the panic left half done is thrown away with its life.
    let done = catch_unwind(AssertUnwindSafe(act));
    let said = SAID.take().unwrap_or_default();
    done.map_err(|_| said)
}

fn told(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let text = text.and_then(|text| text.lines().next()).unwrap_or("without a text");
    let at = info.location().map(|at| format!(" at {}:{}", at.file(), at.line())).unwrap_or_default();
    format!("the agent panicked{at}: {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_with_its_place_and_the_next_life_goes_on() {
        let said = caught(|| -> u8 { panic!("first line\nsecond") }).unwrap_err();
        assert!(said.starts_with("the agent panicked at ") && said.ends_with(": first line"), "{said}");
        assert!(said.contains("panic.rs:"), "{said}");
        assert_eq!(caught(|| 7), Ok(7));
    }
}
