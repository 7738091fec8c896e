//! Making room: the images of a repository, what deleting some would do, and deleting them.

use std::collections::BTreeSet;

use askama::Template;
use jiff::Timestamp;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::cursor::unreadable;
use longshore_app::bulk_deletions::Deleted;
use longshore_content::image_details::TaggedImage;
use longshore_content::planning::{DeletionPreview, KeptReason, Selection};
use longshore_domain::access::action::RepositoryAction;
use longshore_domain::conflict::Conflict;
use longshore_domain::image::{ImageFilter, ImageKind, ImageNature, ImageStatus};
use longshore_domain::image_order::{ImageKey, ImageOrder, ImageSort};
use longshore_domain::name::RepositoryName;
use longshore_domain::{Error, Field, Result};
use longshore_platform::earlier;
use serde::Deserialize;

use crate::context::Context;
use crate::error::{sentence, status};
use crate::format::{Age, Size, count, counted, date, percent, short};
use crate::image::kind;
use crate::list::{self, Choice, Head, Pager, choices};
use crate::page::{Frame, Kept, Message, lead, send, show};
use crate::repository::{RepositoryHead, STALE, Tab, frame, open};
use crate::tags::platform;

/// Orders of images: `-` in front is backwards.
const ORDERS: &[(&str, ImageOrder)] = &[
    ("-pushed", ImageOrder { by: ImageSort::Pushed, is_descending: true }),
    ("pushed", ImageOrder { by: ImageSort::Pushed, is_descending: false }),
    ("-size", ImageOrder { by: ImageSort::Size, is_descending: true }),
    ("size", ImageOrder { by: ImageSort::Size, is_descending: false }),
    ("-active", ImageOrder { by: ImageSort::Activity, is_descending: true }),
    ("active", ImageOrder { by: ImageSort::Activity, is_descending: false }),
];
/// Most tags of an image that its row names.
const NAMED_TAGS: usize = 4;
/// Most entries of a plan that are listed.
const LISTED: usize = 200;

struct Row {
    digest: String,
    whole: String,
    kind: &'static str,
    tags: Vec<String>,
    more_tags: usize,
    platform: String,
    size: Size,
    pushed: Age,
    pulled: Option<Age>,
    is_stale: bool,
}

#[derive(Template)]
#[template(path = "images.html")]
struct ImagesPage {
    frame: Frame,
    head: RepositoryHead,
    stored: Size,
    sum: Size,
    shared_percent: u64,
    stale: String,
    stale_bytes: Option<Size>,
    heads: Vec<Head>,
    rows: Vec<Row>,
    pager: Pager,
    caption: String,
    kinds: Vec<Choice>,
    tagged: Vec<Choice>,
    activity: Vec<Choice>,
    may_delete: bool,
    /// The filter, for what deletes all that match; nothing where it would be all images, or is not one that deletions have.
    whole_filter: Option<(String, String)>,
    is_empty: bool,
}

fn row(context: &Context, image: &TaggedImage, stale_before: Timestamp) -> Row {
    let (manifest, now) = (&image.manifest, context.app.platform.now());
    let is_stale = manifest.pushed_at < stale_before && manifest.pulled_at.is_none_or(|at| at < stale_before);
    Row {
        digest: short(&manifest.digest),
        whole: manifest.digest.to_string(),
        kind: kind(manifest),
        tags: image.tags.iter().take(NAMED_TAGS).map(ToString::to_string).collect(),
        more_tags: image.tags.len().saturating_sub(NAMED_TAGS),
        platform: platform(manifest).unwrap_or_default(),
        size: Size(manifest.total_size_bytes),
        pushed: Age { at: manifest.pushed_at, now },
        pulled: manifest.pulled_at.map(|at| Age { at, now }),
        is_stale,
    }
}

fn key_of(image: &TaggedImage, by: ImageSort) -> ImageKey {
    let manifest = &image.manifest;
    let value = match by {
        ImageSort::Digest => 0,
        ImageSort::Pushed => manifest.pushed_at.as_microsecond(),
        ImageSort::Activity => {
            manifest.pulled_at.map_or(manifest.pushed_at, |at| at.max(manifest.pushed_at)).as_microsecond()
        }
        ImageSort::Size => i64::try_from(manifest.total_size_bytes).unwrap_or(i64::MAX),
    };
    ImageKey { value, digest: manifest.digest }
}

