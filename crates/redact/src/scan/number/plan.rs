//! Numbering plans: which country codes there are, how long numbers behind them are, and which beginnings are given
//! out in the plans that are known more closely.
//!
//! Sources: country codes and the limit of 15 digits are those of ITU-T E.164 and its list of assigned codes; the
//! lengths of national numbers are those that the national plans notified to the ITU allow, as libphonenumber's
//! metadata (version 9.0.43) sums them up. Shorter ones than seven digits in all are left out: nothing tells them from
//! other numbers with a plus.

/// The lengths of national numbers, and the country codes they hold for.
const LENGTHS: &[(usize, usize, &[u16])] = &[
    (4, 5, &[290]),
    (4, 7, &[683, 690]),
    (4, 11, &[352]),
    (4, 12, &[598]),
    (5, 5, &[500, 682]),
    (5, 6, &[247]),
    (5, 7, &[676, 677, 678, 688]),
    (5, 8, &[47, 386, 686]),
    (5, 10, &[27, 64, 98, 685]),
    (5, 11, &[31, 852]),
    (5, 12, &[61, 358, 971]),
    (5, 13, &[43, 49, 82]),
    (6, 6, &[298, 299, 672, 687]),
    (6, 7, &[597]),
    (6, 9, &[40, 252, 355, 376, 421, 508, 681, 689]),
    (6, 10, &[46, 48, 53, 95, 880]),
    (6, 11, &[375, 595]),
    (6, 12, &[39, 359, 381]),
    (6, 13, &[63]),
    (7, 7, &[238, 239, 246, 248, 269, 291, 297, 592, 673, 674, 680, 691, 692]),
    (7, 8, &[241, 599, 670, 675, 853, 961, 965, 975]),
    (7, 9, &[220, 231, 245, 265, 354, 385, 423, 967, 968]),
    (7, 10, &[44, 84, 230, 243, 254, 263, 267, 353, 372, 960]),
    (7, 11, &[501, 503, 507, 679, 886, 974]),
    (7, 12, &[86, 882, 972]),
    (7, 13, &[62, 90]),
    (
        8,
        8,
        &[
            45, 216, 222, 223, 226, 227, 228, 232, 235, 236, 253, 257, 266, 350, 356, 357, 370, 371, 373,
            374, 389, 505, 509, 800, 808, 973, 993,
        ],
    ),
    (8, 9, &[32, 36, 51, 213, 224, 233, 237, 250, 258, 264, 268, 377, 382, 387, 591, 962, 963]),
    (8, 10, &[20, 60, 378, 506, 850, 855, 856, 964, 970, 976]),
    (8, 11, &[55, 57, 65, 502, 504, 593, 977]),
    (8, 12, &[92, 383, 883]),
    (8, 13, &[66, 81, 91]),
    (
        9,
        9,
        &[
            33, 34, 41, 93, 94, 211, 212, 218, 221, 240, 242, 244, 249, 251, 255, 256, 260, 261, 262, 351,
            420, 590, 594, 596, 979, 992, 994, 995, 998,
        ],
    ),
    (9, 10, &[380, 881, 966, 996]),
    (9, 11, &[56]),
    (9, 12, &[870]),
    (10, 10, &[1, 52, 58, 225, 229]),
    (10, 11, &[54]),
    (10, 12, &[30, 234]),
    (10, 14, &[7]),
    (11, 11, &[888]),
    (12, 12, &[878]),
];

/// Where each code stands in [`LENGTHS`], from one on.
const PLANS: [u8; 1000] = {
    let mut plans = [0; 1000];
    let mut at = 0;
    while at < LENGTHS.len() {
        let codes = LENGTHS[at].2;
        let mut code = 0;
        while code < codes.len() {
            plans[codes[code] as usize] = at as u8 + 1;
            code += 1;
        }
        at += 1;
    }
    plans
};

/// The length of a number's country code, and the least and most digits behind it.
pub(crate) fn country(digits: &[u8]) -> Option<(usize, usize, usize)> {
    if digits.first() == Some(&0) {
        return None;
    }
    // No code is the beginning of another.
    let mut code = 0;
    for (at, digit) in digits.iter().take(3).enumerate() {
        code = code * 10 + u16::from(*digit);
        if let Some((least, most, _)) =
            usize::from(PLANS[usize::from(code)]).checked_sub(1).map(|at| LENGTHS[at])
        {
            return Some((at + 1, least, most));
        }
    }
    None
}

