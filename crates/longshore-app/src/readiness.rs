//! Readiness: whether this node can reach what it needs, part by part, for those who pull and for those who push.

use longshore_domain::Result;

use crate::App;

/// What a node must be able to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Answer whoever reads: pulls, lists, sign-in.
    Read,
    /// Take what clients push, too.
    Push,
}

/// What a node needs for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The metadata store.
    Database,
    /// The blob store.
    BlobStore,
    /// Room on the disks of this machine.
    Disk,
}

impl Part {
    /// Returns its name in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Self::Database => "the database",
            Self::BlobStore => "the blob store",
            Self::Disk => "the disk of this machine",
        }
    }
}

impl App {
    /// Checks that a part does what it must. For pushing, the stores are really written to: a full disk, a standby and a
    /// bucket without the right to write show in nothing else.
    ///
    /// # Errors
    /// That of the part. How long it takes is for the actor to bound.
    pub async fn check_part(&self, part: Part, purpose: Purpose) -> Result<()> {
        match (part, purpose) {
            (Part::Database, Purpose::Read) => self.metadata.store().check().await,
            (Part::Database, Purpose::Push) => {
                self.metadata.store().check().await?;
                let now = self.clock.now().to_string();
                self.metadata.write(now, |tx, now| Box::pin(tx.put_setting("checked", now))).await
            }
            (Part::BlobStore, Purpose::Read) => self.blobs.find_identity().await.map(|_| ()),
            (Part::BlobStore, Purpose::Push) => self.blobs.check().await,
            (Part::Disk, Purpose::Read) => Ok(()),
            (Part::Disk, Purpose::Push) => self.platform.check_space().await,
        }
    }
}
