//! Writing an object: a multipart upload at its final key, or one request when it is small.
//!
//! Full parts are sent while the next one is filled. What a `sync` leaves over goes into *tails*, objects of their own,
//! which are read back when there is enough for a part. What is recorded is in [`State`].

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use longshore_domain::ports::blobs::{
    BlobWriter, ByteRange, Certainty, Progress, Staged, StorageKey, Synced,
};
use longshore_domain::{Error, Result};
use tokio_util::task::AbortOnDropHandle;

use super::client::Client;
use super::part::Part;
use super::s3::Stored;
use super::state::{State, Tail, length_of};

/// Most parts of one object. S3 API, "Multipart upload limits".
const PARTS: usize = 10_000;
/// Parts of the same size before it doubles, so that 10,000 parts hold 5 TiB, and small objects need little room.
const PARTS_OF_A_SIZE: usize = 1000;
/// Largest part.
const PART_LIMIT_BYTES: u64 = 5 << 30;
/// Parts of one object that are on their way at once.
const IN_FLIGHT: usize = 2;
/// Tails of one object before they are put together.
const TAILS: usize = 32;
/// How often a tail is read that does not come back as it was put there.
const TAIL_READS: u32 = 3;

/// Bytes that will be sent together: what tails hold, then a part.
#[derive(Default)]
struct Pending {
    tails: Vec<Tail>,
    part: Part,
}

impl Pending {
    fn length(&self) -> u64 {
        length_of(&self.tails) + self.part.length()
    }
}

/// What was sent: the store's name for it, its size, and the tails that it made superfluous.
type Sent = (String, u64, Vec<StorageKey>);

pub(super) struct ObjectWriter {
    client: Arc<Client>,
    key: StorageKey,
    /// As the last `sync` returned it.
    durable: State,
    state: State,
    pending: Pending,
    full: VecDeque<Pending>,
    sending: VecDeque<AbortOnDropHandle<Result<Sent>>>,
    /// Tails that a part has replaced since the last `sync`.
    spent: Vec<StorageKey>,
    /// A part is missing: nothing that comes after it counts.
    is_broken: bool,
    /// Bytes of the object so far, as they came in: what the store has at the end must be as long.
    length: u64,
}

impl ObjectWriter {
    pub(super) fn open(client: Arc<Client>, staged: &Staged) -> Result<Self> {
        let state = State::parse(&staged.state)?;
        if state.length() != staged.offset_bytes {
            tracing::error!(
                stored = state.length(),
                acknowledged = staged.offset_bytes,
                key = %staged.key,
                "the store has another number of an upload's bytes than were acknowledged"
            );
            return Err(Error::UploadDamaged);
        }
        Ok(Self {
            client,
            key: staged.key,
            durable: state.clone(),
            pending: Pending { tails: state.tails.clone(), part: Part::default() },
            state,
            full: VecDeque::new(),
            sending: VecDeque::new(),
            spent: Vec::new(),
            is_broken: false,
            length: staged.offset_bytes,
        })
    }

    fn check_whole(&self) -> Result<()> {
        match self.is_broken {
            true => Err(Error::Unavailable("an earlier part of the object could not be sent".into())),
            false => Ok(()),
        }
    }

    /// The number of the part that is being filled, from 1.
    fn number(&self) -> usize {
        self.state.parts.len() + self.sending.len() + self.full.len() + 1
    }

    /// Sends the parts that are full; waits for earlier ones when there are many.
    async fn send_full(&mut self) -> Result<()> {
        while let Some(pending) = self.full.pop_front() {
            while self.sending.len() >= IN_FLIGHT {
                self.await_sent().await?;
            }
            let number = self.state.parts.len() + self.sending.len() + 1;
            let upload = self.state.upload.clone().unwrap_or_default();
            let (client, key) = (Arc::clone(&self.client), self.key);
            self.sending.push_back(AbortOnDropHandle::new(tokio::spawn(async move {
                client.send_part(key, &upload, number, pending.tails, pending.part).await
            })));
        }
        Ok(())
    }

