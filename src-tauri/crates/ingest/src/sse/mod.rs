//! Server-sent events: a pure parser and the source that uses it.

mod parser;
mod source;

pub use parser::{Parser, SseEvent, TooBig};
pub use source::{SseOptions, SseSource};
pub(crate) use source::{finished, no_events, question, session};
