//! Tags of a repository.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream;
use http::{HeaderValue, StatusCode, header};
use longshore_api_common::body::{self, RequestBody};
use longshore_api_common::response::{bare, json};
use longshore_api_common::{Response, ResponseBody};
use longshore_app::App;
use longshore_content::inventory::ReadableTags;
use longshore_domain::digest::Digest;
use longshore_domain::image::{TagDetails, tag_number};
use longshore_domain::manifest::config_digest;
use longshore_domain::name::{Reference, RepositoryName, Tag};
use longshore_domain::page::PageSize;
use longshore_domain::repository::RepositoryId;
use longshore_domain::tag_order::TagOrder;
use longshore_domain::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::context::{Context, Listed};
use crate::wire::{self, Paging};

/// Keys of the filter.
const FILTER: &[&str] = &["offset", "limit", "order_column", "order_type", "tag"];

/// What lists are sorted by.
#[derive(Clone, Copy)]
pub(crate) enum Column {
    Updated,
    Tag,
}

/// Columns by which lists are sorted.
pub(crate) const COLUMNS: &[(&str, Column)] =
    &[("updated_at", Column::Updated), ("updated_time", Column::Updated), ("tag", Column::Tag)];

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
    /// Returns it as one tag, and the newer form of the list, have it.
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
    /// Whether manifests are wanted.
    shows_manifest: bool,
}

impl Frame {
    fn new(context: &Context, name: RepositoryName, tags: &ReadableTags) -> Self {
        Self {
            repository: tags.repository,
            name,
            domain_id: wire::account_id(&tags.owner),
            host: context.host().to_owned(),
            internal_host: context.internal_host().to_owned(),
            shows_manifest: true,
        }
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
    app: Arc<App>,
    frame: Frame,
    left: ReadableTags,
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
    match writing.app.content.read_next_tag(&mut writing.left).await {
        Err(error) => {
            writing.is_done = true;
            return Some((Err(error), writing));
        }
        Ok(None) => {
            piece.extend(writing.form.end().into_bytes());
            writing.is_done = true;
        }
        Ok(Some((details, content))) => {
            if writing.has_begun {
                piece.push(b',');
            }
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

fn list(context: &Context, frame: Frame, left: ReadableTags, form: Form) -> Response {
    let app = Arc::clone(&context.app);
    let writing = Writing { app, frame, left, form, has_begun: false, is_done: false };
    let body: ResponseBody = body::pieces(Box::pin(stream::unfold(writing, write_next)));
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Finds a part of the tags of a repository, or the one of a name, and counts all.
async fn find(
    context: &Context,
    name: &RepositoryName,
    listed: &Listed<'_>,
    paging: Paging,
) -> Result<ReadableTags> {
    let order = match listed.order(COLUMNS)? {
        None | Some((Column::Updated, true)) => TagOrder::NEWEST,
        Some((Column::Updated, false)) => TagOrder::OLDEST,
        Some((Column::Tag, false)) => TagOrder::NAME,
        Some((Column::Tag, true)) => TagOrder::NAME_DESCENDING,
    };
    let (actor, only) = (context.actor()?, listed.get("tag"));
    let app = &context.app;
    app.content.list_readable_tags(&actor, name, only.as_deref(), order, paging.offset, paging.size).await
}

/// `GET /v2/…/repos/{repository}/tags`.
pub(crate) async fn list_repository_tags(context: &Context, _: RequestBody) -> Result<Response> {
    let name = context.repository()?;
    let listed = context.listed(FILTER)?;
    let paging = listed.paging()?;
    let tags = find(context, &name, &listed, paging).await?;
    let (count, total) = (tags.left(), tags.total);
    let mut response = list(context, Frame::new(context, name, &tags), tags, Form::Bare);
    wire::show_range(&mut response, paging.offset, count, total);
    Ok(response)
}

/// `GET /v3/…/repos/{repository}/tags`.
pub(crate) async fn list_repository_tag(context: &Context, _: RequestBody) -> Result<Response> {
    let name = context.repository()?;
    let listed = context.listed(&[])?;
    let paging = listed.marker()?;
    let shows_manifest = listed.truth("with_manifest")?.unwrap_or(false);
    let tags = find(context, &name, &listed, paging).await?;
    let frame = Frame { shows_manifest, ..Frame::new(context, name, &tags) };
    let next = paging.next(tags.left(), tags.total);
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
    let actor = context.actor()?;
    let name = context.repository()?;
    let request: CopyRequest = context.json(body).await?;
    let (from, to): (Tag, Tag) = (request.source_tag.parse()?, request.destination_tag.parse()?);
    context.app.content.copy_tag(&actor, &name, &from, &to, request.may_move).await?;
    Ok(bare(StatusCode::CREATED))
}

/// `GET …/repos/{repository}/tags/{tag}`.
pub(crate) async fn show_repo_tag(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let (name, tag): (_, Tag) = (context.repository()?, context.parsed("tag")?);
    let app = &context.app;
    let size = PageSize::clamped(1)?;
    let mut tags =
        app.content.list_readable_tags(&actor, &name, Some(tag.as_str()), TagOrder::NEWEST, 0, size).await?;
    let frame = Frame::new(context, name.clone(), &tags);
    let (details, content) = app
        .content
        .read_next_tag(&mut tags)
        .await?
        .ok_or_else(|| Error::ManifestUnknown { repository: name, reference: Reference::Tag(tag) })?;
    Ok(json(StatusCode::OK, &frame.document(&details, &content).newer()))
}

/// `DELETE …/repos/{repository}/tags/{tag}`.
pub(crate) async fn delete_repo_tag(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let (name, tag): (_, Tag) = (context.repository()?, context.parsed("tag")?);
    context.app.content.delete_tag(&actor, &name, &tag).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}
