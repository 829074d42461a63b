//! Names whose values are secrets: of fields, of variables, in sentences.

/// What the value of a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// A password: whatever it looks like.
    Password,
    /// A key: if it looks like one.
    Key,
}

const PASSWORDS: &[&str] = &["password", "passwd", "pwd", "passphrase", "passcode", "密码", "口令", "密碼"];

const KEYS: &[&str] = &[
    "secret",
    "api_key",
    "apikey",
    "api-key",
    "access_key",
    "accesskey",
    "access-key",
    "secret_key",
    "secretkey",
    "access_token",
    "auth_token",
    "refresh_token",
    "id_token",
    "client_secret",
    "private_key",
    "token",
    "credential",
    "authorization",
    "x-api-key",
    "密钥",
    "秘钥",
    "令牌",
    "密鑰",
];

/// Whether this is the name of a secret, or ends as one does: `password`, `db_password` and `dbPassword`, but not
/// `nopassword`.
pub(super) fn named(name: &str) -> Option<Named> {
    if !announces(name.as_bytes()) {
        return None;
    }
    let ends = |word: &&str| {
        let Some(at) = name.len().checked_sub(word.len()) else { return false };
        let Some(end) = name.get(at..) else { return false };
        let is_hump = end.starts_with(|ch: char| ch.is_ascii_uppercase())
            && name[..at].ends_with(|ch: char| ch.is_ascii_lowercase());
        let whole = !word.is_ascii() || is_hump || !name[..at].ends_with(|ch: char| ch.is_ascii_alphabetic());
        whole && end.eq_ignore_ascii_case(word)
    };
    if PASSWORDS.iter().any(ends) {
        return Some(Named::Password);
    }
    KEYS.iter().any(ends).then_some(Named::Key)
}

/// The two last bytes, in small letters, of words that announce a value, as bits.
const ENDS: [u64; 1024] = {
    let mut ends = [0; 1024];
    let lists: [&[&str]; 2] = [PASSWORDS, KEYS];
    let mut list = 0;
    while list < lists.len() {
        let mut at = 0;
        while at < lists[list].len() {
            let bytes = lists[list][at].as_bytes();
            let (second, last) = (bytes[bytes.len() - 2], bytes[bytes.len() - 1]);
            let two = (second.to_ascii_lowercase() as usize) << 8 | last.to_ascii_lowercase() as usize;
            ends[two / 64] |= 1 << (two % 64);
            at += 1;
        }
        list += 1;
    }
    ends
};

/// Whether what ends here ends as a word that announces a value does. Reads two bytes only, and is in doubt `true`.
pub(super) fn announces(name: &[u8]) -> bool {
    let [.., second, last] = name else { return false };
    let two = usize::from(second.to_ascii_lowercase()) << 8 | usize::from(last.to_ascii_lowercase());
    ENDS[two / 64] & 1 << (two % 64) != 0
}
