//! Lists of images: one query, and for each order the statement that an index serves.

use longshore_domain::Result;
use longshore_domain::image::{Image, ImageKind, ImageQuery, ImageStatus};
use longshore_domain::image_order::{ImageKey, ImageOrder, ImageSort};
use longshore_domain::page::{KeyedPage, Page};

use super::images::{image, range};
use super::marks::{IMAGE_PUSHED, IMAGE_SIZE, IMAGE_SORT, IS_OF_NATURE, OF_NATURE, directed, reached};
use super::overfull;
use crate::tx::{Row, SqlTx, Value, row};

/// An image that was found.
pub(super) struct FoundImage {
    pub image: Image,
    pub manifest: i64,
    value: i64,
}

impl FoundImage {
    fn key(&self) -> ImageKey {
        ImageKey { value: self.value, digest: self.image.digest }
    }
}

fn found(row: &Row<'_>) -> Result<FoundImage> {
    Ok(FoundImage { image: image(row)?, manifest: row.int(3)?, value: row.int(4)? })
}

fn key(row: &Row<'_>) -> Result<ImageKey> {
    Ok(ImageKey { digest: row.parsed(0)?, value: row.int(1)? })
}

fn kind(kind: ImageKind) -> &'static str {
    match kind {
        ImageKind::Index => "index",
        ImageKind::Image => "image",
        ImageKind::Artifact => "artifact",
    }
}

/// Statements for each order: by digest alone, by activity, and by something else.
struct Statements {
    by_digest: &'static str,
    by_activity: &'static str,
    by_column: &'static str,
}

impl Statements {
    /// Returns the one for an order.
    fn of(&self, order: ImageOrder) -> String {
        let by = |sql| directed(sql, order.is_descending);
        match order.by {
            ImageSort::Digest => by(self.by_digest),
            ImageSort::Activity => by(self.by_activity),
            ImageSort::Pushed => IMAGE_SORT.put(&by(self.by_column), IMAGE_PUSHED),
            ImageSort::Size => IMAGE_SORT.put(&by(self.by_column), IMAGE_SIZE),
        }
    }
}

// A sign before a column keeps SQLite from an index with it where another one is in order.
const FIND: Statements = Statements {
    by_digest: "SELECT i.digest, i.pushed_at, i.pulled_at, i.manifest_id, 0 FROM images i
         WHERE i.repository_id = $1 AND +i.active_at >= $2 AND +i.active_at < $3{reached} AND {of_nature}
             AND i.digest {behind} $9 AND i.digest {up_to} $10
         ORDER BY i.digest{direction} LIMIT $11 OFFSET $12",
    by_activity: "SELECT i.digest, i.pushed_at, i.pulled_at, i.manifest_id, i.active_at FROM images i
         WHERE i.repository_id = $1 AND +i.active_at >= $2 AND +i.active_at < $3{reached} AND {of_nature}
             AND (i.active_at, i.digest) {behind} ($9, $10) AND (i.active_at, i.digest) {up_to} ($11, $12)
         ORDER BY i.active_at{direction}, i.digest{direction} LIMIT $13 OFFSET $14",
    by_column: "SELECT i.digest, i.pushed_at, i.pulled_at, i.manifest_id, {image_sort} FROM images i
         WHERE i.repository_id = $1 AND +i.active_at >= $2 AND +i.active_at < $3{plainly_reached} AND {of_nature}
             AND ({image_sort}, i.digest) {behind} ($9, $10) AND ({image_sort}, i.digest) {up_to} ($11, $12)
         ORDER BY {image_sort}{direction}, i.digest{direction} LIMIT $13 OFFSET $14",
};
const LAST: Statements = Statements {
    by_digest: "SELECT i.digest, 0 FROM images i WHERE i.repository_id = $1 AND i.digest {behind} $2
         ORDER BY i.digest{direction} LIMIT 1 OFFSET $3",
    by_activity: "SELECT i.digest, i.active_at FROM images i
         WHERE i.repository_id = $1 AND (i.active_at, i.digest) {behind} ($2, $3)
         ORDER BY i.active_at{direction}, i.digest{direction} LIMIT 1 OFFSET $4",
    by_column: "SELECT i.digest, {image_sort} FROM images i
         WHERE i.repository_id = $1 AND ({image_sort}, i.digest) {behind} ($2, $3)
         ORDER BY {image_sort}{direction}, i.digest{direction} LIMIT 1 OFFSET $4",
};

