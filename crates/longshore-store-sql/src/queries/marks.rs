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
     r.category, c.uuid, c.name, coalesce(t.stored_bytes, 0)";

/// Which end of an order comes first.
pub(super) const DIRECTION: Mark = Mark { name: "{direction}", texts: &["", DESCENDING] };
const DESCENDING: &str = " DESC";

/// Totals of repositories that an index has in order, by namespace.
pub(super) const TOTAL: Mark = Mark { name: "{total}", texts: &[UPDATED, PULLS, STORED] };
pub(super) const UPDATED: &str = "t.updated_at";
pub(super) const PULLS: &str = "t.pulls";
pub(super) const STORED: &str = "t.stored_bytes";

/// What tags `t` are sorted by besides their names, each with an index of its own.
pub(super) const SORT: Mark = Mark { name: "{sort}", texts: &[PUSHED, PULLED, SIZE, VERSION] };
pub(super) const PUSHED: &str = "t.updated_at";
pub(super) const PULLED: &str = "t.pulled_at";
pub(super) const SIZE: &str = "t.size_bytes";
pub(super) const VERSION: &str = "t.version_key";
/// How what comes behind something compares with it, and how what comes not behind it does.
const BEHIND: Mark = Mark { name: "{behind}", texts: &[">", "<"] };
const UP_TO: Mark = Mark { name: "{up_to}", texts: &["<=", ">="] };

/// What images `i` are sorted by besides their digests and activity, each with an index of its own.
pub(super) const IMAGE_SORT: Mark = Mark { name: "{image_sort}", texts: &[IMAGE_PUSHED, IMAGE_SIZE] };
pub(super) const IMAGE_PUSHED: &str = "i.pushed_at";
pub(super) const IMAGE_SIZE: &str = "i.size_bytes";

/// Which images `i` are wanted by what they are: $4 to $8 are whether that matters, a kind, an artifact type, an operating
/// system, and an architecture.
pub(super) const OF_NATURE: Mark = Mark { name: "{of_nature}", texts: &[IS_OF_NATURE] };
pub(super) const IS_OF_NATURE: &str =
    "(CAST($4 AS BIGINT) = 0 OR EXISTS (SELECT 1 FROM manifests m WHERE m.id = i.manifest_id
    AND (CAST($5 AS TEXT) = '' OR $5 = CASE WHEN m.kind = 'index' THEN 'index'
        WHEN m.artifact_type IS NULL OR m.artifact_type IN ('application/vnd.oci.image.config.v1+json',
            'application/vnd.docker.container.image.v1+json') THEN 'image'
        ELSE 'artifact' END)
    AND (CAST($6 AS TEXT) = '' OR m.artifact_type = $6)
    AND (CAST($7 AS TEXT) = '' AND CAST($8 AS TEXT) = '' OR 1 = (
        SELECT count(*) FROM (SELECT 1 FROM manifest_platforms p WHERE p.manifest_id = m.id
            AND ($7 = '' OR p.os = $7) AND ($8 = '' OR p.architecture = $8) LIMIT 1) AS found))))";

/// Which images `i` are wanted, by whether a current tag reaches them.
pub(super) const REACHED: Mark = Mark { name: "{reached}", texts: &["", IS_REACHED, IS_NOT_REACHED] };
const IS_REACHED: &str = " AND (i.is_tagged = 1 OR EXISTS (
    SELECT 1 FROM parts_of_tagged p WHERE p.manifest_id = i.manifest_id))";
const IS_NOT_REACHED: &str = " AND i.is_tagged = 0 AND NOT EXISTS (
    SELECT 1 FROM parts_of_tagged p WHERE p.manifest_id = i.manifest_id)";
/// The same where no index of tagged images is in order, from which the sign keeps SQLite.
const PLAINLY_REACHED: Mark =
    Mark { name: "{plainly_reached}", texts: &["", IS_PLAINLY_REACHED, IS_NOT_PLAINLY_REACHED] };
