//! Which fields are written, by their names.

/// Names whose values are never looked at, as [`fold`] makes them. A name is one of them when its last words are:
/// `access_token`, `X-Api-Key` and `db.password` are, `token_count` and `content_length` are not.
const DENIED: [&str; 53] = [
    "accesskey",
    "accesskeys",
    "accesstoken",
    "apikey",
    "apikeys",
    "authkey",
    "authorization",
    "authtoken",
    "bearertoken",
    "clientsecret",
    "completion",
    "content",
    "contents",
    "cookie",
    "cookies",
    "credential",
    "credentials",
    "csrftoken",
    "connectionstring",
    "cvc",
    "cvv",
    "encryptionkey",
    "idtoken",
    "jwt",
    "masterkey",
    "otp",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "passwords",
    "passwort",
    "privatekey",
    "privatekeys",
    "prompt",
    "prompts",
    "pw",
    "pwd",
    "refreshtoken",
    "secret",
    "secretkey",
    "secretkeybase",
    "secrets",
    "sessionkey",
    "sessiontoken",
    "setcookie",
    "signingkey",
    "token",
    "xapikey",
    "口令",
    "密码",
    "密钥",
    "密鑰",
];

/// Last words that say nothing of what the value is, as figures do: `password_value` and `password2` are passwords.
const NEUTRAL: [&str; 9] =
    ["body", "confirmation", "hash", "header", "raw", "str", "string", "text", "value"];

/// Rules for names. They are asked once for each callsite, not for each event.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    denied: Vec<String>,
    only: Option<Vec<String>>,
    pub(super) drop_others: bool,
}

impl Names {
    pub(super) fn deny(&mut self, name: &str) {
        self.denied.push(fold(name));
    }

    pub(super) fn allow(&mut self, name: &str) {
        self.only.get_or_insert_default().push(fold(name));
    }

    /// Whether the value of this field must not be looked at.
    pub(super) fn is_denied(&self, name: &str) -> bool {
        let mut words = words(name);
        while !words.is_empty() {
            let is_one = (0..words.len()).any(|from| {
                let end = words[from..].concat();
                DENIED.contains(&end.as_str()) || self.denied.contains(&end)
            });
            if is_one {
                return true;
            }
            // Without what says nothing it may be one.
            let Some(last) = words.pop() else { break };
            let bare = last.trim_end_matches(|ch: char| ch.is_ascii_digit());
            if !bare.is_empty() && bare.len() < last.len() {
                words.push(bare.to_owned());
            } else if !bare.is_empty() && !NEUTRAL.contains(&bare) {
                break;
            }
        }
        false
    }

    /// Whether there is a list of allowed names, and this is not on it.
    pub(super) fn is_unlisted(&self, name: &str) -> bool {
        self.only.as_ref().is_some_and(|only| !only.contains(&fold(name)))
    }
}

/// The name in lower case, without what joins its words.
fn fold(name: &str) -> String {
    words(name).concat()
}

/// The words of a name, in lower case: of `api_key`, `api-key`, `http.apiKey`, `APIKey`.
fn words(name: &str) -> Vec<String> {
    let chars: Vec<char> = name.chars().collect();
    let mut words = vec![String::new()];
    for (at, &ch) in chars.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| chars[at]);
        let after = chars.get(at + 1);
        let begins = ch.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase()
                    || before.is_uppercase() && after.is_some_and(|after| after.is_lowercase())
            });
        let joins = !ch.is_alphanumeric();
        if begins || joins {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| !joins) {
            word.extend(ch.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_at_the_end_of_a_name_deny_it() {
        let names = Names::default();
        for name in [
            "password",
            "PASSWORD",
            "pw",
            "db.password",
            "user-password",
            "passwordHash",
            "password_value",
            "api_key",
            "api-key",
            "apiKey",
            "APIKey",
            "APIKEY",
            "x-api-key",
            "XApiKey",
            "access_token",
            "http.request.header.authorization",
            "Set-Cookie",
            "prompt",
            "gen_ai.prompt",
            "system_prompt",
            "message.content",
            "apiKeys",
            "X-Auth-Key",
            "password2",
            "x-api-key-2",
            "new_password_2_hash",
            "password_confirmation",
            "secret_key_base",
            "connection_string",
            "passwort",
            "密码",
        ] {
            assert!(names.is_denied(name), "{name}");
        }
        for name in [
            "token_count",
            "tokens",
            "prompt_tokens",
            "completion_tokens",
            "content_length",
            "content-type",
            "secretary",
            "passwordless",
            "cookie_count",
            "connection",
            "tokens2",
            "2",
            "confirmation",
            "keyboard",
            "key",
            "message",
            "value",
            "",
        ] {
            assert!(!names.is_denied(name), "{name}");
        }
    }

    #[test]
    fn lists_of_ones_own_are_folded_too() {
        let mut names = Names::default();
        assert!(!names.is_unlisted("tenant"));
        names.deny("patient-name");
        names.allow("tenant_id");
        assert!(names.is_denied("PatientName") && names.is_denied("old.patient_name"));
        assert!(!names.is_unlisted("tenantId") && names.is_unlisted("tenant"));
    }
}
