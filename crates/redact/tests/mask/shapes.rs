//! Requests in the shapes in which clients write them.

use serde_json::{Value, json};

use crate::requests::{MAIL, seen};
use crate::support::*;

#[tokio::test]
async fn a_document_of_text_is_text_and_one_of_base64_is_not() {
    let text = |data: &str| json!({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": data}});
    let file = |data: &str| json!({"type": "document", "source": {"data": data, "media_type": "text/csv", "type": "base64"}});
    let audio = |data: &str| json!({"type": "input_audio", "input_audio": {"data": data, "format": "wav"}});
    // A card's number and an address of mail, and the same as one file.
    let long = "MTM4MTIzNDU2NzgsbGkud2VpQGV4YW1wbGUuY29tCjEzODEyMzQ1Njc4LGxpLndlaUBleGFtcGxlLmNv\nbQo=\n";
    let url = format!("data:text/csv;base64,{}", long.replace('\n', ""));
    for (part, values) in [
        (text("data:\n  mail: li.wei@example.com\n"), 1),
        (text("13812345678"), 1),
        (text("data:text/plain;base64,13812345678"), 1),
        (file("13812345678"), 0),
        (file(&long.replace('\n', "\r\n")), 0),
        (file("no base64, li.wei@example.com"), 1),
        (audio(long), 0),
        (audio(&long.replace('\n', "")), 0),
        (audio("13812345678"), 1),
        (audio("name\n13812345678\n"), 1),
        (json!({"type": "file", "file": {"file_data": url}}), 0),
        (json!({"type": "file", "file": {"file_data": "data:text/plain,to li.wei@example.com"}}), 1),
    ] {
        let body = json!({"messages": [{"role": "user", "content": [part]}]}).to_string();
        let (seen, back) = seen(PATHS[2], &body).await;
        assert_eq!(seen.matches("EMAIL_").count() + seen.matches("PHONE_").count(), values, "{seen}");
        assert_eq!((seen == body, back), (values == 0, body));
    }
    let images =
        json!({"messages": [{"role": "user", "content": MAIL, "images": [long, &long.replace('\n', "")]}]});
    let (seen, _) = seen(PATHS[0], &images.to_string()).await;
    let seen: Value = serde_json::from_str(&seen).unwrap();
    assert_eq!(seen["messages"][0]["images"], images["messages"][0]["images"]);
}
