//! Texts as the server writes them inside others, and the orders that it knows for them.

use std::fmt::{Arguments, Write};

use super::number;

/// A text in quotes, as Go writes it: the values of a stream, and names that need it.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x0b' => out.push_str("\\v"),
            ' '..='~' => out.push(char),
            '\0'..='\x7f' => push_code(format_args!("\\x{:02x}", u32::from(char)), &mut out),
            _ if is_printable(char) => out.push(char),
            '\u{80}'..='\u{ffff}' => push_code(format_args!("\\u{:04x}", u32::from(char)), &mut out),
            _ => push_code(format_args!("\\U{:08x}", u32::from(char)), &mut out),
        }
    }
    out.push('"');
    out
}

fn push_code(code: Arguments, out: &mut String) {
    let _ = out.write_fmt(code);
}

/// Whether a character beyond ASCII shows; Rust and Go agree on that behind another character.
fn is_printable(char: char) -> bool {
    let pair: String = ['a', char].iter().collect();
    pair.escape_debug().count() == 2
}

/// Appends a JSON string as the server writes those that are values themselves.
pub fn push_json(text: &str, out: &mut String) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '<' | '\'' | '\0'..='\x1f' => push_code(format_args!("\\u{:04x}", u32::from(char)), out),
            _ => out.push(char),
        }
    }
    out.push('"');
}

/// A key of several values: equal keys have equal values, and their order is the server's.
pub fn push_key(value: &str, key: &mut Vec<u8>) {
    let mut length = value.len();
    while length >= 0x80 {
        key.push(u8::try_from(length & 0x7f).unwrap_or_default() | 0x80);
        length >>= 7;
    }
    key.push(u8::try_from(length).unwrap_or_default());
    key.extend_from_slice(value.as_bytes());
}

/// The values of such a key.
pub fn key_values(mut key: &[u8]) -> Vec<String> {
    let mut values = Vec::new();
    while !key.is_empty() {
        let mut length = 0;
        let mut shift = 0;
        while let Some((byte, rest)) = key.split_first() {
            key = rest;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if *byte < 0x80 {
                break;
            }
        }
        let (value, rest) = key.split_at_checked(length).unwrap_or((key, &[]));
        values.push(String::from_utf8_lossy(value).into_owned());
        key = rest;
    }
    values
}

/// Whether a value sorts before another: numbers, times and sizes as such, else texts with the numbers in them.
pub fn is_less(one: &str, other: &str) -> bool {
    if one == other {
        return false;
    }
    if let Some((one, other)) = number::signed(one).zip(number::signed(other)) {
        return one < other;
    }
    if let Some((one, other)) = number::unsigned(one).zip(number::unsigned(other)) {
        return one < other;
    }
    if let Some((one, other)) = number::time(one).zip(number::time(other)) {
        return one < other;
    }
    if let Some((one, other)) = number::number(one).zip(number::number(other)) {
        return one < other;
    }
    is_less_natural(one, other)
}

/// The order of texts in which `a9` comes before `a10`.
pub fn is_less_natural(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.as_bytes(), other.as_bytes());
    loop {
        let same =
            one.iter().zip(other).take_while(|(one, other)| one == other && !one.is_ascii_digit()).count();
        (one, other) = (one.get(same..).unwrap_or_default(), other.get(same..).unwrap_or_default());
        let (Some(first), Some(second)) = (one.first(), other.first()) else {
            return one.len() < other.len();
        };
        match (first.is_ascii_digit(), second.is_ascii_digit()) {
            (true, true) => {}
            (false, false) => return first < second,
            // A number comes first.
            (is_number, _) => return is_number,
        }
        let (Some((a, a_length)), Some((b, b_length))) = (digits(one), digits(other)) else {
            return one < other;
        };
        if a != b {
            return a < b;
        }
        if a_length != b_length {
            return a_length < b_length;
        }
        (one, other) = (one.get(a_length..).unwrap_or_default(), other.get(b_length..).unwrap_or_default());
    }
}

/// The number that a text begins with, and its length. `None` if it is too large.
fn digits(text: &[u8]) -> Option<(u64, usize)> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let digits = text.get(..length)?;
    let value = digits.iter().enumerate().try_fold(0_u64, |sum, (at, digit)| {
        let fits = at == 0 || sum <= (u64::MAX - 9) / 10;
        fits.then(|| sum * 10 + u64::from(digit - b'0'))
    });
    Some((value?, length))
}

/// Places in an order that may contradict itself, as that of mixed values does: no order is wrong then, but
/// `slice::sort_by` would stop the program. Equal ones keep their order.
pub fn sorted(count: usize, is_less: &dyn Fn(usize, usize) -> bool) -> Vec<usize> {
    let mut places: Vec<_> = (0..count).collect();
    let mut width = 1;
    while width < count {
        let mut merged = Vec::with_capacity(count);
        for pair in places.chunks(2 * width) {
            let (left, right) = pair.split_at(width.min(pair.len()));
            let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
            while let (Some(one), Some(other)) = (left.peek(), right.peek()) {
                let is_other = is_less(**other, **one);
                merged.extend(if is_other { right.next() } else { left.next() });
            }
            merged.extend(left);
            merged.extend(right);
        }
        places = merged;
        width *= 2;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_those_of_go() {
        assert_eq!(quote("a\"b\\\n\u{1}é\u{200b}😀"), r#""a\"b\\\n\x01é\u200b😀""#);
        let mut out = String::new();
        push_json("it's <b>\n\"", &mut out);
        assert_eq!(out, r#""it\u0027s \u003cb>\n\"""#);
    }

    #[test]
    fn values_sort_as_the_server_sorts_them() {
        for (less, more) in [
            ("2", "10"),
            ("-5", "3"),
            ("1KB", "1KiB"),
            ("5ms", "1s"),
            ("a9", "a10"),
            ("a", "b"),
            ("", "a"),
            ("1.5", "2"),
            ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00.5Z"),
            ("a2b", "a2c"),
            ("x1", "xa"),
            ("a1", "a01"),
        ] {
            assert!(is_less(less, more), "{less} {more}");
            assert!(!is_less(more, less), "{more} {less}");
        }
    }

    #[test]
    fn keys_hold_their_values() {
        let mut key = Vec::new();
        let values = ["", "a", &"x".repeat(300)];
        for value in values {
            push_key(value, &mut key);
        }
        assert_eq!(key_values(&key), values);
    }

    #[test]
    fn an_order_that_contradicts_itself_stops_nothing() {
        let places = sorted(1000, &|one, other| (one * 7919) % 13 < (other * 104_729) % 7);
        assert_eq!(places.len(), 1000);
        assert_eq!(sorted(5, &|one, other| one > other), [4, 3, 2, 1, 0]);
    }
}
