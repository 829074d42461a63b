//! A number as people write it: digits in groups.

use crate::scan::cursor::{Atom, Cursor};

/// The most digits that are read: a card has 19, and one more tells that it is none.
pub(crate) const MOST_DIGITS: usize = 20;

/// Stands for the X at the end of a Chinese ID number, whose value is ten.
pub(crate) const X: u8 = 10;

/// How the digits are written. A number does not change between them: in `张三13812345678` the 三 is a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Script {
    Figures,
    Chinese,
}

impl Script {
    /// The script of a digit.
    pub(crate) fn of(ch: char) -> Option<Self> {
        match ch {
            '0'..='9' => Some(Self::Figures),
            _ => crate::scan::cursor::digit(ch).map(|_| Self::Chinese),
        }
    }

    pub(crate) fn digit(self, atom: Atom) -> Option<u8> {
        atom.digit().filter(|_| Self::of(atom.ch) == Some(self))
    }
}

/// What follows a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// Nothing that belongs to it.
    Clear,
    /// A blank and more digits.
    Blank,
    /// A dash and more: the number may be part of a code.
    Dash,
    /// A decimal point, or a dot and more.
    Dot,
    /// A letter or digit: the number is not over.
    Glued,
}

impl After {
    /// More digits behind this separator.
    fn behind(separator: Separator) -> Self {
        match separator.sign {
            _ if separator.is_wide => Self::Blank,
            b' ' => Self::Blank,
            b'.' => Self::Dot,
            _ => Self::Dash,
        }
    }
}

/// What stands between two groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Separator {
    /// An ASCII character.
    sign: u8,
    /// With a blank on both sides, or two blanks.
    is_wide: bool,
}

impl Separator {
    const fn of(sign: u8) -> Self {
        Self { sign, is_wide: false }
    }

    const COLUMN: Self = Self { sign: b' ', is_wide: true };
}

#[derive(Clone, Copy, Debug, Default)]
struct Group {
    len: u8,
    /// What stands before it.
    separator: Separator,
    end: usize,
}

/// Up to [`MOST_DIGITS`] digits in groups.
#[derive(Clone, Debug)]
pub(crate) struct Digits {
    digits: [u8; MOST_DIGITS],
    groups: [Group; MOST_DIGITS],
    count: usize,
    after: After,
}

/// The first groups of a number, taken for themselves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'d> {
    pub(crate) digits: &'d [u8],
    groups: &'d [Group],
    pub(crate) after: After,
}

impl Digits {
    /// Reads from the first digit, or from a bracket around the first group. In a form a plus stands for a blank.
    pub(crate) fn read(cursor: &mut Cursor<'_>, script: Script, in_form: bool) -> Option<Self> {
        let mut all = Self {
            digits: [0; MOST_DIGITS],
            groups: [Group::default(); MOST_DIGITS],
            count: 0,
            after: After::Clear,
        };
        let mut total = 0;
        let bracket = cursor.peek()?.ch == '(';
        if bracket {
            cursor.next();
        }
        let mut separator = Separator::of(if bracket { b'(' } else { b' ' });
        loop {
            let begun = total;
            while let Some(atom) = cursor.peek() {
                let last = || (total == 17 && matches!(atom.ch, 'x' | 'X')).then_some(X);
                let Some(digit) = script.digit(atom).or_else(last) else { break };
                if total == MOST_DIGITS {
                    // What was read before may be a number all the same, followed by a long one.
                    return (all.count > 0).then(|| all.before(separator));
                }
                all.digits[total] = digit;
                total += 1;
                cursor.next();
                // `(0 89)`
                let is_trunk = bracket && all.digits[..total] == [0];
                if is_trunk && cursor.peek().is_some_and(|atom| atom.ch == ' ') {
                    cursor.next();
                }
            }
            let group = Group { len: (total - begun) as u8, separator, end: cursor.at() };
            if bracket && all.count == 0 {
                if !(2..=4).contains(&group.len) || cursor.next()?.ch != ')' {
                    return None;
                }
                all.push(group);
                // `(010) 6234`, `(010)-6234`, `(030) / 6234`
                for _ in 0..3 {
                    let divides = |ch| matches!(ch, ' ' | '-' | '/') || in_form && ch == '+';
                    if cursor.peek().is_some_and(|atom| divides(atom.ch)) {
                        cursor.next();
                    }
                }
                cursor.peek().and_then(|atom| script.digit(atom))?;
                separator = Separator::of(b')');
                continue;
            }
            all.after = if all.digits[..total].last() == Some(&X) {
                follows(cursor, Script::Figures)
            } else {
                follows(cursor, script)
            };
            if all.after == After::Glued && total < MOST_DIGITS {
                // What was read before may be a number all the same: `138 1234 5678 2abc`.
                return (all.count > 0).then(|| all.before(separator));
            }
            all.push(group);
            if !all.may_go_on(total) {
                break;
            }
            let at = cursor.at();
            let more =
                |atom: Atom| script.digit(atom).is_some() || total == 17 && matches!(atom.ch, 'x' | 'X');
            match all.separator(cursor, in_form) {
                Some(next) if cursor.peek().is_some_and(more) => separator = next,
                _ => {
                    cursor.set(at);
                    break;
                }
            }
        }
        (all.count > 0).then_some(all)
    }

    /// The groups so far, with another one behind that `separator`.
    fn before(mut self, separator: Separator) -> Self {
        self.after = After::behind(separator);
        self
    }

