//! What stands in a value's place.

use std::fmt;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::Rule;

/// What stands in a value's place.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Style {
    /// The kind alone: `[EMAIL]`.
    #[default]
    Label,
    /// The kind and a keyed pseudonym: `[EMAIL:3f9a01bc22]`. One value has one pseudonym, in all its spellings, for as
    /// long as the key is the same. Pseudonyms are still personal data (GDPR, Article 4(5)).
    Pseudonym(Key),
}

/// What makes pseudonyms and digests, so that nobody without it can try values out: all mobile numbers of China are
/// hashed in minutes.
#[derive(Clone)]
pub struct Key {
    bytes: Zeroizing<Vec<u8>>,
    tenant: String,
}

impl Key {
    /// The least number of bytes a key has.
    pub const MIN: usize = 16;

    /// Makes one from at least [`Key::MIN`] bytes that nobody can guess.
    ///
    /// # Errors
    ///
    /// [`KeyTooShort`] where there are fewer.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, KeyTooShort> {
        let bytes = Zeroizing::new(bytes.into());
        if bytes.len() < Self::MIN {
            return Err(KeyTooShort(bytes.len()));
        }
        Ok(Self { bytes, tenant: String::new() })
    }

    /// The same key for another tenant: pseudonyms of two tenants cannot be told to be of one value.
    #[must_use]
    pub fn for_tenant(&self, tenant: &str) -> Self {
        Self { bytes: self.bytes.clone(), tenant: tenant.to_owned() }
    }

    /// A key for another purpose, and for the same tenant: who has it learns nothing of this one.
    #[cfg(feature = "mask")]
    pub(crate) fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.bytes) else { return Zeroizing::default() };
        // No rule is called so: none of these is the pseudonym of anything.
        for part in [self.tenant.as_str(), purpose, ""] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        Zeroizing::new(mac.finalize().into_bytes().into())
    }

    /// The first 40 bits of the value's HMAC-SHA256, as 10 hexadecimal digits.
    pub(crate) fn pseudonym(&self, rule: Rule, canonical: &str) -> String {
        let Some(mut mac) = self.mac(rule.name()) else { return String::new() };
        part(&mut mac, canonical);
        hex(mac)
    }

    /// What a text's digest is made with: the text comes last, in pieces, and so without its length.
    pub(crate) fn digest(&self) -> Option<Hmac<Sha256>> {
        self.mac("digest")
    }

    /// Keys of any length are taken, so that there always is one.
    fn mac(&self, what: &str) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.bytes).ok()?;
        part(&mut mac, &self.tenant);
        part(&mut mac, what);
        Some(mac)
    }
}

/// With its length before it: where one part ends and the next begins is then a part of what is hashed.
fn part(mac: &mut Hmac<Sha256>, text: &str) {
    mac.update(&(text.len() as u64).to_be_bytes());
    mac.update(text.as_bytes());
}

/// How many hexadecimal digits a pseudonym has: 40 bits.
pub(crate) const PSEUDONYM: usize = 10;

/// The first bits, as so many digits.
pub(crate) fn hex(mac: Hmac<Sha256>) -> String {
    use fmt::Write as _;
    let mut hex = String::with_capacity(PSEUDONYM);
    for byte in &mac.finalize().into_bytes()[..PSEUDONYM / 2] {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

/// A key has too few bytes to be a secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyTooShort(usize);

/// The same as `Display`: what a `main` that returns it prints.
impl fmt::Debug for KeyTooShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for KeyTooShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a key of {} bytes is no secret: at least {} are needed", self.0, Key::MIN)
    }
}

impl std::error::Error for KeyTooShort {}
