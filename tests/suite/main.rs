//! The gateway's behaviour, through HTTP, against the simulated Houston. One module for each behaviour.
#![expect(unreachable_pub, missing_docs, clippy::unwrap_used, reason = "a test binary has no public items")]

mod diagnostics;
mod harness;
mod walk;
