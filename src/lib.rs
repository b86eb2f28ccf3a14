//! Houston Gateway: all of Astronomer's Houston GraphQL API as REST.
pub mod cache;
pub mod caller;
pub mod catalogue;
pub mod config;
pub mod gateway;
pub mod houston;
pub mod openapi;
pub mod problem;
