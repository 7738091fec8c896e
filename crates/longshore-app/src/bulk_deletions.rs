//! Deletions of more than one request takes: jobs, which delete what was planned and nothing else, as one deletion.

use std::collections::{BTreeMap, BTreeSet};

use longshore_content::planning::{DeletionPart, DeletionPreview, SelectedDeletion, Selection};
use longshore_domain::access::actor::{AccountPrincipal, Actor, CredentialScope, Proof};
use longshore_domain::account::AccountId;
use longshore_domain::deletion::DeletionId;
use longshore_domain::digest::Digest;
use longshore_domain::job::{Job, JobKind};
use longshore_domain::name::{RepositoryName, Tag};
use longshore_domain::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::App;

/// Images, and tags whose images stay, that are deleted at once.
const AT_ONCE: usize = 500;

/// What a job deletes, as it is written down.
#[derive(Serialize, Deserialize)]
struct Payload {
    repository: String,
    /// The deletion that all of it is.
    deletion: Uuid,
    /// For whom; nothing for the operator.
    by: Option<By>,
    images: Vec<String>,
    tags: BTreeMap<String, String>,
}

/// The account that asked for it.
#[derive(Serialize, Deserialize)]
struct By {
    id: i64,
    name: String,
    epoch: i64,
}

/// What became of a deletion.
#[derive(Debug)]
pub enum Deleted {
    /// It is done.
    Now(DeletionId),
    /// There was nothing to be deleted.
    Nothing,
    /// A job does it.
    Later(Box<Job>),
}

impl App {
    /// Deletes what a plan says: at once if that is not too much for one request, else by a job.
    ///
    /// # Errors
    /// As [`delete_selected`](longshore_content::Content::delete_selected).
    pub async fn delete_selected(
        &self,
        actor: &Actor,
        name: &RepositoryName,
        selection: Selection,
        expected: Option<&str>,
    ) -> Result<(DeletionPreview, Deleted)> {
        let (preview, done) = self.content.delete_selected(actor, name, selection, expected).await?;
        let deleted = match done {
            SelectedDeletion::Done(id) => Deleted::Now(id),
            SelectedDeletion::Nothing => Deleted::Nothing,
            SelectedDeletion::TooMuch => {
                let payload = Payload {
                    repository: name.to_string(),
                    deletion: self.platform.new_uuid(),
                    by: actor.as_account().map(|account| By {
                        id: account.account_id.0,
                        name: account.name.to_string(),
                        epoch: account.credential_epoch,
                    }),
                    images: preview.images.iter().map(ToString::to_string).collect(),
                    tags: preview
                        .tags
                        .iter()
                        .map(|(tag, digest)| (tag.to_string(), digest.to_string()))
                        .collect(),
                };
                let payload = serde_json::to_string(&payload).map_err(Error::internal)?;
                let job = self.put_job(actor, JobKind::DeleteImages, Some(payload)).await?;
                Deleted::Later(Box::new(job))
            }
        };
        Ok((preview, deleted))
    }

    /// Does what a job is to delete that may have been begun before; `note` is told how much is done of how much.
    ///
    /// # Errors
    /// Those of the content's deletions; what was deleted stays so, and can be undone.
    pub(crate) async fn delete_images(
        &self,
        payload: &str,
        note: &(dyn Fn(u64, u64, u64) + Sync),
    ) -> Result<Value> {
        let payload: Payload = serde_json::from_str(payload).map_err(Error::internal)?;
        let name: RepositoryName = payload.repository.parse()?;
        let actor = match payload.by {
            None => Actor::OPERATOR,
            // What the credential covered was asked when the job was wished for; what the account may do is asked at each step.
            Some(by) => {
                let principal = AccountPrincipal {
                    account_id: AccountId(by.id),
                    name: by.name.parse()?,
                    credential_epoch: by.epoch,
                    access_token: None,
                };
                Actor::account(principal, CredentialScope::Everything, Proof::Nothing)
            }
        };
        let planned: BTreeMap<Tag, Digest> = payload
            .tags
            .iter()
            .map(|(tag, digest)| Ok((tag.parse()?, digest.parse()?)))
            .collect::<Result<_>>()?;
        let mut left: Vec<Digest> =
            payload.images.iter().map(|digest| digest.parse()).collect::<Result<_>>()?;
        let whole: BTreeSet<Digest> = left.iter().copied().collect();
        let alone: Vec<(Tag, Digest)> = planned
            .iter()
            .filter(|(_, digest)| !whole.contains(digest))
            .map(|(tag, digest)| (tag.clone(), *digest))
            .collect();
        let total = (left.len() + alone.len()) as u64;
        let id = DeletionId(payload.deletion);
        let (mut images, mut tags) = (0, 0);
        // An index may list what comes before it in this order: that goes when the index has gone.
        loop {
            let before = images;
            let mut remaining = Vec::new();
            for part in left.chunks(AT_ONCE) {
                let wanted: BTreeSet<Digest> = part.iter().copied().collect();
                let part = DeletionPart { images: wanted.clone(), alone: BTreeMap::new(), planned: &planned };
                let (gone, untagged) = self.content.delete_part(&actor, &name, id, part).await?;
                (images, tags) = (images + gone, tags + untagged);
                if gone < wanted.len() as u64 {
                    remaining.extend(wanted);
                }
                note(images, tags, total);
            }
            if remaining.is_empty() || images == before {
                break;
            }
            left = remaining;
        }
        for part in alone.chunks(AT_ONCE) {
            let part = DeletionPart {
                images: BTreeSet::new(),
                alone: part.iter().cloned().collect(),
                planned: &planned,
            };
            tags += self.content.delete_part(&actor, &name, id, part).await?.1;
            note(images, tags, total);
        }
        Ok(json!({
            "deletion": id.to_string(),
            "images": images,
            "tags": tags,
            "stayed": (whole.len() as u64).saturating_sub(images),
        }))
    }
}
