//! The environment as an argument, so that tests need none.

/// Looks up a variable of the environment; never gives an empty text.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A variable of the process that is not empty.
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    let text = std::env::var_os(name)?.to_string_lossy().into_owned();
    Some(text).filter(|text| !text.is_empty())
}
