//! What changed between two images.

use std::collections::BTreeSet;

use askama::Template;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_content::image_details::ComparedImage;
use longshore_domain::Result;
use longshore_domain::image_config::ImageConfig;
use longshore_domain::name::RepositoryName;

use crate::context::Context;
use crate::format::{Size, counted, short};
use crate::list::link;
use crate::page::{Frame, show};
use crate::repository::{RepositoryHead, Tab, frame, open};
use crate::tags::platform;

struct Side {
    text: String,
    digest: String,
    path: String,
}

struct Change {
    name: String,
    before: String,
    after: String,
}

#[derive(Template)]
#[template(path = "compare.html")]
struct ComparePage {
    frame: Frame,
    head: RepositoryHead,
    from_text: String,
    to_text: String,
    /// Address of the same comparison the other way round.
    swap: String,
    sides: Option<[Side; 2]>,
    is_same: bool,
    common: String,
    common_bytes: Size,
    gone: String,
    gone_bytes: Size,
    come: String,
    come_bytes: Size,
    platforms_gone: Vec<String>,
    platforms_come: Vec<String>,
    changes: Vec<Change>,
    is_complete: bool,
}

fn platforms(image: &ComparedImage) -> BTreeSet<String> {
    image.images.iter().filter_map(platform).collect()
}

fn flat(config: &ImageConfig) -> Vec<(String, String)> {
    let mut all = vec![
        ("Entrypoint".to_owned(), config.entrypoint.join(" ")),
        ("Command".to_owned(), config.command.join(" ")),
        ("User".to_owned(), config.user.clone()),
        ("Working folder".to_owned(), config.working_folder.clone()),
        ("Ports".to_owned(), config.ports.join(", ")),
    ];
    all.extend(config.environment.iter().map(|(name, value)| (format!("Environment {name}"), value.clone())));
    all.extend(config.labels.iter().map(|(name, value)| (format!("Label {name}"), value.clone())));
    all
}

fn changes(from: &ImageConfig, to: &ImageConfig) -> Vec<Change> {
    let (from, to) = (flat(from), flat(to));
    let value = |all: &[(String, String)], name: &str| {
        all.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let names: BTreeSet<&String> = from.iter().chain(&to).map(|(name, _)| name).collect();
    let change = |name: &String| {
        let (before, after) = (value(&from, name), value(&to, name));
        (before != after).then(|| Change { name: name.clone(), before, after })
    };
    names.into_iter().filter_map(change).collect()
}

async fn config(context: &Context, name: &RepositoryName, image: &ComparedImage) -> Result<ImageConfig> {
    let found = context.app.content.get_image_contents(context.actor(), name, &image.manifest.digest).await?;
    Ok(found.config.unwrap_or_default())
}

/// `GET /ui/r/{repository}/-/compare`.
pub(crate) async fn show_comparison(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, actor, content) = (context.repository()?, context.actor(), &context.app.content);
    let (head, _) = open(context, &name, Tab::Tags).await?;
    let (from_text, to_text) = (context.text("from"), context.text("to"));
    let mut page = ComparePage {
        frame: frame(context, &name, "Compare"),
        head,
        from_text: from_text.clone(),
        to_text: to_text.clone(),
        swap: link(context, &[("from", Some(&to_text)), ("to", Some(&from_text))]),
        sides: None,
        is_same: false,
        common: String::new(),
        common_bytes: Size(0),
        gone: String::new(),
        gone_bytes: Size(0),
        come: String::new(),
        come_bytes: Size(0),
        platforms_gone: Vec::new(),
        platforms_come: Vec::new(),
        changes: Vec::new(),
        is_complete: true,
    };
    if from_text.is_empty() || to_text.is_empty() {
        return show(context, &page);
    }
    let references = [from_text.parse()?, to_text.parse()?];
    let (from, to) = content.compare_images(actor, &name, &references[0], &references[1]).await?;
    let side = |text: &str, image: &ComparedImage| Side {
        text: text.to_owned(),
        digest: short(&image.manifest.digest),
        path: format!("/ui/r/{name}/-/images/{}", image.manifest.digest),
    };
    page.sides = Some([side(&from_text, &from), side(&to_text, &to)]);
    page.is_same = from.manifest.digest == to.manifest.digest;
    let sum = |blobs: &[(&longshore_domain::digest::Digest, &u64)]| {
        (
            counted(blobs.len() as u64, "layer or configuration", "layers and configurations"),
            Size(blobs.iter().map(|(_, bytes)| **bytes).sum()),
        )
    };
    let common: Vec<_> = from.blobs.iter().filter(|(digest, _)| to.blobs.contains_key(digest)).collect();
    let gone: Vec<_> = from.blobs.iter().filter(|(digest, _)| !to.blobs.contains_key(digest)).collect();
    let come: Vec<_> = to.blobs.iter().filter(|(digest, _)| !from.blobs.contains_key(digest)).collect();
    (page.common, page.common_bytes) = sum(&common);
    (page.gone, page.gone_bytes) = sum(&gone);
    (page.come, page.come_bytes) = sum(&come);
    let (before, after) = (platforms(&from), platforms(&to));
    page.platforms_gone = before.difference(&after).cloned().collect();
    page.platforms_come = after.difference(&before).cloned().collect();
    page.is_complete = from.is_complete && to.is_complete;
    if !from.manifest.is_index && !to.manifest.is_index {
        page.changes = changes(&config(context, &name, &from).await?, &config(context, &name, &to).await?);
    }
    show(context, &page)
}
