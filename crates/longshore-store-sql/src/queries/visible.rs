//! What lists of repositories show, as SQL: the only place that turns the rule of `access::policy::Visible` into conditions.
//!
//! A statement over `repositories r` has a mark where the condition belongs: [`VISIBLE`] for the whole condition, [`PART`] for
//! those parts of it that an index finds, whose rows are put together, [`OWN`] for what is an account's own besides, and
//! [`ENABLED`] for lists that have a rule of their own.

use longshore_domain::access::policy::Visible;
use longshore_domain::account::AccountId;

use super::marks;
use crate::tx::{SqlTx, Value};

/// Stands for the whole condition.
const VISIBLE: &str = "{visible}";
/// Stands for a part of it.
const PART: &str = "{part}";
/// Stands for the whole condition, and that the repository is one of an account's own.
const OWN: &str = "{own}";
/// Stands for: not in an organization that is disabled.
const ENABLED: &str = "{enabled}";

const IS_PUBLIC: &str = "r.visibility = 'public'";
const IS_IN_OWN_NAMESPACE: &str = "r.namespace_id = {account}";
const IS_IN_NAMESPACES: &str =
    "r.namespace_id IN (SELECT n.namespace_id FROM user_namespaces n WHERE n.user_id = {account})";
const IS_AMONG_REPOSITORIES: &str =
    "r.id IN (SELECT u.repository_id FROM user_repositories u WHERE u.user_id = {account})";
/// Both of one's own namespace and the others, of which an index finds each.
const IS_IN_ANY_NAMESPACE: &str = "r.namespace_id IN (
    SELECT {account} UNION SELECT n.namespace_id FROM user_namespaces n WHERE n.user_id = {account})";
/// The same repositories as by those conditions.
const SEEN: &str = "
    SELECT o.id FROM repositories o WHERE o.namespace_id = {account}
    UNION SELECT o.id FROM user_namespaces n JOIN repositories o ON o.namespace_id = n.namespace_id WHERE n.user_id = {account}
    UNION SELECT u.repository_id FROM user_repositories u WHERE u.user_id = {account}";
/// All of the organizations of a user, whether or not it sees them.
const OF_ORGANIZATIONS: &str = "
    SELECT o.id FROM organization_members m JOIN repositories o ON o.namespace_id = m.organization_id
    WHERE m.user_id = {account}";

/// Which engine a statement is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    Sqlite,
    Postgres,
}

/// Returns the condition that a repository is not in an organization that is disabled, of which there are few.
fn enabled(dialect: Dialect) -> &'static str {
    match dialect {
        // Found once for the statement. PostgreSQL's planner counts that for each row, and reads whole tables instead.
        Dialect::Sqlite => {
            "r.namespace_id NOT IN (SELECT d.id FROM accounts d
                 WHERE d.kind = 'organization' AND d.is_active = 0 AND d.deleted_at IS NULL)"
        }
        // An anti join. SQLite would look at an account for each row.
        Dialect::Postgres => {
            "NOT EXISTS (SELECT 1 FROM accounts d
                 WHERE d.id = r.namespace_id AND d.kind = 'organization' AND d.is_active = 0 AND d.deleted_at IS NULL)"
        }
    }
}

/// A condition, with the account that it is about.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    text: String,
    account: Option<AccountId>,
}

impl Condition {
    /// Returns the condition for all that may be seen.
    fn of(visible: Visible) -> Self {
        let (text, account) = match visible {
            Visible::Nothing => ("1 = 0".to_owned(), None),
            Visible::All => ("1 = 1".to_owned(), None),
            Visible::Public => (format!("{IS_PUBLIC} AND {ENABLED}"), None),
            Visible::OfAccount(account) => {
                let any = [IS_PUBLIC, IS_IN_OWN_NAMESPACE, IS_IN_NAMESPACES, IS_AMONG_REPOSITORIES];
                (format!("({}) AND {ENABLED}", any.join(" OR ")), Some(account))
            }
        };
        Self { text, account }
    }

    /// Returns conditions which together hold for all that may be seen, and each of which an index finds.
    pub(super) fn parts_of(visible: Visible) -> Vec<Self> {
        let Visible::OfAccount(account) = visible else { return vec![Self::of(visible)] };
        let of_account =
            |condition: &str| Self { text: format!("{condition} AND {ENABLED}"), account: Some(account) };
        vec![Self::of(Visible::Public), of_account(IS_IN_ANY_NAMESPACE), of_account(IS_AMONG_REPOSITORIES)]
    }

    /// Returns the condition for all that may be seen and is an account's own: in its own namespace or in those of its
    /// organizations, or where it has a permission.
    fn own(visible: Visible, account: AccountId) -> Self {
        let text = match visible {
            Visible::Nothing => return Self::of(visible),
            Visible::All => format!("r.id IN ({SEEN} UNION {OF_ORGANIZATIONS})"),
            Visible::Public => {
                format!("r.id IN ({SEEN} UNION {OF_ORGANIZATIONS}) AND {IS_PUBLIC} AND {ENABLED}")
            }
            Visible::OfAccount(_) => {
                format!("r.id IN ({SEEN} UNION {OF_ORGANIZATIONS} AND o.visibility = 'public') AND {ENABLED}")
            }
        };
        Self { text, account: Some(account) }
    }

