//! Panics, in a program of their own: there is one hook for all.

use std::panic::catch_unwind;
use std::sync::{Arc, Mutex};
use std::thread;

use lastbyte_redact::Redactor;
use lastbyte_redact::trace::install_panic_hook_with;

#[test]
fn the_message_of_a_panic_is_redacted_and_its_place_is_told() {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&reports);
    install_panic_hook_with(Redactor::new(), move |report| sink.lock().unwrap().push(report.to_owned()));
    let name = "for li.wei@example.com".to_owned();
    let work = || {
        let mail = "li.wei@example.com";
        catch_unwind(|| panic!("打13812345678找{mail}\nforged\u{1b}[2J")).unwrap_err();
        catch_unwind(|| std::panic::panic_any(5)).unwrap_err();
    };
    thread::Builder::new().name(name).spawn(work).unwrap().join().unwrap();
    let reports = reports.lock().unwrap();
    let place = |line: &str| line.contains("panic.rs:");
    assert!(reports.len() == 2 && reports.iter().all(|report| place(report)), "{reports:?}");
    assert!(reports[0].starts_with("thread 'for [EMAIL]' panicked at "), "{reports:?}");
    assert!(reports[0].contains(": 打[PHONE]找[EMAIL]\\nforged\\u{1b}[2J"), "{reports:?}");
    assert!(reports[1].contains("<not a text>"));
    assert!(!reports[0].contains("li.wei") && !reports[0].contains("138"));
}
