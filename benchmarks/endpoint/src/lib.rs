//! An HTTPS endpoint that plays answers from a script: AWS, Scalelite, the servers and the presigned URLs of CloudFormation, as far as a function calls
//! them while it is measured.
//!
//! It is a program of its own, compiled as the functions are, so that its own time is small and the same for everybody who is measured. It reads
//! [`Command`]s as lines of JSON from standard input, and answers each with one line; it ends with its input.
//!
//! | where | what |
//! | --- | --- |
//! | [`Ports::aws`] | HTTPS; answers by the script's rules |
//! | [`Ports::answers`] | HTTPS; takes whatever is `PUT`, as the bucket of CloudFormation's presigned URLs |
//! | [`Ports::proxy`] | an HTTP proxy for `CONNECT`: every name leads to the script's rules, except those that refuse or hang |

pub mod http;
mod script;

pub use script::{Command, Identity, Played, Ports, Rule, Script, Setting};