    /// Puts the condition into a statement, in the place of its mark, and the account among the values, in the order of first
    /// use: the parameters behind the mark that are not before it are numbered anew.
    fn put_into(&self, sql: &str, values: Vec<Value>, dialect: Dialect) -> (String, Vec<Value>) {
        let mark = [PART, OWN].into_iter().find(|mark| sql.contains(mark)).unwrap_or(VISIBLE);
        let (before, after) = sql.split_once(mark).unwrap_or((sql, ""));
        let text = self.text.replace(ENABLED, enabled(dialect));
        let Some(account) = self.account else { return (format!("{before}{text}{after}"), values) };
        let number = parameters(before).max().unwrap_or_default() + 1;
        let text = text.replace("{account}", &format!("${number}"));
        let mut values = values;
        values.insert(number - 1, account.0.into());
        (format!("{before}{text}{}", moved(after, number)), values)
    }
}

impl SqlTx<'_> {
    fn dialect(&self) -> Dialect {
        match self.has_one_writer() {
            true => Dialect::Sqlite,
            false => Dialect::Postgres,
        }
    }

    /// Returns a statement, and its values, for what may be seen.
    pub(super) fn showing(&self, visible: Visible, sql: &str, values: Vec<Value>) -> (String, Vec<Value>) {
        self.with_condition(&Condition::of(visible), sql, values)
    }

    /// Returns a statement, and its values, for what may be seen and is an account's own.
    pub(super) fn showing_own(
        &self,
        visible: Visible,
        account: AccountId,
        sql: &str,
        values: Vec<Value>,
    ) -> (String, Vec<Value>) {
        self.with_condition(&Condition::own(visible, account), sql, values)
    }

    /// Returns a statement, and its values, with one of the parts of a condition.
    pub(super) fn with_condition(
        &self,
        condition: &Condition,
        sql: &str,
        values: Vec<Value>,
    ) -> (String, Vec<Value>) {
        condition.put_into(sql, values, self.dialect())
    }

    /// Returns a statement for what is in no organization that is disabled.
    pub(super) fn only_enabled(&self, sql: &str) -> String {
        sql.replace(ENABLED, enabled(self.dialect()))
    }
}

/// Returns the numbers of the parameters of a text.
fn parameters(text: &str) -> impl Iterator<Item = usize> {
    text.split('$').skip(1).filter_map(|part| {
        let end = part.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(part.len());
        part[..end].parse().ok()
    })
}

/// Returns the parameters from a number on the next number.
fn moved(text: &str, from: usize) -> String {
    let mut pieces = text.split('$');
    let mut moved = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(piece.len());
        let number = piece[..end].parse::<usize>().unwrap_or_default();
        moved.push_str(&format!("${}{}", number + usize::from(number >= from), &piece[end..]));
    }
    moved
}

/// Returns all statements that a text stands for, of both engines, for tests that look at each.
pub fn statements_of(sql: &str) -> Vec<String> {
    let mut found: Vec<_> = marks::texts_of(sql).iter().flat_map(|text| for_all_who_see(text)).collect();
    found.sort();
    found.dedup();
    found
}

/// Returns the statements, of both engines, that a text without other marks stands for.
fn for_all_who_see(sql: &str) -> Vec<String> {
    let account = AccountId(1);
    let kinds = [Visible::Nothing, Visible::Public, Visible::OfAccount(account), Visible::All];
    let conditions: Vec<Condition> = match sql {
        _ if sql.contains(PART) => kinds.into_iter().flat_map(Condition::parts_of).collect(),
        _ if sql.contains(OWN) => kinds.map(|visible| Condition::own(visible, account)).into(),
        _ if sql.contains(VISIBLE) => kinds.map(Condition::of).into(),
        _ => vec![Condition { text: String::new(), account: None }],
    };
    let values = || parameters(sql).map(|_| Value::Null).collect::<Vec<_>>();
    let mut found = Vec::new();
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let texts = conditions.iter().map(|condition| condition.put_into(sql, values(), dialect).0);
        found.extend(texts.map(|text| text.replace(ENABLED, enabled(dialect))));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_is_numbered_where_it_stands() {
        let sql = "WITH $1 WHERE $2 AND {visible} AND $1 LIMIT $3 OFFSET $10";
        let values = || (1..=10_i64).map(Value::from).collect::<Vec<_>>();
        let (text, bound) =
            Condition::of(Visible::OfAccount(AccountId(77))).put_into(sql, values(), Dialect::Sqlite);
        assert!(text.starts_with("WITH $1 WHERE $2 AND (r.visibility = 'public' OR "), "{text}");
        assert!(text.contains("u.user_id = $3)) AND ") && !text.contains("{account}"), "{text}");
        assert!(text.ends_with(" AND $1 LIMIT $4 OFFSET $11"), "{text}");
        assert!(matches!(bound[..4], [Value::Int(1), Value::Int(2), Value::Int(77), Value::Int(3)]));
        let (text, bound) = Condition::of(Visible::All).put_into(sql, values(), Dialect::Sqlite);
        assert_eq!(text, "WITH $1 WHERE $2 AND 1 = 1 AND $1 LIMIT $3 OFFSET $10");
        assert_eq!(bound.len(), 10);
    }

    #[test]
    fn a_text_without_a_mark_is_one_statement() {
        assert_eq!(statements_of("WITH 1"), ["WITH 1"]);
        assert_eq!(statements_of("WITH 1 WHERE {visible}").len(), 6);
        assert_eq!(statements_of("WITH 1 WHERE {part}").len(), 8);
        assert_eq!(statements_of("WITH 1 WHERE {enabled}").len(), 2);
        assert_eq!(statements_of("WITH 1 WHERE {visible} ORDER BY 1{direction}").len(), 12);
    }
}
