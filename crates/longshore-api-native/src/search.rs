//! One search for repositories, tags and digests.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::json;
use longshore_client::types;
use longshore_content::search::Found;
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::FoundDigest;
use longshore_domain::{Error, Field, Result};

use crate::context::Context;

/// How much of each kind is found when the client does not say.
const DEFAULT_SIZE: u64 = 20;
/// Most of each kind.
const SIZE_LIMIT: u64 = 100;

fn digest(found: &FoundDigest) -> types::FoundDigest {
    types::FoundDigest {
        repository: found.repository.to_string(),
        digest: found.digest.to_string(),
        kind: if found.is_manifest { types::FoundKind::Image } else { types::FoundKind::Layer },
    }
}

/// `GET /api/v1/search`.
pub(crate) async fn search(context: &Context, _body: RequestBody) -> Result<Response> {
    let text = context.query("q").ok_or_else(|| Error::Invalid {
        field: Field::Parameter("q"),
        reason: "must be the beginning of a word, a name with a tag, or a digest".into(),
    })?;
    let size = PageSize::clamped(context.number("limit", DEFAULT_SIZE, 1, SIZE_LIMIT)?)?;
    let actor = context.actor().await?;
    let Found { repositories, tags, digests, is_cut } =
        context.app.content.search(&actor, &text, size).await?;
    let found = types::SearchResult {
        repositories: repositories
            .iter()
            .map(|details| types::FoundRepository {
                name: details.repository.name.to_string(),
                visibility: details.repository.visibility.as_str().to_owned(),
                description: details.description.clone(),
                pulls: details.pulls,
            })
            .collect(),
        tags: tags
            .iter()
            .map(|(repository, tag)| types::FoundTag {
                repository: repository.to_string(),
                name: tag.tag.to_string(),
                digest: tag.manifest.digest.to_string(),
            })
            .collect(),
        digests: digests.iter().map(digest).collect(),
        is_cut,
    };
    Ok(json(StatusCode::OK, &found))
}
