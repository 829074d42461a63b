//! What only looks like a number of a person, and what looks like that and is one.

use super::tests::{is, none};
use crate::Rule;

#[test]
fn a_mark_of_a_number_is_no_word() {
    for mark in ["[PHONE]", "[PHONE:3f9a01bc22]"] {
        none(&format!("{mark} 2026-11-26 14:00:00 ok"));
        none(&format!("IDs: {mark}, 3758096384, 2147483648"));
        none(&format!("{mark},1764167527"));
        none(&format!(r#"[{{"phone":"{mark}","bytes":4155552671}}]"#));
    }
    none(r#"passport="[ID]", ticket="E12345678""#);
    is("[PHONE], tel 4155552671", Rule::Phone, "4155552671", "+14155552671");
    for text in
        ["[phone] 4155552671", "phone [INFO] 4155552671", "phone [EMAIL] 4155552671", "[PHONE: 4155552671]"]
    {
        is(text, Rule::Phone, "4155552671", "+14155552671");
    }
}

#[test]
fn dates_hours_and_addresses_are_no_telephone_numbers() {
    for text in [
        "电话：2026-11-26 14:00",
        "phone 2026/11/26 14:00",
        "Tel.: 8.00-17.00 Uhr",
        "Fax: 2024-11-26",
        "Phone: 2024-05-06 follow-up",
        "手机 2024-09-20 发布",
        "mobile : 2016-06-02",
        "phone-2026-11-26.log",
        "Tel: 4.12.2024",
        "phone: 192.168.1.100",
    ] {
        none(text);
    }
    for number in ["4155-12-34", "2026-1126", "192.168.1000", "20261126"] {
        let digits: String = number.chars().filter(char::is_ascii_digit).collect();
        is(&format!("phone: {number}"), Rule::Phone, number, &digits);
    }
}

#[test]
fn a_word_for_telephoning_stands_alone() {
    for text in [
        "call_count=2148052769",
        "tool call 4155552671 ms",
        "called 3758096384 times",
        "phone_calls_total 3758096384",
        "syscall 2148052769",
        r#"{"tool_calls":1,"bytes":3758096384}"#,
        r#"{"call_id":2148052769,"call_duration_ms":3758096384}"#,
        r#"{"mobile":false,"size":2148052769}"#,
        r#"{"mobile":false,"id":2148052769}"#,
        "mobile=1 id=2148052769",
        r#"{"phone":"","id":4155552671}"#,
        "cancelled 4155552671",
        "locally 4155552671",
    ] {
        none(text);
    }
    for text in [
        "call 4155552671",
        "call me at 4155552671",
        "Please Call: 4155552671",
        "I called 4155552671",
        "caller=4155552671",
        "callerId: 4155552671",
        "missed calls from 4155552671",
        "call_to=4155552671",
        "user_cell=4155552671",
        "homeCell=4155552671",
        "cellNumber: 4155552671",
        r#"{"mobile":"4155552671"}"#,
        r#"{"mobile":true,"number":4155552671}"#,
        r#"{"phone":{"number":4155552671}}"#,
        r#"{"type":"phone","value":4155552671}"#,
        "mobile: home, office: 4155552671",
        "mobileNumber=4155552671",
    ] {
        is(text, Rule::Phone, "4155552671", "+14155552671");
    }
}

#[test]
fn amounts_are_no_telephone_numbers() {
    for text in [
        "16 GiB = 17179869184 B",
        "memory_limit: 17179869184",
        r#""memory":17179869184"#,
        r#"{\"memory\":17179869184}"#,
        "rx_bytes 13421772800 tx_bytes 15032385536",
        "Content-Length: 13900001111",
        "process_resident_memory_bytes 13958643712",
        "duration_ns=13812345678",
        "13812345678 ns/iter",
        r#""total_tokens":15012345678"#,
        "13812345678元",
        "文件大小：13421772800字节",
        "文件大小：13421772800",
        "rowCount=13812345678",
        "row_count: 13812345678",
        "13812345678%",
        "https://github.com/o/r/actions/runs/13812345678",
        "#event-13924913068",
    ] {
        none(text);
    }
    for (before, behind) in [
        ("order_id=", ""),
        ("account: ", ""),
        ("account=", " ok"),
        ("discount 找", ""),
        ("", "元旦联系"),
        ("", "次日回电"),
        ("", "字节跳动"),
        ("手机", "元"),
        ("", " B座"),
        ("", " B Smith"),
        ("", " Ms Li"),
        ("", " usage"),
        ("", " us toll-free"),
        ("call to ", " times out"),
        ("", "%20"),
        ("", "%E5%BC%A0"),
        ("contact_us: ", ""),
        ("size\n", ""),
        ("size of 张伟: ", ""),
        ("sms ", ""),
    ] {
        is(&format!("{before}13812345678{behind}"), Rule::Phone, "13812345678", "+8613812345678");
    }
}

#[test]
fn fractions_and_places_are_no_telephone_numbers() {
    for text in [
        "delta +3.140000",
        "Rendite +49.1234567 %",
        "CPU +49.12345 %",
        "lat +31.230416",
        "+40.123456 -74.123456",
        "ISO 6709 +40.6892-074.0445/",
        "GL +4734-05243",
        "+744144-0944945",
        "+4336-11612 America/Boise",
    ] {
        none(text);
    }
    for (text, value, canonical) in [
        ("Phone: +354.5551234", "+354.5551234", "+3545551234"),
        ("Registrant +1.4155552671", "+1.4155552671", "+14155552671"),
        ("+49.3012345678", "+49.3012345678", "+493012345678"),
        ("+86.13812345678", "+86.13812345678", "+8613812345678"),
        ("+33.1.99.00.12.34", "+33.1.99.00.12.34", "+33199001234"),
        ("Tel. +4930-12345", "+4930-12345", "+493012345"),
        ("+1.415.555.2671", "+1.415.555.2671", "+14155552671"),
    ] {
        is(text, Rule::Phone, value, canonical);
    }
}

#[test]
fn rows_of_code_points_and_figures_are_no_telephone_numbers() {
    for text in [
        "0061 0308 0061 0308",
        "codepoints 0046 0066 0069",
        "0020 0041 0043",
        ".0020.0011.0002",
        "a5.068 5.068 0 0016 9.932 5.055 5.055 0 0010.932",
        "c1 0016 9.932 5.055 5.055",
    ] {
        none(text);
    }
    for (text, value, canonical) in [
        ("0065 6123 4567", "0065 6123 4567", "+6561234567"),
        ("tel 0046 0066 0069", "0046 0066 0069", "+460660069"),
        ("0049 170 95459324. 12 Uhr", "0049 170 95459324", "+4917095459324"),
        ("0033.1.99.00.12.34", "0033.1.99.00.12.34", "+33199001234"),
    ] {
        is(text, Rule::Phone, value, canonical);
    }
}

#[test]
fn rows_of_groups_are_no_cards() {
    let card = "4111 1111 1111 1111";
    for (before, behind) in
        [("0a1b ", ""), ("", " 0a1b"), ("1000 2000 ", ""), ("", " 1000 2000"), ("1000 ", " 2000")]
    {
        none(&format!("{before}{card}{behind}"));
        is(&format!("card {before}{card}{behind}"), Rule::Card, card, "4111111111111111");
    }
    for (before, behind) in [
        ("2026 ", ""),
        ("", " 0927"),
        ("", " 0927 123"),
        ("face ", ""),
        ("", " 10000 2000"),
        ("1000, 2000, ", ""),
    ] {
        is(&format!("{before}{card}{behind}"), Rule::Card, card, "4111111111111111");
    }
    assert_eq!(super::tests::all(&[card, card, card].join(" ")).len(), 3);
}

#[test]
fn versions_and_sections_are_no_addresses() {
    for text in [
        "upgrade from 5.4.1.2 to 5.4.2.0",
        "rails (7.0.8.4)",
        "gem 'nokogiri', '1.13.10.1'",
        "JDK 17.0.9.1",
        "cuDNN 8.9.2.26",
        "Fixes since 1.5.6.5",
        "更新至 12.5.1.2",
        "see section 4.1.2.3",
        "第3.2.1.4节",
        "RFC 7231 section-3.1.1.1",
        "OID 2.5.29.17",
    ] {
        none(text);
    }
    for text in [
        "profile updated from 8.8.8.8",
        "DHCPRELEASE of 8.8.8.8",
        "第3次登录 8.8.8.8",
        r#"{"version":"1.2","ip":"8.8.8.8"}"#,
        "version 12 client 8.8.8.8",
        "updated by 8.8.8.8",
        "IP address updated to 8.8.8.8",
        "IP地址更新至8.8.8.8",
        "dhcp: release 8.8.8.8",
        "lease released 8.8.8.8",
    ] {
        is(text, Rule::Ip, "8.8.8.8", "8.8.8.8");
    }
    none("section 127.0.0.1");
    is("section 203.119.26.7", Rule::Ip, "203.119.26.7", "203.119.26.7");
}
