//! What every command works with.

use std::io::{BufRead, IsTerminal};

use anyhow::{Result, bail};
use longshore_client::Client;

use crate::console;
use crate::failure::Usage;
use crate::output::Output;

/// What every command works with.
pub struct Session<'s> {
    /// The registry.
    pub client: &'s Client,
    /// How results are shown.
    pub output: &'s Output,
    /// Whether nobody is to be asked.
    pub yes: bool,
}

impl Session<'_> {
    /// Asks whether something shall be done, after it was shown; anything but `yes` or `y` is no.
    ///
    /// # Errors
    /// [`Usage`] when nobody can be asked; also when the answer is no.
    pub fn confirm(&self, what: &str, show: impl FnOnce() -> Result<String>) -> Result<()> {
        if self.yes {
            return Ok(());
        }
        if !std::io::stdin().is_terminal() {
            return Err(Usage(format!("this {what}; give --yes to do it without being asked")).into());
        }
        console::say(&show()?);
        console::ask(&format!("This {what}, in {}. Do it? [y/N] ", self.client.name()));
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer)?;
        match answer.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => bail!("nothing was changed"),
        }
    }
}
