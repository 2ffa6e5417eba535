//! The zone of the person who asks, as tzset(3) finds it: what `TZ` says, otherwise `/etc/localtime`.
//!
//! vlog reads the file itself: `TZ` may name anything, and what a FIFO, a terminal or `/dev/zero` gives has no end.
//! Invariant: only a regular file of a zone's size is opened, and no more of it is read.

use std::ffi::OsString;
use std::fs::{self, Metadata, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use jiff::tz::TimeZone;
use nix::fcntl::OFlag;

/// What the machine's clocks show.
const LOCAL: &str = "/etc/localtime";

/// Where zones are looked for by name, after `TZDIR`.
const FOLDERS: [&str; 3] = ["/usr/share/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo"];

/// The head of a zone's file (RFC 8536); files of /proc have no size at all.
const LEAST_BYTES: u64 = 44;

/// The longest file of the zone database has 4 KiB.
const MAX_BYTES: u64 = 64 * 1024;

/// The zone that the variables `TZ` and `TZDIR` tell of, or the machine's; an empty `TZ` is UTC. `None` if there is
/// no such zone.
#[must_use]
pub fn local(env: &dyn Fn(&str) -> Option<OsString>) -> Option<TimeZone> {
    let Some(wanted) = env("TZ") else { return read(Path::new(LOCAL)) };
    // A colon in front says that what follows is no rule such as CET-1CEST; it is none anyway.
    let wanted = wanted.to_str()?.trim_start_matches(':');
    if wanted.is_empty() || wanted.eq_ignore_ascii_case("utc") {
        return Some(TimeZone::UTC);
    }
    if let Ok(rule) = TimeZone::posix(wanted) {
        return Some(rule);
    }
    let folders = env("TZDIR").into_iter().chain(FOLDERS.map(OsString::from));
    // An absolute path stays what it is when it is joined.
    folders.into_iter().find_map(|folder| read(&Path::new(&folder).join(wanted)))
}

/// The zone that a file describes.
fn read(path: &Path) -> Option<TimeZone> {
    let is_zone = |found: &Metadata| found.is_file() && (LEAST_BYTES..=MAX_BYTES).contains(&found.len());
    // Looked at before it is opened, which can do something to a device, and again afterwards.
    fs::metadata(path).ok().filter(is_zone)?;
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path).ok()?;
    file.metadata().ok().filter(is_zone)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
    TimeZone::tzif("local", &bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// UTC+1 with summer time, as the file of a zone: no transitions, only a rule for all of time.
    fn berlin() -> Vec<u8> {
        let block = |version: u8| {
            let mut block = b"TZif".to_vec();
            block.push(version);
            block.extend([0; 15]);
            // One type of local time, and four letters of names.
            block.extend([0, 0, 0, 0, 1, 4].iter().flat_map(|count: &u32| count.to_be_bytes()));
            block.extend(3600_i32.to_be_bytes());
            block.extend([0, 0]);
            block.extend(b"CET\0");
            block
        };
        [block(b'2'), block(b'2'), b"\nCET-1CEST,M3.5.0,M10.5.0/3\n".to_vec()].concat()
    }

    /// The offsets in winter and in summer, in seconds.
    fn offsets(variables: &[(&str, &Path)]) -> Option<[i32; 2]> {
        let env = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.as_os_str().to_owned())
        };
        let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
        let zone = local(&env)?;
        Some(["2026-01-15T12:00:00Z", "2026-07-15T12:00:00Z"].map(|text| zone.to_offset(at(text)).seconds()))
    }

    #[test]
    fn a_zone_is_a_rule_or_a_file_or_utc() {
        let folder = tempfile::TempDir::new().unwrap();
        fs::create_dir(folder.path().join("Somewhere")).unwrap();
        let file = folder.path().join("Somewhere/Else");
        fs::write(&file, berlin()).unwrap();
        let colon = format!(":{}", file.display());
        for (text, expected) in [
            ("", [0, 0]),
            ("UTC", [0, 0]),
            ("CET-1", [3600, 3600]),
            ("CET-1CEST,M3.5.0,M10.5.0/3", [3600, 7200]),
            ("<+0545>-5:45", [20_700, 20_700]),
            ("Somewhere/Else", [3600, 7200]),
            (":Somewhere/Else", [3600, 7200]),
            (&file.to_string_lossy(), [3600, 7200]),
            (&colon, [3600, 7200]),
        ] {
            let found = offsets(&[("TZ", Path::new(text)), ("TZDIR", folder.path())]);
            assert_eq!(found, Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_zone_is_not_read() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            path
        };
        let fifo = folder.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let mut long = berlin();
        long.resize(usize::try_from(MAX_BYTES).unwrap() + 1, b'\n');
        for path in [
            file("empty", b""),
            file("text", &b"no zone ".repeat(100)),
            file("cut", &berlin()[..60]),
            file("long", &long),
            fifo,
            folder.path().to_owned(),
            "/dev/zero".into(),
            "/dev/null".into(),
            "/proc/self/mem".into(),
            "Nowhere/Land".into(),
            "EST5EDT,but,not,so".into(),
        ] {
            assert_eq!(offsets(&[("TZ", &path)]), None, "{}", path.display());
        }
    }
}
