//! Who is calling: the credential of a request, and the fingerprint that stands for it everywhere else.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::BytesMut;
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{AUTHORIZATION, AsHeaderName},
};
use serde::Deserialize;
use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

/// The header that API-key forms of low-code platforms fill in.
pub const API_KEY_HEADER: &str = "x-api-key";

static API_KEY: HeaderName = HeaderName::from_static(API_KEY_HEADER);

const BEARER: &[u8] = b"Bearer ";

/// A credential and its fingerprint. The credential itself is only ever sent to Houston: it has no `Debug`, is not
/// logged, stored or counted.
#[derive(Clone)]
pub struct Caller {
    authorization: HeaderValue,
    /// Stands for the caller in cache keys and logs. Keyed anew in every process, so it tells nothing outside of it.
    pub fingerprint: Fingerprint,
}

/// A keyed hash of a credential.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 16]);

/// The secret that keys fingerprints, made at start-up.
#[derive(Clone)]
pub struct FingerprintKey([u8; 32]);

/// A credential that cannot be sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCredential {
    /// Basic authentication, which Houston does not understand.
    #[error("Houston does not understand Basic authentication; send the token itself")]
    Basic,
    /// One header twice, with different tokens: nobody can say which one is meant, or which one a proxy looked at.
    #[error("the header of the token stands twice, with different tokens")]
    Ambiguous,
    /// Nothing behind the scheme, or bytes that no header may carry.
    #[error("the credential is empty or not printable text")]
    Unreadable,
    /// A JWT whose `exp` claim has passed (RFC 7519, 4.1.4).
    #[error("the token has expired; log in again and send the new one")]
    Expired,
}

impl FingerprintKey {
    /// A new key.
    #[must_use]
    pub fn random() -> Self {
        // The standard library seeds every `RandomState` from the operating system; four of them make 256 bits.
        use std::hash::{BuildHasher, RandomState};
        let mut key = [0; 32];
        for chunk in key.chunks_exact_mut(8) {
            chunk.copy_from_slice(&RandomState::new().hash_one(SystemTime::now()).to_le_bytes());
        }
        Self(key)
    }

    fn fingerprint(&self, token: &[u8]) -> Fingerprint {
        let mut fingerprint = [0; 16];
        fingerprint.copy_from_slice(&blake3::keyed_hash(&self.0, token).as_bytes()[..16]);
        Fingerprint(fingerprint)
    }
}

impl Caller {
    /// Reads the credential off a request: `X-API-Key: <token>`, or else `Authorization: Bearer <token>` or the bare
    /// `Authorization: <token>`. `None` if there is none.
    ///
    /// # Errors
    /// If there is one that Houston is sure to refuse.
    pub fn of(headers: &HeaderMap, key: &FingerprintKey) -> Result<Option<Self>, InvalidCredential> {
        let sent = match only(headers, &API_KEY)? {
            Some(key) => key,
            None => match only(headers, AUTHORIZATION)? {
                Some(authorization) => authorization,
                None => return Ok(None),
            },
        };
        let text = sent.to_str().map_err(|_| InvalidCredential::Unreadable)?.trim();
        let token = match text.split_once([' ', '\t']) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim(),
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("basic") => return Err(InvalidCredential::Basic),
            _ => text,
        };
        if token.is_empty() || token.eq_ignore_ascii_case("bearer") {
            return Err(InvalidCredential::Unreadable);
        }
        if expiry(token).is_some_and(|expiry| expiry <= now()) {
            return Err(InvalidCredential::Expired);
        }
        let mut bearer = BytesMut::with_capacity(BEARER.len() + token.len());
        bearer.extend_from_slice(BEARER);
        bearer.extend_from_slice(token.as_bytes());
        let mut authorization =
            HeaderValue::from_maybe_shared(bearer.freeze()).map_err(|_| InvalidCredential::Unreadable)?;
        authorization.set_sensitive(true);
        Ok(Some(Self { authorization, fingerprint: key.fingerprint(token.as_bytes()) }))
    }

    /// The header to send to Houston, marked as sensitive.
    #[must_use]
    pub fn authorization(&self) -> &HeaderValue {
        &self.authorization
    }
}

impl Fingerprint {
    /// Stands for nobody in particular: answers that all callers share.
    pub const EVERYBODY: Self = Self([0; 16]);

    /// The bytes, for cache keys.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The value of a header, which may stand there again only if it says the same.
fn only(headers: &HeaderMap, name: impl AsHeaderName) -> Result<Option<&HeaderValue>, InvalidCredential> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.all(|other| Some(other) == first) { Ok(first) } else { Err(InvalidCredential::Ambiguous) }
}

/// The `exp` claim, in seconds, if the token has the shape of a JWT. The signature is Houston's to check.
fn expiry(token: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct Claims {
        exp: Option<f64>,
    }
    let mut parts = token.split('.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?).ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, which is what is meant")]
    claims.exp.map(|exp| exp as u64)
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
