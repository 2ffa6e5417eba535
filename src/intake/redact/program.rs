//! Passwords that are known by the program they are given to: `sshpass -p PASSWORD`, `docker login -u USER -p PASSWORD`,
//! `mysql -pPASSWORD`, `echo PASSWORD | docker login --password-stdin`.

use super::Hit;
use super::Pass;
use super::bytes::is_blank;
use super::haystack::Haystack;
use super::option::Flag;
use super::value::{MAX_REJECTED_BYTES, secret};

/// How far back a command is looked at.
const MAX_COMMAND_BYTES: usize = 256;

/// How many words may be programs, as in `sudo -u ana env X=1 sshpass`.
const MAX_WRAPPERS: usize = 6;

/// Programs, the options before a password of its own, and those that it is attached to.
struct Program {
    names: &'static str,
    apart: &'static str,
    attached: &'static str,
}

const fn program(names: &'static str, apart: &'static str, attached: &'static str) -> Program {
    Program { names, apart, attached }
}

/// From the manuals of these programs.
const PROGRAMS: [Program; 12] = [
    program(
        "sshpass security stegsnow ffsend olevba mupdf lsar unar airdecap-ng yadm fs_cli mytop rdesktop medusa",
        "p",
        "",
    ),
    program("mysql mysqldump mysqladmin mysqlimport mysqlshow mariadb mariadb-dump ldapdomaindump", "", "p"),
    program("7z 7za 7zr", "", "p"),
    program("rar unrar", "", "p hp"),
    program("zpaq", "", "k"),
    program("redis-cli valkey-cli redis-benchmark", "a", ""),
    program("ldapsearch ldapadd ldapmodify ldapdelete ldappasswd ldapwhoami ldapcompare ldapmodrdn", "w", ""),
    program("cryptcat ss-local ss-server choco openssl", "k", ""),
    program("doctl glab komac uv", "t", ""),
    program("snmpwalk snmpget snmpset snmpbulkwalk", "A X", ""),
    program("zip unzip zipcloak ipmitool httping", "P", ""),
    program("croc flask-unsign", "c S", ""),
];

/// Options before the name of a user, after which `-p` is a password; so is it after `login`.
const USERS: [&str; 7] = ["-u", "-U", "-D", "-l", "-n", "--user", "--username"];

/// What takes a secret from its standard input, in the command behind a pipe.
const READERS: [&str; 7] =
    ["chpasswd", "--password-stdin", "--with-token", "--passphrase-fd", "--stdin", "-stdin", "| passwd"];

/// Whether an option may carry the password of the program before it.
pub(super) fn may_carry(flag: &Flag) -> bool {
    let is_known = match flag.name.as_bytes() {
        [letter] => b"pPawktAXcS".contains(letter),
        [first, ..] => b"phk".contains(first),
        [] => false,
    };
    flag.is_short && is_known
}

pub(super) fn password(flag: &Flag) -> Option<Hit> {
    let from = find(flag)?;
    let stop = flag.end_of_value(from);
    let value = flag.hay.text(from, stop);
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit() || b":.-/".contains(&byte));
    let is_path =
        value.starts_with(['/', '~', '.', '-', '$']) || (value.contains('/') && value.contains('.'));
    let is_other = value.len() <= MAX_REJECTED_BYTES && (is_number || is_path);
    if is_other { None } else { secret(flag.hay, from, stop) }
}

/// Where the value begins of an option that carries a password.
fn find(flag: &Flag) -> Option<usize> {
    let is_letter = flag.name.len() == 1;
    let words = Words::before(flag.hay, flag.start - 1);
    let known = PROGRAMS
        .iter()
        .find(|known| words.programs().any(|program| known.names.split(' ').any(|name| name == program)));
    if is_letter {
        let is_known = known.is_some_and(|known| known.apart.split(' ').any(|option| option == flag.name));
        let is_login = matches!(flag.name, "p" | "P") && words.has_user();
        return flag.value.filter(|_| is_known || is_login);
    }
    let attached = known?.attached.split(' ').filter(|option| !option.is_empty());
    let option = attached.filter(|option| flag.name.starts_with(option)).max_by_key(|option| option.len())?;
    Some(flag.start + option.len())
}

/// A secret that is echoed into a program which reads one; the pass stands at the `|`.
pub(super) fn echoed(pass: &mut Pass) -> Option<Hit> {
    let (hay, at) = (pass.hay, pass.at);
    let reader = hay.bytes(at, at + MAX_COMMAND_BYTES);
    let reader = reader.split(|byte| matches!(byte, b'\n' | b';')).next().unwrap_or_default();
    let reads = |known: &&str| reader.windows(known.len()).any(|part| part == known.as_bytes());
    if !READERS.iter().any(reads) {
        return None;
    }
    let words = Words::before(hay, at);
    if !words.programs().next().is_some_and(|program| ["echo", "printf", "yes"].contains(&program)) {
        return None;
    }
    let mut start = hay.skip(words.start, is_blank);
    start = hay.find(start, is_blank);
    start = hay.skip(start, is_blank);
    while hay.starts(start, "-") {
        start = hay.skip(hay.find(start, is_blank), is_blank);
    }
    let end = start + hay.text(start, at).trim_end().len();
    if hay.text(start, end).contains(super::MARK) { None } else { secret(hay, start.max(pass.done), end) }
}

/// The words of the command before a place: since the last pipe, semicolon or newline, without `sudo` and its options.
struct Words<'a> {
    text: &'a str,
    start: usize,
}

impl<'a> Words<'a> {
    fn before(hay: Haystack<'a>, at: usize) -> Self {
        let window = hay.bytes(at.saturating_sub(MAX_COMMAND_BYTES), at);
        let length = window.iter().rev().take_while(|byte| !b"\n|;&(`".contains(byte)).count();
        Self { text: hay.text(at - length, at), start: at - length }
    }

    fn words(&self) -> impl Iterator<Item = &'a str> {
        self.text.split([' ', '\t', '"', '\'', ',', '[', ']']).filter(|word| !word.is_empty())
    }

    /// The first words, which may be the names of programs.
    fn programs(&self) -> impl Iterator<Item = &'a str> {
        let names = self.words().take(MAX_WRAPPERS).filter(|word| !word.starts_with('-'));
        names.map(|word| word.rsplit('/').next().unwrap_or_default().trim_end_matches(".exe"))
    }

    /// Whether a user has been named.
    fn has_user(&self) -> bool {
        let mut words = self.words().peekable();
        let is_root = words.peek() == Some(&"sudo");
        let mut previous = "";
        for word in words.skip(if is_root { 3 } else { 0 }) {
            if previous == "login" || (USERS.contains(&previous) && !word.starts_with('-')) {
                return true;
            }
            previous = word;
        }
        previous == "login"
    }
}
