//! From a name, a tag or a digest to its page.

use askama::Template;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_domain::Result;
use longshore_domain::page::PageSize;

use crate::context::Context;
use crate::format::{count, short};
use crate::page::{Frame, Place, lead, show};

/// Most of each kind.
const FOUND: u64 = 20;

struct Hit {
    kind: &'static str,
    text: String,
    note: String,
    path: String,
}

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage {
    frame: Frame,
    text: String,
    hits: Vec<Hit>,
    is_cut: bool,
}

/// `GET /ui/search`.
pub(crate) async fn show_search(context: &Context, _body: RequestBody) -> Result<Response> {
    let text: String = context.text("q").trim().to_owned();
    let mut hits = Vec::new();
    let mut is_cut = false;
    if !text.is_empty() {
        let size = PageSize::clamped(FOUND)?;
        let found = context.app.content.search(context.actor(), &text, size).await?;
        is_cut = found.is_cut;
        hits.extend(found.tags.iter().map(|(repository, tag)| Hit {
            kind: "Tag",
            text: format!("{repository}:{}", tag.tag),
            note: short(&tag.manifest.digest),
            path: format!("/ui/r/{repository}/-/tags/{}", tag.tag),
        }));
        hits.extend(found.repositories.iter().map(|details| Hit {
            kind: "Repository",
            text: details.repository.name.to_string(),
            note: match details.description.is_empty() {
                true => format!("{} pulls", count(details.pulls)),
                false => details.description.clone(),
            },
            path: format!("/ui/r/{}", details.repository.name),
        }));
        hits.extend(found.digests.iter().map(|digest| Hit {
            kind: if digest.is_manifest { "Image" } else { "Layer" },
            text: digest.digest.to_string(),
            note: digest.repository.to_string(),
            path: match digest.is_manifest {
                true => format!("/ui/r/{}/-/images/{}", digest.repository, digest.digest),
                false => format!("/ui/r/{}", digest.repository),
            },
        }));
    }
    // What was meant exactly is opened at once.
    let meant = hits.iter().find(|hit| hit.text == text).or(hits.first().filter(|_| hits.len() == 1));
    if let Some(hit) = meant.filter(|_| !is_cut || hits.len() > 1) {
        return Ok(lead(context, &hit.path));
    }
    let mut frame = Frame::new(context, Place::Elsewhere, "Search");
    frame.search.clone_from(&text);
    show(context, &SearchPage { frame, text, hits, is_cut })
}
