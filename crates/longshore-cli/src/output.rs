//! How results are shown: tables that fit the terminal for people, JSON and lines for scripts.

use std::io::IsTerminal;
use std::str::FromStr;

use anyhow::{Result, anyhow, bail};
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use crate::console;

/// Rows of a table whose widths are looked at together; a longer list goes on with the widths of its first rows.
const ROWS_AT_ONCE: usize = 1000;
/// What stands between two columns.
const GAP: &str = "  ";
/// Shown characters of a digest, where there is not room for all.
const DIGEST_CHARACTERS: usize = "sha256:".len() + 12;

/// How results are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// A table that fits the terminal.
    #[default]
    Table,
    /// A table with all columns and whole values.
    Wide,
    /// One JSON document.
    Json,
    /// A JSON document a line, for each entry of a list.
    JsonLines,
    /// The names alone, a line each.
    Name,
    /// A text with `{key}` where values go, a line for each entry.
    Template(String),
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "table" => Self::Table,
            "wide" => Self::Wide,
            "json" => Self::Json,
            "jsonl" => Self::JsonLines,
            "name" => Self::Name,
            _ => match text.strip_prefix("template=") {
                Some(template) => Self::Template(template.replace("\\t", "\t").replace("\\n", "\n")),
                None => {
                    return Err(
                        "must be table, wide, json, jsonl, name, or template=TEXT with {key} in it".into()
                    );
                }
            },
        })
    }
}

/// What a command line says about output.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Options of all commands")]
pub struct OutputArguments {
    /// How to show results: table, wide, json, jsonl, name, or template=TEXT such as template='{name} {digest}'
    #[arg(short, long, global = true, value_name = "FORMAT")]
    output: Option<Format>,
    /// Print JSON for scripts, as -o json
    #[arg(long, global = true)]
    json: bool,
    /// Exact times in UTC in the place of ages
    #[arg(long, global = true)]
    utc: bool,
    /// Say only what was asked for
    #[arg(short, long, global = true)]
    quiet: bool,
}

/// Shows results.
#[derive(Clone, Debug)]
pub struct Output {
    format: Format,
    utc: bool,
    quiet: bool,
    /// Columns of the terminal; `None` for what is no terminal.
    width: Option<usize>,
    now: Timestamp,
}

impl OutputArguments {
    /// Whether something that is not a list is to be JSON.
    pub fn is_json(&self) -> bool {
        self.json || matches!(self.output, Some(Format::Json | Format::JsonLines))
    }

    /// Makes what shows results.
    pub fn output(&self) -> Output {
        let format = match (&self.output, self.json) {
            (Some(format), _) => format.clone(),
            (None, true) => Format::Json,
            (None, false) => Format::Table,
        };
        let width = std::io::stdout().is_terminal().then(terminal_size::terminal_size).flatten();
        let width = width.map(|(width, _)| usize::from(width.0));
        Output { format, utc: self.utc, quiet: self.quiet, width, now: now() }
    }
}

/// How a value is written in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As it is.
    Text,
    /// A time: its age, or exactly.
    Time,
    /// Bytes, in decimal units.
    Bytes,
    /// A digest: its beginning.
    Digest,
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    title: &'static str,
    /// Where the value is; a dot leads into an object.
    key: &'static str,
    kind: Kind,
    /// Columns of a higher rank go first when there is no room; [`WIDE`] is only shown on request.
    rank: u8,
}

/// Rank of columns that a usual table does not have.
pub const WIDE: u8 = u8::MAX;

/// Makes a column that stays as long as there is room.
pub const fn column(title: &'static str, key: &'static str, kind: Kind, rank: u8) -> Column {
    Column { title, key, kind, rank }
}

fn find<'v>(value: &'v Value, key: &str) -> &'v Value {
    key.split('.').fold(value, |value, part| &value[part])
}

/// Returns whether there is something at a key, even if it is nothing.
fn has_key(value: &Value, key: &str) -> bool {
    let mut value = value;
    key.split('.').all(|part| match value.get(part) {
        Some(found) => {
            value = found;
            true
        }
        // Nothing has nothing in it.
        None => value.is_null(),
    })
}

