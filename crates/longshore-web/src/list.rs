//! Lists as pages show them: read by key, forwards and backwards, sorted by the heads of their columns.

use longshore_api_common::cursor;
use longshore_domain::Result;
use longshore_domain::page::KeyedPage;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::assets::encoded;
use crate::context::Context;

/// Parameters that say which page of a list is shown.
const PLACE: [&str; 2] = ["after", "before"];

/// Where a page of a list begins, and in which direction it is read.
pub(crate) struct From<K> {
    pub(crate) key: Option<K>,
    pub(crate) is_backward: bool,
}

/// Reads where a page begins. `list` names the list, its order and what narrows it.
pub(crate) fn read<P: DeserializeOwned, K>(
    context: &Context,
    list: &str,
    key: impl Fn(P) -> Result<K>,
) -> Result<From<K>> {
    for (name, is_backward) in [("before", true), ("after", false)] {
        if let Some(text) = context.query(name) {
            return Ok(From { key: Some(key(cursor::parse(&text, list)?)?), is_backward });
        }
    }
    Ok(From { key: None, is_backward: false })
}

/// Reads where a page of a list begins that is read forwards alone.
pub(crate) fn read_ahead<P: DeserializeOwned, K>(
    context: &Context,
    list: &str,
    key: impl Fn(P) -> Result<K>,
) -> Result<Option<K>> {
    context.query("after").map(|text| key(cursor::parse(&text, list)?)).transpose()
}

/// Makes the links of such a list: back to its beginning, and to what comes behind `next`.
pub(crate) fn ahead(
    context: &Context,
    list: &str,
    is_first: bool,
    next: Option<impl Serialize>,
) -> Result<Pager> {
    let older = next.map(|next| cursor::write(list, &next)).transpose()?;
    Ok(Pager {
        first: (!is_first).then(|| link(context, &[("after", None), ("before", None)])),
        newer: None,
        older: older.map(|text| link(context, &[("after", Some(&text)), ("before", None)])),
    })
}

/// Links from one page of a list to others.
#[derive(Default)]
pub(crate) struct Pager {
    pub(crate) first: Option<String>,
    pub(crate) newer: Option<String>,
    pub(crate) older: Option<String>,
}

impl Pager {
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none() && self.newer.is_none() && self.older.is_none()
    }
}

/// A page of a list in the order in which it is shown. `None` when it was read backwards to the beginning: then the first page
/// is the one to show.
pub(crate) fn arrange<T, K, P: Serialize>(
    context: &Context,
    list: &str,
    from: &From<K>,
    found: KeyedPage<T, K>,
    key_of: impl Fn(&T) -> K,
    place: impl Fn(K) -> P,
) -> Result<Option<(Vec<T>, Pager)>> {
    let KeyedPage { mut items, next } = found;
    let write = |name: &str, key: K| -> Result<String> {
        let text = cursor::write(list, &place(key))?;
        Ok(link(context, &[("after", None), ("before", None), (name, Some(&text))]))
    };
    if from.is_backward {
        let Some(next) = next else { return Ok(None) };
        items.reverse();
        let older = items.last().map(|last| write("after", key_of(last))).transpose()?;
        // Behind the last of those that were looked at, also when none is shown.
        let newer = match items.first() {
            Some(first) => write("before", key_of(first))?,
            None => write("before", next)?,
        };
        let first = Some(link(context, &[("after", None), ("before", None)]));
        return Ok(Some((items, Pager { first, newer: Some(newer), older })));
    }
    let newer = match (&from.key, items.first()) {
        (Some(_), Some(first)) => Some(write("before", key_of(first))?),
        _ => None,
    };
    let first = from.key.as_ref().map(|_| link(context, &[("after", None), ("before", None)]));
    let older = next.map(|next| write("after", next)).transpose()?;
    Ok(Some((items, Pager { first, newer, older })))
}

/// Returns the address of this page with other parameters: those named are set, or left out without a value.
pub(crate) fn link(context: &Context, parameters: &[(&str, Option<&str>)]) -> String {
    format!("{}{}", context.client.origin.prefix(), path(context, parameters))
}

/// Returns the path and query of the first page of this list.
pub(crate) fn first(context: &Context) -> String {
    path(context, &PLACE.map(|name| (name, None)))
}

fn path(context: &Context, parameters: &[(&str, Option<&str>)]) -> String {
    let mut query = String::new();
    let mut push = |name: &str, value: &str| {
        query.push(if query.is_empty() { '?' } else { '&' });
        query.push_str(&format!("{}={}", encoded(name), encoded(value)));
    };
    for name in context.query_names() {
        let is_set = parameters.iter().any(|(set, _)| *set == name) || name == "again";
        if !is_set && let Some(value) = context.query(&name) {
            push(&name, &value);
        }
    }
    for (name, value) in parameters {
        if let Some(value) = value {
            push(name, value);
        }
    }
    format!("{}{query}", context.parts.uri.path())
}

/// The head of a column.
pub(crate) struct Head {
    pub(crate) text: &'static str,
    /// How the list is sorted by it now: `ascending`, `descending`; empty when it is not.
    pub(crate) sorted: &'static str,
    /// Address of the list sorted by it; empty where that is not offered.
    pub(crate) link: String,
    pub(crate) is_number: bool,
}

impl Head {
    /// Makes the head of a column that the list is not sorted by.
    pub(crate) fn plain(text: &'static str) -> Self {
        Self { text, sorted: "", link: String::new(), is_number: false }
    }

    /// Makes the head of a column that the list can be sorted by. `first` is the order that a click chooses, `other` the one that
    /// another click chooses, `now` the present one.
    pub(crate) fn sorting(
        context: &Context,
        text: &'static str,
        first: &'static str,
        other: &'static str,
        now: &str,
    ) -> Self {
        let is_now = now == first || now == other;
        let chosen = if now == first { other } else { first };
        let mut parameters: Vec<(&str, Option<&str>)> = PLACE.iter().map(|name| (*name, None)).collect();
        parameters.push(("order", Some(chosen)));
        let sorted = match (is_now, now.starts_with('-')) {
            (false, _) => "",
            (true, true) => "descending",
            (true, false) => "ascending",
        };
        Self { text, sorted, link: link(context, &parameters), is_number: false }
    }

    /// Makes it one of numbers.
    #[must_use]
    pub(crate) fn number(self) -> Self {
        Self { is_number: true, ..self }
    }

    pub(crate) fn class(&self) -> &'static str {
        if self.is_number { "num" } else { "" }
    }

    pub(crate) fn mark(&self) -> &'static str {
        match self.sorted {
            "ascending" => " ↑",
            "descending" => " ↓",
            _ => "",
        }
    }
}

/// An entry of a field to choose from.
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) text: String,
    pub(crate) is_chosen: bool,
}

/// Makes the entries of a field to choose from, as values and texts.
pub(crate) fn choices(entries: &[(&str, &str)], chosen: &str) -> Vec<Choice> {
    let choice = |(value, text): &(&str, &str)| Choice {
        value: (*value).to_owned(),
        text: (*text).to_owned(),
        is_chosen: *value == chosen,
    };
    entries.iter().map(choice).collect()
}
