//! Shapes that several groups share: times, addresses of images, levels of permissions, pages.

use http::HeaderValue;
use jiff::Timestamp;
use longshore_api_common::Response;
use longshore_domain::access::action::Level;
use longshore_domain::account::Account;
use longshore_domain::page::PageSize;
use longshore_domain::permission::RepositoryPermission;
use longshore_domain::{Error, Field, Result};
use uuid::Uuid;

/// Writes a time: RFC 3339, UTC, to the second.
pub(crate) fn time(at: Timestamp) -> String {
    format!("{at:.0}")
}

/// Writes an id of an account: 32 hexadecimal digits.
pub(crate) fn id(uuid: Uuid) -> String {
    uuid.simple().to_string()
}

/// Reads an id of an account.
pub(crate) fn parse_id(text: &str) -> Option<Uuid> {
    (text.len() == 32).then(|| Uuid::try_parse(text).ok()).flatten()
}

/// Writes the id of the project or domain that an account is.
pub(crate) fn account_id(account: &Account) -> String {
    id(account.uuid)
}

/// Writes a permission: 7 manage, 3 write, 1 read.
pub(crate) fn auth(permission: RepositoryPermission) -> u8 {
    match permission {
        RepositoryPermission::Read => 1,
        RepositoryPermission::Write => 3,
        RepositoryPermission::Admin => 7,
    }
}

/// Writes how much somebody may do.
pub(crate) fn level(level: Level) -> u8 {
    match level {
        Level::None => 0,
        Level::Read => 1,
        Level::Write => 3,
        Level::Admin => 7,
    }
}

/// Reads a permission.
pub(crate) fn parse_auth(auth: u8) -> Result<RepositoryPermission> {
    match auth {
        1 => Ok(RepositoryPermission::Read),
        3 => Ok(RepositoryPermission::Write),
        7 => Ok(RepositoryPermission::Admin),
        _ => Err(Error::Invalid {
            field: Field::Permission,
            reason: "must be 7 (manage), 3 (write) or 1 (read)".into(),
        }),
    }
}

/// Which part of a list a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paging {
    pub(crate) offset: u64,
    pub(crate) size: PageSize,
}

impl Paging {
    /// Returns where the next part begins, if there is one after this many records of all.
    pub(crate) fn next(self, count: usize, total: u64) -> Option<u64> {
        let next = self.offset.saturating_add(count as u64);
        (count > 0 && next < total).then_some(next)
    }
}

/// Returns which part of a list a response is: its start, the number of its records, and the number of all.
pub(crate) fn show_range(response: &mut Response, offset: u64, count: usize, total: u64) {
    if let Ok(range) = HeaderValue::from_str(&format!("{offset}-{count}/{total}")) {
        response.headers_mut().insert("content-range", range);
    }
}
