//! Tags of a repository.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream;
use http::{HeaderValue, StatusCode, header};
use longshore_api_common::body::{self, RequestBody};
use longshore_api_common::response::{bare, json};
use longshore_api_common::{Response, ResponseBody};
use longshore_domain::digest::Digest;
use longshore_domain::image::{TagDetails, TagOrder, tag_number};
use longshore_domain::manifest::config_digest;
use longshore_domain::name::{RepositoryName, Tag};
use longshore_domain::permission::Action;
use longshore_domain::ports::metadata::ManifestId;
use longshore_domain::repository::RepositoryId;
use longshore_domain::{Error, Result};
use longshore_services::Services;
use longshore_services::authentication::Caller;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::context::{Context, Listed};
use crate::wire::{self, Paging};

/// Keys of the filter.
const FILTER: &[&str] = &["offset", "limit", "order_column", "order_type", "tag"];

/// What lists are sorted by.
#[derive(Clone, Copy)]
enum Column {
    Updated,
    Tag,
}

/// Schema `ShowReposTagResp`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ShowReposTagResp")]
pub(crate) struct TagDocument {
    /// Number of the tag, which stays the same as long as it is there.
    id: u64,
    repo_id: i64,
    #[serde(rename = "Tag")]
    tag: String,
    /// Digest of the configuration without `sha256:`; empty for an index.
    image_id: String,
    /// The manifest, a JSON document.
    manifest: String,
    /// Digest of the manifest.
    digest: String,
    /// Version of the manifest's schema.
    schema: u8,
    path: String,
    internal_path: String,
    /// Bytes of configuration and layers; of an index, those of its images.
    size: u64,
    is_trusted: bool,
    created: String,
    updated: String,
    /// Always null: what is deleted is not shown.
    deleted: Option<String>,
    domain_id: String,
    scanned: bool,
    /// 0 for a manifest, 1 for an index.
    tag_type: u8,
}

/// Schema `ShowReposTagRespV3`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ShowReposTagRespV3")]
pub(crate) struct NewerTagDocument {
    id: u64,
    repo_id: i64,
    tag: String,
    image_id: String,
    /// Empty unless it was asked for.
    manifest: String,
    digest: String,
    schema: u8,
    path: String,
    internal_path: String,
    size: u64,
    is_trusted: bool,
    created: String,
    updated: String,
    domain_id: String,
    tag_type: u8,
}

/// Response of `listRepositoryTag`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct MarkedTags {
    tags: Vec<NewerTagDocument>,
    /// Empty on the last page.
    #[serde(rename = "nextMarker")]
    next_marker: String,
    has_more: bool,
}

impl TagDocument {
    /// Gives it as the newer form of the list has it.
    fn newer(self) -> NewerTagDocument {
        NewerTagDocument {
            id: self.id,
            repo_id: self.repo_id,
            tag: self.tag,
            image_id: self.image_id,
            manifest: self.manifest,
            digest: self.digest,
            schema: self.schema,
            path: self.path,
            internal_path: self.internal_path,
            size: self.size,
            is_trusted: self.is_trusted,
            created: self.created,
            updated: self.updated,
            domain_id: self.domain_id,
            tag_type: self.tag_type,
        }
    }
}

/// What the elements of a list have in common.
struct Frame {
    repository: RepositoryId,
    name: RepositoryName,
    domain_id: String,
    host: String,
    internal_host: String,
    /// Whether the caller may read manifests, and not only see that there are some.
    shows_content: bool,
    /// Whether manifests are wanted.
    shows_manifest: bool,
}

impl Frame {
    async fn new(
        context: &Context,
        caller: &Caller,
        repository: RepositoryId,
        name: RepositoryName,
    ) -> Result<Self> {
        let owner = context.services.get_namespace_account(&name.namespace()).await?;
        Ok(Self {
            repository,
            domain_id: wire::account_id(&owner),
            host: context.host().to_owned(),
            internal_host: context.internal_host().to_owned(),
            shows_content: context.services.authorize(caller, &name, Action::Pull).await.is_ok(),
            shows_manifest: true,
            name,
        })
    }

    /// Reads the manifest of a tag; nothing when it was collected meanwhile, or may not be read.
    async fn content(&self, services: &Services, details: &TagDetails) -> Result<Vec<u8>> {
        if !self.shows_content {
            return Ok(Vec::new());
        }
        let content = services.read_manifest_content(ManifestId(details.manifest.id)).await?;
        Ok(content.unwrap_or_default())
    }

