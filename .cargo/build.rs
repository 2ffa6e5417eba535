//! Links the static binary without unwind tables: 300 KiB that nothing reads, since a panic ends the process
//! (`panic = "abort"`) and its message has no backtrace. Rust's own library has them, so that no option of the compiler
//! leaves them out. The script is for GNU's linker; where another is asked for, the tables stay.

use std::env::{var, var_os};

fn main() {
    println!("cargo::rerun-if-changed=.cargo/no-unwind.ld");
    println!("cargo::rerun-if-changed=.cargo/build.rs");
    let is = |name: &str, wanted: &str| var(name).is_ok_and(|value| value == wanted);
    let is_static = is("CARGO_CFG_TARGET_OS", "linux")
        && is("CARGO_CFG_TARGET_ENV", "musl")
        && is("CARGO_CFG_TARGET_ARCH", "x86_64");
    let flags = var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let is_other_linker =
        var_os("RUSTC_LINKER").is_some() || flags.contains("fuse-ld") || flags.contains("linker");
    if is_static && is("PROFILE", "release") && !is_other_linker {
        let folder = var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo::rustc-link-arg-bins=-Wl,--no-eh-frame-hdr");
        println!("cargo::rustc-link-arg-bins=-T{folder}/.cargo/no-unwind.ld");
    }
}
