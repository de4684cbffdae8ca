//! Regions: shared memory to which processes attach as members, each known to the others by a
//! number that is proven alive, and whose death is noticed.
//!
//! A structure (a ring, a pool, a lock that is found by a descriptor) says what it is made of, and
//! the rest is done here:
//!
//! | file | what |
//! |---|---|
//! | [`structure`] | what a structure says: the words that it has, and sections of data |
//! | [`plan`] | where the sections are: in the file, and in a member's memory |
//! | [`head`] | what the region says of itself, the number given out last, the structure's words |
//! | [`backing`] | the file: a memfd, or one with a name, which cannot be sealed and is for those who trust each other. System V or anonymous memory with a file beside it for the locks would be further ways to make a [`Source`] |
//! | [`presence`] | who has a region by its name |
//! | [`accept`] | what a descriptor from somebody else must be before it is touched |
//! | [`seat`] | a description that an attachment is made by where there is no `/proc` |
//! | [`source`] | a region as a descriptor |
//! | [`member`] | an attachment: its number, who else lives, its memory |
//! | [`roster`], [`peer`] | who of a side of many is attached, and what is told of that |
//! | [`look`], [`fact`] | a region's file that is only read, and what is found in it |
//! | [`section`] | access to data, within their bounds |
//! | [`slots`] | the same where a section is an array of slots, each with a word of its own |
//! | [`error`] | why a descriptor was refused, or an attachment |
//!
//! Mapping and what a fork does to it are in `primitive`, where models have none of it.

mod accept;
pub(crate) mod backing;
mod error;
mod fact;
mod head;
mod look;
mod member;
mod peer;
mod plan;
pub(crate) mod presence;
mod roster;
mod seat;
mod section;
mod slots;
mod source;
mod structure;

pub(crate) use accept::Accepted;
pub(crate) use accept::Found;
pub use error::AttachError;
pub(crate) use error::Refusal;
pub use fact::{Fact, Unit};
pub(crate) use head::Head;
pub(crate) use look::Look;
pub(crate) use member::Member;
pub use peer::Peer;
pub(crate) use plan::LEN_MIN;
pub(crate) use roster::Roster;
pub use seat::Seat;
pub(crate) use section::{Doubled, Flat};
pub(crate) use slots::{Slots, Spacing};
pub(crate) use source::Source;
pub(crate) use structure::{Shape, Structure};
