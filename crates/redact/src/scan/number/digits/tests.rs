use super::*;

fn parts(text: &str) -> Vec<(String, Vec<usize>, After)> {
    let script = Script::of(text.chars().find(|ch| *ch != '(').unwrap()).unwrap();
    let digits = Digits::read(&mut Cursor::new(text, 0, true), script, false);
    let digits = digits.iter().flat_map(Digits::parts);
    digits.map(|part| (part.text(), part.shape().as_slice().to_vec(), part.after)).collect()
}

#[test]
fn groups_are_read_and_taken_in_all_lengths() {
    assert_eq!(
        parts("138 1234 5678-9"),
        [
            ("138123456789".into(), vec![3, 4, 4, 1], After::Clear),
            ("13812345678".into(), vec![3, 4, 4], After::Dash),
            ("1381234".into(), vec![3, 4], After::Blank),
            ("138".into(), vec![3], After::Blank),
        ]
    );
    assert_eq!(parts("(010) 6234")[0], ("0106234".into(), vec![3, 4], After::Clear));
    assert_eq!(parts("(0 89) / 1234")[0], ("0891234".into(), vec![3, 4], After::Clear));
    assert_eq!(parts("138 - 1234 - 5678")[0], ("13812345678".into(), vec![3, 4, 4], After::Clear));
    assert_eq!(parts("138  1234 5678")[0], ("1381234".into(), vec![3, 4], After::Clear));
    assert_eq!(parts("138 1234 - 5678")[0], ("1381234".into(), vec![3, 4], After::Clear));
    assert_eq!(parts("1  2")[0], ("1".into(), vec![1], After::Clear));
    assert_eq!(parts("幺三八一")[0].0, "1381");
    assert_eq!(parts("11010519491231002x")[0].0, "11010519491231002X");
}

#[test]
fn more_digits_than_any_number_has_are_none() {
    assert_eq!(parts(&"1".repeat(MOST_DIGITS))[0].0.len(), MOST_DIGITS);
    assert!(parts(&"1".repeat(MOST_DIGITS + 1)).is_empty());
    let longer = format!("138 1234 5678 {}", "1".repeat(MOST_DIGITS));
    assert_eq!(parts(&longer)[0], ("13812345678".into(), vec![3, 4, 4], After::Blank));
    assert!(parts("12a").is_empty());
}

#[test]
fn what_cannot_go_on_is_not_waited_for() {
    let mut cursor = Cursor::new("13812345678 ", 0, false);
    Digits::read(&mut cursor, Script::Figures, false);
    assert!(!cursor.is_starved());
    let mut cursor = Cursor::new("138 ", 0, false);
    Digits::read(&mut cursor, Script::Figures, false);
    assert!(cursor.is_starved());
}
