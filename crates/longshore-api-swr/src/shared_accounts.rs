//! Accounts that a repository is shared with.

use http::StatusCode;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::{bare, json};
use longshore_domain::name::Namespace;
use longshore_domain::share::{Share, ShareTerms};
use longshore_domain::{Error, Field, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::wire;

/// The deadline of what has none.
const FOREVER: &str = "forever";
/// Characters of a date without a time.
const DATE_CHARACTERS: usize = 10;
/// The one permission that sharing gives.
const READ: &str = "read";

/// Body of `createRepoDomains`.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct CreateRequest {
    /// Name of the account: a user or an organization.
    access_domain: String,
    #[serde(flatten)]
    terms: TermsRequest,
}

/// Body of `updateRepoDomains`.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct TermsRequest {
    /// `read`.
    permit: String,
    /// UTC time, or `forever`.
    deadline: String,
    #[serde(default)]
    description: Option<String>,
}

/// Schema `RepoDomain`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RepoDomain")]
pub(crate) struct ShareDocument {
    namespace: String,
    repository: String,
    access_domain: String,
    permit: String,
    deadline: String,
    description: String,
    creator_id: String,
    creator_name: String,
    created: String,
    updated: String,
    /// True while it is valid.
    status: bool,
}

/// Response of `showAccessDomain`: the sharing, if there is one.
#[derive(Serialize, JsonSchema)]
pub(crate) struct FoundShare {
    exist: bool,
    #[serde(flatten)]
    share: Option<ShareDocument>,
}

/// Reads a time as clients write it: RFC 3339, or a date with or without a time, UTC.
fn deadline(text: &str) -> Result<Option<Timestamp>> {
    if text == FOREVER {
        return Ok(None);
    }
    let utc = |at: DateTime| at.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let found = match text.len() == DATE_CHARACTERS {
        // A date means its whole day.
        true => text.parse::<Date>().and_then(Date::tomorrow).ok().and_then(|next| utc(next.at(0, 0, 0, 0))),
        false => text.parse::<Timestamp>().ok().or_else(|| text.parse().ok().and_then(utc)),
    };
    found.map(Some).ok_or_else(|| Error::Invalid {
        field: Field::ShareEnd,
        reason: "must be forever or a UTC time such as 2030-01-01T00:00:00Z".into(),
    })
}

impl TermsRequest {
    fn read(self) -> Result<ShareTerms> {
        if self.permit != READ {
            return Err(Error::Invalid { field: Field::Member("permit"), reason: "can only be read".into() });
        }
        Ok(ShareTerms {
            expires_at: deadline(&self.deadline)?,
            description: self.description.unwrap_or_default(),
        })
    }
}

fn account_named(text: &str) -> Result<Namespace> {
    text.parse().map_err(|_| Error::Invalid {
        field: Field::ShareAccount,
        reason: "must be the name of a user or an organization".into(),
    })
}

/// Returns the account that the path names.
fn account(context: &Context) -> Result<Namespace> {
    account_named(context.parameter("access_domain"))
}

fn document(context: &Context, share: &Share) -> ShareDocument {
    let creator = share.created_by.as_ref();
    ShareDocument {
        namespace: share.repository.namespace_str().to_owned(),
        repository: share.repository.rest().to_owned(),
        access_domain: share.account.to_string(),
        permit: READ.to_owned(),
        deadline: share.expires_at.map_or_else(|| FOREVER.to_owned(), wire::time),
        description: share.description.clone(),
        creator_id: creator.map(|(uuid, _)| wire::id(*uuid)).unwrap_or_default(),
        creator_name: creator.map(|(_, name)| name.to_string()).unwrap_or_default(),
        created: wire::time(share.created_at),
        updated: wire::time(share.updated_at),
        status: share.is_valid(context.app.platform.now()),
    }
}

/// `POST …/repositories/{repository}/access-domains`.
pub(crate) async fn create_repo_domains(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let name = context.repository()?;
    let request: CreateRequest = context.json(body).await?;
    let account = account_named(&request.access_domain)?;
    context.app.organizations.create_share(&actor, &name, &account, request.terms.read()?).await?;
    Ok(bare(StatusCode::CREATED))
}

/// `GET …/repositories/{repository}/access-domains`.
pub(crate) async fn list_repo_domains(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let shares = context.app.organizations.list_shares(&actor, &context.repository()?).await?;
    let documents: Vec<_> = shares.iter().map(|share| document(context, share)).collect();
    Ok(json(StatusCode::OK, &documents))
}

/// `GET …/access-domains/{access_domain}`.
pub(crate) async fn show_access_domain(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let name = context.repository()?;
    let share = context.app.organizations.find_share(&actor, &name, &account(context)?).await?;
    let found = FoundShare { exist: share.is_some(), share: share.map(|share| document(context, &share)) };
    Ok(json(StatusCode::OK, &found))
}

/// `PATCH …/access-domains/{access_domain}`.
pub(crate) async fn update_repo_domains(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let (name, account) = (context.repository()?, account(context)?);
    let request: TermsRequest = context.json(body).await?;
    context.app.organizations.change_share(&actor, &name, &account, request.read()?).await?;
    Ok(bare(StatusCode::CREATED))
}

/// `DELETE …/access-domains/{access_domain}`.
pub(crate) async fn delete_repo_domains(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let (name, account) = (context.repository()?, account(context)?);
    context.app.organizations.delete_share(&actor, &name, &account).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_times_or_never() {
        assert_eq!(deadline("forever").unwrap(), None);
        let at = |text: &str| deadline(text).unwrap().unwrap().to_string();
        for text in ["2030-01-01T00:00:00Z", "2030-01-01T01:00:00+01:00", "2030-01-01T00:00:00", "2029-12-31"]
        {
            assert_eq!(at(text), "2030-01-01T00:00:00Z", "{text}");
        }
        for bad in ["", "never", "2030", "30.1.2030", "9999-99-99"] {
            assert!(deadline(bad).is_err(), "{bad}");
        }
    }
}
