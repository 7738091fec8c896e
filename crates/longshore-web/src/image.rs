//! One image: what it is made of, how it is pulled, who else has its layers.

use askama::Template;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_content::image_contents::{COUNTED_IMAGES, ImageContents};
use longshore_content::image_details::ImageDetails;
use longshore_content::referrer_tree::{Belonging, ReferrerEntry};
use longshore_domain::Result;
use longshore_domain::access::action::RepositoryAction;
use longshore_domain::artifact::ArtifactKind;
use longshore_domain::digest::Digest;
use longshore_domain::image::ManifestDetails;
use longshore_domain::image_config::{ImageConfig, names_secret};
use longshore_domain::name::{RepositoryName, Tag};

use crate::chart::{Svg, bar};
use crate::context::Context;
use crate::format::{Age, Size, counted, short, size};
use crate::page::{Frame, show};
use crate::repository::{Pull, RepositoryHead, Tab, frame, open, pull};
use crate::tags::platform;

/// Largest manifest that a page shows.
const SHOWN_MANIFEST_BYTES: usize = 1 << 20;

/// An image beside this one: a part, an index that lists it.
struct Link {
    text: String,
    path: String,
    is_here: bool,
}

struct LayerRow {
    number: usize,
    instruction: String,
    digest: String,
    size: Size,
    bar: Svg,
    users: String,
}

/// Something that belongs to the image.
struct Referrer {
    depth: u32,
    kind: String,
    digest: String,
    path: String,
    size: Size,
    pushed: Age,
    how: &'static str,
}

struct Variable {
    name: String,
    value: String,
    is_secret: bool,
}

struct Contents {
    created: Option<Age>,
    facts: Vec<(&'static str, String)>,
    environment: Vec<Variable>,
    labels: Vec<(String, String)>,
    history: Vec<(String, bool)>,
    annotations: Vec<(String, String)>,
    manifest: Option<String>,
}

#[derive(Template)]
#[template(path = "image.html")]
struct ImagePage {
    frame: Frame,
    head: RepositoryHead,
    heading: String,
    kind: &'static str,
    pull: Option<Pull>,
    tabs: Vec<Link>,
    digest: String,
    media_type: String,
    artifact_type: String,
    size: Size,
    platform: String,
    pushed: Age,
    pulled: Option<Age>,
    tags: Vec<String>,
    indexes: Vec<Link>,
    layers: Vec<LayerRow>,
    referrers: Vec<Referrer>,
    all_referrers: bool,
    contents: Option<Contents>,
    may_pull: bool,
}

pub(crate) fn kind(details: &ManifestDetails) -> &'static str {
    match (details.is_index, details.platform.is_some()) {
        (true, _) => "Index",
        (false, true) => "Image",
        (false, false) => "Artifact",
    }
}

fn image_path(name: &RepositoryName, digest: &Digest) -> String {
    format!("/ui/r/{name}/-/images/{digest}")
}

fn purpose(kind: ArtifactKind) -> &'static str {
    match kind {
        ArtifactKind::Signature => "Signature (not checked)",
        ArtifactKind::Sbom => "SBOM",
        ArtifactKind::Provenance => "Provenance",
        ArtifactKind::Vulnerabilities => "Vulnerability report",
        ArtifactKind::Vex => "VEX statement",
        ArtifactKind::Attestation => "Attestation (not checked)",
        ArtifactKind::Chart => "Helm chart",
        ArtifactKind::LazyIndex => "Index for lazy pulling",
        ArtifactKind::Wasm => "WebAssembly",
        ArtifactKind::Other => "Other artifact",
    }
}

fn referrer(context: &Context, name: &RepositoryName, entry: &ReferrerEntry) -> Referrer {
    let manifest = &entry.manifest;
    let words: Vec<String> = entry
        .purposes
        .iter()
        .map(|found| match found.format.as_str() {
            "" => purpose(found.kind).to_owned(),
            format => format!("{} ({format})", purpose(found.kind)),
        })
        .collect();
    let kind = match (&entry.belonging, words.is_empty()) {
        (_, false) => words.join(", "),
        (Belonging::Part, true) => platform(manifest).unwrap_or_else(|| "Part".into()),
        (_, true) => manifest.artifact_type.clone().unwrap_or_else(|| manifest.media_type.clone()),
    };
    let how = match &entry.belonging {
        Belonging::Root | Belonging::Subject => "",
        Belonging::Part => "part of the index",
        Belonging::Attestation => "part of the index, made with the image",
        Belonging::Tag(_) => "found by its tag",
    };
    Referrer {
        depth: entry.depth,
        kind,
        digest: short(&manifest.digest),
        path: image_path(name, &manifest.digest),
        size: Size(manifest.total_size_bytes),
        pushed: Age { at: manifest.pushed_at, now: context.app.platform.now() },
        how,
    }
}

fn facts(config: &ImageConfig) -> Vec<(&'static str, String)> {
    let all = [
        ("Entrypoint", config.entrypoint.join(" ")),
        ("Command", config.command.join(" ")),
        ("User", config.user.clone()),
        ("Working folder", config.working_folder.clone()),
        ("Ports", config.ports.join(", ")),
        ("Author", config.author.clone()),
    ];
    all.into_iter().filter(|(_, text)| !text.is_empty()).collect()
}

