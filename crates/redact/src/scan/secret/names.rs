//! Names whose values are secrets: of fields, of variables, in sentences.

/// What the value of a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// A password: whatever it looks like.
    Password,
    /// A password, by a word that means other things too.
    Pass,
    /// A key: if it looks like one.
    Key,
    /// Cookies of HTTP.
    Cookie,
}

const PASSWORDS: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "passcode",
    "passwort",
    "kennwort",
    "contraseña",
    "CONTRASEÑA",
    "contrasena",
    "mot de passe",
    "mot_de_passe",
    "motdepasse",
    "mdp",
    "senha",
    "пароль",
    "Пароль",
    "密码",
    "口令",
    "密碼",
    "パスワード",
    "비밀번호",
    "密 码",
    "密码改",
    "密码设",
    "密码修改",
    "密码更改",
    "密码重置",
    "password_confirmation",
    "passwordconfirmation",
    "password_confirm",
    "passwordconfirm",
    "password_new",
    "password_old",
    "password_repeat",
    "passwordnew",
    "passwordold",
    "passwordrepeat",
    "identified by",
];

const PASSES: &[&str] = &["pass", "pw"];

const KEYS: &[&str] = &[
    "secret",
    "secrets",
    "appsecret",
    "api_key",
    "apikey",
    "api-key",
    "api key",
    "app_key",
    "appkey",
    "app-key",
    "access_key",
    "accesskey",
    "access-key",
    "access key",
    "secret_key",
    "secretkey",
    "secret-key",
    "secret key",
    "account_key",
    "accountkey",
    "signing_key",
    "signingkey",
    "encryption_key",
    "encryptionkey",
    "subscription-key",
    "private_key",
    "privatekey",
    "clientsecret",
    "token",
    "accesstoken",
    "authtoken",
    "bearertoken",
    "refreshtoken",
    "idtoken",
    "credential",
    "credentials",
    "authorization",
    "bearer",
    "openai_key",
    "storage_key",
    "subscription_key",
    "subscriptionkey",
    "functions-key",
    "jwt_key",
    "aes_key",
    "hmac_key",
    "master_key",
    "masterkey",
    "secret_key_base",
    "gh_pat",
    "github_pat",
    "jsessionid",
    "phpsessid",
    "_auth",
    "&sig",
    "?sig",
    "x-amz-signature",
    "密钥",
    "秘钥",
    "令牌",
    "私钥",
    "授权码",
    "密鑰",
    "秘鑰",
    "金鑰",
    "權杖",
];

const COOKIES: &[&str] = &["cookie"];

/// What stands before such a word without a sign between: `pgpassword`, `newpassword`, `apitoken`.
const GLUED: &[&str] = &[
    "account",
    "admin",
    "api",
    "app",
    "bind",
    "client",
    "cluster",
    "confirm",
    "csrf",
    "current",
    "db",
    "email",
    "ftp",
    "jwt",
    "key",
    "keystore",
    "ldap",
    "login",
    "mail",
    "master",
    "my",
    "mysql",
    "new",
    "old",
    "pg",
    "redis",
    "root",
    "server",
    "service",
    "session",
    "smtp",
    "ssh",
    "store",
    "sudo",
    "truststore",
    "user",
    "wifi",
];

/// Whether this is the name of a secret, or ends as one does: `password`, `db_password`, `dbPassword`, `dbpassword` and
/// `password2`, but not `nopassword`.
pub(super) fn named(name: &str) -> Option<Named> {
    if !announces(name.as_bytes()) {
        return None;
    }
    let name = unnumbered(name);
    let last = name.bytes().next_back()?.to_ascii_lowercase();
    let ends = |word: &&str| {
        if word.as_bytes()[word.len() - 1].to_ascii_lowercase() != last {
            return false;
        }
        let Some(at) = name.len().checked_sub(word.len()) else { return false };
        let Some(end) = name.get(at..).filter(|end| end.eq_ignore_ascii_case(word)) else { return false };
        let is_hump = end.starts_with(|ch: char| ch.is_ascii_uppercase())
            && name[..at].ends_with(|ch: char| ch.is_ascii_lowercase());
        let is_letters = end.starts_with(|ch: char| !is_han(ch) && !matches!(ch, '&' | '?'));
        let glued = || {
            let letters = name[..at].bytes().rev().take_while(u8::is_ascii_alphabetic).count();
            GLUED.iter().any(|word| word.eq_ignore_ascii_case(&name[at - letters..at]))
        };
        let is_whole = !name[..at].ends_with(|ch: char| ch.is_ascii_alphabetic());
        !is_letters || is_hump || is_whole || end.starts_with(|ch: char| ch.is_ascii_alphabetic()) && glued()
    };
    let lists: [(&[&str], _); 4] =
        [(PASSWORDS, Named::Password), (PASSES, Named::Pass), (KEYS, Named::Key), (COOKIES, Named::Cookie)];
    lists.into_iter().find_map(|(words, named)| words.iter().any(ends).then_some(named))
}

/// Whether no blank divides it from a word before it.
fn is_han(ch: char) -> bool {
    !ch.is_ascii() && !ch.is_lowercase() && !ch.is_uppercase()
}

