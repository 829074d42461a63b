//! The example, run as a reader of it would.

#[test]
fn two_failed_calls_are_not_seen() {
    let done = std::process::Command::new(env!("CARGO_BIN_EXE_hyper-client")).output().unwrap();
    let out = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success(), "{out}\n{}", String::from_utf8_lossy(&done.stderr));
    assert!(out.starts_with("200 OK, attempts: \"3\"\n"), "{out}");
    assert!(out.contains("data: [DONE]") && out.contains("59:"), "{out}");
    assert!(out.ends_with("At the last byte: the answer is complete (stop).\n"), "{out}");
}
