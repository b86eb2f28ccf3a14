//! The address under which the caller reached the gateway: what `nextLink`, `Location` and the documents start with.

use http::{HeaderMap, header};
use std::net::IpAddr;

/// What stands for the scheme and the host in a text that is made before a request tells them. No word of a document is
/// like them, and nothing in them or in what replaces them is escaped in JSON or quoted in YAML.
const SCHEME: &str = "scheme.invalid";
const HOST: &str = "host.invalid";

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

    /// Scheme, host and base path, without a slash at the end.
    pub(super) fn of(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> String {
        match &self.public_url {
            Some(url) => url.clone(),
            None => {
                let (scheme, host) = self.seen(headers, peer);
                self.below(scheme, host)
            }
        }
    }

    /// An address for texts that serve all callers; [`Self::fill`] makes it the one of a request.
    pub(super) fn pattern(&self) -> String {
        self.public_url.clone().unwrap_or_else(|| self.below(SCHEME, HOST))
    }

    /// A text with [`Self::pattern`] in it, for the caller who sent `headers`.
    pub(super) fn fill(&self, text: &str, headers: &HeaderMap, peer: Option<IpAddr>) -> String {
        if self.public_url.is_some() {
            return text.to_owned();
        }
        let (scheme, host) = self.seen(headers, peer);
        // The host last: it is the caller's word, and nothing is to be filled into that.
        text.replace(SCHEME, scheme).replace(HOST, host)
    }

    fn below(&self, scheme: &str, host: &str) -> String {
        format!("{scheme}://{host}{}", self.base_path)
    }

    /// The scheme and the host of a request. `X-Forwarded-*` is believed only from a trusted proxy.
    fn seen<'h>(&self, headers: &'h HeaderMap, peer: Option<IpAddr>) -> (&'h str, &'h str) {
        let trusted = peer.is_some_and(|peer| self.trusted_proxies.contains(&peer.to_canonical()));
        // A chain of proxies lists the first, the one that the caller talked to, in front.
        let forwarded = |name: &str| {
            let value = headers.get(name).filter(|_| trusted)?.to_str().ok()?;
            value.split(',').next().map(str::trim).filter(|each| !each.is_empty())
        };
        let scheme = forwarded("x-forwarded-proto").filter(|each| matches!(*each, "http" | "https")).unwrap_or("http");
        let own = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = forwarded("x-forwarded-host").or(own).filter(|host| is_host(host)).unwrap_or("localhost");
        (scheme, host)
    }
}

/// Whether a text may stand as host and port in an address: a header is not to be trusted with more. A colon at the end,
/// with no port, would make a key of the address in YAML.
fn is_host(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte)) && !text.ends_with(':')
}
