//! The address under which the caller reached the gateway: what `nextLink`, `Location` and the documents start with.

use http::{HeaderMap, header};
use std::net::IpAddr;

/// Decides the address of each request.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    public_url: Option<String>,
    trusted_proxies: Vec<IpAddr>,
    base_path: String,
}

impl Origin {
    pub(super) fn new(server: &crate::config::Server) -> Self {
        let public_url = server.public_url.trim_end_matches('/');
        Self {
            public_url: (!public_url.is_empty()).then(|| public_url.to_owned()),
            trusted_proxies: server.trusted_proxies.clone(),
            base_path: server.base_path.clone(),
        }
    }

    /// Scheme, host and base path, without a slash at the end. `X-Forwarded-*` is believed only from a trusted proxy.
    pub(super) fn of(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> String {
        if let Some(url) = &self.public_url {
            return url.clone();
        }
        let trusted = peer.is_some_and(|peer| self.trusted_proxies.contains(&peer.to_canonical()));
        // A chain of proxies lists the first, the one that the caller talked to, in front.
        let forwarded = |name: &str| {
            let value = headers.get(name).filter(|_| trusted)?.to_str().ok()?;
            value.split(',').next().map(str::trim).filter(|each| !each.is_empty())
        };
        let scheme = forwarded("x-forwarded-proto").filter(|each| matches!(*each, "http" | "https")).unwrap_or("http");
        let own = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = forwarded("x-forwarded-host").or(own).filter(|host| is_host(host)).unwrap_or("localhost");
        format!("{scheme}://{host}{}", self.base_path)
    }
}

/// Whether a text may stand as host and port in an address: a header is not to be trusted with more.
fn is_host(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte))
}