const IS_PLAINLY_REACHED: &str = " AND (+i.is_tagged = 1 OR EXISTS (
    SELECT 1 FROM parts_of_tagged p WHERE p.manifest_id = i.manifest_id))";
const IS_NOT_PLAINLY_REACHED: &str = " AND +i.is_tagged = 0 AND NOT EXISTS (
    SELECT 1 FROM parts_of_tagged p WHERE p.manifest_id = i.manifest_id)";

/// Which tags `t` are wanted: $4 to $10 are a part of the name, whether they are active and since when they must be for that,
/// whether it matters what they run on, the operating system, the architecture, and whether names made of digests are left out.
///
/// `replace` compares letter for letter on both engines, unlike `LIKE`; platforms are counted up to one so that PostgreSQL does
/// not begin with all manifests of a platform.
pub(super) const WANTED_TAGS: Mark = Mark { name: "{wanted}", texts: &[WANTED] };
pub(super) const WANTED: &str = "(CAST($4 AS TEXT) = '' OR replace(t.name, $4, '') <> t.name)
    AND (CAST($5 AS BIGINT) IS NULL OR $5 = CASE WHEN t.updated_at >= $6 OR t.pulled_at >= $6 THEN 1 ELSE 0 END)
    AND (CAST($7 AS BIGINT) = 0 OR 1 = (
        SELECT count(*) FROM (SELECT 1 FROM manifest_platforms m WHERE m.manifest_id = t.manifest_id
            AND (CAST($8 AS TEXT) = '' OR m.os = $8)
            AND (CAST($9 AS TEXT) = '' OR m.architecture = $9) LIMIT 1) AS found))
    AND (CAST($10 AS BIGINT) = 0 OR substr(t.name, 1, 7) <> 'sha256-' OR length(t.name) < 71)";

/// Which of the repositories `r` of a namespace, with their totals `t`, are wanted: $2 to $5 are the pattern of names, the
/// visibility, and between which times the last push lies, the second one excluded. What is put behind a column keeps engines
/// from looking for it in an index where another one is in order.
pub(super) const IN_NAMESPACE: Mark = Mark { name: "{in_namespace}", texts: &[IS_IN_NAMESPACE] };
pub(super) const IS_IN_NAMESPACE: &str = "r.name || '' LIKE $2 ESCAPE '!'
    AND (CAST($3 AS TEXT) IS NULL OR r.visibility || '' = $3)
    AND coalesce(t.updated_at, r.created_at) >= $4 AND coalesce(t.updated_at, r.created_at) < $5";

/// Which of an account's own repositories `r` in the namespaces `a` are wanted: $1 to $5 are the name of the namespace, the
/// pattern of names, the category, the visibility, and the number of the namespace.
pub(super) const OF_OWN: Mark = Mark { name: "{of_own}", texts: &[IS_OF_OWN] };
pub(super) const IS_OF_OWN: &str = "(CAST($1 AS TEXT) IS NULL OR a.name = $1) AND r.name LIKE $2 ESCAPE '!'
    AND (CAST($3 AS TEXT) IS NULL OR r.category = $3)
    AND (CAST($4 AS TEXT) IS NULL OR r.visibility = $4)
    AND (CAST($5 AS BIGINT) IS NULL OR r.namespace_id = $5)";

/// Repositories `r`, in the namespaces `a`, that are `shared`: $1 to $3 are the time, with whom, and by whom.
const SHARED: Mark = Mark { name: "{shared}", texts: &[IS_SHARED] };
const IS_SHARED: &str = "(SELECT h.repository_id,
    max(CASE WHEN h.expires_at IS NULL OR h.expires_at > $1 THEN 1 ELSE 0 END) AS is_valid
    FROM repository_shares h JOIN repositories o ON o.id = h.repository_id
    WHERE h.repository_id IN (
    SELECT b.repository_id FROM repository_shares b WHERE b.account_id = $2
    UNION SELECT b.id FROM repositories b WHERE b.namespace_id = $3
    UNION SELECT b.id FROM organization_members m JOIN repositories b ON b.namespace_id = m.organization_id
    WHERE m.user_id = $3 AND m.role = 'owner')
    AND (CAST($2 AS BIGINT) = 0 OR h.account_id = $2)
    GROUP BY h.repository_id) AS shared
    JOIN repositories r ON r.id = shared.repository_id JOIN accounts a ON a.id = r.namespace_id";
