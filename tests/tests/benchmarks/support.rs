//! What the benchmarks share.

mod answer {
    use crate::support::answer::*;

    const ROLE: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"\",\"role\":\"assistant\"},\"finish_reason\":null}]}\n\n";
    const HI: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}]}\n\n";
    const STOP: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";

    fn read(text: &str) -> Reading {
        let mut reading = Reading::default();
        text.as_bytes().chunks(7).for_each(|piece| reading.push(piece));
        reading
    }

    #[test]
    fn an_answer_is_whole_with_its_finish_and_its_end() {
        let whole = read(&format!("{ROLE}{HI}{HI}{STOP}data: [DONE]\n\n")).end();
        assert_eq!(whole, Answer { text: "HiHi".into(), whole: true, events: 5 });
        assert!(!read(&format!("{ROLE}{HI}data: [DONE]\n\n")).end().whole);
        assert!(!read(&format!("{ROLE}{HI}{STOP}")).end().whole);
        let told = read(&format!("{HI}data: {{\"error\":{{}}}}\n\n{STOP}data: [DONE]\n\n")).end();
        assert_eq!((told.text.as_str(), told.whole), ("Hi", false));
    }

    #[test]
    fn a_role_is_no_content() {
        assert!(read(ROLE).first().is_none());
        assert!(read(&format!("{ROLE}{HI}")).first().is_some());
    }
}

mod plot {
    use crate::support::plot::*;

    #[test]
    fn a_line_ends_where_its_last_step_left_it() {
        let points = vec![(1.0, 0.5), (2.0, 1.0), (30.0, 1.0)];
        let line = Line { name: "a < b".into(), colour: 1, dashed: true, thick: false, points };
        let svg = svg("title", "seconds", 4.0, &[line]);
        assert!(svg.contains("d=\"M56.0 350.0H192.0V197.0H328.0V44.0V44.0H600.0\""), "{svg}");
        assert!(svg.contains("a &lt; b (100 %)"), "{svg}");
    }
}

mod report {
    use crate::support::report::*;

    #[test]
    fn a_table_is_laid_out() {
        let rows = vec![vec!["é".into(), "1".into()], vec!["long".into(), "22".into()]];
        assert_eq!(table(&["a", "n"], &rows), "| a    | n  |\n| ---- | -- |\n| é    | 1  |\n| long | 22 |\n");
    }

    #[test]
    fn parts_that_were_not_measured_again_stay() {
        let names = ["one", "two", "three"];
        let old = joined("old\n", &names, &[("one".into(), "1".into()), ("two".into(), "2".into())], "");
        let new = joined("new\n", &names, &[("two".into(), "II".into())], &old);
        assert_eq!(new, "new\n\n<!-- part: one -->\n1\n\n<!-- part: two -->\nII\n");
    }
}

mod samples {
    use crate::support::samples::*;

    #[test]
    fn a_quantile_counts_those_who_never_came() {
        let came: Vec<f64> = (1..=98).map(f64::from).collect();
        assert_eq!(quantile(&came, 100, 0.5), Some(50.0));
        assert_eq!(quantile(&came, 100, 0.98), Some(98.0));
        assert_eq!(quantile(&came, 100, 1.0), None);
        assert_eq!(quantile(&[], 0, 0.5), None);
    }

    #[test]
    fn a_spread_shows_its_ends_where_they_differ() {
        let spread = |values: &[Option<f64>]| {
            values.iter().copied().collect::<Spread>().show(|value| format!("{value:.1}"))
        };
        assert_eq!(spread(&[Some(1.0), Some(2.0)]), "1.5 (1.0–2.0)");
        assert_eq!(spread(&[Some(1.01), Some(1.02)]), "1.0");
        assert_eq!(spread(&[Some(1.0), None]), "never");
        assert_eq!(spread(&[]), "never");
    }
}