    /// Goes over what may stand before the next group.
    fn separator(&self, cursor: &mut Cursor<'_>, in_form: bool) -> Option<Separator> {
        let divides = |ch| matches!(ch, ' ' | '-' | '.' | '/') || in_form && ch == '+';
        let sign = cursor.peek().map(|atom| atom.ch).filter(|ch| divides(*ch))?;
        cursor.next();
        let mut separator = Separator::of(if sign == '+' { b' ' } else { sign as u8 });
        let last = self.groups[self.count - 1];
        let second =
            cursor.peek().map(|atom| atom.ch).filter(|ch| sign == ' ' && matches!(ch, ' ' | '-' | '/'));
        if let Some(second) = second {
            // `089 / 123456`, `138 - 1234 - 5678`, `4111  1111  1111  1111`
            cursor.next();
            separator = Separator { sign: second as u8, is_wide: true };
            if second != ' ' && cursor.next()?.ch != ' ' {
                return None;
            }
            let fits = if self.count == 1 { last.len > 1 } else { last.separator == separator };
            return fits.then_some(separator);
        }
        let is_in_columns = self.count > 1 && last.separator == Separator::COLUMN;
        (!is_in_columns).then_some(separator)
    }

    fn push(&mut self, group: Group) {
        if let Some(slot) = self.groups.get_mut(self.count) {
            *slot = group;
            self.count += 1;
        }
    }

    /// Whether a number that is looked for can begin with these groups and have more.
    fn may_go_on(&self, total: usize) -> bool {
        let groups = &self.groups[..self.count];
        let first = groups[0].len;
        let spread = groups.iter().all(|group| group.len == 1);
        match groups {
            [_] => matches!(first, 1..=7),
            _ if spread => total < MOST_DIGITS,
            _ => self.count < 5 && total < 19,
        }
    }

    /// The number up to each of its groups' ends, the longest first.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        // Of digits that stand alone only all together are a number.
        let least = if self.count > 5 { self.count } else { 1 };
        (least..=self.count).rev().map(|count| {
            let groups = &self.groups[..count];
            let after = match self.groups[..self.count].get(count) {
                None => self.after,
                Some(next) => After::behind(next.separator),
            };
            Part {
                digits: &self.digits[..groups.iter().map(|group| usize::from(group.len)).sum()],
                groups,
                after,
            }
        })
    }
}

/// What follows a number that ends here. The cursor stays.
pub(crate) fn follows(cursor: &mut Cursor<'_>, script: Script) -> After {
    let at = cursor.at();
    let Some(next) = cursor.next() else { return After::Clear };
    let after = match (script, next.ch) {
        (Script::Chinese, _) if script.digit(next).is_some() => After::Glued,
        (Script::Chinese, _) => After::Clear,
        (_, '_') => After::Glued,
        (_, ch) if ch.is_ascii_alphanumeric() => After::Glued,
        (_, '.' | '-') => match cursor.peek() {
            Some(atom) if next.ch == '.' && atom.ch.is_ascii_digit() => After::Dot,
            Some(atom) if next.ch == '-' && atom.ch.is_ascii_alphanumeric() => After::Dash,
            _ => After::Clear,
        },
        _ => After::Clear,
    };
    cursor.set(at);
    after
}

impl Part<'_> {
    /// Where its last group ends.
    pub(crate) fn end(self) -> usize {
        self.groups.last().map_or(0, |group| group.end)
    }

    /// The lengths of its groups.
    pub(crate) fn shape(self) -> Shape {
        let mut shape = [0; 5];
        for (slot, group) in shape.iter_mut().zip(self.groups) {
            *slot = usize::from(group.len);
        }
        Shape(shape, self.groups.len())
    }

    /// Whether every digit stands alone: `4 1 1 1`.
    pub(crate) fn is_spread(self) -> bool {
        self.groups.len() > 5 && self.groups.iter().all(|group| group.len == 1) && self.is_even()
    }

    /// Whether the same separator stands between all groups.
    pub(crate) fn is_even(self) -> bool {
        self.groups.windows(2).skip(1).all(|pair| pair[0].separator == pair[1].separator)
    }

    /// What stands between the first group and the second; for what is wide, a blank.
    pub(crate) fn separator(self) -> Option<char> {
        let separator = self.groups.get(1)?.separator;
        Some(if separator.is_wide { ' ' } else { char::from(separator.sign) })
    }

    /// Whether more than one sign stands between the first group and the second.
    pub(crate) fn is_wide(self) -> bool {
        self.groups.get(1).is_some_and(|group| group.separator.is_wide)
    }

    /// Whether two blanks stand there, as between columns.
    pub(crate) fn is_in_columns(self) -> bool {
        self.groups.get(1).is_some_and(|group| group.separator == Separator::COLUMN)
    }

    /// Whether the first group stands in brackets.
    pub(crate) fn has_brackets(self) -> bool {
        self.groups[0].separator.sign == b'('
    }

    /// Its digits as text.
    pub(crate) fn text(self) -> String {
        text(self.digits)
    }
}

/// Digits as text.
pub(crate) fn text(digits: &[u8]) -> String {
    digits.iter().map(|digit| if *digit == X { 'X' } else { char::from(b'0' + digit % 10) }).collect()
}

/// The lengths of up to five groups.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape([usize; 5], usize);

impl Shape {
    pub(crate) fn as_slice(&self) -> &[usize] {
        // More groups than five are a shape only when spread.
        if self.1 > 5 { &[] } else { &self.0[..self.1] }
    }
}

#[cfg(test)]
mod tests;
