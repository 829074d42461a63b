//! The numbers of tenants, which say nothing about their credentials.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::config::Config;

/// What credentials are hashed with.
pub(crate) enum Tenants {
    /// Random, and gone with the process.
    Random(RandomState),
    /// With the key of the redaction: the same in every process that has it, and so are what is separated by
    /// tenant, hashes of questions and stand-ins.
    Keyed(Box<Hmac<Sha256>>),
}

impl Tenants {
    pub(crate) fn new(config: &Config) -> Self {
        let mac = config.redact.secret().and_then(|key| Hmac::new_from_slice(&key).ok());
        mac.map_or_else(|| Self::Random(RandomState::new()), |mac| Self::Keyed(Box::new(mac)))
    }

    /// The number of who has this credential.
    pub(crate) fn number(&self, credential: &[u8]) -> u64 {
        match self {
            Self::Random(random) => random.hash_one(credential),
            Self::Keyed(mac) => {
                // Nothing else that is made with this key begins like that.
                let bytes = mac.as_ref().clone().chain_update("lastbyte tenant\0").chain_update(credential);
                bytes.finalize().into_bytes()[..8].iter().fold(0, |all, byte| all << 8 | u64::from(*byte))
            }
        }
    }
}

impl fmt::Debug for Tenants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenants").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_a_key_a_tenant_has_one_number_in_all_processes() {
        let mut config = Config::default();
        let number = |config: &Config, credential: &[u8]| Tenants::new(config).number(credential);
        assert_ne!(number(&config, b"a"), number(&config, b"a"));
        // Whatever that is, it is there and is the same twice.
        config.redact.key_env = "PATH".into();
        assert_eq!(number(&config, b"a"), number(&config, b"a"));
        assert_ne!(number(&config, b"a"), number(&config, b"b"));
    }
}
