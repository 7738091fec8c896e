//! Commands about images.

use anyhow::Result;
use clap::Subcommand;
use longshore_client::types::{CreateDeletion, ImageFilter, ImageInfo};
use longshore_client::{Client, ListImages};

use crate::failure::{Exit, Usage};
use crate::output::{Column, Kind, WIDE, bytes, column, parse_beginning};
use crate::session::Session;
use crate::{console, deletions, digests};

/// Commands about images.
#[derive(Subcommand)]
pub enum ImageCommand {
    /// List images with and without tags, the one that was pushed last first
    #[command(alias = "list")]
    Ls {
        /// Such as acme/app
        repository: String,
        /// pushed, active, size or digest; with - in front backwards [default: -pushed]
        #[arg(long, allow_hyphen_values = true)]
        order: Option<String>,
        /// Only those that a tag reaches, by itself or through an index
        #[arg(long, conflicts_with = "untagged")]
        tagged: bool,
        /// Only those that no tag reaches
        #[arg(long)]
        untagged: bool,
        /// Only those that were pushed or pulled since a time, since a day began, or for so long (90d)
        #[arg(long, value_name = "TIME", value_parser = parse_beginning, conflicts_with = "inactive_since")]
        active_since: Option<String>,
        /// Only those that were neither pushed nor pulled since a time, since a day began, or for so long (90d)
        #[arg(long, value_name = "TIME", value_parser = parse_beginning)]
        inactive_since: Option<String>,
        /// index, image or artifact
        #[arg(long)]
        kind: Option<String>,
        /// Only those of this artifact type
        #[arg(long, value_name = "TYPE")]
        artifact_type: Option<String>,
        /// Only those for this operating system, or with one for it
        #[arg(long)]
        os: Option<String>,
        /// Only those for this architecture, or with one for it
        #[arg(long)]
        architecture: Option<String>,
    },
    /// Show an image
    Show {
        /// Such as acme/app
        repository: String,
        /// A digest or a tag
        image: String,
    },
    /// Show what an image is made of, and what it is part of
    Tree {
        /// Such as acme/app
        repository: String,
        /// A digest or a tag
        image: String,
    },
    /// List the layers of an image, with what made them
    Layers {
        /// Such as acme/app
        repository: String,
        /// A digest or a tag
        image: String,
    },
    /// Delete images with the tags that point at them
    Rm {
        /// Such as acme/app
        repository: String,
        /// Digests of images
        digests: Vec<String>,
        /// All images that were neither pushed nor pulled since a time, since a day began, or for so long (90d)
        #[arg(long, value_name = "TIME", value_parser = parse_beginning, conflicts_with = "digests")]
        inactive_since: Option<String>,
        /// All images that no tag reaches
        #[arg(long, conflicts_with = "digests")]
        untagged: bool,
        /// Also what an index lists, unless something else needs it
        #[arg(long)]
        with_parts: bool,
        /// Show what goes and what that frees, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

const COLUMNS: &[Column] = &[
    column("DIGEST", "digest", Kind::Digest, 0),
    column("TAGS", "tags", Kind::Text, 1),
    column("PLATFORM", "platform", Kind::Text, 4),
    column("SIZE", "size_bytes", Kind::Bytes, 2),
    column("PUSHED", "pushed_at", Kind::Time, 3),
    column("PULLED", "pulled_at", Kind::Time, 5),
    column("KIND", "artifact_type", Kind::Text, WIDE),
    column("MEDIA TYPE", "media_type", Kind::Text, WIDE),
];
const LINES: &[Column] = &[
    column("digest", "digest", Kind::Digest, 0),
    column("tags", "tags", Kind::Text, 0),
    column("media type", "media_type", Kind::Text, 0),
    column("kind", "artifact_type", Kind::Text, 0),
    column("platform", "platform", Kind::Text, 0),
    column("size", "size_bytes", Kind::Bytes, 0),
    column("pushed", "pushed_at", Kind::Time, 0),
    column("pulled", "pulled_at", Kind::Time, 0),
    column("part of", "indexes", Kind::Digest, 0),
];
const LAYER_COLUMNS: &[Column] = &[
    column("DIGEST", "digest", Kind::Digest, 0),
    column("SIZE", "size_bytes", Kind::Bytes, 0),
    column("MADE BY", "instruction", Kind::Text, 0),
];

/// Finds an image by a digest or a tag.
fn find(client: &Client, repository: &str, image: &str) -> Result<ImageInfo> {
    let image = digests::whole(client, repository, image)?;
    let digest = match image.contains(':') {
        true => image,
        false => client.get_tag(repository, &image, None)?.value.digest,
    };
    Ok(client.get_image(repository, &digest)?)
}

fn platform(image: &longshore_client::types::ManifestInfo) -> String {
    let Some(platform) = &image.platform else { return image.artifact_type.clone().unwrap_or_default() };
    let variant = if platform.variant.is_empty() { String::new() } else { format!("/{}", platform.variant) };
    format!("{}/{}{variant}", platform.os, platform.architecture)
}

/// Draws an image, what it lists and what lists it.
fn tree(image: &ImageInfo) -> String {
    let manifest = &image.summary.manifest;
    let kind = if manifest.is_index { "index".to_owned() } else { platform(manifest) };
    let mut lines: Vec<String> = image.indexes.iter().map(|index| format!("part of {index}")).collect();
    let tags = image.summary.tags.join(" ");
    lines.push(
        format!("{}  {kind}  {}  {tags}", manifest.digest, bytes(manifest.size_bytes)).trim_end().to_owned(),
    );
    let children = image
        .images
        .iter()
        .filter(|_| manifest.is_index)
        .map(|child| format!("{}  {}  {}", child.digest, platform(child), bytes(child.size_bytes)));
    let layers = image.layers.iter().map(|layer| {
        format!("{}  {}  {}", layer.digest, bytes(layer.size_bytes), layer.instruction).trim_end().to_owned()
    });
    let parts: Vec<String> = children.chain(layers).collect();
    for (number, part) in parts.iter().enumerate() {
        let branch = if number + 1 == parts.len() { "└─" } else { "├─" };
        lines.push(format!("{branch} {part}"));
    }
    lines.join("\n")
}

/// Runs a command.
///
/// # Errors
/// What the registry refused, or why it was not reached.
pub fn run(command: ImageCommand, session: &Session) -> Result<Exit> {
    let Session { client, output, .. } = session;
    match command {
        ImageCommand::Ls {
            repository,
            order,
            tagged,
            untagged,
            active_since,
            inactive_since,
            kind,
            artifact_type,
            os,
            architecture,
        } => {
            let tagged = (tagged || untagged).then_some(tagged);
            let wanted = ListImages {
                order,
                tagged,
                active_since,
                inactive_since,
                kind,
                artifact_type,
                os,
                architecture,
            };
            let images = client.list_images(&repository, &wanted).map(|image| {
                let image = image?;
                let mut value = serde_json::to_value(&image)?;
                // One word in a table; scripts get the parts.
                if output.is_for_people() {
                    value["platform"] = platform(&image.manifest).into();
                }
                anyhow::Ok(value)
            });
            output.list(COLUMNS, "digest", images)?;
        }
        ImageCommand::Show { repository, image } => {
            output.object(LINES, "digest", &find(client, &repository, &image)?)?;
        }
        ImageCommand::Tree { repository, image } => {
            let image = find(client, &repository, &image)?;
            match output.is_for_people() {
                true => console::print(&tree(&image))?,
                false => output.object(LINES, "digest", &image)?,
            }
        }
        ImageCommand::Layers { repository, image } => {
            let image = find(client, &repository, &image)?;
            output.list(LAYER_COLUMNS, "digest", image.layers.iter().map(anyhow::Ok))?;
        }
        ImageCommand::Rm { repository, digests, inactive_since, untagged, with_parts, dry_run } => {
            let filter = match (inactive_since, untagged) {
                (None, false) => None,
                (inactive_since, untagged) => {
                    Some(ImageFilter { tagged: untagged.then_some(false), inactive_since })
                }
            };
            if digests.is_empty() && filter.is_none() {
                let text = "say which images: digests, --untagged or --inactive-since TIME";
                return Err(Usage(text.into()).into());
            }
            let whole = |image: String| {
                let digest = digests::whole(client, &repository, &image)?;
                match digest.contains(':') {
                    true => Ok(digest),
                    false => {
                        let text = format!(
                            "{image} is no digest: image rm takes digests, tag rm deletes tags (longshore tag show {repository} TAG says what one points at)"
                        );
                        Err(anyhow::Error::from(Usage(text)))
                    }
                }
            };
            let digests = digests.into_iter().map(whole).collect::<Result<Vec<_>>>()?;
            let wanted = CreateDeletion { digests, filter, with_parts, dry_run, ..CreateDeletion::default() };
            return deletions::delete(session, &repository, wanted);
        }
    }
    Ok(Exit::Done)
}
