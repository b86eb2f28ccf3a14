//! `healthcheck`: asks the gateway of this machine whether it is alive.

use super::settings::Settings;
use crate::Failure;
use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, Ipv6Addr, TcpStream},
    time::Duration,
};

/// `GET /livez` by hand: an image with nothing but this program can tell its health.
pub(crate) fn healthcheck(settings: &Settings) -> Result<(), Failure> {
    const PATIENCE: Duration = Duration::from_secs(2);
    let server = settings.load()?.server;
    let mut address = server.listen;
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    let ask = || -> std::io::Result<String> {
        let mut connection = TcpStream::connect_timeout(&address, PATIENCE)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        write!(connection, "GET {}/livez HTTP/1.0\r\nhost: {address}\r\n\r\n", server.base_path)?;
        let mut status = [0; 12];
        connection.read_exact(&mut status)?;
        Ok(String::from_utf8_lossy(&status[9..]).into_owned())
    };
    match ask() {
        Ok(status) if status == "200" => Ok(()),
        Ok(status) => Err(Failure::NotAlive { address, why: format!("it answers {status}") }),
        Err(why) => Err(Failure::NotAlive { address, why: why.to_string() }),
    }
}
