//! Pieces of filters and paths.

use crate::filter::FilterError;

/// A text that is read from its beginning to its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scan<'t> {
    text: &'t str,
    at: usize,
}

/// Returns whether a character may stand in a word: an attribute, an operator, a number.
fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '.' | ':' | '-' | '_' | '$' | '+')
}

impl<'t> Scan<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// Makes the error that tells what is wrong where the reader stands.
    pub(crate) fn error(&self, reason: &'static str) -> FilterError {
        FilterError { at: self.text[..self.at].chars().count() + 1, reason }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    pub(crate) fn skip_spaces(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches(' ').len();
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest().is_empty()
    }

    /// Takes a character if it stands here.
    pub(crate) fn take(&mut self, letter: char) -> bool {
        let found = self.rest().starts_with(letter);
        if found {
            self.at += letter.len_utf8();
        }
        found
    }

    /// Takes a word; an empty one when none stands here.
    pub(crate) fn word(&mut self) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// Takes a word if it is this one, in any letter case.
    pub(crate) fn take_word(&mut self, word: &str) -> bool {
        let mut ahead = *self;
        let found = ahead.word().eq_ignore_ascii_case(word);
        if found {
            *self = ahead;
        }
        found
    }

    /// Takes a text in quotation marks, as JSON writes it; `None` when none stands here, or it does not end.
    pub(crate) fn quoted(&mut self) -> Option<String> {
        let rest = self.rest();
        let mut is_escaped = false;
        let inner = rest.strip_prefix('"')?;
        let end = inner.find(|letter| {
            let is_end = letter == '"' && !is_escaped;
            is_escaped = letter == '\\' && !is_escaped;
            is_end
        })?;
        let length = end + 2;
        let text = serde_json::from_str(&rest[..length]).ok()?;
        self.at += length;
        Some(text)
    }
}