/// Names the keys of an object, for who asked for another one.
fn keys(value: &Value) -> String {
    let names: Vec<&str> = value.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    if names.is_empty() { "no key".into() } else { names.join(", ") }
}

/// Writes bytes in decimal units, as `docker` does.
pub fn bytes(count: u64) -> String {
    indicatif::DecimalBytes(count).to_string()
}

/// Writes how many of something there are; nothing for none.
pub fn counted(count: u64, one: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        many => Some(format!("{many} {one}s")),
    }
}

/// Writes some counts in one line.
pub fn listed(parts: impl IntoIterator<Item = Option<String>>) -> String {
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "nothing".into() } else { parts.join(", ") }
}

/// Makes a text harmless for a terminal: what others have chosen may hold what moves the cursor.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

impl Output {
    /// Writes a time: its age, or exactly.
    pub fn time(&self, text: &str) -> String {
        let Ok(at) = text.parse::<Timestamp>() else { return printable(text) };
        if self.utc || matches!(self.format, Format::Wide) {
            return format!("{at:.0}");
        }
        let seconds = self.now.duration_since(at).as_secs();
        let (count, unit) = match seconds.unsigned_abs() {
            count @ 0..120 => (count, "s"),
            count @ 120..7_200 => (count / 60, "min"),
            count @ 7_200..172_800 => (count / 3_600, "h"),
            count => (count / 86_400, "d"),
        };
        match seconds < 0 {
            true => format!("in {count} {unit}"),
            false => format!("{count} {unit} ago"),
        }
    }

    fn cell(&self, value: &Value, kind: Kind) -> String {
        match (value, kind) {
            (Value::Null, _) => "-".into(),
            (Value::Bool(true), _) => "yes".into(),
            (Value::Bool(false), _) => "no".into(),
            (Value::String(text), Kind::Time) => self.time(text),
            (Value::String(text), Kind::Digest)
                if self.format != Format::Wide && text.is_char_boundary(DIGEST_CHARACTERS) =>
            {
                printable(&text[..DIGEST_CHARACTERS.min(text.len())])
            }
            (Value::String(text), _) => printable(text),
            (Value::Number(number), Kind::Bytes) => number.as_u64().map_or_else(|| number.to_string(), bytes),
            (Value::Array(items), kind) => {
                items.iter().map(|item| self.cell(item, kind)).collect::<Vec<_>>().join(" ")
            }
            (Value::Object(members), kind) => {
                let member = |(key, value)| format!("{key}={}", self.cell(value, kind));
                members.iter().map(member).collect::<Vec<_>>().join(" ")
            }
            (other, _) => other.to_string(),
        }
    }

    /// Fills a template from a value.
    fn filled(&self, template: &str, value: &Value) -> Result<String> {
        let mut text = String::new();
        let mut rest = template;
        while let Some((before, behind)) = rest.split_once('{') {
            let (key, after) =
                behind.split_once('}').ok_or_else(|| anyhow!("the template has a {{ without its }}"))?;
            text.push_str(before);
            if !has_key(value, key) {
                bail!("the template asks for {{{key}}}, which is not there; there is {}", keys(value));
            }
            text.push_str(&match find(value, key) {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                other => other.to_string(),
            });
            rest = after;
        }
        text.push_str(rest);
        Ok(text)
    }

    /// Shows a list. `name` is the key of what an entry is called.
    ///
    /// # Errors
    /// Those of the list, and of writing.
    pub fn list<T: Serialize, E: Into<anyhow::Error>>(
        &self,
        columns: &[Column],
        name: &str,
        items: impl IntoIterator<Item = Result<T, E>>,
    ) -> Result<()> {
        let mut values = items.into_iter().map(|item| Ok(serde_json::to_value(item.map_err(Into::into)?)?));
        match &self.format {
            Format::Json => {
                let mut separator = "[\n";
                for value in values.by_ref() {
                    console::print_part(&format!("{separator}{}", serde_json::to_string_pretty(&value?)?))?;
                    separator = ",\n";
                }
                console::print(if separator == "[\n" { "[]" } else { "\n]" })
            }
            Format::JsonLines => {
                values.try_for_each(|value: Result<Value>| console::print(&value?.to_string()))
            }
            Format::Name => {
                values.try_for_each(|value| console::print(&self.cell(find(&value?, name), Kind::Text)))
            }
            Format::Template(template) => {
                values.try_for_each(|value| console::print(&self.filled(template, &value?)?))
            }
            Format::Table | Format::Wide => self.table(columns, values),
        }
    }

