//! Lists of tags: one query, and for each order the statement that an index serves.

use longshore_domain::image::{ImageStatus, TagFilter, TagQuery};
use longshore_domain::name::Tag;
use longshore_domain::page::{KeyedPage, Page};
use longshore_domain::repository::RepositoryId;
use longshore_domain::tag_order::{SortValue, TagKey, TagOrder, TagSort};
use longshore_domain::{Error, Result};

use super::marks::{PULLED, PUSHED, SIZE, SORT, VERSION, WANTED, WANTED_TAGS, directed};
use super::{end_of, overfull};
use crate::tx::{Row, SqlTx, Value, row, values};

/// Returns whether the filter's tags are active, if that matters, and since when they must be for that.
fn activity(filter: &TagFilter) -> (Option<i64>, i64) {
    match filter.status {
        None => (None, 0),
        Some((status, from)) => (Some(i64::from(status == ImageStatus::Active)), from.as_microsecond()),
    }
}

/// Returns between which names those lie that begin so, strictly after one, the second one excluded.
pub(super) fn names_between(beginning: &str, after: Option<&str>) -> (String, String) {
    // No name is between one and this.
    let behind = after.map(|name| format!("{name}\u{1}"));
    (behind.unwrap_or_default().max(beginning.to_owned()), end_of(beginning))
}

/// Returns between which names the tags of a page by name lie, the second one excluded: those behind one, up to another one.
fn names_of(query: &TagQuery, until: Option<&TagKey>) -> (String, String) {
    let (after, until) = (query.after.as_ref(), until.map(|until| until.name.as_str()));
    let after = after.map(|after| after.name.as_str());
    let (low, high) = names_between(&query.filter.name_beginning, None);
    if query.order.is_descending {
        let high = after.map_or(high.clone(), |after| high.min(after.to_owned()));
        return (until.map_or(low.clone(), |until| low.max(until.to_owned())), high);
    }
    let (low, _) = names_between(&query.filter.name_beginning, after);
    // No name is between one and this.
    (low, until.map_or(high.clone(), |until| high.min(format!("{until}\u{1}"))))
}

/// Returns the column that tags are sorted by besides their names; `None` when it is names alone.
fn column(by: TagSort) -> Option<&'static str> {
    match by {
        TagSort::Name => None,
        TagSort::Pushed => Some(PUSHED),
        TagSort::Pulled => Some(PULLED),
        TagSort::Size => Some(SIZE),
        TagSort::Version => Some(VERSION),
    }
}

/// Puts what tags are sorted by, and the direction, into a statement.
fn sorted(sql: &str, order: TagOrder) -> String {
    let sql = directed(sql, order.is_descending);
    column(order.by).map_or(sql.clone(), |column| SORT.put(&sql, column))
}

/// Returns what comes before all tags of an order, or behind them.
fn edge(by: TagSort, is_least: bool) -> SortValue {
    match (by, is_least) {
        (TagSort::Name, _) => SortValue::Name,
        (TagSort::Version, true) => SortValue::Text(String::new()),
        (TagSort::Version, false) => SortValue::Text(char::MAX.to_string()),
        (TagSort::Pushed | TagSort::Pulled | TagSort::Size, true) => SortValue::Number(i64::MIN),
        (TagSort::Pushed | TagSort::Pulled | TagSort::Size, false) => SortValue::Number(i64::MAX),
    }
}

/// Returns the values by which a tag is compared with where another one stands, or with what comes before or behind all.
fn place(order: TagOrder, key: Option<&TagKey>, is_first: bool) -> Result<Vec<Value>> {
    let (value, name) = match key {
        Some(key) if !order.by.is_of(&key.value) => {
            return Err(Error::internal("a place in another order of tags"));
        }
        Some(key) => (key.value.clone(), key.name.as_str()),
        None => (edge(order.by, is_first != order.is_descending), ""),
    };
    Ok(match value {
        SortValue::Name => row![name],
        SortValue::Number(number) => row![number, name],
        SortValue::Text(text) => row![text, name],
    })
}

/// Returns what reads where a tag stands from its name and what it is sorted by.
fn keys(by: TagSort) -> fn(&Row<'_>) -> Result<TagKey> {
    match by {
        TagSort::Name => |row| Ok(TagKey { value: SortValue::Name, name: row.text(0)? }),
        TagSort::Pushed | TagSort::Pulled | TagSort::Size => {
            |row| Ok(TagKey { value: SortValue::Number(row.int(1)?), name: row.text(0)? })
        }
        TagSort::Version => |row| Ok(TagKey { value: SortValue::Text(row.text(1)?), name: row.text(0)? }),
    }
}

/// Returns the values that [`WANTED`] compares with, and before them the repository and the names between which tags lie.
pub(super) fn wanted(
    repository: RepositoryId,
    (low, high): (String, String),
    filter: &TagFilter,
) -> Vec<Value> {
    let (is_active, from) = activity(filter);
    let TagFilter { name_part, os, architecture, .. } = filter;
    let is_by_platform = i64::from(filter.is_by_platform());
    row![
        repository.0,
        low,
        high,
        name_part.as_str(),
        is_active,
        from,
        is_by_platform,
        os.as_str(),
        architecture.as_str(),
        i64::from(filter.leaves_out_digests)
    ]
}

