//! What a request may take of what all requests share: a turn, and memory for its body.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Extensions;
use longshore_domain::{Error, Result};

use crate::shares::{Refusal, Share, Shares};

/// Part of the memory for bodies that requests without a credential share.
const ANONYMOUS_PART: u64 = 4;

/// The memory for the bodies of all requests that are read whole, and the time that each may take.
pub struct Bodies {
    signed_in: Arc<Shares>,
    anonymous: Arc<Shares>,
    total: Duration,
}

impl Bodies {
    /// Makes the memory; a body must be there `total` after its first byte was asked for.
    pub fn new(memory_bytes: u64, total: Duration) -> Arc<Self> {
        let anonymous = memory_bytes / ANONYMOUS_PART;
        let signed_in = Shares::new(memory_bytes - anonymous, 1);
        Arc::new(Self { signed_in, anonymous: Shares::new(anonymous, 1), total })
    }

    /// Returns how many bytes are taken.
    pub fn taken_bytes(&self) -> u64 {
        self.signed_in.taken() + self.anonymous.taken()
    }
}

/// What one request may take, put into its extensions by the server. What it took is given back with the last clone.
#[derive(Clone)]
pub struct Allotment(Arc<Inner>);

struct Inner {
    bodies: Arc<Bodies>,
    /// `None` for a request of somebody who speaks for many, such as a trusted proxy.
    address: Option<IpAddr>,
    is_refused: bool,
    is_signed_in: AtomicBool,
    taken: Mutex<Vec<Share>>,
}

impl Allotment {
    /// Makes what a request may take; one that is refused gets no more than an answer that says so.
    pub fn new(bodies: &Arc<Bodies>, address: Option<IpAddr>, is_refused: bool) -> Self {
        Self(Arc::new(Inner {
            bodies: Arc::clone(bodies),
            address,
            is_refused,
            is_signed_in: AtomicBool::new(false),
            taken: Mutex::default(),
        }))
    }

    /// Checks that the request is to be answered at all. Each dialect asks this first, and says no in its own words.
    ///
    /// # Errors
    /// `Overloaded`.
    pub fn check(extensions: &Extensions) -> Result<()> {
        match extensions.get::<Self>() {
            Some(allotment) if allotment.0.is_refused => {
                Err(Error::Overloaded("as many requests as one address may have are in progress".into()))
            }
            _ => Ok(()),
        }
    }

    /// Notes that the credential of the request was found to be good.
    pub fn sign_in(extensions: &Extensions) {
        if let Some(allotment) = extensions.get::<Self>() {
            allotment.0.is_signed_in.store(true, Ordering::Relaxed);
        }
    }

    /// Takes memory for the body of a request, which it has until it ends. Without a server there is no limit.
    ///
    /// # Errors
    /// `Overloaded` when there is none.
    pub(crate) fn take(extensions: &Extensions, bytes: u64) -> Result<()> {
        let Some(Self(allotment)) = extensions.get::<Self>() else { return Ok(()) };
        let shares = match allotment.is_signed_in.load(Ordering::Relaxed) {
            true => &allotment.bodies.signed_in,
            false => &allotment.bodies.anonymous,
        };
        let share = shares.take(allotment.address, bytes).map_err(|refusal| {
            Error::Overloaded(match refusal {
                Refusal::Address => "the memory for bodies from one address is taken".into(),
                Refusal::Full => "the memory for bodies is taken (limits.body_memory_bytes)".into(),
            })
        })?;
        allotment.taken.lock().unwrap_or_else(PoisonError::into_inner).push(share);
        Ok(())
    }

    /// Returns how long a body may take in all.
    pub(crate) fn total(extensions: &Extensions) -> Option<Duration> {
        extensions.get::<Self>().map(|allotment| allotment.0.bodies.total)
    }
}