    fn table(&self, columns: &[Column], mut values: impl Iterator<Item = Result<Value>>) -> Result<()> {
        let is_wide = self.format == Format::Wide;
        let columns: Vec<&Column> = columns.iter().filter(|column| is_wide || column.rank != WIDE).collect();
        let mut layout: Option<Vec<(usize, usize)>> = None;
        loop {
            let rows: Vec<Value> = values.by_ref().take(ROWS_AT_ONCE).collect::<Result<_>>()?;
            let cells = |row: &Value| -> Vec<String> {
                columns.iter().map(|column| self.cell(find(row, column.key), column.kind)).collect()
            };
            let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
            let is_first = layout.is_none();
            if rows.is_empty() {
                return if is_first && !self.quiet { console::print("none") } else { Ok(()) };
            }
            let layout = layout.get_or_insert_with(|| self.layout(&columns, &rows));
            if is_first && !self.quiet {
                let titles: Vec<String> = columns.iter().map(|column| column.title.to_owned()).collect();
                console::print(&line(layout, &titles))?;
            }
            for row in &rows {
                console::print(&line(layout, row))?;
            }
        }
    }

    /// Chooses the columns that there is room for, each with its width.
    fn layout(&self, columns: &[&Column], rows: &[Vec<String>]) -> Vec<(usize, usize)> {
        let width_of = |number: usize| {
            let widest = rows.iter().map(|row| row[number].width()).max().unwrap_or_default();
            widest.max(columns[number].title.width())
        };
        let mut layout: Vec<(usize, usize)> =
            (0..columns.len()).map(|number| (number, width_of(number))).collect();
        let Some(room) = self.width.filter(|_| self.format != Format::Wide) else { return layout };
        let needed = |layout: &[(usize, usize)]| {
            layout.iter().map(|(_, width)| width).sum::<usize>() + GAP.len() * layout.len().saturating_sub(1)
        };
        while needed(&layout) > room && layout.len() > 1 {
            let Some(last) = layout
                .iter()
                .enumerate()
                .filter(|(_, (number, _))| columns[*number].rank > 0)
                .max_by_key(|(at, (number, _))| (columns[*number].rank, *at))
                .map(|(at, _)| at)
            else {
                break;
            };
            layout.remove(last);
        }
        // What must stay is cut: nothing wraps.
        while needed(&layout) > room {
            let Some(widest) =
                layout.iter_mut().max_by_key(|(_, width)| *width).filter(|(_, width)| *width > 4)
            else {
                break;
            };
            widest.1 -= 1;
        }
        layout
    }

    /// Shows one thing, a line for each of its properties; `name` is the key of what it is called.
    ///
    /// # Errors
    /// Those of writing.
    pub fn object(&self, lines: &[Column], name: &str, thing: &impl Serialize) -> Result<()> {
        let value = serde_json::to_value(thing)?;
        match &self.format {
            Format::Json => console::print(&serde_json::to_string_pretty(&value)?),
            Format::JsonLines => console::print(&value.to_string()),
            Format::Name => console::print(&self.cell(find(&value, name), Kind::Text)),
            Format::Template(template) => console::print(&self.filled(template, &value)?),
            Format::Table | Format::Wide => {
                let width = lines.iter().map(|line| line.title.width()).max().unwrap_or_default();
                for line in lines {
                    // One thing has room for whole digests and exact times.
                    let found = find(&value, line.key);
                    let text = match (line.kind, found) {
                        (Kind::Digest, found) => self.cell(found, Kind::Text),
                        (Kind::Time, Value::String(at)) if !self.utc => format!("{at} ({})", self.time(at)),
                        (kind, found) => self.cell(found, kind),
                    };
                    console::print(format!("{:width$}{GAP}{text}", line.title).trim_end())?;
                }
                Ok(())
            }
        }
    }