impl SqlTx<'_> {
    /// Finds the names of a query's tags, in an index.
    pub(super) async fn find_tags(&mut self, query: &TagQuery) -> Result<KeyedPage<Tag, TagKey>> {
        let behind;
        let mut query = query;
        if query.offset > 0 && query.after.is_none() && query.filter.is_empty() {
            // What a page number leaves out is passed over in the index, without looking at any of it.
            let skipped = u32::try_from(query.offset).unwrap_or(u32::MAX);
            let Some(last) = self.last_of(query, skipped).await? else {
                return Ok(KeyedPage { items: Vec::new(), next: None });
            };
            behind = TagQuery { after: Some(last), offset: 0, ..query.clone() };
            query = &behind;
        }
        let is_by_name = query.order.by == TagSort::Name;
        // What an index of names alone has in order.
        let is_range = query.filter.is_beginning() && is_by_name;
        let until = match query.examined {
            Some(examined) if !is_range && !query.filter.is_empty() => self.last_of(query, examined).await?,
            _ => None,
        };
        let found = match is_by_name {
            true => self.find_tags_by_name(query, until.as_ref()).await?,
            false => self.find_sorted_tags(query, until.as_ref()).await?,
        };
        let Page { items, has_more } = Page::from_overfull(found, query.size);
        let next = if has_more { items.last().cloned() } else { until };
        let items = items.into_iter().map(|found| found.name.parse());
        Ok(KeyedPage { items: items.collect::<Result<_>>()?, next })
    }

    async fn find_tags_by_name(&mut self, query: &TagQuery, until: Option<&TagKey>) -> Result<Vec<TagKey>> {
        let TagQuery { repository, filter, order, offset, size, .. } = query;
        let (names, limit) = (names_of(query, until), overfull(*size));
        if filter.is_empty() && !order.is_descending {
            // What programs ask for that pull and push: nothing but the index is looked at.
            return self
                .all(
                    "SELECT name FROM tags WHERE repository_id = $1 AND name >= $2 ORDER BY name LIMIT $3 OFFSET $4",
                    values![repository.0, names.0, limit, *offset],
                    keys(order.by),
                )
                .await;
        }
        let sql = directed(
            "SELECT t.name FROM tags t WHERE t.repository_id = $1 AND t.name >= $2 AND t.name < $3 AND {wanted}
             ORDER BY t.name{direction} LIMIT $11 OFFSET $12",
            order.is_descending,
        );
        let mut values = wanted(*repository, names, filter);
        values.extend(row![limit, *offset]);
        self.all(&WANTED_TAGS.put(&sql, WANTED), &values, keys(order.by)).await
    }

    async fn find_sorted_tags(&mut self, query: &TagQuery, until: Option<&TagKey>) -> Result<Vec<TagKey>> {
        let TagQuery { repository, filter, after, order, offset, size, .. } = query;
        // What is put behind a column keeps SQLite from the index of names where another one is in order.
        let sql = sorted(
            "SELECT t.name, {sort} FROM tags t
             WHERE t.repository_id = $1 AND t.name || '' >= $2 AND t.name || '' < $3 AND {wanted}
                 AND ({sort}, t.name) {behind} ($11, $12) AND ({sort}, t.name) {up_to} ($13, $14)
             ORDER BY {sort}{direction}, t.name{direction} LIMIT $15 OFFSET $16",
            *order,
        );
        let mut values = wanted(*repository, names_between(&filter.name_beginning, None), filter);
        values.extend(place(*order, after.as_ref(), true)?);
        values.extend(place(*order, until, false)?);
        values.extend(row![overfull(*size), *offset]);
        self.all(&WANTED_TAGS.put(&sql, WANTED), &values, keys(order.by)).await
    }

    /// Finds the last of so many tags from where a page begins, whether they are wanted or not; `None` when there are fewer.
    async fn last_of(&mut self, query: &TagQuery, examined: u32) -> Result<Option<TagKey>> {
        let TagQuery { repository, after, order, .. } = query;
        let before = i64::from(examined.max(1)) - 1;
        if order.by == TagSort::Name {
            let (low, high) = names_of(query, None);
            let sql = directed(
                "SELECT t.name FROM tags t WHERE t.repository_id = $1 AND t.name >= $2 AND t.name < $3
                 ORDER BY t.name{direction} LIMIT 1 OFFSET $4",
                order.is_descending,
            );
            return self.first(&sql, values![repository.0, low, high, before], keys(order.by)).await;
        }
        let sql = sorted(
            "SELECT t.name, {sort} FROM tags t WHERE t.repository_id = $1 AND ({sort}, t.name) {behind} ($2, $3)
             ORDER BY {sort}{direction}, t.name{direction} LIMIT 1 OFFSET $4",
            *order,
        );
        let mut values = row![repository.0];
        values.extend(place(*order, after.as_ref(), true)?);
        values.extend(row![before]);
        self.first(&sql, &values, keys(order.by)).await
    }
}
