//! What each command does.

mod check;
mod healthcheck;
mod serve;
mod settings;
mod tables;

pub(crate) use check::check;
pub(crate) use healthcheck::healthcheck;
pub(crate) use serve::{Serve, serve};
pub(crate) use settings::Settings;
pub(crate) use tables::{Format, openapi, problems, routes};

use crate::Failure;
use std::io::{ErrorKind, Write as _};

/// Writes to standard output. A reader that has seen enough, such as `head`, is no failure.
fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(why) if why.kind() != ErrorKind::BrokenPipe => Err(why.into()),
        _ => Ok(()),
    }
}
