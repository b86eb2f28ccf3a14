//! Tokens that look like Houston's: a JWT with the claims `uuid`, `iat`, `nbf` and `exp`.
//!
//! The signature is a checksum with the shape and size of RS256. It tells tokens of this simulator from others and
//! protects nothing.

use crate::world::{Id, Time};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use std::{
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    time::Duration,
};

const HEADER: &str = r#"{"alg":"RS256","typ":"JWT"}"#;

/// What a token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) uuid: Id,
    pub(crate) iat: i64,
    nbf: i64,
    pub(crate) exp: i64,
}

impl Claims {
    pub(crate) fn valid_at(&self, now: Time) -> bool {
        self.nbf <= now.seconds() && now.seconds() < self.exp
    }
}

pub(crate) fn mint(user: &str, issued: Time, lifetime: Duration) -> String {
    let (iat, exp) = (issued.seconds(), issued.plus(lifetime).seconds());
    let claims = serde_json::json!({"uuid": user, "iat": iat, "nbf": iat, "exp": exp});
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(HEADER), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = signature(&signed);
    format!("{signed}.{signature}")
}

/// The claims of a token that [`mint`] made, expired or not.
pub(crate) fn read(token: &str) -> Option<Claims> {
    let (signed, given) = token.rsplit_once('.')?;
    if given != signature(signed) {
        return None;
    }
    let (_, payload) = signed.split_once('.')?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

fn signature(signed: &str) -> String {
    let hasher = BuildHasherDefault::<DefaultHasher>::new();
    let bytes: Vec<u8> = (0_u64..32).flat_map(|part| hasher.hash_one((signed, part)).to_be_bytes()).collect();
    URL_SAFE_NO_PAD.encode(bytes)
}
