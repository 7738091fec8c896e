//! One search for everything that has a name: repositories by words, tags by `name:tag`, images and layers by digest.

use longshore_domain::access::action::RepositoryAction;
use longshore_domain::access::actor::Actor;
use longshore_domain::image::{TagDetails, TagFilter};
use longshore_domain::name::{RepositoryName, TAG_LIMIT_BYTES};
use longshore_domain::page::PageSize;
use longshore_domain::ports::metadata::{DigestQuery, FoundDigest};
use longshore_domain::repository::query::NamespaceFilter;
use longshore_domain::repository::{RepositoryDetails, RepositoryOrder};
use longshore_domain::tag_order::TagOrder;
use longshore_domain::{Error, Result};

use crate::Content;
use crate::inventory::Browsed;

/// Fewest hexadecimal digits by which a digest is looked for.
const DIGITS: usize = 12;
/// Repositories in which tags are looked for.
const REPOSITORIES: u64 = 10;

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Repositories.
    pub repositories: Vec<RepositoryDetails>,
    /// Tags, with the repository of each.
    pub tags: Vec<(RepositoryName, TagDetails)>,
    /// Images and layers.
    pub digests: Vec<FoundDigest>,
    /// Whether there may be more.
    pub is_cut: bool,
}

/// Returns the beginning of a digest that somebody means: `sha256:` with digits, or at least twelve of them.
fn digest_beginning(text: &str) -> Option<String> {
    let digits = text.strip_prefix("sha256:").or_else(|| text.strip_prefix("sha512:"));
    let algorithm = if text.starts_with("sha512:") { "sha512" } else { "sha256" };
    let digits = digits.unwrap_or(text);
    let is_one = (DIGITS..=128).contains(&digits.len())
        && digits.bytes().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit));
    is_one.then(|| format!("{algorithm}:{digits}"))
}

impl Content {
    /// Finds repositories by a word, or by a part of the name in their namespace, where that is named too; and whether there may be
    /// more.
    async fn named(
        &self,
        actor: &Actor,
        text: &str,
        size: PageSize,
    ) -> Result<(Vec<RepositoryDetails>, bool)> {
        let Some((namespace, rest)) = text.split_once('/') else {
            let (found, count) = self.search_repositories(actor, text, 0, size).await?;
            return Ok((found, count > u64::from(size.get())));
        };
        let Ok(namespace) = namespace.parse() else { return Ok((Vec::new(), false)) };
        let filter = NamespaceFilter { name_part: rest.to_owned(), ..NamespaceFilter::default() };
        let among = Browsed::Namespace { name: &namespace, filter, order: RepositoryOrder::Name };
        let page = match self.browse_repositories(actor, among, None, size).await {
            Err(Error::OrganizationUnknown(_) | Error::Denied(_)) => return Ok((Vec::new(), false)),
            page => page?,
        };
        Ok((page.items.into_iter().map(|held| held.details).collect(), page.next.is_some()))
    }

    /// Searches what the actor may see, of each kind at most `size`.
    ///
    /// # Errors
    /// As [`Content::search_repositories`].
    pub async fn search(&self, actor: &Actor, text: &str, size: PageSize) -> Result<Found> {
        let text = text.trim().to_lowercase();
        let mut found = Found::default();
        if let Some(beginning) = digest_beginning(&text) {
            let visible = self.access.visible(actor).await?;
            let query = DigestQuery { beginning, visible, size };
            let (digests, is_cut) =
                self.metadata.read(query, |tx, query| Box::pin(tx.find_digests(query))).await?;
            found.is_cut = is_cut;
            for digest in digests {
                // Of some, the credential shows the name alone.
                match self.access.authorize(actor, &digest.repository, RepositoryAction::ViewTags).await {
                    Ok(_) => found.digests.push(digest),
                    Err(Error::Denied(_) | Error::RepositoryUnknown(_) | Error::Unauthenticated(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        let (name, tag) = match text.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') && name != "sha256" && name != "sha512" => {
                (name, Some(tag))
            }
            _ => (text.as_str(), None),
        };
        let Some(tag) = tag else {
            let (repositories, is_cut) = self.named(actor, name, size).await?;
            found.is_cut |= is_cut;
            found.repositories = repositories;
            return Ok(found);
        };
        if tag.len() > TAG_LIMIT_BYTES {
            return Ok(found);
        }
        let few = PageSize::clamped(REPOSITORIES)?;
        let (repositories, is_cut) = self.named(actor, name, few).await?;
        found.is_cut |= is_cut;
        for details in repositories {
            let name = details.repository.name;
            let left = u64::from(size.get()).saturating_sub(found.tags.len() as u64);
            let Ok(left) = PageSize::clamped(left) else {
                found.is_cut = true;
                break;
            };
            let filter = TagFilter { name_beginning: tag.to_owned(), ..TagFilter::default() };
            match self.browse_tags(actor, &name, filter, TagOrder::NAME, None, left).await {
                Ok((page, _)) => {
                    found.is_cut |= page.next.is_some();
                    found.tags.extend(page.items.into_iter().map(|tag| (name.clone(), tag)));
                }
                // Of some, the credential shows the name alone; others went meanwhile.
                Err(Error::Denied(_) | Error::RepositoryUnknown(_) | Error::Unauthenticated(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_digest_is_told_from_a_name() {
        let twelve = "0123456789ab";
        assert_eq!(digest_beginning(twelve), Some(format!("sha256:{twelve}")));
        assert_eq!(digest_beginning(&format!("sha512:{twelve}")), Some(format!("sha512:{twelve}")));
        for name in ["0123456789a", "app", "sha256:", "sha256:app", "deadbeefcafg", ""] {
            assert_eq!(digest_beginning(name), None, "{name}");
        }
    }
}