fn contents(context: &Context, found: &ImageContents) -> Contents {
    let config = found.config.clone().unwrap_or_default();
    let variable = |(name, value): &(String, String)| Variable {
        name: name.clone(),
        value: value.clone(),
        is_secret: names_secret(name),
    };
    let manifest = Some(&found.manifest).filter(|text| text.len() <= SHOWN_MANIFEST_BYTES);
    Contents {
        created: config.created_at.map(|at| Age { at, now: context.app.platform.now() }),
        facts: facts(&config),
        environment: config.environment.iter().map(variable).collect(),
        labels: config.labels.clone().into_iter().collect(),
        history: config.history.iter().map(|step| (step.instruction.clone(), step.is_empty)).collect(),
        annotations: found.annotations.clone().into_iter().collect(),
        manifest: manifest.map(|text| String::from_utf8_lossy(text).into_owned()),
    }
}

fn layers(details: &ImageDetails, contents: Option<&ImageContents>) -> Vec<LayerRow> {
    let most = details.layers.iter().map(|layer| layer.size_bytes).max().unwrap_or_default();
    let row = |(number, layer): (usize, &longshore_domain::image::Layer)| {
        let images = contents.and_then(|contents| contents.images_with.get(&layer.digest).copied());
        let users = match images {
            None => String::new(),
            Some(0 | 1) => "only here".to_owned(),
            Some(number) if number >= COUNTED_IMAGES => format!("{COUNTED_IMAGES} or more images here"),
            Some(number) => counted(number, "image here", "images here"),
        };
        let own = if matches!(images, Some(0 | 1)) { layer.size_bytes } else { 0 };
        let name = format!("{} of at most {}", size(layer.size_bytes), size(most));
        LayerRow {
            number: number + 1,
            instruction: layer.instruction.clone(),
            digest: short(&layer.digest),
            size: Size(layer.size_bytes),
            bar: bar(own, layer.size_bytes, most, &name),
            users,
        }
    };
    details.layers.iter().enumerate().map(row).collect()
}

async fn page(
    context: &Context,
    name: &RepositoryName,
    digest: &Digest,
    tag: Option<&Tag>,
) -> Result<Response> {
    let (actor, content) = (context.actor(), &context.app.content);
    let (head, _) = open(context, name, Tab::Tags).await?;
    let may_pull = head.may.contains(RepositoryAction::Pull);
    let details = content.get_image(actor, name, digest).await?;
    let found = match may_pull {
        true => Some(content.get_image_contents(actor, name, digest).await?),
        false => None,
    };
    let tree = match may_pull {
        true => Some(content.get_referrer_tree(actor, name, digest).await?),
        false => None,
    };
    let manifest = &details.image.manifest;
    let now = context.app.platform.now();
    let heading = match tag {
        Some(tag) => format!("{name}:{tag}"),
        None => format!("{name}@{}", short(digest)),
    };
    let text = tag.map_or_else(|| short(digest), ToString::to_string);
    let frame = frame(context, name, &text);
    let here = match tag {
        Some(tag) => format!("/ui/r/{name}/-/tags/{tag}"),
        None => image_path(name, digest),
    };
    let parts = details.images.iter().map(|part| Link {
        text: platform(part).unwrap_or_else(|| "attestation".into()),
        path: image_path(name, &part.digest),
        is_here: false,
    });
    let mut tabs = vec![Link { text: kind(manifest).into(), path: here, is_here: true }];
    tabs.extend(parts.filter(|_| manifest.is_index));
    let indexes = details.indexes.iter().map(|index| Link {
        text: short(index),
        path: image_path(name, index),
        is_here: false,
    });
    let reference = match tag {
        Some(tag) => format!("{name}:{tag}"),
        None => format!("{name}@{digest}"),
    };
    let referrers = tree.iter().flat_map(|tree| &tree.entries).filter(|entry| entry.depth > 0);
    let page = ImagePage {
        pull: may_pull.then(|| pull(context, &frame, &reference)),
        heading,
        kind: kind(manifest),
        tabs,
        digest: digest.to_string(),
        media_type: manifest.media_type.clone(),
        // That of an image says no more than that it is one.
        artifact_type: manifest
            .artifact_type
            .clone()
            .filter(|_| manifest.platform.is_none())
            .unwrap_or_default(),
        size: Size(manifest.total_size_bytes),
        platform: platform(manifest).unwrap_or_default(),
        pushed: Age { at: manifest.pushed_at, now },
        pulled: manifest.pulled_at.map(|at| Age { at, now }),
        tags: details.image.tags.iter().map(ToString::to_string).collect(),
        indexes: indexes.collect(),
        layers: layers(&details, found.as_ref()),
        referrers: referrers.map(|entry| referrer(context, name, entry)).collect(),
        all_referrers: tree.as_ref().is_none_or(|tree| tree.is_complete),
        contents: found.as_ref().map(|found| contents(context, found)),
        may_pull,
        frame,
        head,
    };
    show(context, &page)
}

/// `GET /ui/r/{repository}/-/tags/{tag}`.
pub(crate) async fn show_tag(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, tag) = (context.repository()?, context.tag()?);
    let (_, found, _) = context.app.content.get_tag_details(context.actor(), &name, &tag, false).await?;
    page(context, &name, &found.manifest.digest, Some(&tag)).await
}

/// `GET /ui/r/{repository}/-/images/{digest}`.
pub(crate) async fn show_image(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, digest) = (context.repository()?, context.digest()?);
    page(context, &name, &digest, None).await
}
