//! The environment as an argument, so that tests need none.

/// Looks up a variable of the environment; never gives an empty text.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// All variables of the process, as text.
#[must_use]
pub fn variables() -> Vec<(String, String)> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect()
}

/// A variable of the process that is not empty.
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    let text = std::env::var_os(name)?.to_string_lossy().into_owned();
    Some(text).filter(|text| !text.is_empty())
}
