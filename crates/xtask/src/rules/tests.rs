use super::*;

const BODY: &str = "\
impl<B> Body for Counted<B>
where
    B: Body,
{
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
";

fn found(source: &str) -> Vec<String> {
    broken_in_file("crates/a/src/b.rs", source)
}

fn package(name: &str, dependencies: &[&str]) -> Package {
    let dependencies: Vec<_> = dependencies.iter().map(|name| serde_json::json!({"name": name})).collect();
    let metadata = serde_json::json!({"packages": [{
        "name": name, "manifest_path": "Cargo.toml", "targets": [], "features": {}, "dependencies": dependencies,
    }]});
    crate::workspace::parse(&metadata.to_string()).unwrap().remove(0)
}

#[test]
fn lints_are_inherited_in_either_spelling() {
    assert!(inherits_lints("[package]\nname = \"a\"\n\n[lints]\nworkspace = true\n"));
    assert!(inherits_lints("lints.workspace = true\n[package]\n"));
    assert!(!inherits_lints("[package]\nedition.workspace = true\n"));
    assert!(!inherits_lints("[lints]\n[dependencies.core]\nworkspace = true\n"));
}

#[test]
fn a_layer_may_depend_on_core_but_not_on_a_layer() {
    assert!(layer_in_layer(&package("lastbyte-retry", &["lastbyte-core", "tokio"])).is_empty());
    assert!(layer_in_layer(&package("lastbyte", &["lastbyte-retry", "lastbyte-guard"])).is_empty());
    let broken = layer_in_layer(&package("lastbyte-retry", &["lastbyte-guard"]));
    assert_eq!(broken.len(), 1);
    assert!(broken[0].starts_with("lastbyte-retry: depends on the layer lastbyte-guard"), "{broken:?}");
}

#[test]
fn a_file_may_have_400_lines_and_not_one_more() {
    assert!(found(&"\n".repeat(400)).is_empty());
    assert_eq!(found(&"\n".repeat(401)).len(), 1);
}

#[test]
fn a_long_file_needs_its_reason_only_while_it_is_long() {
    let allowed = [("a.rs", "a table")];
    assert!(too_long("a.rs", 401, &allowed).is_none());
    assert!(too_long("a.rs", 400, &allowed).is_some());
    assert!(too_long("b.rs", 401, &allowed).is_some());
}

#[test]
fn a_body_with_both_hints_passes() {
    assert!(found(BODY).is_empty());
}

#[test]
fn a_body_without_a_hint_is_found_at_its_line() {
    for method in ["is_end_stream", "size_hint"] {
        let broken = found(&format!("\n{}", BODY.replace(&format!("fn {method}"), "fn other")));
        assert_eq!(broken.len(), 1, "{broken:?}");
        assert!(
            broken[0].starts_with(&format!("crates/a/src/b.rs:2: a body without `{method}`")),
            "{broken:?}"
        );
    }
}

#[test]
fn the_hints_of_one_body_do_not_speak_for_another() {
    let plain = "impl http_body::Body for Plain {\n    type Data = Bytes;\n}\n";
    assert_eq!(found(&format!("{plain}{BODY}")).len(), 2);
    assert_eq!(found(&format!("{BODY}{plain}")).len(), 2);
}

#[test]
fn a_wrapped_header_is_a_body_and_other_traits_are_none() {
    assert!(implements_body("> Body for Wrapped<B>"));
    assert!(!implements_body("impl<B> HttpBody for X<B>"));
    assert!(!implements_body("// impl Body for X"));
    assert!(!implements_body("impl From<Body> for X {"));
}

#[test]
fn a_test_double_may_be_a_plain_body() {
    let double = "impl Body for Double {\n}\n";
    assert_eq!(found(double).len(), 2);
    assert!(found(&format!("#[cfg(test)]\nmod tests {{\n{double}}}\n")).is_empty());
    assert!(broken_in_file("crates/a/src/b/tests.rs", double).is_empty());
}

#[test]
fn a_spawned_task_needs_a_word_on_its_end() {
    for spawn in ["tokio::spawn(run());", "let task = tokio::task::spawn(run());", "task::spawn(run());"] {
        let broken = found(&format!("fn f() {{\n    {spawn}\n}}\n"));
        assert_eq!(broken.len(), 1, "{spawn}: {broken:?}");
        assert!(broken[0].starts_with("crates/a/src/b.rs:2: "), "{broken:?}");
        assert!(found(&format!("// The task ends with its channel.\n\n\n{spawn}\n")).is_empty());
        assert_eq!(found(&format!("// The task ends with its channel.\n\n\n\n{spawn}\n")).len(), 1);
        assert_eq!(found(&format!("let ends = 1;\n{spawn}\n")).len(), 1, "only a comment counts");
    }
}

#[test]
fn a_task_of_a_set_has_its_owner() {
    assert!(found("tasks.spawn(run());\nset::spawn_all();\n// tokio::spawn would be wrong\n").is_empty());
}

#[test]
fn every_rule_holds_here() {
    let root = crate::tools::root();
    let broken = broken(&root, &crate::workspace::packages().unwrap()).unwrap();
    assert!(broken.is_empty(), "{broken:#?}");
}