/// A Chinese mobile number: eleven digits with a beginning that the ministry (MIIT) has given to a network, virtual
/// and satellite ones included. 140, 141, 144, 146 and 148 are for things, whose numbers have thirteen digits.
pub(crate) fn is_mobile_cn(digits: &[u8]) -> bool {
    let [1, second, third, ..] = digits else { return false };
    digits.len() == 11
        && match second {
            3 | 8 => true,
            4 => matches!(third, 5 | 7 | 9),
            5 => *third != 4,
            6 => matches!(third, 2 | 5 | 6 | 7),
            7 => *third != 9,
            9 => *third != 4,
            _ => false,
        }
}

/// The length of a Chinese area code without its 0, where these digits are an area code and a number: 10 and 20 to 29
/// are of two digits, those that begin with 3 to 9 of three; numbers have seven or eight and begin with 2 to 9.
pub(crate) fn area_cn(digits: &[u8]) -> Option<usize> {
    let area = match digits {
        [1, 0, ..] | [2, ..] => 2,
        [3..=9, ..] => 3,
        _ => return None,
    };
    let number = digits.get(area..)?;
    (matches!(number.len(), 7 | 8) && number[0] >= 2).then_some(area)
}

/// A number of the North American plan (NANPA): ten digits, area code and exchange begin with 2 to 9.
pub(crate) fn is_nanp(digits: &[u8]) -> bool {
    digits.len() == 10 && digits[0] >= 2 && digits[3] >= 2
}

/// A German mobile number with its 0: 015, 016 or 017 and eleven or twelve digits in all (Bundesnetzagentur).
pub(crate) fn is_mobile_de(digits: &[u8]) -> bool {
    matches!(digits, [0, 1, 5..=7, ..]) && matches!(digits.len(), 11 | 12)
}

/// A Japanese mobile number with its 0: 070, 080 or 090 and eleven digits in all.
pub(crate) fn is_mobile_jp(digits: &[u8]) -> bool {
    digits.len() == 11 && matches!(digits, [0, 7..=9, 0, ..])
}

/// Whether a national number of this country is dialled with a 0 before it and never has one itself, so that a 0
/// behind the country code is a slip. In Italy and much of Africa it is part of the number.
pub(crate) fn has_trunk_zero(country: &[u8]) -> bool {
    matches!(
        country,
        [8, 6]
            | [4, 9]
            | [4, 4]
            | [3, 3]
            | [3, 1]
            | [3, 2]
            | [4, 1]
            | [4, 3]
            | [4, 6]
            | [6, 1]
            | [8, 1]
            | [8, 2]
            | [9, 1]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Vec<u8> {
        text.bytes().map(|byte| byte - b'0').collect()
    }

    #[test]
    fn country_codes_are_found_and_hold_once() {
        assert_eq!(country(&digits("8613812345678")).map(|plan| plan.0), Some(2));
        assert_eq!(country(&digits("14155550199")), Some((1, 10, 10)));
        assert_eq!(country(&digits("35312345678")).map(|plan| plan.0), Some(3));
        for none in ["0", "01234567", "210", "999"] {
            assert!(country(&digits(none)).is_none(), "{none}");
        }
        let mut codes: Vec<_> = LENGTHS.iter().flat_map(|(_, _, codes)| codes.iter()).collect();
        let all = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), all);
    }

    #[test]
    fn beginnings_that_nobody_has_are_no_mobile_numbers() {
        for number in ["13812345678", "19912345678", "17012345678", "16512345678"] {
            assert!(is_mobile_cn(&digits(number)), "{number}");
        }
        for number in ["12812345678", "15412345678", "16312345678", "1381234567", "23812345678"] {
            assert!(!is_mobile_cn(&digits(number)), "{number}");
        }
        assert_eq!(area_cn(&digits("1062345678")), Some(2));
        assert_eq!(area_cn(&digits("57187654321")), Some(3));
        assert_eq!(area_cn(&digits("57107654321")), None);
    }
}
