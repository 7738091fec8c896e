//! The limits of all connections, and the words for those that met one.

use std::sync::Arc;

use longshore_api_common::allotment::Bodies;
use longshore_api_common::shares::{Refusal, Shares};

use super::sent_body::Held;
use super::watch::{Cut, Deadlines};

/// An address may have this part of what is left of connections and of requests in progress.
const PART: u64 = 4;
/// What all connections that are wide may hold unread.
const WIDTHS_BYTES: u64 = 16 << 20;

/// What all connections share.
pub struct Limits {
    pub deadlines: Deadlines,
    /// Open connections.
    pub connections: Arc<Shares>,
    /// Bytes that clients may send before they are read, beyond what each may in any case.
    pub widths: Arc<Shares>,
    /// Requests in progress.
    pub turns: Arc<Shares>,
    /// Memory for bodies that are read whole.
    pub bodies: Arc<Bodies>,
    /// Memory for responses on their way.
    pub held: Arc<Held>,
}

impl Limits {
    /// Makes them.
    pub fn new(
        deadlines: Deadlines,
        connections: u64,
        connections_per_address: u64,
        parallel_requests: u64,
        bodies: Arc<Bodies>,
        response_memory_bytes: usize,
    ) -> Self {
        Self {
            deadlines,
            connections: Shares::with_most(connections, PART, connections_per_address),
            widths: Shares::new(WIDTHS_BYTES, PART),
            turns: Shares::new(parallel_requests, PART),
            bodies,
            held: Held::new(response_memory_bytes),
        }
    }
}

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    /// As it should.
    Well,
    /// By an error of the socket or of the protocol.
    Broken(String),
    /// By the registry.
    Cut(Cut),
}

impl Cut {
    /// The reason in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Stalled => "stalled",
            Self::Insistent => "insistent",
        }
    }

    /// What the log says.
    pub fn cause(self) -> &'static str {
        match self {
            Self::Silent => "no request came in time (limits.first_request_seconds)",
            Self::Stalled => {
                "the client did not take its response (limits.response_idle_seconds, limits.response_bytes_per_second)"
            }
            Self::Insistent => {
                "the client did not take the refusals of requests beyond its share (limits.parallel_requests)"
            }
        }
    }
}

/// The reason in metrics.
pub fn refusal_name(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Address => "address",
        Refusal::Full => "full",
    }
}

/// What the log says of a connection that was not taken.
pub fn refused_connection(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Address => "its address has its share (limits.connections_per_address)",
        Refusal::Full => "there are as many as may be open (max_connections)",
    }
}

/// What the log says of a request that was refused.
pub fn refused_request(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Address => "its address has its share of limits.parallel_requests",
        Refusal::Full => "there are limits.parallel_requests in progress",
    }
}
