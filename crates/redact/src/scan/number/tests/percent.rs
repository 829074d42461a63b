//! Numbers behind a percent sign, which may be one or begin an escape.

use super::*;

#[test]
fn a_percent_sign_before_a_number_may_stand_for_itself() {
    for (value, rule, canonical) in [
        ("4111111111111111", Rule::Card, "4111111111111111"),
        ("5555555555554444", Rule::Card, "5555555555554444"),
        ("6222 0212 3456 7890 128", Rule::Card, "6222021234567890128"),
        ("212-555-0147", Rule::Phone, "+12125550147"),
        ("47.93.12.8", Rule::Ip, "47.93.12.8"),
        ("2001:db8::1", Rule::Ip, "2001:db8::1"),
        ("2a00:1450:4001::1", Rule::Ip, "2a00:1450:4001::1"),
        ("310105194912310027", Rule::Id, "310105194912310027"),
    ] {
        is(&format!("WHERE a LIKE '%{value}%'"), rule, value, canonical);
        // Behind a blank that is an escape it begins where that ends.
        is(&format!("?q=%20{value}&x"), rule, value, canonical);
    }
    let escaped = "%34%31%31%31%31%31%31%31%31%31%31%31%31%31%31%31";
    is(escaped, Rule::Card, escaped, "4111111111111111");
    for text in ["100%41", "%41111", "%20%21%22", "%2026-11-26", "%212-555", "a%204111111111111112"] {
        none(text);
    }
}

#[test]
fn a_card_is_found_on_its_stripe() {
    is("%B4111111111111111^DOE/JOHN^2812101", Rule::Card, "4111111111111111", "4111111111111111");
    is("%B3782 822463 10005^D", Rule::Card, "3782 822463 10005", "378282246310005");
    none("B4111111111111111^DOE/JOHN");
    none("%B4111111111111112^DOE/JOHN");
    none("%B13812345678^");
}
