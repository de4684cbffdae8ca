//! The description of a value's memory, for those who look at it without being members.
#![forbid(unsafe_code)]

use core::mem::{offset_of, size_of};

use super::form::{Form, Lines};
use super::line::{Line, Seen};
use super::seat::{self, Seat};
use crate::region::{Fact, Head, Look, Unit};

/// Tells who writes a value and who has a seat.
pub(crate) fn describe(look: &Look<'_>, see: &mut dyn FnMut(Fact)) {
    let line = offset_of!(Head<Lines>, words.latest);
    let word = look.word(line + Line::WORD).unwrap_or(0);
    let seen = Seen::in_word(word);
    let writer = look.word(line + super::line::WRITER_AT).unwrap_or(0);
    see(look.member("writer", writer, seen.is_closed()));
    if Line::is_awaited(word) {
        see(Fact::Sleeper { role: "reader" });
    }
    let form = Form::of(look.words());
    let (Some(form), Some([seats, ..])) = (form, look.sections::<Lines, 3>()) else {
        return see(Fact::WRONG_SIZE);
    };
    see(Fact::Capacity(form.size as u64, Unit::Bytes));
    see(Fact::Counter {
        name: "seats",
        value: form.readers as u64,
    });
    for seat in 0..form.readers {
        let at = seats as usize + seat * size_of::<Seat>();
        match seat::owner(look.word(at).unwrap_or(0)) {
            0 => {}
            number => see(look.member("reader", number, false)),
        }
    }
}