    async fn await_sent(&mut self) -> Result<()> {
        if let Some(sending) = self.sending.pop_front() {
            let sent = sending.await.map_err(Error::internal).flatten();
            self.is_broken |= sent.is_err();
            let (name, length, spent) = sent?;
            self.state.parts.push(name);
            self.state.sent_bytes += length;
            self.spent.extend(spent);
        }
        Ok(())
    }

    async fn await_all_sent(&mut self) -> Result<()> {
        self.send_full().await?;
        while !self.sending.is_empty() {
            self.await_sent().await?;
        }
        Ok(())
    }

    /// Finishes an object that is smaller than a part.
    async fn finish_small(&mut self) -> Result<Certainty> {
        let pending = std::mem::take(&mut self.pending);
        self.spent.extend(pending.tails.iter().map(Tail::key));
        let content = self.client.gather(&pending.tails, pending.part).await?;
        self.check_length(Some(content.length()))?;
        if !self.client.put_object(self.key, &content, true).await? {
            return Ok(Certainty::Unsure);
        }
        if !self.client.has_checksums() {
            self.check_length(self.client.find_size(self.key).await?)?;
        }
        Ok(Certainty::Sure)
    }

    /// Checks that an object has as many bytes as came in.
    fn check_length(&self, actual: Option<u64>) -> Result<()> {
        if actual == Some(self.length) {
            return Ok(());
        }
        Err(Error::internal(format!("the store made an object of {actual:?} bytes out of {}", self.length)))
    }

    /// Finishes a multipart upload.
    async fn finish_upload(&mut self, upload: &str) -> Result<Certainty> {
        let last = std::mem::take(&mut self.pending);
        // An upload has a part at least, if an empty one.
        if last.length() > 0 || self.number() == 1 {
            self.full.push_back(last);
        }
        match self.await_all_sent().await {
            // It was completed before, by a request whose answer was lost.
            Err(Error::UploadUnknown) if self.client.find_size(self.key).await?.is_some() => {
                return Ok(Certainty::Unsure);
            }
            sent => sent?,
        }
        let is_complete = self.client.complete(self.key, upload, &self.state.parts).await?;
        if !is_complete {
            return Ok(Certainty::Unsure);
        }
        self.check_length(Some(self.state.sent_bytes))?;
        self.check_length(self.client.find_size(self.key).await?)?;
        Ok(Certainty::Sure)
    }
}

#[async_trait]
impl BlobWriter for ObjectWriter {
    async fn write(&mut self, mut bytes: Bytes) -> Result<Progress> {
        self.check_whole()?;
        self.length += bytes.len() as u64;
        while !bytes.is_empty() {
            let number = self.number();
            if number > PARTS {
                return Err(Error::BlobTooLarge { limit_bytes: self.client.part_bytes * PARTS as u64 });
            }
            let room = part_bytes(self.client.part_bytes, self.client.equal_parts, number)
                .saturating_sub(self.pending.length());
            let fitting = usize::try_from(room).map_or(bytes.len(), |room| room.min(bytes.len()));
            self.pending.part.append(&self.client.spool, bytes.split_to(fitting)).await?;
            if fitting as u64 >= room {
                self.full.push_back(std::mem::take(&mut self.pending));
            }
        }
        if self.full.is_empty() {
            return Ok(Progress::Going);
        }
        if self.state.upload.is_none() {
            let upload = self.client.begin(self.key).await?;
            self.state.upload = Some(upload.clone());
            self.durable.upload = Some(upload);
            // Nothing is sent before this is recorded.
            return Ok(Progress::Begun(Synced {
                key: self.key,
                state: self.durable.save()?,
                spent: Vec::new(),
            }));
        }
        self.send_full().await?;
        Ok(Progress::Going)
    }

