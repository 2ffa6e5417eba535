//! What is taken for a secret, and what is not.

use std::borrow::Cow;

use super::cut::MAX_TOKEN_BYTES;
use super::*;

/// Made-up secrets, in halves so that nobody's scanner takes them for real ones.
fn secrets() -> Vec<(&'static str, String)> {
    let list = [
        ("aws-key", "AKIA", "IOSFODNN7EXAMPLE"),
        ("aws-key", "ASIA", "IOSFODNN7EXAMPLE"),
        ("aws-key", "A3TX", "IOSFODNN7EXAMPLE"),
        ("github-token", "ghp_", "0123456789abcdefghijABCDEFGHIJ012345"),
        ("github-token", "gho_", "0123456789abcdefghijABCDEFGHIJ012345"),
        (
            "github-token",
            "github_pat_",
            "11AAAAAAA0123456789abc_0123456789abcdefghijABCDEFGHIJ0123456789abcdefghijABCDEFGHIJ0123",
        ),
        ("gitlab-token", "glpat-", "0123456789abcdefghij"),
        ("slack-token", "xoxb-", "012345678901-012345678901-abcdefghijklmnopqrstuvwx"),
        ("slack-webhook", "hooks.slack.com/", "services/T00000000/B00000000/aBcDeFgHiJkLmNoPqRsTuVwY"),
        ("anthropic-key", "sk-ant-", "api03-abcdefghij0123456789-_AA"),
        ("openai-key", "sk-proj-", "abcdefghij0123456789"),
        ("openai-key", "sk-", "abcdefghijABCDEFGHIJ0123456789abcdefghij01234567"),
        ("openrouter-key", "sk-or-v1-", "0123456789abcdef0123456789abcdef"),
        ("stripe-key", "sk_live_", "0123456789abcdefghijABCD"),
        ("stripe-key", "rk_live_", "0123456789abcdefghijABCD"),
        ("stripe-key", "whsec_", "0123456789abcdefghijABCDEFGHIJ01"),
        ("google-key", "AIza", "SyA0123456789abcdefghijABCDEFGHIJ01"),
        ("npm-token", "npm_", "0123456789abcdefghijABCDEFGHIJ012345"),
        ("huggingface-token", "hf_", "abcdefghijABCDEFGHIJabcdefghijABCD"),
        ("supabase-key", "sbp_", "0123456789abcdef0123456789abcdef01234567"),
        ("digitalocean-token", "dop_v1_", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
        ("vault-token", "hvs.", "CAESIJ0123456789abcdefghij"),
        ("sendgrid-key", "SG.", "0123456789abcdefghijAB.0123456789abcdefghijABCDEFGHIJ0123456789abc"),
        ("telegram-token", "0123456789:", "AAabcdefghij0123456789ABCDEFGHIJ012"),
        ("jwt", "eyJ", "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.0123456789abcdefghijABCDEFGHIJ"),
    ];
    list.iter().map(|(class, first, second)| (*class, format!("{first}{second}"))).collect()
}

#[track_caller]
fn becomes(text: &str, expected: &str) {
    assert_eq!(redact(text).0, expected, "{text}");
}

#[track_caller]
fn stays(text: &str) {
    assert_eq!(redact(text), (Cow::Borrowed(text), 0));
}

#[test]
fn every_shape_is_known_wherever_it_stands() {
    for (class, secret) in secrets() {
        let mark = format!("[REDACTED:{class}]");
        for (before, after) in [
            ("", ""),
            ("text ", " more"),
            ("\"", "\","),
            ("ключ ", ", ключ"),
            ("curl https://x/?k=", "&n=1"),
            ("\\n", "\\n"),
            ("a%3D", "%26"),
            ("(", ")."),
            ("X=", "\nY=1"),
        ] {
            let text = format!("{before}{secret}{after}");
            let (found, count) = redact(&text);
            assert_eq!(found, format!("{before}{mark}{after}"), "{secret}");
            assert_eq!(count, 1);
        }
    }
}

#[test]
fn private_keys_go_with_all_that_is_in_them() {
    let head = concat!("-----BEGIN RSA PRI", "VATE KEY-----");
    let tail = concat!("-----END RSA PRI", "VATE KEY-----");
    becomes(&format!("a\n{head}\nMIIE\nabc\n{tail}\nb"), "a\n[REDACTED:private-key]\nb");
    becomes(&format!("a {head}\\nMIIE"), "a [REDACTED:private-key]");
    becomes(&format!("MIIE\nabc\n{tail}\nb"), "[REDACTED:private-key]\nb");
    becomes(
        &format!("{{\"private_key\":\"{head}\\nMIIE\\n{tail}\\n\"}}"),
        "{\"private_key\":\"[REDACTED:secret]\"}",
    );
    stays("-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----");
    stays("-----------------------------------------");
}

#[test]
fn values_with_secret_names_go() {
    becomes("password=hunter2", "password=[REDACTED:secret]");
    becomes("DB_PASSWORD = 'hunter 2' next", "DB_PASSWORD = '[REDACTED:secret]' next");
    becomes("{\"apiKey\": \"hunter2\", \"n\": 1}", "{\"apiKey\": \"[REDACTED:secret]\", \"n\": 1}");
    becomes(r#"{\"token\":\"hunter2\",\"n\":1}"#, r#"{\"token\":\"[REDACTED:secret]\",\"n\":1}"#);
    becomes("{'client_secret': 'hunter2'}", "{'client_secret': '[REDACTED:secret]'}");
    becomes("secret: hunter2\nb: c", "secret: [REDACTED:secret]\nb: c");
    becomes("env PGPASSWORD=hunter2 psql", "env PGPASSWORD=[REDACTED:secret] psql");
    becomes("x?access_token=hunter2&n=1", "x?access_token=[REDACTED:secret]&n=1");
    becomes("mysql --password hunter2 db", "mysql --password [REDACTED:secret] db");
    becomes("cli --api-key=hunter2 --n 1", "cli --api-key=[REDACTED:secret] --n 1");
    becomes("[\"--password\",\"hunter2\"]", "[\"--password\",\"[REDACTED:secret]\"]");
    becomes("password => \"hunter2\"", "password => \"[REDACTED:secret]\"");
    becomes("pwd: [\"hunter2\"]", "pwd: [\"[REDACTED:secret]\"]");
    becomes("password=\"never closed hunter2", "password=\"[REDACTED:secret]");
    let nested = r#"{\\\"token\\\":\\\"hunter \\\\\\\"2\\\",\\\"n\\\":1}"#;
    becomes(nested, r#"{\\\"token\\\":\\\"[REDACTED:secret]\\\",\\\"n\\\":1}"#);
    becomes(r#"password="a\"b\\" c"#, r#"password="[REDACTED:secret]" c"#);
    becomes("line\\nauth=hunter2", "line\\nauth=[REDACTED:secret]");
    let (class, secret) = secrets().swap_remove(3);
    becomes(&format!("token={secret}"), &format!("token=[REDACTED:{class}]"));
}

#[test]
fn credentials_of_http_go() {
    becomes("-H 'Authorization: Bearer abc.def' x", "-H 'Authorization: [REDACTED:secret]' x");
    becomes("Cookie: a=b; c=d\r\nHost: x", "Cookie: [REDACTED:secret]\r\nHost: x");
    becomes("x-api-key: hunter2", "x-api-key: [REDACTED:secret]");
    becomes("sent bearer abcdef0123456789", "sent bearer [REDACTED:authorization]");
    becomes("Basic dXNlcjpwYXNz", "Basic [REDACTED:authorization]");
    becomes("token 0123abcd", "token [REDACTED:authorization]");
    becomes("curl -u ana:hunter2 http://x", "curl -u [REDACTED:basic-auth] http://x");
    becomes("curl -u \"ana:hunter 2\" x", "curl -u \"[REDACTED:basic-auth]\" x");
    becomes("curl --user=ana:hunter2 x", "curl --user=[REDACTED:basic-auth] x");
    becomes("[\"curl\",\"-u\",\"ana:hunter2\"]", "[\"curl\",\"-u\",\"[REDACTED:basic-auth]\"]");
    becomes("postgres://ana:hunter2@db:5432/x", "postgres://[REDACTED:url-credentials]@db:5432/x");
    becomes("https://ana:p@ss@host", "https://[REDACTED:url-credentials]@host");
}

/// Asserts that the secret in each of the texts is found.
#[track_caller]
fn goes(texts: &[&str]) {
    for text in texts {
        let (clean, count) = redact(text);
        let left = ["hunter", "2xyz", "dXNlcj"].iter().find(|part| clean.contains(**part));
        assert!(left.is_none() && count > 0, "{text:?} became {clean:?}");
    }
}

#[test]
fn a_scheme_is_not_mistaken_for_the_value() {
    goes(&[
        "Authorization:Bearer hunter2xyz",
        "Authorization:Basic dXNlcjpodW50ZXIy",
        "-H 'Authorization:Basic dXNlcjpodW50ZXIy'",
        "AUTHORIZATION=Bearer hunter2xyz",
        "access_token: Bearer hunter2xyz",
        "token=Bearer hunter2xyz",
        "token: bearer hunter2xyz",
        "Cookie:sid=abc; tok=hunter2xyz",
        r#"["-H","Authorization: Bearer","hunter2hunter2xyz"]"#,
        r#"["-H","Authorization:Basic","dXNlcjpodW50ZXIy hunter2xyz"]"#,
        r#"[\"-H\",\"Authorization: Bearer\",\"hunter2hunter2xyz\"]"#,
        "sent Bearer\thunter2hunter2xyz",
        "sent Bearer\n  hunter2hunter2xyz",
        "Authorization: Bearer\n hunter2xyz",
    ]);
    becomes("Authorization: Bearer", "Authorization: Bearer");
    becomes("Authorization:Bearer a.b\nHost: x", "Authorization:[REDACTED:secret]\nHost: x");
}

#[test]
fn quotes_may_open_behind_something_and_follow_each_other() {
    goes(&[
        r#"password: Some("hunter2xyz")"#,
        r#"password: Some(\"hunter2xyz\")"#,
        r#"password: String::from("hunter2xyz")"#,
        "{'password': b'hunter2xyz'}",
        "PASSWORD=$'hunter2xyz'",
        r#"['password']=>string(10) "hunter2xyz""#,
        "PASSWORD='hunter'\"2xyz\" next",
        "PASSWORD=hun'ter2xyz' next",
        "PASSWORD='hunter'2xyz next",
    ]);
    becomes(r#"password: Some("a b") x"#, r#"password: Some("[REDACTED:secret]") x"#);
    becomes(r#"["password=a","next"]"#, r#"["password=[REDACTED:secret]","next"]"#);
    becomes(r#"["password=b","next"]"#, r#"["password=[REDACTED:secret]","next"]"#);
}

#[test]
fn colours_and_escapes_hide_nothing() {
    for (class, secret) in secrets() {
        for before in ["\u{1b}[31m", "\u{1b}[1;32m", "\\u001b[31m", "\\\\u001b[31m"] {
            let text = format!("{before}{secret}\u{1b}[0m");
            assert_eq!(redact(&text), (Cow::Owned(format!("[REDACTED:{class}]")), 1), "{text}");
        }
    }
    goes(&[
        "\u{1b}[36mpassword\u{1b}[0m=hunter2xyz",
        "\u{1b}[3mpassword\u{1b}[0m\u{1b}[2m=\u{1b}[0mhunter2xyz",
        "password\\u003dhunter2xyz",
        "password%3Dhunter2xyz",
        "password%3ahunter2xyz",
        "\\u0070assword=hunter2xyz",
        "\\x1b[36mpassword=hunter2xyz\\x1b[0m",
    ]);
    becomes("\u{1b}[1mplain\u{1b}[0m", "plain");
    stays("C:\\u00 \\u00zz \\u00e9 \\u0022 \\u000a");
}

#[test]
fn values_are_found_however_they_are_set_apart() {
    goes(&[
        "password            = hunter2xyz",
        "DB_PASSWORD=abcd&hunter2;2xyz",
        "Password:\nhunter2xyz\n",
        "Password: \r\n  hunter2xyz",
        "curl -uadmin:hunter2xyz http://x",
        "curl -su admin:hunter2xyz http://x",
        "curl -sSLu 'admin:hunter2xyz' http://x",
        "x --password -hunter2xyz",
        "postgres://u:pa/hunter2xyz@h/db",
        "postgres://u:pa#hunter2xyz@h/db",
        "postgres://u:pa?hunter2xyz@h/db",
        "authkey=hunter2xyz",
        "httpauth=hunter2xyz",
        "<password>hunter2xyz</password>",
        "<ns:db.password>hunter2xyz</ns:db.password>",
        r#"{"name":"DB_PASSWORD","value":"hunter2xyz"}"#,
        "- name: DB_PASSWORD\n  value: hunter2xyz\n",
        r#"{\"key\":\"Authorization\",\"value\":\"hunter2xyz\"}"#,
    ]);
    goes(&[
        r#"["Authorization","hunter2xyz"]"#,
        r#"["Host","x","Authorization", "Bearer hunter2xyz", "Accept","y"]"#,
        r#"[\"password\",\"hunter2xyz\"]"#,
        "headers.insert('x-api-key', 'hunter2xyz')",
        "password: !secret hunter2xyz",
    ]);
    becomes("\\e[1;31mAKIAIOSFODNN7EXAMPLE", "\\e[1;31m[REDACTED:aws-key]");
    becomes("prod-AKIAIOSFODNN7EXAMPLE", "prod-[REDACTED:aws-key]");
    becomes("?token=a&b=c", "?token=[REDACTED:secret]&b=c");
    becomes("<password>a</password>", "<password>[REDACTED:secret]</password>");
    becomes("curl -uana:b x", "curl -u[REDACTED:basic-auth] x");
    for text in [
        "usage: x <token> <name>",
        "auth:\n  enabled: true",
        "password:\n  min_length: 8",
        "Password:\nSorry, try again.",
        "x --password -h --token -v",
        "docker run -u1000:1000 -update: now -util x",
        r#"{"name":"COLOUR","value":"red"} name: x, value: y"#,
        "http://host:80/a@b http://[::1]:80/a@b",
        "the bearer\nof this letter",
        "token\n0123456789abcdef",
        "a%3Db author%3Dana",
        r#"["password","username","email"]"#,
        "fn f(token: &str, name: &str)",
        "the auth: Bearer token is required",
        "HashMap<Token> x if a<token>b",
    ] {
        stays(text);
    }
}

#[test]
fn what_is_no_secret_stays() {
    for text in [
        "",
        "commit d95733a0123456789abcdef0123456789abcdef01",
        "7b3e0f52-9c41-4d1e-8a6f-2f0c5d9be114",
        "toolu_01Hq7VbN3xKpR5sYt8ZwLmDc",
        "author: Ana, key=value, monkey=1, tokenizer: fast",
        "max_tokens=4096 input_tokens: 12, token_count=3",
        "SyntaxError: invalid token: expected a name",
        "the token expired yesterday, basic TypeScript, bearer authentication",
        "sk-learn-contrib-imbalanced-and-more task-management-for-everyone",
        "https://example.com:8080/a@b http://host/path?x=1 git@github.com:x/y.git ssh://git@host/x",
        "PWD=/home/ana/shop",
        "password_file=/run/x password=\nnext line",
        "docker run -u 1000:1000 -u ana image",
        "password: null, token: true",
        "src/author.rs:12:34: error: mismatched types",
        "10:00:00 2026-11-20T10:00:00Z",
        "C:\\Users\\ana",
        "the auth: failed for all of them",
        "primary_key=id public_key: x authorized_keys",
    ] {
        stays(text);
    }
}

/// Made-up tokens of more services, in halves.
#[test]
fn tokens_of_many_services_are_known_bare() {
    for (first, second) in [
        ("glimt-", "0123456789abcdefghijabcde"),
        ("glpat-", "0123456789abcdefghij.01.0a1b2c3d4"),
        ("ghs_", "12345_eyJhbGciOi.eyJzdWIi.0123456789"),
        ("xoxd-", "abc%2Bdef0123456789%3D%3D"),
        ("xai-", "abc-def_0123456789abcdefghijABCDEFGHIJ"),
        ("dckr_oat_", "0123456789abc-efghij_KLMN"),
        ("ABSK", "QmVkcm9ja0FQSUtleS1abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ01234="),
        ("dapi", "0123456789abcdef0123456789abcdef"),
        ("sntrys_", "eyJpYXQiOjE2ODczMzY1NDMuNjk4NTksInVyb/+=0123456789"),
        ("figd_", "0123456789abcdefghij-KLMNOPQRSTU"),
        ("SK", "0123456789abcdef0123456789abcdef"),
        ("HRKU-", "AA0123456789abcdefghijklmnop_QRSTUV"),
        ("abc8", "Q~0123456789abcdefghijABCDEFGHIJ.12"),
        ("abcdefghij0123.atlasv1", ".0123456789abcdefghijABCDEFGHIJ0123456789abcdefghij"),
        ("0123456789abcdef0123456789abcdef", "-us12"),
        ("MTIzNDU2Nzg5MDEyMzQ1Njc4.", "GabcdE.0123456789abcdefghijABCDEFGHIJ"),
        ("LS0tLS1CRUdJTi", "BQUklWQVRFIEtFWS0tLS0t"),
        ("$6$", "rounds=5000$saltsalt$0123456789abcdefghij./ABCDEFGHIJ0123456789"),
        ("$argon2id$", "v=19$m=65536,t=2,p=1$c2FsdHNhbHQ$0123456789abcdefghij"),
        ("discordapp.com/api/webhooks/", "0123456789/abcdefghij"),
        (
            "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0.",
            ".0123456789abcdef.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL.0123456789",
        ),
    ] {
        let text = format!("run {first}{second} now");
        let (clean, count) = redact(&text);
        let is_gone = clean.starts_with("run [REDACTED:") && clean.ends_with("] now");
        assert!(is_gone && count == 1, "{first}{second} became {clean}");
    }
    for text in [
        "test_some_function_2",
        "key_value_store_of_version_2",
        "sk-only-words-are-no-key-at-all",
        "pat.terns",
    ] {
        stays(text);
    }
}

#[test]
fn a_secret_is_found_behind_a_type_and_in_a_block() {
    goes(&[
        "const apiKey: string = \"hunter2xyz\"",
        "let token: &str = \"hunter2xyz\";",
        "token: Option<String> = Some(\"hunter2xyz\")",
        "var apiToken string = \"hunter2xyz\"",
        "$token .= \"hunter2xyz\"",
        "TOKEN += 'hunter2xyz'",
        "api key: hunter2xyz0123456789",
        "acme SECRET 2xyz456789abcdef0123",
        "machine x login ana password hunter2xyz",
        "CREATE USER ana IDENTIFIED BY 'hunter2xyz'",
        "password: |\n  hunter2xyz\n  2xyz\nnext: 1",
        "kind: Secret\ndata:\n  a: hunter2xyz\n",
        "data:\n  a: hunter2xyz\nkind: Secret\n",
        r#"{"name":"x-password","value":"hunter2xyz"}"#,
        "DB_PASS=hunter2xyz",
        "pw: hunter2xyz",
        "GITHUB_PAT=hunter2xyz",
        "STRIPE_KEY=hunter2xyz0123456789",
        "https://x/?sv=2022&sig=2xyz456789abcdef0123%3D",
    ]);
    becomes("token: Option<Auth>, next", "token: Option<Auth>, next");
    becomes("a:\n  password: >\n    x y\n    z\n  b: c", "a:\n  password: >\n    [REDACTED:secret]\n  b: c");
}

#[test]
fn passwords_in_commands_are_known_by_the_program() {
    goes(&[
        "docker login -u ana -p hunter2xyz registry",
        r#"["docker","login","-u","ana","-p","hunter2xyz"]"#,
        "sshpass -p hunter2xyz ssh x",
        "sudo -u ana /usr/bin/sshpass -p 'hunter2xyz' ssh x",
        "redis-cli -h x -a hunter2xyz ping",
        "ldapsearch -D cn=x -w 'hunter2xyz' -b y",
        "mysql -u ana -phunter2xyz db",
        "7z a -phunter2xyz x.7z",
        "curl -u ana:'hunter2xyz' x",
        "smbclient -U 'DOMAIN\\ana%hunter2xyz' //x/y",
        "xfreerdp /u:ana /p:hunter2xyz /v:x",
        "echo hunter2xyz | docker login -u ana --password-stdin",
        "echo 'ana:hunter2xyz' | sudo chpasswd",
        "openssl enc -pass pass:hunter2xyz",
    ]);
    for text in [
        "mkdir -p build && nc -l -p 8080 && ps -u root -p 123",
        "docker run -u root:root -p 8080:80 -p 127.0.0.1:1:1 image",
        "docker run -u root -p $PORT -v ./a:/b image",
        "date -u +%Y-%m-%dT%H:%M:%SZ",
        "aws secretsmanager get-secret-value --secret-id name",
        "git log -p file",
    ] {
        stays(text);
    }
}

#[test]
fn code_and_references_are_no_secrets() {
    for text in [
        "input_userauth_request: invalid user ana [preauth]",
        "auth: Option<Auth>",
        "token := next(s)",
        "let token = lexer.next_token();",
        "unexpected token: %q",
        "TokenTree::Group",
        "const AUTH = 80;",
        "password: ${DB_PASSWORD}",
        "password=$DB_PASSWORD",
        "token: ${{ secrets.GITHUB_TOKEN }}",
        "token: process.env.TOKEN",
        "cli --token <token>",
        "google-cloud-auth-plugin:amd64",
        "pass: 12, fail: 0",
        "primary_key=0123456789abcdef0123",
        "compass: x, passthrough=1, -PassThru -no-pass user",
        "key: value, monkey=0123456789abcdef",
    ] {
        stays(text);
    }
}

#[test]
fn redacting_twice_changes_nothing() {
    let both = |(_, secret): (&str, String)| format!("{secret} token={secret} ");
    let mut text = secrets().into_iter().map(both).collect::<Vec<_>>().concat();
    text.push_str("password=a Authorization: Bearer b\n--token c -u d:e https://f:g@h");
    let once = redact(&text).0.into_owned();
    assert_eq!(redact(&once), (Cow::Borrowed(once.as_str()), 0));
}

#[test]
fn the_rest_of_a_key_is_known_by_its_lines() {
    let body = format!("{}\n", "MIIEvQIBADANBgkq".repeat(4));
    assert_eq!(after_cut(&format!("{}AbC=\nnext", body.repeat(3))), ("next", true));
    assert_eq!(after_cut(&body.repeat(3)), ("", true));
    let hashes = format!("{}\n", "0123456789abcdef0123456789abcdef01234567").repeat(3);
    for text in ["", "some\nlines\nof\ntext", hashes.as_str(), body.as_str()] {
        assert_eq!(after_cut(text), (text, false));
    }
    assert!(opens_key("+-----BEGIN PRIVATE KEY-----\nMIIE") && !opens_key("-----BEGIN CERTIFICATE-----"));
    assert!(!opens_key("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----"));
    assert_eq!(after_key("-----END PRIVATE KEY-----, x"), Some(", x"));
}

#[test]
fn half_a_secret_does_not_outlive_a_cut() {
    assert_eq!(before_cut("a b AKI"), "a b");
    assert_eq!(before_cut("AKI"), "");
    let long = "x".repeat(10_000);
    assert_eq!(before_cut(&long).len(), 10_000 - MAX_TOKEN_BYTES);
    assert_eq!(before_cut(&"ж".repeat(5000)).len(), 5904);
}

/// Pieces that the matchers look for, in every order that a small generator comes upon.
#[test]
fn hostile_text_is_taken_in_linear_time() {
    let pieces = [
        "sk-",
        "ghp_",
        "AKIA",
        "eyJ",
        "eyJaaaaaaaaaa.",
        "-u,",
        "-u ",
        "a://",
        ":",
        "=",
        "token",
        "password",
        "\"",
        "'",
        "\\",
        "\\n",
        "-----BEGIN ",
        "-----END ",
        "PRIVATE KEY-----",
        "-----",
        "bearer ",
        "://",
        "@",
        " ",
        "\n",
        "x",
        "[",
        "[REDACTED:",
        "--token,",
        "1:1,",
        "ж",
        "\u{0}",
        "AA",
        "0123456789:",
        "%3D",
        ")",
        "true",
        "hooks.slack.com/",
        "%3D",
        "name:",
        "value:",
        "<token>",
        "-u",
        "b'",
        "$\"",
        "\\u003d",
        "\u{1b}[1m",
        "\t",
        "a:b",
        "\"password\",",
        "\"cookie\", \"",
        "!a ",
    ];
    let mut seed = 7_u64;
    let mut random = |most: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % most
    };
    let start = std::time::Instant::now();
    for _ in 0..20_000 {
        let text: String = (0..random(30)).map(|_| pieces[random(pieces.len())]).collect();
        let (_, count) = redact(&text);
        assert!(count <= text.len() && before_cut(&text).len() <= text.len());
        let _ = names_secret_file(&text);
    }
    for first in pieces {
        for second in pieces {
            let _ = redact(&format!("{first}{second}").repeat(500));
        }
        let _ = redact(&format!("{first}{}", "a-".repeat(50_000)));
    }
    // It takes a second or two; in quadratic time it would be many minutes.
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}

#[test]
fn a_secret_that_was_named_is_known_where_it_stands_again() {
    becomes(
        "token=ab12cd34ef56 sent; got ab12cd34ef56 back",
        "token=[REDACTED:secret] sent; got [REDACTED:secret] back",
    );
    // Too short, or a word, to be more than chance.
    becomes("password=hunter2 hunter2", "password=[REDACTED:secret] hunter2");
    becomes(
        "password=correcthorsebattery correcthorsebattery",
        "password=[REDACTED:secret] correcthorsebattery",
    );
}

#[test]
fn references_and_placeholders_are_no_secrets() {
    for text in [
        "Authorization: Bearer $API_KEY",
        "Authorization: Basic xxxxxxxxxxxx",
        "headers.set(\"Authorization\", \"Bearer \" + x)",
        "password: ********",
        "token = \"xxxx-xxxx\"",
        "glpat-XXXXXXXXXXXXXXXXXXXX",
        "api_key = YOUR_API_KEY",
        "apikey: insert_key_here",
        "secret = os.getenv(\"DB_SECRET\")",
        "password={password} <API KEY>",
        "curl -u \"$USER:$PASSWORD\" x",
        "curl -u user:${PASS} x",
        "https://user:password@example.com/",
        "mysql://{user}:{pass}@db",
        "password = NULL;",
        "password(credentialsId: '29f63271-dc2f-4734-8221-5b31b5169bac')",
        "kind: SecretStore\ndata:\n  key: abcdef123456",
        "kind: Secret\ndata:\n  csrf: \"\"\n",
        "redis:7-Alpine3@sha256:0123456789abcdef",
        "mailto:John1985@example.com",
        "key: ubuntu-node-modules-0123456789abcdef0123456789abcdef01234567",
    ] {
        assert_eq!(redact(text), (Cow::Borrowed(text), 0), "{text}");
    }
}

#[test]
fn a_random_value_of_a_key_and_a_password_before_a_host_go() {
    becomes("using key=a1b2c3d4e5f6g7h8i9j0k1l2", "using key=[REDACTED:secret]");
    becomes("banner KEY a1b2c3d4e5f6g7h8i9j0k1l2", "banner KEY [REDACTED:secret]");
    becomes("psexec.py web/ana:hunT2er!@host ls", "psexec.py web/ana:[REDACTED:basic-auth]@host ls");
}
