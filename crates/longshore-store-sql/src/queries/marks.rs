//! Marks in statements, each of which stands for one of a few texts that are written once: columns, and directions of orders.
//!
//! Tests look at each statement that can come of that ([`texts_of`]). What lists may show has marks of its own (`visible`).

/// A mark, and the texts for it.
pub(super) struct Mark {
    name: &'static str,
    texts: &'static [&'static str],
}

/// What is read of a repository `r`: itself, or with its totals `t` and creator `c` all that lists show.
pub(super) const COLUMNS: Mark = Mark { name: "{columns}", texts: &[REPOSITORY, LISTING] };
pub(super) const REPOSITORY: &str = "r.id, r.namespace_id, r.name, r.visibility, r.created_at";
pub(super) const LISTING: &str =
    "r.id, r.namespace_id, r.name, r.visibility, r.created_at, r.description, r.full_description,
     r.has_immutable_tags, r.immutable_tag_rules, coalesce(t.pulls, 0), coalesce(t.updated_at, r.created_at),
     r.category, c.uuid, c.name";

/// Which end of an order comes first.
pub(super) const DIRECTION: Mark = Mark { name: "{direction}", texts: &["", DESCENDING] };
const DESCENDING: &str = " DESC";

/// Totals of repositories that an index has in order, by namespace.
pub(super) const TOTAL: Mark = Mark { name: "{total}", texts: &[UPDATED, PULLS] };
pub(super) const UPDATED: &str = "t.updated_at";
pub(super) const PULLS: &str = "t.pulls";

const MARKS: &[&Mark] = &[&COLUMNS, &DIRECTION, &TOTAL];

impl Mark {
    /// Puts one of the mark's texts into a statement.
    pub(super) fn put(&self, sql: &str, text: &'static str) -> String {
        debug_assert!(self.texts.contains(&text), "{} does not stand for {text:?}", self.name);
        sql.replace(self.name, text)
    }
}

/// Puts a direction into a statement.
pub(super) fn directed(sql: &str, is_descending: bool) -> String {
    DIRECTION.put(sql, if is_descending { DESCENDING } else { "" })
}

/// Returns all texts that one with marks stands for.
pub(super) fn texts_of(sql: &str) -> Vec<String> {
    let mut found = vec![sql.to_owned()];
    for mark in MARKS.iter().filter(|mark| sql.contains(mark.name)) {
        found = found.iter().flat_map(|sql| mark.texts.iter().map(|text| mark.put(sql, text))).collect();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stands_for_each_choice_of_its_marks() {
        assert_eq!(texts_of("SELECT 1"), ["SELECT 1"]);
        assert_eq!(
            texts_of("SELECT 1 ORDER BY {total}{direction}"),
            [
                "SELECT 1 ORDER BY t.updated_at",
                "SELECT 1 ORDER BY t.pulls",
                "SELECT 1 ORDER BY t.updated_at DESC",
                "SELECT 1 ORDER BY t.pulls DESC"
            ]
        );
        assert_eq!(texts_of("SELECT {columns}").len(), 2);
    }
}