/// Returns the values by which an image is compared with where another one stands, or with what comes before or behind all
/// that may be wanted.
fn place(query: &ImageQuery, key: Option<&ImageKey>, is_first: bool) -> Vec<Value> {
    let is_least = is_first != query.order.is_descending;
    if query.order.by == ImageSort::Digest {
        // No digest begins with anything else than a small letter.
        let edge = if is_least { String::new() } else { "~".to_owned() };
        return row![key.map_or(edge, |key| key.digest.to_string())];
    }
    match key {
        Some(key) => row![key.value, &key.digest],
        None => row![edge(query, is_least), ""],
    }
}

/// Returns what comes before all that may be wanted, or behind it.
fn edge(query: &ImageQuery, is_least: bool) -> i64 {
    let from = query.filter.active_from.as_microsecond();
    match (query.filter.status, query.order.by) {
        (Some(ImageStatus::Active), ImageSort::Activity) if is_least => from,
        (Some(ImageStatus::Inactive), ImageSort::Activity) if !is_least => from,
        _ if is_least => i64::MIN,
        _ => i64::MAX,
    }
}

impl SqlTx<'_> {
    /// Finds the images of a query, in an index.
    pub(super) async fn find_images(
        &mut self,
        query: &ImageQuery,
    ) -> Result<KeyedPage<FoundImage, ImageKey>> {
        let behind;
        let mut query = query;
        if query.offset > 0 && query.after.is_none() && query.filter.is_empty() && query.nature.is_empty() {
            // What a page number leaves out is passed over in the index, without looking at any of it.
            let skipped = u32::try_from(query.offset).unwrap_or(u32::MAX);
            let Some(last) = self.last_image_of(query, skipped).await? else {
                return Ok(KeyedPage { items: Vec::new(), next: None });
            };
            behind = ImageQuery { after: Some(last), offset: 0, ..query.clone() };
            query = &behind;
        }
        let ImageQuery { repository, filter, nature, after, order, offset, size, examined } = query;
        let is_range = nature.is_empty()
            && filter.is_tagged.is_none()
            && (filter.status.is_none() || order.by == ImageSort::Activity);
        let until = match examined {
            Some(examined) if !is_range => self.last_image_of(query, *examined).await?,
            _ => None,
        };
        // Behind the last that may be wanted there is none.
        let until = until.filter(|until| match (order.by, order.is_descending) {
            (ImageSort::Activity, true) => until.value >= edge(query, true),
            (ImageSort::Activity, false) => until.value <= edge(query, false),
            (ImageSort::Digest | ImageSort::Pushed | ImageSort::Size, _) => true,
        });
        let sql = OF_NATURE.put(&reached(&FIND.of(*order), filter.is_tagged), IS_OF_NATURE);
        let (active_from, active_until) = range(filter);
        let mut values = row![
            repository.0,
            active_from,
            active_until,
            i64::from(!nature.is_empty()),
            nature.kind.map_or("", kind),
            nature.artifact_type.as_str(),
            nature.os.as_str(),
            nature.architecture.as_str()
        ];
        values.extend(place(query, after.as_ref(), true));
        values.extend(place(query, until.as_ref(), false));
        values.extend(row![overfull(*size), *offset]);
        let Page { items, has_more } = Page::from_overfull(self.all(&sql, &values, found).await?, *size);
        let next = if has_more { items.last().map(FoundImage::key) } else { until };
        Ok(KeyedPage { items, next })
    }

    /// Finds the last of so many images from where a page begins, whether they are wanted or not; `None` when there are fewer.
    async fn last_image_of(&mut self, query: &ImageQuery, examined: u32) -> Result<Option<ImageKey>> {
        let mut values = row![query.repository.0];
        values.extend(place(query, query.after.as_ref(), true));
        values.extend(row![i64::from(examined.max(1)) - 1]);
        self.first(&LAST.of(query.order), &values, key).await
    }
}