/// Without the number at its end: `password2`, `api_key_1`.
fn unnumbered(name: &str) -> &str {
    let bare = name.trim_end_matches(|ch: char| ch.is_ascii_digit());
    if bare.len() == name.len() { name } else { bare.trim_end_matches(['_', '-']) }
}

/// Pairs of bytes, in small letters, as bits.
type Pairs = [u64; 1024];

/// The last two bytes of words that announce a value.
const ENDS: Pairs = pairs(0);

/// The two bytes before the last one.
const BEFORE_ENDS: Pairs = pairs(1);

/// The pairs that end so far before the words' ends. A word that begins with a half of it has any byte in front.
const fn pairs(from_end: usize) -> Pairs {
    let mut pairs = [0; 1024];
    let lists: [&[&str]; 4] = [PASSWORDS, PASSES, KEYS, COOKIES];
    let mut list = 0;
    while list < lists.len() {
        let mut at = 0;
        while at < lists[list].len() {
            let bytes = lists[list][at].as_bytes();
            let last = bytes[bytes.len() - 1 - from_end].to_ascii_lowercase() as usize;
            let mut first = 0;
            while first < 256 {
                let fits = bytes.len() < 2 + from_end
                    || bytes[bytes.len() - 2 - from_end].to_ascii_lowercase() as usize == first;
                let pair = first << 8 | last;
                if fits {
                    pairs[pair / 64] |= 1 << (pair % 64);
                }
                first += 1;
            }
            at += 1;
        }
        list += 1;
    }
    pairs
}

fn has(pairs: &Pairs, first: u8, last: u8) -> bool {
    let pair = usize::from(first.to_ascii_lowercase()) << 8 | usize::from(last.to_ascii_lowercase());
    pairs[pair / 64] & 1 << (pair % 64) != 0
}

/// The most digits at the end of a name that are looked through.
const MOST_DIGITS: usize = 8;

/// The bytes of a name without the number at its end, as [`unnumbered`] has it. None: it has more digits than that.
#[inline]
pub(super) fn bare(name: &[u8]) -> Option<&[u8]> {
    if !name.last().is_some_and(u8::is_ascii_digit) {
        return Some(name);
    }
    match name.iter().rev().take(MOST_DIGITS).take_while(|byte| byte.is_ascii_digit()).count() {
        MOST_DIGITS => None,
        // `password2`, `api_key_1`
        digits => {
            let bare = &name[..name.len() - digits];
            let joints = bare.iter().rev().take_while(|byte| matches!(byte, b'_' | b'-')).count();
            Some(&bare[..bare.len() - joints])
        }
    }
}

/// Whether what ends here ends as a word that announces a value does. Reads a few bytes only, and is in doubt `true`.
#[inline]
pub(crate) fn announces(name: &[u8]) -> bool {
    let Some(name) = bare(name) else { return true };
    let [.., second, last] = name else { return false };
    let third = name.len().checked_sub(3).map_or(b' ', |at| name[at]);
    has(&ENDS, *second, *last) && has(&BEFORE_ENDS, third, *second) && !is_another(name)
}

/// Endings of names that are common elsewhere, and what stands before them in names.
const COMMON: [(&[u8; 3], &[u8; 4]); 6] = [
    (b"ion", b"izat"),
    (b"ion", b"rmat"),
    (b"ase", b"sphr"),
    (b"ase", b"ey_b"),
    (b"ure", b"gnat"),
    (b" by", b"fied"),
];

/// Whether it has such an ending behind something else, that is no escape.
fn is_another(name: &[u8]) -> bool {
    let Some((rest, end)) = name.split_last_chunk::<3>() else { return false };
    let mut names = COMMON.iter().filter(|(common, _)| end.eq_ignore_ascii_case(*common)).peekable();
    names.peek().is_some() && names.all(|(_, before)| differs(rest, *before))
}

/// Whether it ends in something else, told by letters that stand for themselves.
fn differs(bytes: &[u8], end: &[u8]) -> bool {
    let same = bytes.iter().rev().zip(end.iter().rev());
    let same = same.take_while(|(byte, expected)| byte.eq_ignore_ascii_case(expected)).count();
    let Some((byte, before)) = bytes[..bytes.len() - same].split_last().filter(|_| same < end.len()) else {
        return false;
    };
    // A colour ends in a letter, too.
    let is_colour =
        before.last().is_some_and(|last| last.is_ascii_digit() || matches!(last, b'[' | b';' | b':'));
    byte.is_ascii_alphabetic() && !is_colour || matches!(byte, b'_' | b'-' | b'"' | b' ' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_known_whatever_else_ends_so() {
        for word in [PASSWORDS, PASSES, KEYS, COOKIES].concat() {
            for name in [word.to_owned(), format!("my.{word}"), format!("{word}_1"), word.to_uppercase()] {
                assert!(!word.is_ascii() && name != word || named(&name).is_some(), "{name}");
            }
        }
        for name in ["region", "version", "database", "release", "feature", "stand by", "x_ion", "a.ure"] {
            assert!(!announces(name.as_bytes()), "{name}");
        }
    }
}
