//! Commands about images.

use anyhow::Result;
use clap::Subcommand;
use longshore_client::types::{
    Belonging, CreateDeletion, ImageFilter, ImageInfo, ManifestInfo, PurposeKind, ReferrerInfo, ReferrerTree,
};
use longshore_client::{Client, Error, ListImages};
use serde::Serialize;

use crate::failure::{Exit, Usage};
use crate::output::{Column, Kind, WIDE, bytes, column, parse_beginning, printable};
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
    /// Show what an image is made of, what it is part of, and what belongs to it: signatures, SBOMs and the like
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

/// An image with what belongs to it, for scripts.
#[derive(Serialize)]
struct WithBelonging {
    #[serde(flatten)]
    image: ImageInfo,
    belonging: ReferrerTree,
}

/// Finds an image by a digest or a tag.
fn find(client: &Client, repository: &str, image: &str) -> Result<ImageInfo> {
    let image = digests::whole(client, repository, image)?;
    let digest = match image.contains(':') {
        true => image,
        false => client.get_tag(repository, &image, None)?.value.digest,
    };
    Ok(client.get_image(repository, &digest)?)
}

fn platform(image: &ManifestInfo) -> String {
    let Some(platform) = &image.platform else { return image.artifact_type.clone().unwrap_or_default() };
    let variant = if platform.variant.is_empty() { String::new() } else { format!("/{}", platform.variant) };
    format!("{}/{}{variant}", platform.os, platform.architecture)
}

/// Says what an entry is.
fn kind_of(entry: &ReferrerInfo) -> String {
    let word = |kind: PurposeKind| match kind {
        PurposeKind::Signature => "signature (not checked)",
        PurposeKind::Sbom => "SBOM",
        PurposeKind::Provenance => "provenance",
        PurposeKind::Vulnerabilities => "vulnerabilities",
        PurposeKind::Vex => "VEX",
        PurposeKind::Attestation => "attestation",
        PurposeKind::Chart => "chart",
        PurposeKind::LazyIndex => "index for lazy pulling",
        PurposeKind::Wasm => "WebAssembly",
        PurposeKind::Other => "artifact",
    };
    let named: Vec<String> =
        entry.purposes.iter().map(|purpose| format!("{} {}", word(purpose.kind), purpose.format)).collect();
    match entry.manifest.is_index {
        true => "index".to_owned(),
        false if named.is_empty() => platform(&entry.manifest),
        false => named.join(", "),
    }
}

/// Returns an image with the parts of an index alone.
fn parts_of(image: &ImageInfo) -> ReferrerTree {
    let root = &image.summary.manifest;
    let entry = |depth, belonging, manifest: &ManifestInfo| ReferrerInfo {
        depth,
        parent: (depth > 0).then(|| root.digest.clone()),
        belonging,
        tag: None,
        purposes: Vec::new(),
        manifest: manifest.clone(),
    };
    let parts = image.images.iter().filter(|_| root.is_index);
    let parts = parts.map(|part| entry(1, Belonging::Part, part));
    let entries = std::iter::once(entry(0, Belonging::Root, root)).chain(parts).collect();
    ReferrerTree { entries, is_complete: true }
}

