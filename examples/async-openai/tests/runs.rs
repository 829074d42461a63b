//! The example, run as a reader of it would.

#[test]
fn a_cut_answer_is_an_error_only_over_the_layers() {
    let done = std::process::Command::new(env!("CARGO_BIN_EXE_async-openai-client")).output().unwrap();
    let out = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success(), "{out}\n{}", String::from_utf8_lossy(&done.stderr));
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].starts_with("alone: ") && lines[0].ends_with("the end, and no error"), "{out}");
    assert!(lines[1].starts_with("over the layers: ") && lines[1].contains("then an error: "), "{out}");
}
