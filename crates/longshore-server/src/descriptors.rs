//! File descriptors: how many this process may have, and who gets them.
//!
//! The database, the log and the administration socket must never find that connections or blobs took the last one. So each
//! gets a part, and what does not fit is refused before the system does it.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Most descriptors that are asked for; systems that allow more allow billions.
const MOST: u64 = 1 << 20;
/// Descriptors for everything else: readers of the database or connections to it, the log, sockets that listen, and files
/// that are open for a moment.
const RESERVE: u64 = 160;
/// Where there are few, the part that everything else gets.
const RESERVE_PART: u64 = 4;
/// Where there are few, the part of the rest that is for open blobs; the others are connections.
const BLOB_PART: u64 = 3;
/// Open blobs where there are many.
const MOST_BLOBS: u64 = 8192;

/// Who gets how many descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptors {
    /// Connections of clients.
    pub connections: u64,
    /// Blobs that are read or written.
    pub blobs: u64,
}

/// Raises this process's limit as far as it may be raised, and returns it.
pub fn raise() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(MOST).min(MOST);
    let current = limit.current.unwrap_or(MOST).min(MOST);
    if current >= wanted {
        return current;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum }) {
        Ok(()) => wanted,
        Err(_) => current,
    }
}

/// Shares the descriptors out.
pub fn share_out(limit: u64, max_connections: u64) -> Descriptors {
    let rest = limit - RESERVE.min(limit / RESERVE_PART);
    let blobs = (rest / BLOB_PART).max(rest.saturating_sub(max_connections)).min(MOST_BLOBS);
    Descriptors { connections: max_connections.min(rest - blobs), blobs }
}

/// Shares out what this process may have.
pub fn shared_out(max_connections: u64) -> Descriptors {
    share_out(raise(), max_connections)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_many_descriptors_all_connections_are_taken() {
        assert_eq!(share_out(20_000, 4096), Descriptors { connections: 4096, blobs: 8192 });
        assert_eq!(share_out(MOST, 4096), Descriptors { connections: 4096, blobs: 8192 });
    }

    #[test]
    fn with_few_descriptors_connections_blobs_and_the_rest_have_their_parts() {
        for limit in [64, 256, 1024, 4096] {
            let shared = share_out(limit, 4096);
            assert!(shared.connections > 0 && shared.blobs > 0);
            let reserve = limit - shared.connections - shared.blobs;
            assert!(reserve >= RESERVE.min(limit / RESERVE_PART), "{limit}: {shared:?}");
        }
        assert_eq!(share_out(1024, 4096), Descriptors { connections: 576, blobs: 288 });
        assert_eq!(share_out(1024, 50), Descriptors { connections: 50, blobs: 814 });
    }

    #[test]
    fn the_limit_is_raised_to_what_is_allowed() {
        let limit = raise();
        let allowed = getrlimit(Resource::Nofile);
        assert_eq!(Some(limit), Some(allowed.maximum.unwrap_or(MOST).min(MOST)));
    }
}