    /// Says what was done, and gives scripts what came of it.
    ///
    /// # Errors
    /// Those of writing.
    pub fn said(&self, text: &str, name: &str, thing: &impl Serialize) -> Result<()> {
        match &self.format {
            Format::Table | Format::Wide if self.quiet => Ok(()),
            Format::Table | Format::Wide => console::print(text),
            _ => self.object(&[], name, thing),
        }
    }

    /// Says what was made with its secret, which is told this once: also where no more than what was asked for is to be said.
    ///
    /// # Errors
    /// Those of writing.
    pub fn told_once(&self, text: &str, secret: &str, thing: &impl Serialize) -> Result<()> {
        match &self.format {
            Format::Table | Format::Wide => console::print(text),
            _ => self.object(&[], secret, thing),
        }
    }

    /// Whether a person reads this.
    pub fn is_for_people(&self) -> bool {
        matches!(self.format, Format::Table | Format::Wide)
    }
}

fn line(layout: &[(usize, usize)], cells: &[String]) -> String {
    let mut text = String::new();
    for (number, width) in layout {
        let cell = &cells[*number];
        let mut fitting = cell.clone();
        if cell.width() > *width {
            while fitting.width() > width.saturating_sub(1) {
                fitting.pop();
            }
            fitting.push('…');
        }
        let room = width.saturating_sub(fitting.width());
        text.push_str(&fitting);
        text.extend(std::iter::repeat_n(' ', room));
        text.push_str(GAP);
    }
    text.trim_end().to_owned()
}

/// The time of whoever runs a command.
#[expect(clippy::disallowed_methods, reason = "commands have the clock of their machine")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// Letters of a day such as 2026-11-01: what is longer is a time, and one without its zone is none.
const DAY_LETTERS: usize = 10;

/// Reads a time, how long ago it was, or a day in UTC, of which `of_day` gives the time that is meant.
fn parse_moment(text: &str, of_day: fn(Timestamp) -> Timestamp) -> Result<String, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(format!("{at:.6}"));
    }
    let seconds = |text: &str| {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let unit = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return None,
        };
        number.parse::<u32>().ok()?.checked_mul(unit)
    };
    if let Some(seconds) = seconds(text)
        && let Ok(at) = now().checked_sub(jiff::SignedDuration::from_secs(seconds.into()))
    {
        return Ok(format!("{at:.6}"));
    }
    let day = Some(text).filter(|text| text.len() == DAY_LETTERS);
    let day = day.and_then(|text| text.parse::<jiff::civil::Date>().ok());
    match day.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok()) {
        Some(began) => Ok(format!("{:.6}", of_day(began.timestamp()))),
        None => Err("must be a time such as 2026-11-01T12:00:00Z, a day such as 2026-11-01 in UTC, or how long ago, such as 90m, 12h or 30d".into()),
    }
}

/// Reads a time, how long ago it was, or the end of a day in UTC.
///
/// # Errors
/// When it is neither.
pub fn parse_time(text: &str) -> Result<String, String> {
    parse_moment(text, |began| {
        let day = jiff::SignedDuration::from_hours(24) - jiff::SignedDuration::from_micros(1);
        began.saturating_add(day).unwrap_or(began)
    })
}

