//! The administration socket: the registry's own API (`/api/v1/`) for the operator, who needs no credential.
//!
//! It lies in the data folder, readable by its owner only, and takes callers with the owner's user id only.

use std::convert::Infallible;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use longshore_api_common::Response;
use longshore_api_common::allotment::{Allotment, Bodies};
use longshore_api_common::body::RequestBody;
use longshore_api_common::client::Client;
use longshore_api_common::origin::Origin;
use longshore_api_native::Native;
use longshore_platform::origins::RequestOrigin;
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use crate::data_folder::SocketPath;
use crate::dispatch::name_deletions;

/// Memory for the bodies of all requests, and the time that each may take.
const BODIES_BYTES: u64 = 16 << 20;
const BODY_TIME: Duration = Duration::from_secs(60);
/// Wait after a failed accept (no file descriptors).
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Opens the socket of a data folder that this process has locked.
pub fn listen(data: &Path) -> Result<UnixListener> {
    let path = SocketPath::of(data)?;
    remove(data);
    let listener = UnixListener::bind(path.as_path())
        .with_context(|| format!("cannot make the administration socket {}", path.as_path().display()))?;
    std::fs::set_permissions(path.as_path(), std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Removes the socket, also one that a killed server left.
pub fn remove(data: &Path) {
    let _ = std::fs::remove_file(data.join(SocketPath::NAME));
}

/// What answers over the socket.
struct Operators {
    native: Arc<Native>,
    bodies: Arc<Bodies>,
    requests: AtomicU64,
}

/// Answers requests until `stop` is cancelled.
pub async fn run(native: Arc<Native>, listener: UnixListener, stop: CancellationToken) {
    let bodies = Bodies::new(BODIES_BYTES, BODY_TIME);
    let operators = Arc::new(Operators { native, bodies, requests: AtomicU64::new(0) });
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "an administration connection could not be accepted");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                    continue;
                }
            },
        };
        let owner = rustix::process::geteuid().as_raw();
        let actor = stream.peer_cred().map(|actor| actor.uid());
        if !matches!(actor, Ok(uid) if uid == owner || uid == 0) {
            tracing::warn!("an administration connection by another user was refused");
            continue;
        }
        tokio::spawn(serve(Arc::clone(&operators), stream, stop.clone()));
    }
}

async fn serve(operators: Arc<Operators>, stream: UnixStream, stop: CancellationToken) {
    let service = service_fn(move |request| {
        let operators = Arc::clone(&operators);
        async move { Ok::<_, Infallible>(operators.answer(request).await) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        () = stop.cancelled() => {}
        ended = connection => {
            if let Err(error) = ended {
                tracing::debug!(%error, "an administration connection broke");
            }
        }
    }
}

impl Operators {
    async fn answer(&self, request: Request<Incoming>) -> Response {
        let mut request = request.map(RequestBody::new);
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let client = Client {
            address: std::net::Ipv4Addr::LOCALHOST.into(),
            is_address_known: true,
            request_id: format!("operator-{number:x}").into(),
            origin: Origin::Addressed("http://localhost".into()),
            is_operator: true,
        };
        request.extensions_mut().insert(Allotment::new(&self.bodies, None, false));
        request.extensions_mut().insert(client);
        RequestOrigin::default()
            .scope(async {
                let mut response = self.native.handle(request).await;
                name_deletions(&mut response);
                response
            })
            .await
    }
}
