//! The gateway's behaviour, through HTTP, against the simulated Houston. One module for each behaviour.
#![expect(unreachable_pub, missing_docs, reason = "a test binary has no public items")]

mod binding;
mod caching;
mod diagnostics;
mod harness;
mod http;
mod lists;
mod routes;
mod secrecy;
mod semantics;
mod trouble;
mod versions;
mod walk;