/// Reads a time, how long ago it was, or the beginning of a day in UTC.
///
/// # Errors
/// When it is neither.
pub fn parse_beginning(text: &str) -> Result<String, String> {
    parse_moment(text, |began| began)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_day_is_its_end_or_its_beginning_and_a_time_has_its_zone() {
        let end = || Ok("2026-11-01T23:59:59.999999Z".to_owned());
        assert_eq!(parse_time("2026-11-01"), end());
        assert_eq!(parse_beginning("2026-11-01"), Ok("2026-11-01T00:00:00.000000Z".to_owned()));
        assert_eq!(parse_time("2026-11-01T12:00:00+02:00"), Ok("2026-11-01T10:00:00.000000Z".to_owned()));
        assert!(parse_time("30d").unwrap() < now().to_string());
        for neither in ["2026-11-01T12:00:00", "2026-11-01 12:00", "2026-11-01garbage", "now", "d", "", "5x"]
        {
            assert!(parse_time(neither).is_err() && parse_beginning(neither).is_err(), "{neither}");
        }
    }

    fn output(format: Format, width: Option<usize>) -> Output {
        Output { format, utc: false, quiet: false, width, now: "2026-11-30T12:00:00Z".parse().unwrap() }
    }

    const COLUMNS: &[Column] = &[
        column("TAG", "name", Kind::Text, 0),
        column("IMAGE", "digest", Kind::Digest, 1),
        column("SIZE", "size_bytes", Kind::Bytes, 2),
        column("PUSHED", "at", Kind::Time, 3),
    ];

    fn shown(width: Option<usize>) -> Vec<String> {
        let output = output(Format::Table, width);
        let rows = [
            json!({"name": "a-long-name-of-a-tag", "digest": format!("sha256:{}", "0".repeat(64)), "size_bytes": 1_500_000, "at": "2026-11-30T09:00:00Z"}),
        ];
        let columns: Vec<&Column> = COLUMNS.iter().collect();
        let cells: Vec<Vec<String>> = rows
            .iter()
            .map(|row| COLUMNS.iter().map(|column| output.cell(find(row, column.key), column.kind)).collect())
            .collect();
        let layout = output.layout(&columns, &cells);
        cells.iter().map(|row| line(&layout, row)).collect()
    }

    #[test]
    fn columns_go_until_a_table_fits_and_then_cells_are_cut() {
        assert_eq!(shown(None), ["a-long-name-of-a-tag  sha256:000000000000  1.50 MB  3 h ago"]);
        assert_eq!(shown(Some(55)), ["a-long-name-of-a-tag  sha256:000000000000  1.50 MB"]);
        assert_eq!(shown(Some(30)), ["a-long-name-of-a-tag"]);
        assert_eq!(shown(Some(10)), ["a-long-na…"]);
    }

    #[test]
    fn ages_are_short_and_exact_times_on_request() {
        let output = output(Format::Table, None);
        for (at, age) in [
            ("2026-11-30T11:59:30Z", "30 s ago"),
            ("2026-11-30T11:00:00Z", "60 min ago"),
            ("2026-11-29T12:00:00Z", "24 h ago"),
            ("2026-11-01T12:00:00Z", "29 d ago"),
            ("2026-11-30T15:00:00Z", "in 3 h"),
            ("never", "never"),
        ] {
            assert_eq!(output.time(at), age);
        }
        assert_eq!(Output { utc: true, ..output }.time("2026-11-30T11:59:30.5Z"), "2026-11-30T11:59:30Z");
    }

    #[test]
    fn what_others_have_named_moves_no_cursor() {
        assert_eq!(
            output(Format::Table, None).cell(&json!("a\u{1b}[2J\n"), Kind::Text),
            "a\u{fffd}[2J\u{fffd}"
        );
    }

    #[test]
    fn templates_are_filled() {
        let output = output(Format::Json, None);
        let value = json!({"name": "v1", "image": {"size_bytes": 7}, "none": null});
        assert_eq!(output.filled("{name}:{image.size_bytes}{none}{none.more}", &value).unwrap(), "v1:7");
        let unknown = output.filled("{name}{no}", &value).unwrap_err().to_string();
        assert_eq!(unknown, "the template asks for {no}, which is not there; there is image, name, none");
        assert!(output.filled("{name", &value).is_err());
        assert_eq!("template={a}\\t{b}".parse(), Ok(Format::Template("{a}\t{b}".into())));
        assert!("yaml".parse::<Format>().is_err());
    }

    #[test]
    fn a_day_is_its_end() {
        assert_eq!(parse_time("2026-11-01").unwrap(), "2026-11-01T23:59:59.999999Z");
        assert_eq!(parse_time("2026-11-01T12:00:00Z").unwrap(), "2026-11-01T12:00:00.000000Z");
        assert!(parse_time("yesterday").is_err());
    }
}
