//! Who is behind a request: the client's address and program, as events show them.
//!
//! Set once around each request by the server, and read where an event is made: an argument of every operation
//! would say the same a hundred times.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use longshore_domain::deletion::DeletionId;

/// Most characters of a program's name that are kept.
const PROGRAM_CHARACTERS: usize = 200;

/// Where a request came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestOrigin {
    /// Address of the client, behind trusted proxies.
    pub address: Option<IpAddr>,
    /// What the client says that it is (`User-Agent`), cleaned.
    pub program: Option<String>,
}

/// Most deletions of one request that are named; there are as many as the request names repositories.
const NAMED_DELETIONS: usize = 20;

/// A request that is handled.
#[derive(Default)]
struct Handled {
    origin: RequestOrigin,
    /// What it has deleted.
    deletions: Mutex<Vec<DeletionId>>,
}

tokio::task_local! {
    static HANDLED: Arc<Handled>;
}

/// Notes that the request that is handled has deleted something, so that its answer can say how to undo that, whatever the
/// dialect.
pub fn note_deletion(id: DeletionId) {
    let _ = HANDLED.try_with(|handled| {
        let mut deletions = handled.deletions.lock().unwrap_or_else(PoisonError::into_inner);
        if deletions.len() < NAMED_DELETIONS && !deletions.contains(&id) {
            deletions.push(id);
        }
    });
}

/// Returns what the request that is handled has deleted, the first 20.
pub fn noted_deletions() -> Vec<DeletionId> {
    let of =
        |handled: &Arc<Handled>| handled.deletions.lock().unwrap_or_else(PoisonError::into_inner).clone();
    HANDLED.try_with(of).unwrap_or_default()
}

/// Lets work be part of the request that is handled now, also when a task of its own does it.
pub fn in_same_request<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    let handled = HANDLED.try_with(Arc::clone).unwrap_or_default();
    HANDLED.scope(handled, work)
}

impl RequestOrigin {
    /// Describes a client. Of what it says it is, the first 200 printable ASCII characters are kept.
    pub fn of(address: IpAddr, program: Option<&[u8]>) -> Self {
        let cleaned = |said: &[u8]| -> String {
            let printable = said.iter().filter(|byte| byte.is_ascii_graphic() || **byte == b' ');
            printable.take(PROGRAM_CHARACTERS).map(|byte| char::from(*byte)).collect()
        };
        let program = program.map(cleaned).filter(|text| !text.trim().is_empty());
        Self { address: Some(address.to_canonical()), program }
    }

    /// Handles a request; its events show where it came from.
    pub async fn scope<T>(self, request: impl Future<Output = T>) -> T {
        HANDLED.scope(Arc::new(Handled { origin: self, ..Handled::default() }), request).await
    }

    /// Returns where the request came from that is handled now; nothing for the operator and the server's own work.
    pub fn current() -> Self {
        HANDLED.try_with(|handled| handled.origin.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_says_of_itself_is_cleaned_and_bounded() {
        let program = |said: &[u8]| RequestOrigin::of([127, 0, 0, 1].into(), Some(said)).program;
        assert_eq!(program(b"docker/28.0 go/go1.24").unwrap(), "docker/28.0 go/go1.24");
        assert_eq!(program(b"a\x1b[31m\r\nb\xffc").unwrap(), "a[31mbc");
        assert_eq!(program(&[b'x'; 5000]).unwrap().len(), 200);
        assert_eq!(program(b""), None);
        assert_eq!(program(b"  "), None);
    }
}
