//! Calls into the `tokenizers` library, which panics on some files: a panic is told as an error, and nothing of it is printed.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use isoflop_text::{cut, one_line};

/// Characters of what a panic says.
const SHOWN: usize = 300;

thread_local! {
    /// Inside of a guarded call: what its panic said.
    static CAUGHT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// What `call` returns, or what its panic said. The library does its work on the thread that calls it; what it held is not used
/// again after a panic.
pub(super) fn guarded<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    quiet();
    CAUGHT.set(Some(String::new()));
    let done = catch_unwind(AssertUnwindSafe(call));
    let said = CAUGHT.take().unwrap_or_default();
    done.map_err(|_| cut(&one_line(&said), SHOWN).into_owned())
}

/// Panics within [`guarded`] are kept and not printed; all others go where they went before.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            let kept = CAUGHT.with_borrow_mut(|caught| {
                let Some(said) = caught else { return false };
                *said = panic.payload_as_str().unwrap_or("no reason").to_owned();
                true
            });
            if !kept {
                before(panic);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_and_the_next_call_goes_on() {
        assert_eq!(guarded(|| 7), Ok(7));
        let told = guarded(|| -> u8 { panic!("index {} of 3", 8) });
        assert_eq!(told, Err("index 8 of 3".into()));
        assert_eq!(guarded(|| 8), Ok(8));
        let threads: Vec<_> = (0..4)
            .map(|k| std::thread::spawn(move || guarded(|| assert!(k % 2 == 0, "odd {k}"))))
            .collect();
        let told: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(told[2], Ok(()));
        assert_eq!(told[3], Err("odd 3".into()));
    }
}