/// Draws an image, what lists it, what it is made of, and what belongs to it.
fn tree(image: &ImageInfo, belonging: &ReferrerTree) -> String {
    let mut lines: Vec<String> = image.indexes.iter().map(|index| format!("part of {index}")).collect();
    let mut drawn: Vec<(u32, String)> = Vec::new();
    for entry in &belonging.entries {
        let tags = match (&entry.tag, entry.belonging) {
            (_, Belonging::Root) => image.summary.tags.join(" "),
            (Some(tag), _) => tag.clone(),
            (None, _) => String::new(),
        };
        let ManifestInfo { digest, size_bytes, .. } = &entry.manifest;
        let text = format!("{digest}  {}  {}  {tags}", kind_of(entry), bytes(*size_bytes));
        drawn.push((entry.depth, printable(text.trim_end())));
        if entry.belonging == Belonging::Root {
            drawn.extend(image.layers.iter().map(|layer| {
                let text = format!("{}  {}  {}", layer.digest, bytes(layer.size_bytes), layer.instruction);
                (1, printable(text.trim_end()))
            }));
        }
    }
    // Of each line, which of the depths above it go on below it.
    for (number, (depth, text)) in drawn.iter().enumerate() {
        let goes_on = |wanted: u32| {
            let below = drawn[number + 1..].iter().map(|(depth, _)| *depth);
            below.take_while(|depth| *depth >= wanted).any(|depth| depth == wanted)
        };
        let mut line = String::new();
        for level in 1..*depth {
            line.push_str(if goes_on(level) { "│  " } else { "   " });
        }
        if *depth > 0 {
            line.push_str(if goes_on(*depth) { "├─ " } else { "└─ " });
        }
        lines.push(line + text);
    }
    if !belonging.is_complete {
        lines.push("There is more than is shown.".to_owned());
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
            let belonging = match client.get_referrers(&repository, &image.summary.manifest.digest) {
                // Who may look without pulling sees what the image itself says.
                Err(Error::Refused(problem)) if problem.status == 403 => parts_of(&image),
                belonging => belonging?,
            };
            match output.is_for_people() {
                true => console::print(&tree(&image, &belonging))?,
                false => output.object(LINES, "digest", &WithBelonging { image, belonging })?,
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn manifest(letter: &str, is_index: bool, architecture: &str) -> Value {
        json!({
            "digest": format!("sha256:{}", letter.repeat(4)), "media_type": "m", "is_index": is_index, "size_bytes": 2000,
            "platform": { "os": "linux", "architecture": architecture, "variant": "" },
            "pushed_at": "2026-11-01T12:00:00.000000Z",
        })
    }

    fn entry(depth: u32, belonging: &str, purposes: &Value, manifest: Value) -> Value {
        let mut entry = manifest;
        entry["depth"] = depth.into();
        entry["belonging"] = belonging.into();
        entry["purposes"] = purposes.clone();
        entry
    }

    #[test]
    fn a_tree_is_drawn_with_its_branches() {
        let mut image = manifest("a", true, "amd64");
        image["tags"] = json!(["v1", "latest"]);
        image["images"] = json!([manifest("b", false, "amd64"), manifest("c", false, "arm64")]);
        image["indexes"] = json!(["sha256:outer"]);
        image["layers"] = json!([]);
        let image: ImageInfo = serde_json::from_value(image).unwrap();
        let sbom =
            json!([{ "kind": "sbom", "format": "SPDX" }, { "kind": "provenance", "format": "SLSA v1" }]);
        let signature = json!([{ "kind": "signature", "format": "cosign" }]);
        let mut signed = entry(1, "tag", &signature, manifest("e", false, "amd64"));
        signed["tag"] = "sha256-aaaa.sig".into();
        let belonging: ReferrerTree = serde_json::from_value(json!({ "is_complete": false, "entries": [
            entry(0, "root", &json!([]), manifest("a", true, "amd64")),
            entry(1, "part", &json!([]), manifest("b", false, "amd64")),
            entry(2, "attestation", &sbom, manifest("d", false, "unknown")),
            entry(3, "subject", &signature, manifest("f", false, "unknown")),
            entry(1, "part", &json!([]), manifest("c", false, "arm64")),
            signed,
        ] }))
        .unwrap();
        let drawn = "part of sha256:outer
sha256:aaaa  index  2.00 kB  v1 latest
├─ sha256:bbbb  linux/amd64  2.00 kB
│  └─ sha256:dddd  SBOM SPDX, provenance SLSA v1  2.00 kB
│     └─ sha256:ffff  signature (not checked) cosign  2.00 kB
├─ sha256:cccc  linux/arm64  2.00 kB
└─ sha256:eeee  signature (not checked) cosign  2.00 kB  sha256-aaaa.sig
There is more than is shown.";
        assert_eq!(tree(&image, &belonging), drawn);
        let plain = tree(&image, &parts_of(&image));
        assert!(plain.ends_with("└─ sha256:cccc  linux/arm64  2.00 kB"), "{plain}");
    }
}
