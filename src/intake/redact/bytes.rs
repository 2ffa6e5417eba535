//! Classes of bytes: what names, tokens and quotes are made of.

pub(super) fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

pub(super) fn is_url(byte: u8) -> bool {
    is_word(byte) || byte == b'-'
}

pub(super) fn is_dotted(byte: u8) -> bool {
    is_url(byte) || byte == b'.'
}

pub(super) fn is_path(byte: u8) -> bool {
    is_dotted(byte) || byte == b'/'
}

pub(super) fn is_base64(byte: u8) -> bool {
    is_url(byte) || matches!(byte, b'+' | b'/' | b'=')
}

/// `token68` of RFC 9110, which all authentication schemes use.
pub(super) fn is_token68(byte: u8) -> bool {
    is_base64(byte) || matches!(byte, b'.' | b'~')
}

pub(super) fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

pub(super) fn is_newline(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// A blank within a line.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

pub(super) fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace()
}

pub(super) fn is_hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

/// Base64 and dots that are escaped for a URL or a cookie.
pub(super) fn is_percent(byte: u8) -> bool {
    is_base64(byte) || matches!(byte, b'%' | b'.' | b'@')
}

/// The hashes of crypt(3).
pub(super) fn is_crypt(byte: u8) -> bool {
    is_alphanumeric(byte) || b"./$=,+".contains(&byte)
}

/// What is printed in ASCII, except quotes and blanks.
pub(super) fn is_graphic(byte: u8) -> bool {
    byte.is_ascii_graphic() && !is_quote(byte) && byte != b'\\'
}

/// Base64 for URLs, with its padding.
pub(super) fn is_padded(byte: u8) -> bool {
    is_url(byte) || byte == b'='
}
