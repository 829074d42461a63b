//! Papers whose numbers have a form of their own.

use super::*;

#[test]
fn passports_and_permits_of_several_countries() {
    for (text, value) in [
        ("Reisepassnummer: C01X00T47", "C01X00T47"),
        ("Reisepass CFGHJKL12,", "CFGHJKL12"),
        ("Passeport: 09AE12345", "09AE12345"),
        ("Pasaporte: AAA123456", "AAA123456"),
        ("passport no. X1234567", "X1234567"),
        ("回乡证H1234567800", "H1234567800"),
        ("台胞证12345678", "12345678"),
        ("台胞证号码：12345678，", "12345678"),
    ] {
        is(text, Rule::Id, value, value);
    }
    for text in [
        "part C01X00T47",
        "09AE12345",
        "AAA123456",
        "passport c01x00t47",
        "passport 09ae12345",
        "PASSPORT CHRPNTWRK",
        "passport STRATEGY9",
        "passport A1234567800",
        "护照 12345678",
        "台胞证 一共 12345678",
    ] {
        none(text);
    }
}

#[test]
fn social_security_numbers_behind_names_of_fields() {
    for name in ["social_security_number", "socialSecurityNumber", "social-security-no"] {
        is(&format!(r#"{{"{name}":"178051120"}}"#), Rule::Id, "178051120", "178051120");
    }
    none(r#"{"social_score":"178051120"}"#);
}
