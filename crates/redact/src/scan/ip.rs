//! IP addresses. Sources: RFC 791 and RFC 4291 (forms), RFC 5952 (the one form that `canonical` has; that of a
//! mapped address is the IPv4 address), RFC 1918, RFC 3927, RFC 4193 and RFC 6890 (addresses for special uses), IANA's
//! IPv6 registry (only 2000::/3 is given out).
//!
//! Kept, because they name no person: loopback, private, link-local, unspecified, multicast and broadcast addresses.
//! Addresses for documentation are taken for real ones.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::cursor::Cursor;
use super::number::{Before, Words};

/// What tells that four numbers with dots are a version, or the number of a section.
static VERSIONS: Words =
    Words::new(&["version", "版本", "ver", "build", "firmware", "oid", "jdk", "rails", "section", "§"]);

/// How far before a number they stand, in bytes.
const NEAR: usize = 16;

/// The same for what has a name, or another version, between. An address may have a client's version before it.
static UPGRADES: Words = Words::new(&["upgrade", "升级", "gem"]);

const FAR: usize = 24;

/// The same with nothing but signs between: `DHCPRELEASE of`, `updated by` and `since` tell of addresses, too.
static JUST_BEFORE: Words = Words::new(&[
    "release",
    "since",
    "update",
    "update to",
    "updated to",
    "cudnn",
    "第",
    "更新",
    "更新至",
    "更新到",
]);

/// What tells of addresses, behind which the words for upgrades tell nothing: `IP updated to 8.8.8.8`.
static ADDRESSES: Words =
    Words::new(&["ip", "addr", "dns", "dhcp", "host", "client", "server", "route", "地址", "主机", "服务器"]);

const FARTHEST: usize = 48;

/// What an address is, its end, and its one form.
type Found = (&'static str, usize, String);

/// The address that begins here, where one does; nothing of it, if it is one with dots that is kept.
pub(super) fn find(cursor: &mut Cursor<'_>, before: Before<'_>) -> Option<Option<Found>> {
    let start = cursor.at();
    let first = cursor.peek()?.ch;
    if first.is_ascii_digit()
        && let Some((address, end)) = v4(cursor)
    {
        let clear = is_public_v4(address) && !is_version(address, before);
        return Some(clear.then(|| ("IPv4 address", end, address.to_string())));
    }
    cursor.set(start);
    // All that is given out begins with 2 or 3; `64:ff9b::` and `::ffff:` have an IPv4 address within them.
    if !matches!(first, '2' | '3' | '6' | ':')
        || before.last().is_some_and(|ch| ch == ':' || ch.is_ascii_alphanumeric() && first == ':')
    {
        return None;
    }
    let (address, end) = v6(cursor)?;
    let clear = match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            is_public_v4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
        }
        [first, ..] => first >> 13 == 1,
    };
    // The same host has one pseudonym in both forms.
    let canonical = || address.to_ipv4_mapped().map_or_else(|| address.to_string(), |v4| v4.to_string());
    clear.then(|| Some(("IPv6 address", end, canonical())))
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, rest @ ..] = address.octets();
    // What ends in three zeros is a network or a version, and no host.
    !(first == 0
        || rest == [0, 0, 0]
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_multicast())
}

fn is_version(address: Ipv4Addr, before: Before<'_>) -> bool {
    let is_told = || {
        before.mentions(&VERSIONS, NEAR)
            || (before.mentions(&UPGRADES, FAR) || before.ends_with_word(&JUST_BEFORE))
                && !before.mentions(&ADDRESSES, FARTHEST)
    };
    address.octets()[0] < 32 && is_told()
}

/// Four decimal numbers with dots, and no more of them.
fn v4(cursor: &mut Cursor<'_>) -> Option<(Ipv4Addr, usize)> {
    let mut octets = [0; 4];
    for (at, octet) in octets.iter_mut().enumerate() {
        if at > 0 && cursor.next()?.ch != '.' {
            return None;
        }
        let mut value = 0;
        let mut length = 0;
        while let Some(digit) = cursor.peek().and_then(|atom| atom.ch.to_digit(10)) {
            value = value * 10 + digit;
            length += 1;
            if length > 3 || length > 1 && value < 10 {
                return None;
            }
            cursor.next();
        }
        *octet = u8::try_from(value).ok().filter(|_| length > 0)?;
    }
    let end = cursor.at();
    if let Some(next) = cursor.next() {
        let joined = match next.ch {
            '_' => true,
            '.' | '-' => cursor.peek().is_some_and(|atom| atom.ch.is_ascii_alphanumeric() && next.ch == '.'),
            ch => ch.is_ascii_alphanumeric(),
        };
        if joined {
            return None;
        }
    }
    Some((Ipv4Addr::from(octets), end))
}

/// Eight groups, or fewer with one `::` among them; the last two may be an IPv4 address.
fn v6(cursor: &mut Cursor<'_>) -> Option<(Ipv6Addr, usize)> {
    let mut groups = [0_u16; 8];
    let mut count = 0;
    let mut gap = None;
    let mut end = cursor.at();
    // `::` at the beginning
    if cursor.peek()?.ch == ':' {
        cursor.next();
        if cursor.next()?.ch != ':' {
            return None;
        }
        gap = Some(0);
        end = cursor.at();
    }
    while count < 8 {
        let from = cursor.at();
        let mut value = 0;
        let mut length = 0;
        while let Some(digit) = cursor.peek().and_then(|atom| atom.ch.to_digit(16)) {
            if length == 4 {
                return None;
            }
            value = value << 4 | digit;
            length += 1;
            cursor.next();
        }
        if length == 0 {
            break;
        }
        if cursor.peek().is_some_and(|atom| atom.ch == '.') && (1..=6).contains(&count) {
            cursor.set(from);
            if let Some((address, behind)) = v4(cursor) {
                let [a, b, c, d] = address.octets();
                groups[count] = u16::from_be_bytes([a, b]);
                groups[count + 1] = u16::from_be_bytes([c, d]);
                count += 2;
                end = behind;
                break;
            }
            cursor.set(from);
            while cursor.peek().is_some_and(|atom| atom.ch.is_ascii_hexdigit()) {
                cursor.next();
            }
        }
        groups[count] = u16::try_from(value).ok()?;
        count += 1;
        end = cursor.at();
        if count == 8 || cursor.peek().is_none_or(|atom| atom.ch != ':') {
            break;
        }
        cursor.next();
        if cursor.peek().is_some_and(|atom| atom.ch == ':') && gap.is_none() {
            cursor.next();
            gap = Some(count);
            end = cursor.at();
        }
    }
    cursor.set(end);
    if let Some(next) = cursor.next() {
        let more = |ch: char| ch.is_ascii_digit() || ch == ':' || next.ch == ':' && ch.is_ascii_hexdigit();
        let joined = match next.ch {
            // Behind eight groups stands a port.
            ':' if count == 8 => false,
            ':' | '.' => cursor.peek().is_some_and(|atom| more(atom.ch)),
            ch => ch.is_ascii_alphanumeric() || ch == '_',
        };
        if joined {
            return None;
        }
    }
    match gap {
        Some(gap) if count < 8 => {
            groups[gap..].rotate_right(8 - count);
            // Those behind the gap are at the end now, if the zeros went before them.
            Some((Ipv6Addr::from(groups), end))
        }
        None if count == 8 => Some((Ipv6Addr::from(groups), end)),
        _ => None,
    }
}
