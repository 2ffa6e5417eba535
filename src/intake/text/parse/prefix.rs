//! What tools put before each line of the program that they run: `docker compose`, `kubectl --prefix`, the container
//! runtimes' log files, syslog.
//!
//! Only a prefix that is one of [`SHAPES`] as a whole counts: prose before a brace is none.

/// What a word of a prefix must be like.
type WordTest = fn(&str) -> bool;

/// The words of each prefix.
const SHAPES: [&[WordTest]; 9] = [
    // `caddy-1  | `, with `--timestamps` too.
    &[is_name, is_bar],
    &[is_name, is_bar, is_time],
    // `[pod/web-1/app] `, with `--timestamps` too.
    &[is_pod],
    &[is_pod, is_time],
    // `docker logs --timestamps`.
    &[is_time],
    // Container Runtime Interface: `2026-11-20T10:00:00.1Z stdout F `.
    &[is_time, is_stream, is_tag],
    // Syslog as it is in files: `Nov 20 10:00:00 host app[1]: `, or with a full time.
    &[is_month, is_number, is_clock, is_name, is_program],
    &[is_time, is_name, is_program],
    // Syslog as it is sent (RFC 5424): `<14>1 2026-11-20T10:00:00Z host app 1 - - `.
    &[is_version, is_time, is_name, is_name, is_name, is_name, is_nil],
];

/// The line's prefix and the JSON object behind it, if it has both.
#[must_use]
pub fn before_object(line: &str) -> Option<(&str, &str)> {
    if !line.ends_with('}') || line.starts_with('{') {
        return None;
    }
    let (prefix, object) = line.split_at(line.find("{\"")?);
    is_prefix(prefix).then_some((prefix, object))
}

/// Whether the text is a prefix with the blank behind it, and nothing else.
fn is_prefix(text: &str) -> bool {
    // The priority stands right before the first word.
    let rest = text.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    let words = match rest {
        Some((number, words)) if is_number(number) => words,
        Some(_) => return false,
        None => text,
    };
    let fits = |shape: &&[WordTest]| {
        let mut words = words.split_ascii_whitespace();
        shape.iter().all(|is| words.next().is_some_and(is)) && words.next().is_none()
    };
    words.ends_with(' ') && SHAPES.iter().any(fits)
}

/// The parts of a line that a container runtime has written: what stands before its tag, whether the rest goes on with the
/// next line, and the rest.
#[must_use]
pub fn of_runtime(line: &str) -> Option<(&str, bool, &str)> {
    // Most lines are told apart by a byte of the time.
    if line.as_bytes().get(10) != Some(&b'T') {
        return None;
    }
    let (time, rest) = line.split_once(' ')?;
    let (stream, rest) = rest.split_once(' ')?;
    let (tag, text) = rest.split_once(' ').unwrap_or((rest, ""));
    let head = line.get(..time.len() + 1 + stream.len())?;
    (is_time(time) && is_stream(stream) && matches!(tag, "P" | "F")).then_some((head, tag == "P", text))
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// Of a container, a host, a program; also `-` for none.
fn is_name(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./:".contains(&byte))
}

fn is_bar(word: &str) -> bool {
    word == "|"
}

fn is_pod(word: &str) -> bool {
    word.starts_with("[pod/") && word.ends_with(']')
}

/// RFC 3339.
fn is_time(word: &str) -> bool {
    matches!(
        word.as_bytes(),
        [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'-', _, _, b'-', _, _, b'T', _, _, b':', ..]
    )
}

fn is_stream(word: &str) -> bool {
    matches!(word, "stdout" | "stderr")
}

/// Of a whole line; those of a part are joined before.
fn is_tag(word: &str) -> bool {
    word == "F"
}

fn is_month(word: &str) -> bool {
    matches!(word.as_bytes(), [b'A'..=b'S', b'a'..=b'z', b'a'..=b'z'])
}

fn is_clock(word: &str) -> bool {
    matches!(word.as_bytes(), [_, _, b':', _, _, b':', b'0'..=b'9', ..])
}

/// `app[123]:`, `app:`.
fn is_program(word: &str) -> bool {
    word.len() > 1 && word.ends_with(':')
}

fn is_version(word: &str) -> bool {
    word == "1"
}

/// No structured data.
fn is_nil(word: &str) -> bool {
    word == "-"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefixes_of_tools_are_known() {
        for prefix in [
            "caddy  | ",
            "web-1  | 2026-11-20T10:00:00.123456789Z ",
            "[pod/web-5c9f/app] ",
            "[pod/web-5c9f/app] 2026-11-20T10:00:00Z ",
            "2026-11-20T10:00:00.1Z ",
            "2026-11-20T10:00:00.1Z stdout F ",
            "2026-11-20T10:00:00.1+01:00 stderr F ",
            "Nov 20 10:00:00 web01 app[12]: ",
            "<14>Nov  2 10:00:00 web01 app: ",
            "2026-11-20T10:00:00.1+01:00 web01 app[12]: ",
            "<14>1 2026-11-20T10:00:00Z web01 app 12 - - ",
        ] {
            let line = format!("{prefix}{{\"a\":1}}");
            assert_eq!(before_object(&line), Some((prefix, "{\"a\":1}")), "{line}");
        }
    }

    #[test]
    fn other_words_are_no_prefix() {
        for prefix in [
            "",
            "got ",
            "got: ",
            "caddy | said ",
            "[pod] ",
            "10:00:00 ",
            "stdout F ",
            "<x>a | ",
            "caddy  |",
            "POST /x ",
        ] {
            assert_eq!(before_object(&format!("{prefix}{{\"a\":1}}")), None, "{prefix}");
        }
        assert_eq!(before_object("caddy  | {\"a\":1} and more"), None);
    }

    #[test]
    fn the_lines_of_container_runtimes_are_taken_apart() {
        let head = "2026-11-20T10:00:00.1Z stdout";
        assert_eq!(of_runtime(&format!("{head} P some ")), Some((head, true, "some ")));
        assert_eq!(of_runtime(&format!("{head} F")), Some((head, false, "")));
        for line in [
            "",
            "stdout P x",
            "2026-11-20T10:00:00.1Z stdin P x",
            "2026-11-20T10:00:00.1Z stdout X x",
            "caf\u{e9} time T P",
        ] {
            assert_eq!(of_runtime(line), None, "{line}");
        }
    }
}