fn tagged(word: &str) -> Result<Option<bool>> {
    match word {
        "" => Ok(None),
        "yes" => Ok(Some(true)),
        "no" => Ok(Some(false)),
        _ => Err(Error::Invalid { field: Field::Parameter("tagged"), reason: "must be yes or no".into() }),
    }
}

fn activity(word: &str, since: Timestamp) -> Result<(Option<ImageStatus>, Timestamp)> {
    match word {
        "" => Ok((None, Timestamp::MIN)),
        "stale" => Ok((Some(ImageStatus::Inactive), since)),
        "active" => Ok((Some(ImageStatus::Active), since)),
        _ => Err(Error::Invalid {
            field: Field::Parameter("activity"),
            reason: "must be stale or active".into(),
        }),
    }
}

/// `GET /ui/r/{repository}/-/images`.
pub(crate) async fn show_images(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, actor, content) = (context.repository()?, context.actor(), &context.app.content);
    let (head, _) = open(context, &name, Tab::Images).await?;
    let stale_before = earlier(context.app.platform.now(), STALE);
    let (tagged_word, activity_word) = (context.text("tagged"), context.text("activity"));
    let is_tagged = tagged(&tagged_word)?;
    let (wanted_status, active_from) = activity(&activity_word, stale_before)?;
    let wanted_kind = context.choice(
        "kind",
        &[
            ("", None),
            ("index", Some(ImageKind::Index)),
            ("image", Some(ImageKind::Image)),
            ("artifact", Some(ImageKind::Artifact)),
        ],
    )?;
    let order = context.choice("order", ORDERS)?;
    let now_order = context.query("order").unwrap_or(ORDERS[0].0.into()).into_owned();
    let filter = ImageFilter { active_from, status: wanted_status, is_tagged };
    let nature = ImageNature { kind: wanted_kind, ..ImageNature::default() };
    let is_filtered = !filter.is_empty() || !nature.is_empty();
    let list = format!("images {order:?} {tagged_word} {activity_word} {wanted_kind:?}");
    let key = |(value, digest): (i64, String)| {
        Ok(ImageKey { value, digest: digest.parse().map_err(|_| unreadable())? })
    };
    let from = list::read(context, &list, key)?;
    let read_order = if from.is_backward { order.reversed() } else { order };
    let size = context.page_size()?;
    let (found, _) =
        content.browse_images(actor, &name, (filter, nature), read_order, from.key, size).await?;
    let place = |key: ImageKey| (key.value, key.digest.to_string());
    let arranged = list::arrange(context, &list, &from, found, |image| key_of(image, order.by), place)?;
    let Some((items, pager)) = arranged else { return Ok(lead(context, &list::first(context))) };
    let usage = content.get_repository_usage(actor, &name, stale_before).await?;
    let all = counted(usage.counts.images, "image", "images");
    let caption = match is_filtered {
        true => format!("{} of {all} on this page", counted(items.len() as u64, "image", "images")),
        false => all,
    };
    let deletes_all =
        wanted_kind.is_none() && wanted_status != Some(ImageStatus::Active) && !filter.is_empty();
    let page = ImagesPage {
        frame: frame(context, &name, "Images"),
        may_delete: head.may.contains(RepositoryAction::Delete),
        head,
        stored: Size(usage.counts.stored_bytes),
        sum: Size(usage.counts.bytes),
        shared_percent: percent(
            usage.counts.bytes.saturating_sub(usage.counts.stored_bytes),
            usage.counts.bytes,
        ),
        stale: count(usage.inactive),
        stale_bytes: usage.inactive_bytes.map(Size),
        heads: vec![
            Head::plain("Select"),
            Head::plain("Image"),
            Head::plain("Platform"),
            Head::sorting(context, "Size", "-size", "size", &now_order).number(),
            Head::sorting(context, "Pushed", "-pushed", "pushed", &now_order),
            Head::sorting(context, "Pulled", "-active", "active", &now_order),
        ],
        rows: items.iter().map(|image| row(context, image, stale_before)).collect(),
        is_empty: usage.counts.images == 0,
        pager,
        caption,
        kinds: choices(
            &[("", "Any"), ("index", "Indexes"), ("image", "Images"), ("artifact", "Artifacts")],
            &context.text("kind"),
        ),
        tagged: choices(
            &[("", "With and without"), ("yes", "With a tag"), ("no", "Without a tag")],
            &tagged_word,
        ),
        activity: choices(
            &[("", "Any"), ("stale", "Stale: none for 6 months"), ("active", "In the last 6 months")],
            &activity_word,
        ),
        whole_filter: deletes_all.then_some((tagged_word, activity_word)),
    };
    show(context, &page)
}

