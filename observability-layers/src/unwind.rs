//! Panics turned into values, with a message that is short enough to log.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The longest message that is kept, in bytes: a panic may print a whole request.
pub(crate) const MAX_MESSAGE: usize = 512;

/// Runs `f` and gives back the message of its panic, if there is one.
///
/// Whoever calls this must not use what `f` was working on afterwards, except to drop it: that is
/// what makes asserting unwind safety right.
pub(crate) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| {
        let message = message(&*payload);
        // A payload may be any value, and panic itself when it is dropped. What that throws is not
        // given another chance to.
        if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(another);
        }
        message
    })
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = if let Some(text) = payload.downcast_ref::<&'static str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.as_str()
    } else {
        "a value that is no text"
    };
    bounded(text, MAX_MESSAGE).to_owned()
}

/// At most `max` bytes of `text`, cut between characters.
pub(crate) fn bounded(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;

    use super::*;

    #[test]
    fn panics_become_their_bounded_message() {
        assert_eq!(catch(|| 1), Ok(1));
        let caught = |f: fn()| catch(f).unwrap_err();
        assert_eq!(caught(|| panic!("literal")), "literal");
        assert_eq!(caught(|| panic!("{}", 1 + 1)), "2");
        assert_eq!(caught(|| panic_any(7)), "a value that is no text");
        // Three bytes each, so that 512 falls into the middle of one.
        let long = caught(|| panic!("{}", "\u{20ac}".repeat(MAX_MESSAGE)));
        assert_eq!(long, "\u{20ac}".repeat(170));
    }

    // What a panic threw was dropped outside of the net, and a panic in that drop went through the
    // layer and took the connection with it.
    #[test]
    fn payload_that_panics_when_it_is_dropped_does_not_get_out() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("while dropped")
            }
        }
        assert_eq!(
            catch(|| panic_any(Bomb)),
            Err::<(), _>("a value that is no text".to_owned())
        );
    }
}
