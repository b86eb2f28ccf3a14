//! Houston Gateway: all of Astronomer's Houston GraphQL API as REST.
//!
//! `rest` faces callers, `gateway` translates, `houston` faces Houston, `catalogue` is the contract. ARCHITECTURE.md
//! tells the story of a request, and why things are as they are.

pub mod cache;
pub mod caller;
pub mod catalogue;
pub mod config;
pub mod gateway;
pub mod houston;
pub mod openapi;
pub mod problem;
pub mod rest;
pub mod server;
pub mod telemetry;
