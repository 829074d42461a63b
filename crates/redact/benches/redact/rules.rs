//! What the engine is measured beside.

use regex::Regex;

/// What values look like, without any check, one expression for each: what a log filter does that is made in an hour.
/// The boundaries are of bytes, so that they hold beside Chinese.
pub(crate) fn regexes() -> Vec<Regex> {
    [
        r"[\w.%+-]{1,64}@[\w-]+(?:\.[\w-]+)*\.\p{Alphabetic}{2,24}",
        r"(?-u:\b)(?:(?:\+|00)86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?-u:\b)",
        r"(?-u:\b)0\d{2,3}[- ]\d{7,8}(?-u:\b)",
        r"(?:\(\d{3}\) ?|(?-u:\b)\d{3}[-. ])\d{3}[-. ]\d{4}(?-u:\b)",
        r"\+\d{1,3}(?:[- ()/]*\d){6,12}(?-u:\b)",
        r"(?-u:\b)[1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?-u:\b)",
        r"(?-u:\b)\d{3}-\d{2}-\d{4}(?-u:\b)",
        r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Z][A-Z0-9]{5,6}(?-u:\b)",
        r"(?-u:\b)(?:\d[ -]?){13,19}(?-u:\b)",
        r"(?-u:\b)[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?(?-u:\b)",
        r"(?-u:\b)(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?-u:\b)",
        r"(?i)(?-u:\b)(?:[0-9a-f]{1,4}:){2,7}(?::?[0-9a-f]{1,4})+(?-u:\b)",
        r"(?-u:\b)(?:sk|pk|rk)[-_](?:[a-z]+[-_])*[A-Za-z0-9_-]{16,}",
        r"(?-u:\b)(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|hf_|npm_|AKIA|ASIA|LTAI|AKID|AIza|SG\.|pypi-)[A-Za-z0-9._-]{12,}",
        r"(?-u:\b)eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*",
        r"(?i)(?-u:\b)(?:bearer|basic) +[A-Za-z0-9._~+/-]{8,}=*",
        r#"(?i)(?:password|passwd|pwd|secret|token|api[_-]?key|密码|口令|密钥)["']?\s*(?:=|:|：|是)\s*["']?[^\s"',;&，。]{4,}"#,
        r"[a-z][a-z0-9+.-]*://[^\s:/@]+:[^\s/@]+@",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\s]*(?:-----END [A-Z ]*PRIVATE KEY-----)?",
    ]
    .map(|rule| Regex::new(rule).unwrap())
    .into()
}

/// Chinese, mail and phone, in this order: what is measured in the facts as the article's.
pub(crate) fn article() -> Vec<(Regex, &'static str)> {
    [
        (r"[\u{4e00}-\u{9fa5}]{2,}", "[ZH]"),
        (r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}", "[EMAIL]"),
        (r"\b(?:1[3-9]\d{9}|\d{3}[-.]?\d{3}[-.]?\d{4})\b", "[PHONE]"),
    ]
    .map(|(rule, mark)| (Regex::new(rule).unwrap(), mark))
    .into()
}

/// Where the expressions match, one after the other.
pub(crate) fn positions(rules: &[Regex], text: &str) -> Vec<(usize, usize)> {
    rules.iter().flat_map(|rule| rule.find_iter(text).map(|found| (found.start(), found.end()))).collect()
}

pub(crate) fn replaced(rules: &[(Regex, &'static str)], text: &str) -> String {
    let replace =
        |text: String, (rule, mark): &(Regex, &'static str)| rule.replace_all(&text, *mark).into_owned();
    rules.iter().fold(text.to_owned(), replace)
}