    async fn sync(&mut self) -> Result<Synced> {
        self.check_whole()?;
        self.await_all_sent().await?;
        if self.pending.part.length() > 0 {
            let part = std::mem::take(&mut self.pending.part);
            let mut content = part;
            if self.pending.tails.len() >= TAILS {
                let tails = std::mem::take(&mut self.pending.tails);
                self.spent.extend(tails.iter().map(Tail::key));
                content = self.client.gather(&tails, content).await?;
            }
            let tail = Tail::new(self.client.new_key(), content.length(), content.sha256());
            self.client.put_object(tail.key(), &content, false).await?;
            self.pending.tails.push(tail);
        }
        self.state.tails = self.pending.tails.clone();
        self.durable = self.state.clone();
        Ok(Synced { key: self.key, state: self.durable.save()?, spent: std::mem::take(&mut self.spent) })
    }

    async fn finish(&mut self) -> Result<(Synced, Certainty)> {
        self.check_whole()?;
        let certainty = match self.state.upload.clone() {
            None => self.finish_small().await?,
            Some(upload) => self.finish_upload(&upload).await?,
        };
        let spent = std::mem::take(&mut self.spent);
        Ok((Synced { key: self.key, state: Vec::new(), spent }, certainty))
    }
}

impl Client {
    /// Puts what tails hold before a part.
    ///
    /// # Errors
    /// `UploadDamaged` when a tail is not what was put there; those of the store.
    async fn gather(&self, tails: &[Tail], part: Part) -> Result<Part> {
        let mut gathered = Part::default();
        for tail in tails {
            gathered.append_part(self.read_tail(tail).await?).await?;
        }
        gathered.append_part(part).await?;
        Ok(gathered)
    }

    /// Reads a tail. It is part of what a client was told that the registry has, and its bytes are not hashed again with
    /// the rest of the blob, so they count only when they are those that came in.
    async fn read_tail(&self, tail: &Tail) -> Result<Part> {
        for attempt in 1..=TAIL_READS {
            match self.read(tail.key(), ByteRange { start: 0, end: tail.length }).await {
                Ok(mut stream) => {
                    let mut part = Part::default();
                    while let Some(piece) = stream.next().await {
                        part.append(&self.spool, piece?).await?;
                    }
                    if tail.is_whole(part.length(), part.sha256()) {
                        return Ok(part);
                    }
                }
                // It is not there, or shorter.
                Err(Error::Internal(_)) => {}
                Err(error) => return Err(error),
            }
            tracing::warn!(key = %tail.key(), attempt, "what the store kept of an upload came back changed");
        }
        Err(Error::UploadDamaged)
    }

    /// Sends a part, together with the tails before it.
    async fn send_part(
        &self,
        key: StorageKey,
        upload: &str,
        number: usize,
        tails: Vec<Tail>,
        part: Part,
    ) -> Result<Sent> {
        let content = self.gather(&tails, part).await?;
        let spent = tails.iter().map(Tail::key).collect();
        match self.put_part(key, upload, number, &content).await? {
            Stored::Done(name) => Ok((name, content.length(), spent)),
            // Completed or given up: by another request, or by one whose answer was lost.
            Stored::Gone | Stored::Exists => Err(Error::UploadUnknown),
        }
    }
}

/// The size of part `number`, from 1.
fn part_bytes(first: u64, equal: bool, number: usize) -> u64 {
    if equal {
        return first;
    }
    let doublings = u32::try_from((number - 1) / PARTS_OF_A_SIZE).unwrap_or(u32::MAX);
    first.saturating_mul(1_u64.checked_shl(doublings).unwrap_or(u64::MAX)).min(PART_LIMIT_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_parts_hold_the_largest_object() {
        let first = 8 << 20;
        let total: u64 = (1..=PARTS).map(|number| part_bytes(first, false, number)).sum();
        assert!(total >= 5 << 40, "{total}");
        assert_eq!(part_bytes(first, false, 1000), first);
        assert_eq!(part_bytes(first, false, 1001), 2 * first);
        assert_eq!(part_bytes(first, true, 1001), first);
        assert!(part_bytes(1 << 30, false, PARTS) <= PART_LIMIT_BYTES);
    }
}
