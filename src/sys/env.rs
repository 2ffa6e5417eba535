//! The environment as an argument, so that tests need none.

use std::ffi::OsString;

/// Looks up a variable of the environment; never gives an empty text.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// All variables of the process, as text, read once: there are some forty settings, and each question to the C library
/// goes through all variables and costs as much as copying one.
#[derive(Debug, Default)]
pub struct Environment(pub Vec<(String, String)>);

impl Environment {
    /// Those of now.
    #[must_use]
    pub fn now() -> Self {
        let text =
            |text: OsString| text.into_string().unwrap_or_else(|text| text.to_string_lossy().into_owned());
        Self(std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect())
    }

    /// The value of a variable that is not empty. Of several of one name the first counts, as for the C library.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(value).filter(|value| !value.is_empty()).cloned()
    }
}
