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

/// Whether this is the name of a secret, or ends as one does: `password`, `db_password`, `dbPassword` and `password2`, but
/// not `nopassword`.
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
        let Some(end) = name.get(at..) else { return false };
        let is_hump = end.starts_with(|ch: char| ch.is_ascii_uppercase())
            && name[..at].ends_with(|ch: char| ch.is_ascii_lowercase());
        let is_letters = end.starts_with(|ch: char| ch.is_ascii_alphabetic() || !is_han(ch));
        let whole = !is_letters || is_hump || !name[..at].ends_with(|ch: char| ch.is_ascii_alphabetic());
        whole && end.eq_ignore_ascii_case(word)
    };
    let lists = [(PASSWORDS, Named::Password), (PASSES, Named::Pass), (KEYS, Named::Key)];
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
    let lists: [&[&str]; 3] = [PASSWORDS, PASSES, KEYS];
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
pub(super) fn bare(name: &[u8]) -> Option<&[u8]> {
    match name.iter().rev().take(MOST_DIGITS).take_while(|byte| byte.is_ascii_digit()).count() {
        0 => Some(name),
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
pub(crate) fn announces(name: &[u8]) -> bool {
    let Some(name) = bare(name) else { return true };
    let [.., second, last] = name else { return false };
    let third = name.len().checked_sub(3).map_or(b' ', |at| name[at]);
    has(&ENDS, *second, *last) && has(&BEFORE_ENDS, third, *second)
}