/// What somebody wants to delete, as forms send it.
#[derive(Default, Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    digest: Vec<String>,
    #[serde(default)]
    tag: Vec<String>,
    /// `yes` for all images of the filter that follows.
    #[serde(default)]
    all: String,
    #[serde(default)]
    tagged: String,
    #[serde(default)]
    activity: String,
    /// Since when what is stale was not active, as the preview said.
    #[serde(default)]
    since: String,
    /// Whether what an index lists goes with it.
    #[serde(default)]
    parts: String,
    /// The plan that was shown.
    #[serde(default)]
    plan: String,
    /// Whether the tags that go with images were seen.
    #[serde(default)]
    tags_too: String,
}

impl Wanted {
    fn selection(&self, now: Timestamp) -> Result<(Selection, String)> {
        let digests: BTreeSet<_> = self.digest.iter().map(|text| text.parse()).collect::<Result<_>>()?;
        let tags: BTreeSet<_> = self.tag.iter().map(|text| text.parse()).collect::<Result<_>>()?;
        let since = match self.since.as_str() {
            "" => earlier(now, STALE),
            text => text.parse().map_err(|_| unreadable())?,
        };
        let filter = match self.all.as_str() {
            "yes" => {
                let (status, active_from) = activity(&self.activity, since)?;
                let filter = ImageFilter { active_from, status, is_tagged: tagged(&self.tagged)? };
                Some(filter).filter(|filter| !filter.is_empty())
            }
            _ => None,
        };
        if digests.is_empty() && tags.is_empty() && filter.is_none() {
            return Err(Error::Invalid {
                field: Field::DeletedImages,
                reason: "nothing is selected; go back, and tick what is to go".into(),
            });
        }
        let with_parts = self.parts == "yes" || filter.is_some();
        Ok((Selection { digests, tags, filter, with_parts, ..Selection::default() }, since.to_string()))
    }
}

struct StayingImage {
    digest: String,
    reason: String,
}