    fn document(&self, details: &TagDetails, content: &[u8]) -> TagDocument {
        let (manifest, tag, name) = (&details.manifest, &details.tag, &self.name);
        let size = match manifest.is_index {
            true => details.images.iter().map(|image| image.total_size_bytes).sum(),
            false => manifest.total_size_bytes,
        };
        let image_id = config_digest(content).map(|digest| hex_of(&digest)).unwrap_or_default();
        TagDocument {
            id: tag_number(self.repository, tag),
            repo_id: self.repository.0,
            tag: tag.to_string(),
            image_id,
            manifest: match self.shows_manifest {
                true => String::from_utf8_lossy(content).into_owned(),
                false => String::new(),
            },
            digest: manifest.digest.to_string(),
            schema: 2,
            path: format!("{}/{name}:{tag}", self.host),
            internal_path: format!("{}/{name}:{tag}", self.internal_host),
            size,
            is_trusted: false,
            created: wire::time(details.created_at),
            updated: wire::time(details.updated_at),
            deleted: None,
            domain_id: self.domain_id.clone(),
            scanned: false,
            tag_type: u8::from(manifest.is_index),
        }
    }
}

fn hex_of(digest: &Digest) -> String {
    let text = digest.to_string();
    text.split_once(':').map_or(text.as_str(), |(_, hex)| hex).to_owned()
}

/// A list on its way to the client: manifests are read one after the other, so that no list is in memory as a whole.
struct Writing {
    services: Arc<Services>,
    frame: Frame,
    left: VecDeque<TagDetails>,
    form: Form,
    has_begun: bool,
    is_done: bool,
}

/// What stands around the elements of a list.
#[derive(Clone, Copy)]
enum Form {
    /// Nothing: the list is the document.
    Bare,
    /// A document with where the next page begins, if there is one.
    WithMarker(Option<u64>),
}

impl Form {
    fn beginning(self) -> String {
        match self {
            Self::Bare => "[".to_owned(),
            Self::WithMarker(_) => "{\"tags\":[".to_owned(),
        }
    }

    fn end(self) -> String {
        match self {
            Self::Bare => "]".to_owned(),
            Self::WithMarker(next) => {
                let marker = next.map(|next| next.to_string()).unwrap_or_default();
                format!("],\"nextMarker\":\"{marker}\",\"has_more\":{}}}", next.is_some())
            }
        }
    }
}

async fn write_next(mut writing: Writing) -> Option<(Result<Bytes>, Writing)> {
    if writing.is_done {
        return None;
    }
    let mut piece = Vec::new();
    if !writing.has_begun {
        piece.extend(writing.form.beginning().into_bytes());
    }
    match writing.left.pop_front() {
        None => {
            piece.extend(writing.form.end().into_bytes());
            writing.is_done = true;
        }
        Some(details) => {
            if writing.has_begun {
                piece.push(b',');
            }
            let content = match writing.frame.content(&writing.services, &details).await {
                Ok(content) => content,
                Err(error) => {
                    writing.is_done = true;
                    return Some((Err(error), writing));
                }
            };
            let document = writing.frame.document(&details, &content);
            let written = match writing.form {
                Form::Bare => serde_json::to_writer(&mut piece, &document),
                Form::WithMarker(_) => serde_json::to_writer(&mut piece, &document.newer()),
            };
            if let Err(error) = written {
                writing.is_done = true;
                return Some((Err(Error::internal(error)), writing));
            }
        }
    }
    writing.has_begun = true;
    Some((Ok(piece.into()), writing))
}

