//! The gateway's behaviour, through HTTP, against the simulated Houston. One module for each behaviour.
#![expect(unreachable_pub, reason = "a test binary has no public items")]

mod binding;
mod caching;
mod commands;
mod connections;
mod diagnostics;
mod harness;
mod hostile;
mod http;
mod lists;
mod openapi;
mod readers;
mod routes;
mod secrecy;
mod semantics;
mod settings;
mod streaming;
mod tidy;
mod trouble;
mod versions;
mod walk;
mod witness;
