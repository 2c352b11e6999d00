//! What a rehearsal tells while it goes on.

use deployment::events::Event;

use crate::promises::Promise;

/// Something that a rehearsal has to tell.
#[derive(Debug)]
pub enum Progress<'a> {
    /// What is done next.
    Step(&'a str),
    /// Something happened to a resource.
    Event(&'a Event),
    /// A promise was examined.
    Promise(&'a Promise),
}