fn list(context: &Context, frame: Frame, tags: Vec<TagDetails>, form: Form) -> Response {
    let writing = Writing {
        services: Arc::clone(&context.services),
        frame,
        left: tags.into(),
        form,
        has_begun: false,
        is_done: false,
    };
    let body: ResponseBody = body::pieces(Box::pin(stream::unfold(writing, write_next)));
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

const COLUMNS: &[(&str, Column)] =
    &[("updated_at", Column::Updated), ("updated_time", Column::Updated), ("tag", Column::Tag)];

/// Finds a part of the tags of a repository, or the one of a name, and counts all.
async fn find(
    context: &Context,
    caller: &Caller,
    name: &RepositoryName,
    listed: &Listed<'_>,
    paging: Paging,
) -> Result<(RepositoryId, Vec<TagDetails>, u64)> {
    let order = match listed.order(COLUMNS)? {
        None | Some((Column::Updated, true)) => TagOrder::Newest,
        Some((Column::Updated, false)) => TagOrder::Oldest,
        Some((Column::Tag, false)) => TagOrder::Name,
        Some((Column::Tag, true)) => TagOrder::NameDescending,
    };
    let services = &context.services;
    let Some(wanted) = listed.get("tag") else {
        return services.list_tag_details(caller, name, order, paging.offset, paging.size).await;
    };
    let repository = services.authorize_existing(caller, name, Action::ViewTags).await?;
    let found = match wanted.parse::<Tag>() {
        Ok(tag) => services.get_tag_details(caller, name, &tag, false).await.map(Some),
        // What cannot be a tag is not there.
        Err(_) => Ok(None),
    };
    let found = match found {
        Err(Error::ManifestUnknown { .. }) => None,
        found => found?,
    };
    let total = u64::from(found.is_some());
    let skipped = usize::from(paging.offset > 0);
    Ok((repository.id, found.into_iter().map(|(_, tag, _)| tag).skip(skipped).collect(), total))
}

/// `GET /v2/…/repos/{repository}/tags`.
pub(crate) async fn list_repository_tags(context: &Context, _: RequestBody) -> Result<Response> {
    let caller = context.caller().await?;
    let name = context.repository()?;
    let listed = context.listed(FILTER)?;
    let paging = listed.paging()?;
    let (repository, tags, total) = find(context, &caller, &name, &listed, paging).await?;
    let frame = Frame::new(context, &caller, repository, name).await?;
    let count = tags.len();
    let mut response = list(context, frame, tags, Form::Bare);
    wire::show_range(&mut response, paging.offset, count, total);
    Ok(response)
}

/// `GET /v3/…/repos/{repository}/tags`.
pub(crate) async fn list_repository_tag(context: &Context, _: RequestBody) -> Result<Response> {
    let caller = context.caller().await?;
    let name = context.repository()?;
    let listed = context.listed(&[])?;
    let paging = listed.marker()?;
    let with_manifest = listed.truth("with_manifest")?.unwrap_or(false);
    let (repository, tags, total) = find(context, &caller, &name, &listed, paging).await?;
    let mut frame = Frame::new(context, &caller, repository, name).await?;
    frame.shows_manifest = with_manifest;
    let next = paging.next(tags.len(), total);
    Ok(list(context, frame, tags, Form::WithMarker(next)))
}

/// Body of `createRepoTag`.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct CopyRequest {
    source_tag: String,
    destination_tag: String,
    /// Whether the destination may exist.
    #[serde(default, rename = "override")]
    may_move: bool,
}

/// `POST …/repos/{repository}/tags`.
pub(crate) async fn create_repo_tag(context: &Context, body: RequestBody) -> Result<Response> {
    let caller = context.caller().await?;
    let name = context.repository()?;
    let request: CopyRequest = context.json(body).await?;
    let (from, to): (Tag, Tag) = (request.source_tag.parse()?, request.destination_tag.parse()?);
    context.services.copy_tag(&caller, &name, &from, &to, request.may_move).await?;
    Ok(bare(StatusCode::CREATED))
}

/// `GET …/repos/{repository}/tags/{tag}`.
pub(crate) async fn show_repo_tag(context: &Context, _: RequestBody) -> Result<Response> {
    let caller = context.caller().await?;
    let (name, tag): (_, Tag) = (context.repository()?, context.parsed("tag")?);
    let (repository, details, _) = context.services.get_tag_details(&caller, &name, &tag, false).await?;
    let frame = Frame::new(context, &caller, repository, name).await?;
    let content = frame.content(&context.services, &details).await?;
    Ok(json(StatusCode::OK, &frame.document(&details, &content)))
}

/// `DELETE …/repos/{repository}/tags/{tag}`.
pub(crate) async fn delete_repo_tag(context: &Context, _: RequestBody) -> Result<Response> {
    let caller = context.caller().await?;
    let (name, tag): (_, Tag) = (context.repository()?, context.parsed("tag")?);
    context.services.delete_tag(&caller, &name, &tag).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}