/// Which of those are wanted: $4 to $8 are as $1 to $4 of [`OF_OWN`], and whether shares are valid.
const OF_SHARED: Mark = Mark { name: "{of_shared}", texts: &[IS_OF_SHARED] };
const IS_OF_SHARED: &str = "(CAST($4 AS TEXT) IS NULL OR a.name = $4) AND r.name LIKE $5 ESCAPE '!'
    AND (CAST($6 AS TEXT) IS NULL OR r.category = $6)
    AND (CAST($7 AS TEXT) IS NULL OR r.visibility = $7)
    AND (CAST($8 AS BIGINT) IS NULL OR shared.is_valid = $8)";

/// What is read of a member `m`: itself, or with its account `a`.
pub(super) const MEMBERS: Mark = Mark { name: "{member}", texts: &[MEMBER, MEMBER_ACCOUNT] };
pub(super) const MEMBER: &str = "a.name, m.role, m.created_at";
pub(super) const MEMBER_ACCOUNT: &str =
    "a.id, a.uuid, a.kind, a.name, a.is_active, a.is_administrator, a.credential_epoch, a.created_at,
     a.is_verified_publisher, a.plan, a.full_name, a.company, a.location, a.profile_url, a.email,
     m.role, m.created_at";

const MARKS: &[&Mark] = &[
    &IMAGE_SORT,
    &OF_NATURE,
    &IN_NAMESPACE,
    &COLUMNS,
    &DIRECTION,
    &BEHIND,
    &UP_TO,
    &SORT,
    &TOTAL,
    &REACHED,
    &PLAINLY_REACHED,
    &WANTED_TAGS,
    &OF_OWN,
    &SHARED,
    &OF_SHARED,
    &MEMBERS,
];

impl Mark {
    /// Puts one of the mark's texts into a statement.
    pub(super) fn put(&self, sql: &str, text: &'static str) -> String {
        debug_assert!(self.texts.contains(&text), "{} does not stand for {text:?}", self.name);
        sql.replace(self.name, text)
    }
}

/// Puts a direction into a statement.
pub(super) fn directed(sql: &str, is_descending: bool) -> String {
    let (direction, behind, up_to) = if is_descending { (DESCENDING, "<", ">=") } else { ("", ">", "<=") };
    UP_TO.put(&BEHIND.put(&DIRECTION.put(sql, direction), behind), up_to)
}

/// Puts whether a current tag must reach images into a statement.
pub(super) fn reached(sql: &str, is_tagged: Option<bool>) -> String {
    let (text, plainly) = match is_tagged {
        None => ("", ""),
        Some(true) => (IS_REACHED, IS_PLAINLY_REACHED),
        Some(false) => (IS_NOT_REACHED, IS_NOT_PLAINLY_REACHED),
    };
    PLAINLY_REACHED.put(&REACHED.put(sql, text), plainly)
}

/// Puts the shared repositories, and which of them are wanted, into a statement.
pub(super) fn with_shared(sql: &str) -> String {
    OF_SHARED.put(&SHARED.put(sql, IS_SHARED), IS_OF_SHARED)
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
        assert_eq!(texts_of("WITH 1"), ["WITH 1"]);
        assert_eq!(
            texts_of("WITH 1 ORDER BY {total}{direction}"),
            [
                "WITH 1 ORDER BY t.updated_at",
                "WITH 1 ORDER BY t.pulls",
                "WITH 1 ORDER BY t.stored_bytes",
                "WITH 1 ORDER BY t.updated_at DESC",
                "WITH 1 ORDER BY t.pulls DESC",
                "WITH 1 ORDER BY t.stored_bytes DESC"
            ]
        );
        assert_eq!(texts_of("WITH {columns}").len(), 2);
    }
}
