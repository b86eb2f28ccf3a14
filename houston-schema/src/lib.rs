//! Houston's GraphQL schema, one document for every release, and how to cut one release out of it.
//!
//! `config/houston.graphql` describes all releases at once: `@since(v)` names the first release that has an
//! element, `@until(v)` the first that no longer has it. [`HoustonSchema::at`] slices the document to what one
//! release knows, which is what the gateway compiles operations against and what the simulator executes.

mod slice;
mod version;

pub use slice::{HoustonSchema, Lifespan, SchemaError, UNKNOWN_SHAPE};
pub use version::{InvalidVersion, Version};

/// The schema document that ships with the project.
pub const SDL: &str = include_str!("../../config/houston.graphql");

/// The releases that the project is tested against: every one at which clients change what they send.
pub const RELEASES: [Version; 13] = [
    Version::new(0, 25, 0),
    Version::new(0, 26, 0),
    Version::new(0, 28, 0),
    Version::new(0, 29, 2),
    Version::new(0, 30, 0),
    Version::new(0, 31, 6),
    Version::new(0, 32, 0),
    Version::new(0, 34, 0),
    Version::new(0, 35, 0),
    Version::new(1, 0, 0),
    Version::new(1, 0, 1),
    Version::new(2, 0, 0),
    Version::new(2, 1, 0),
];

/// The newest release that the schema document describes.
pub const NEWEST: Version = Version::new(2, 1, 0);

/// The oldest release that the schema document describes: what has no `@since` is at least as old.
pub const OLDEST: Version = Version::new(0, 11, 0);
