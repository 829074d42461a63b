//! A map for whoever has to store it.

use std::fmt;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::{Map, standin};
use crate::Key;

/// The first byte: how it is made. It is authenticated with the rest.
const VERSION: u8 = 1;
const NONCE: usize = 24;

/// The system has no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealError;

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no random numbers to seal with")
    }
}

impl std::error::Error for SealError {}

/// It was sealed with another key, for another tenant, or is not what was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotOpened;

impl fmt::Display for NotOpened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another key, another tenant, or another text than was sealed")
    }
}

impl std::error::Error for NotOpened {}

impl Map {
    /// The map, encrypted and authenticated with XChaCha20-Poly1305 under a key that is derived from this one and
    /// its tenant. Sealed twice it is two different texts.
    ///
    /// # Errors
    ///
    /// [`SealError`].
    pub fn seal(&self, key: &Key) -> Result<Vec<u8>, SealError> {
        let mut plain = Zeroizing::new(Vec::new());
        for entry in self.entries() {
            for part in [entry.label, entry.value.as_str()] {
                plain.extend_from_slice(&(part.len() as u32).to_be_bytes());
                plain.extend_from_slice(part.as_bytes());
            }
            plain.extend_from_slice(&entry.code.to_be_bytes());
        }
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| SealError)?;
        let mut sealed = vec![VERSION];
        sealed.extend_from_slice(&nonce);
        let payload = Payload { msg: &plain, aad: &[VERSION] };
        sealed.extend(cipher(key).encrypt(&XNonce::from(nonce), payload).map_err(|_| SealError)?);
        Ok(sealed)
    }

    /// What was sealed.
    ///
    /// # Errors
    ///
    /// [`NotOpened`].
    pub fn open(sealed: &[u8], key: &Key) -> Result<Self, NotOpened> {
        let (version, rest) = sealed.split_first().ok_or(NotOpened)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE>().ok_or(NotOpened)?;
        if *version != VERSION {
            return Err(NotOpened);
        }
        let payload = Payload { msg: rest, aad: &[VERSION] };
        let plain = cipher(key).decrypt(&XNonce::from(*nonce), payload).map_err(|_| NotOpened)?;
        let plain = Zeroizing::new(plain);
        let mut map = Self::default();
        let mut rest = plain.as_slice();
        while !rest.is_empty() {
            let label = part(&mut rest).ok_or(NotOpened)?;
            let value = part(&mut rest).ok_or(NotOpened)?;
            let (code, behind) = rest.split_first_chunk::<8>().ok_or(NotOpened)?;
            rest = behind;
            map.push(standin::known(label).ok_or(NotOpened)?, u64::from_be_bytes(*code), value);
        }
        Ok(map)
    }
}

fn part<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let (len, behind) = rest.split_first_chunk::<4>()?;
    let (part, behind) = behind.split_at_checked(u32::from_be_bytes(*len) as usize)?;
    *rest = behind;
    std::str::from_utf8(part).ok()
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&(*key.derive("mask, sealed")).into())
}
