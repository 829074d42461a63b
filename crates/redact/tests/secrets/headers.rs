//! Headers of HTTP.

use super::{all, is, random};

#[test]
fn credentials_are_found_behind_every_scheme() {
    let hex = "0a1b2c3d4e5f67890a1b2c3d4e5f6789";
    let uuid = "0a1b2c3d-0a1b-4c3d-8e5f-0a1b2c3d4e5f";
    let mixed = random(24);
    for (scheme, value) in [
        ("token", format!("{hex}01234567")),
        ("ApiKey", mixed.clone()),
        ("Api-Key", mixed.clone()),
        ("Splunk", uuid.to_owned()),
        ("DeepL-Auth-Key", format!("{uuid}:fx")),
        ("Bot", format!("MT{mixed}.Ab1")),
        ("Digest", format!("username=\"bob b\", realm=\"r\", response=\"{hex}\"")),
        ("Negotiate", format!("YII{mixed}==")),
        ("SharedKey", format!("acct:{mixed}=")),
        ("hmac", format!("bob:{mixed}")),
        ("AWS", format!("AKIA{}:frJIUN8DYpKDtOLCwo//yllqDzg=", "IOSFODNN7EXAMPLF")),
        ("AWS4-HMAC-SHA256", format!("Credential=a1/b, SignedHeaders=host, Signature={hex}")),
        ("Acme", format!("{mixed}:x")),
        ("Bearer", format!("12|{mixed}")),
        ("Bearer", format!("ab{mixed}:Cd9")),
    ] {
        for (before, behind) in [
            ("", ""),
            ("> ", "\nHost: h"),
            ("", " and more"),
            ("curl -H '", "' https://h"),
            ("{\"h\":\"", "\",\"n\":1}"),
            ("Proxy-", ""),
        ] {
            if behind.starts_with('"') && value.contains('"') {
                continue;
            }
            is(&format!("{before}Authorization: {scheme} {value}{behind}"), &value);
        }
    }
    for before in ["Bearer  ", "Bearer\t", "Bearer: ", "Bearer \"", "Bearer '", "bearer token "] {
        is(&format!("{before}{mixed}"), &mixed);
    }
    for text in [
        "Authorization: token ${TOKEN_1}",
        "Authorization: token <your token>",
        "Authorization: token [SECRET]",
        "Authorization: see section4 of the handbook",
        "authorization: required for all 12345678 users",
        "authorization: Bearer",
        "bearer token authentication",
        "Bearer: the one who bears",
        "Authorization: Digest qop=auth",
    ] {
        assert_eq!(all(text), [], "{text}");
    }
}

#[test]
fn cookies_are_found_as_a_whole() {
    let value = format!("theme=dark; sid={}; n=1", random(24));
    is(&format!("Cookie: {value}\nHost: h"), &value);
    is(&format!("-H 'Cookie: {value}' x"), &value);
    is(&format!("Set-Cookie: sid={}; Path=/", random(24)), &format!("sid={}; Path=/", random(24)));
    for text in ["Cookie: a small file", "cookie: theme=dark; lang=en", "const cookie = req.headers.cookie;"]
    {
        assert_eq!(all(text), [], "{text}");
    }
}

#[test]
fn the_token_of_a_bot_is_found_in_its_address() {
    let token = format!("4875928775:AA{}-{}", random(16), random(16));
    is(&format!("POST https://api.telegram.org/bot{token}/sendMessage"), &token);
    is(&format!("/bot{token}"), &token);
    for text in [format!("robot{token}"), "bot4875928775:AA".to_owned(), "bottom 12345678:ab".to_owned()] {
        assert_eq!(all(&text), [], "{text}");
    }
}
