//! What of the records each room works with, and the handle through which it reaches them.
//!
//! A room's unit of work gets no more than the room's own records and those of the rooms below it: content cannot read a
//! password, and nobody but lifecycle what lies in the store without a record.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;

use super::{
    AccountRecords, BlobRecords, DeletionRecords, DirectoryGroupRecords, DirectoryRecords,
    EmailChangeRecords, EventRecords, GcRecords, GcRunRecords, IdempotencyRecords, ImageRecords,
    InventoryRecords, InviteRecords, JobRecords, LeaseRecords, ManifestRecords, Metadata, NodeRecords,
    OrphanRecords, ReachRecords, RegistryRecords, RepositoryRecords, RetentionRecords, ScimTokenRecords,
    SecondFactorRecords, SettingRecords, ShareRecords, SignInRecords, TagRecords, TeamRecords, TimeRecords,
    TokenRecords, UploadRecords, UserPermissionRecords, WebSessionRecords, Work, WorkFuture, WorkRecords,
};
use crate::error::{Error, Result};

/// What every room stands on: settings, leases, rates, events, durable work.
pub trait PlatformTx:
    EventRecords
    + IdempotencyRecords
    + JobRecords
    + LeaseRecords
    + NodeRecords
    + SettingRecords
    + SignInRecords
    + WorkRecords
    + Send
{
}

/// What decides who may do what.
pub trait AccessTx:
    PlatformTx
    + AccountRecords
    + GcRunRecords
    + RegistryRecords
    + RepositoryRecords
    + ShareRecords
    + TeamRecords
    + TokenRecords
    + UserPermissionRecords
{
}

/// Accounts and credentials.
pub trait IdentityTx:
    AccessTx
    + DirectoryRecords
    + EmailChangeRecords
    + InviteRecords
    + ScimTokenRecords
    + SecondFactorRecords
    + WebSessionRecords
{
}

/// Organizations and who belongs to them.
pub trait OrganizationsTx: IdentityTx + DirectoryGroupRecords {}

/// What is stored.
pub trait ContentTx:
    AccessTx
    + BlobRecords
    + DeletionRecords
    + GcRecords
    + ImageRecords
    + InventoryRecords
    + ManifestRecords
    + ReachRecords
    + RetentionRecords
    + TagRecords
    + UploadRecords
{
}

/// What becomes of it.
pub trait LifecycleTx: ContentTx + OrphanRecords {}

/// One transaction: all records.
pub trait Tx: OrganizationsTx + LifecycleTx + TimeRecords {}

/// A room, by the records that it works with.
pub trait Room: Send + Sync + 'static {
    /// Its records in one transaction.
    type Tx<'t>: ?Sized + 't;

    /// Takes from a transaction what is not the room's.
    fn narrow<'t>(tx: &'t mut (dyn Tx + 't)) -> &'t mut Self::Tx<'t>;
}

macro_rules! room {
    ($room:ident, $records:ident, $text:literal) => {
        #[doc = $text]
        #[derive(Clone, Copy, Debug)]
        pub struct $room;

        impl Room for $room {
            type Tx<'t> = dyn $records + 't;

            fn narrow<'t>(tx: &'t mut (dyn Tx + 't)) -> &'t mut (dyn $records + 't) {
                tx
            }
        }
    };
}

room!(PlatformRoom, PlatformTx, "The records of `longshore-platform`.");
room!(AccessRoom, AccessTx, "The records of `longshore-access`.");
room!(IdentityRoom, IdentityTx, "The records of `longshore-identity`.");
room!(OrganizationsRoom, OrganizationsTx, "The records of `longshore-organizations`.");
room!(ContentRoom, ContentTx, "The records of `longshore-content`.");
room!(LifecycleRoom, LifecycleTx, "The records of `longshore-lifecycle`.");
room!(WholeHouse, Tx, "All records, for what concerns several rooms.");

/// A unit of work of a room over some input. It may run more than once, so it changes nothing but the transaction.
pub type RoomWork<R, I, T> = for<'t> fn(&'t mut <R as Room>::Tx<'t>, &'t I) -> WorkFuture<'t, T>;

/// The metadata store as one room sees it.
pub struct Records<R> {
    store: Arc<dyn Metadata>,
    room: PhantomData<fn(R)>,
}

impl<R> Clone for Records<R> {
    fn clone(&self) -> Self {
        Self { store: Arc::clone(&self.store), room: PhantomData }
    }
}

impl<R: Room> Records<R> {
    /// Takes from a store what is not the room's.
    pub fn of(store: &Arc<dyn Metadata>) -> Self {
        Self { store: Arc::clone(store), room: PhantomData }
    }

    /// Returns the store, for what is no unit of work.
    pub fn store(&self) -> &Arc<dyn Metadata> {
        &self.store
    }

    /// Counts the changes to who may do what; see [`Metadata::authority_epoch`].
    pub fn authority_epoch(&self) -> u64 {
        self.store.authority_epoch()
    }

    /// Runs `work` over `input` in one durable transaction.
    ///
    /// # Errors
    /// Those of the work and of the store; then nothing is changed.
    pub async fn write<I, T>(&self, input: I, work: RoomWork<R, I, T>) -> Result<T>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        typed(self.store.run_write(untyped::<R, I, T>(input, work)).await?)
    }

    /// Runs look-ups by index; see [`Metadata::run_look_up`].
    ///
    /// # Errors
    /// Those of the work and of the store.
    pub async fn look_up<I, T>(&self, input: I, work: RoomWork<R, I, T>) -> Result<T>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        typed(self.store.run_look_up(untyped::<R, I, T>(input, work)).await?)
    }

    /// Runs longer reads on one snapshot; see [`Metadata::run_read`].
    ///
    /// # Errors
    /// Those of the work and of the store.
    pub async fn read<I, T>(&self, input: I, work: RoomWork<R, I, T>) -> Result<T>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        typed(self.store.run_read(untyped::<R, I, T>(input, work)).await?)
    }

    /// Does a unit of work again and again until it finds nothing more; it returns how much that was in all.
    ///
    /// # Errors
    /// Those of the work and of the store; what was done before stays done.
    pub async fn drain<I>(&self, input: I, work: RoomWork<R, I, u64>) -> Result<u64>
    where
        I: Clone + Send + Sync + 'static,
    {
        let mut all = 0;
        loop {
            let done = self.write(input.clone(), work).await?;
            if done == 0 {
                return Ok(all);
            }
            all += done;
        }
    }
}

fn untyped<R, I, T>(input: I, work: RoomWork<R, I, T>) -> Work
where
    R: Room,
    I: Send + Sync + 'static,
    T: Send + 'static,
{
    let input = Arc::new(input);
    Arc::new(move |tx| {
        let input = Arc::clone(&input);
        Box::pin(async move {
            let answer = work(R::narrow(tx), &input).await?;
            Ok(Box::new(answer) as Box<dyn Any + Send>)
        })
    })
}

fn typed<T: 'static>(answer: Box<dyn Any + Send>) -> Result<T> {
    answer
        .downcast()
        .map(|answer| *answer)
        .map_err(|_| Error::internal("a unit of work answered with another type"))
}