#[derive(Template)]
#[template(path = "deletion_preview.html")]
struct PreviewPage {
    frame: Frame,
    head: RepositoryHead,
    heading: String,
    images: String,
    tags: String,
    digests: Vec<String>,
    named_tags: Vec<String>,
    more_digests: usize,
    more_tags: usize,
    later: u64,
    freed: Size,
    shared: Size,
    freed_at: String,
    undo_until: Option<String>,
    kept: Vec<StayingImage>,
    is_nothing: bool,
    button: String,
    asks_for_tags: bool,
    hidden: Vec<(&'static str, String)>,
    script: String,
}

fn hidden(wanted: &Wanted, since: &str, plan: &str) -> Vec<(&'static str, String)> {
    let mut fields: Vec<(&'static str, String)> = Vec::new();
    fields.extend(wanted.digest.iter().map(|digest| ("digest", digest.clone())));
    fields.extend(wanted.tag.iter().map(|tag| ("tag", tag.clone())));
    for (name, value) in [
        ("all", &wanted.all),
        ("tagged", &wanted.tagged),
        ("activity", &wanted.activity),
        ("parts", &wanted.parts),
    ] {
        if !value.is_empty() {
            fields.push((name, value.clone()));
        }
    }
    fields.push(("since", since.to_owned()));
    fields.push(("plan", plan.to_owned()));
    fields
}

async fn preview_page(
    context: &Context,
    name: &RepositoryName,
    wanted: &Wanted,
    message: Option<Message>,
) -> Result<PreviewPage> {
    let now = context.app.platform.now();
    let (selection, since) = wanted.selection(now)?;
    let takes_images = !selection.digests.is_empty() || selection.filter.is_some();
    let preview: DeletionPreview =
        context.app.content.preview_deletion(context.actor(), name, selection).await?;
    let (head, _) = open(context, name, if takes_images { Tab::Images } else { Tab::Tags }).await?;
    let images = counted(preview.images.len() as u64, "image", "images");
    let tags = counted(preview.tags.len() as u64, "tag", "tags");
    let what = match (preview.images.len(), preview.tags.len()) {
        (0, _) => tags.clone(),
        (_, 0) => images.clone(),
        _ => format!("{images} and {tags}"),
    };
    let kept = preview.kept.iter().take(LISTED).map(|(digest, reason)| StayingImage {
        digest: short(digest),
        reason: match reason {
            KeptReason::PartOf(index) => format!("is part of the index {}, which stays", short(index)),
            KeptReason::ImmutableTag(tag) => format!("has the immutable tag {tag}"),
        },
    });
    let undo = context.app.platform.settings().gc.undo;
    let is_nothing = preview.images.is_empty() && preview.tags.is_empty();
    let mut frame = frame(context, name, "Delete");
    frame.messages.extend(message);
    let script = match takes_images {
        true => format!("longshore image rm {name} DIGEST…   (--dry-run shows the same plan)"),
        false => format!("longshore tag rm {name} TAG…   (--dry-run shows the same plan)"),
    };
    Ok(PreviewPage {
        frame,
        head,
        heading: format!("Delete {what}?"),
        asks_for_tags: takes_images && !preview.tags.is_empty(),
        button: format!("Delete {what}"),
        digests: preview.images.iter().take(LISTED).map(ToString::to_string).collect(),
        named_tags: preview.tags.keys().take(LISTED).map(ToString::to_string).collect(),
        more_digests: preview.images.len().saturating_sub(LISTED),
        more_tags: preview.tags.len().saturating_sub(LISTED),
        images,
        tags,
        later: preview.collected_later.len() as u64,
        freed: Size(preview.freed_bytes),
        shared: Size(preview.shared_bytes),
        freed_at: date(preview.freed_at),
        undo_until: (!undo.is_zero()).then(|| date(longshore_platform::later(now, undo))),
        kept: kept.collect(),
        is_nothing,
        hidden: hidden(wanted, &since, &preview.plan),
        script,
    })
}

/// `POST /ui/r/{repository}/-/deletions/preview`, which changes nothing.
pub(crate) async fn preview_deletion(context: &Context, body: RequestBody) -> Result<Response> {
    let (name, wanted): (_, Wanted) = (context.repository()?, context.form(body).await?);
    let page = preview_page(context, &name, &wanted, None).await?;
    send(context, http::StatusCode::OK, Kept::Never, &page)
}

/// `POST /ui/r/{repository}/-/deletions`.
pub(crate) async fn create_deletion(context: &Context, body: RequestBody) -> Result<Response> {
    let (name, wanted): (_, Wanted) = (context.repository()?, context.form(body).await?);
    let (selection, _) = wanted.selection(context.app.platform.now())?;
    let takes_images = !selection.digests.is_empty() || selection.filter.is_some();
    if takes_images && wanted.tags_too != "yes" {
        let preview = context.app.content.preview_deletion(context.actor(), &name, selection.clone()).await?;
        if !preview.tags.is_empty() {
            let text = "Tags go with these images. Tick that they do, or go back and leave those images out.";
            let page = preview_page(context, &name, &wanted, Some(Message::problem(text))).await?;
            return send(context, http::StatusCode::CONFLICT, Kept::Never, &page);
        }
    }
    let expected = Some(wanted.plan.as_str()).filter(|plan| !plan.is_empty());
    let (_, deleted) = match context.app.delete_selected(context.actor(), &name, selection, expected).await {
        Err(error @ Error::Conflict(Conflict::PlanChanged)) => {
            let text = format!("{} This is what would go now.", sentence(&error));
            let page = preview_page(context, &name, &wanted, Some(Message::problem(text))).await?;
            return send(context, status(&error), Kept::Never, &page);
        }
        other => other?,
    };
    Ok(match deleted {
        Deleted::Now(id) => lead(context, &format!("/ui/deletions/{id}?done=1")),
        Deleted::Nothing => lead(context, &format!("/ui/r/{name}/-/images")),
        Deleted::Later(job) => lead(context, &format!("/ui/jobs/{}", job.id)),
    })
}
