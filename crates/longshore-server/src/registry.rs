//! The registry of this machine, for commands: the running server, over its administration socket, or, where none runs, a server
//! that this process is for as long as the command takes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use longshore_api_common::metrics::Metrics;
use longshore_api_native::Native;
use longshore_app::App;
use longshore_client::Client;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::admin_socket;
use crate::config::Config;
use crate::data_folder::{DataFolder, SocketPath};
use crate::disk::Disk;
use crate::wiring;

/// The registry of this machine.
pub struct Registry {
    client: Client,
    /// Keeps the socket's path good.
    _socket: SocketPath,
    /// Ends with the command.
    _own: Option<OwnServer>,
}

/// A server that lives as long as a command.
struct OwnServer {
    runtime: Runtime,
    app: Arc<App>,
    stop: CancellationToken,
    folder: PathBuf,
    /// Held as long as it runs.
    _folder: DataFolder,
    _temporary: Option<tempfile::TempDir>,
}

impl Registry {
    /// Finds the registry that a configuration is about.
    ///
    /// # Errors
    /// When there is none, or it cannot be opened.
    pub fn open(config: &Config) -> Result<Self> {
        if config.database.is_embedded() && !config.data.join("longshore.db").exists() {
            if config.data.join(SocketPath::NAME).exists() {
                bail!(
                    "a node runs in {}, but its database is elsewhere: give this command the same configuration (--config, or --database and --storage)",
                    config.data.display()
                );
            }
            bail!(
                "there is no registry in {}; `longshore serve` makes one, or name its folder with --data or its database with --database",
                config.data.display()
            );
        }
        // A command beside a database elsewhere makes no folder.
        if !config.data.exists() {
            let temporary = tempfile::tempdir().context("cannot make a temporary folder")?;
            return match DataFolder::open(temporary.path())? {
                Some(folder) => Self::start(config, folder, Some(temporary)),
                None => bail!("cannot lock a temporary folder"),
            };
        }
        match DataFolder::open(&config.data)? {
            Some(folder) => Self::start(config, folder, None),
            None => Self::connect(&config.data),
        }
    }

    fn connect(data: &Path) -> Result<Self> {
        let socket = SocketPath::of(data)?;
        std::os::unix::net::UnixStream::connect(socket.as_path()).with_context(|| {
            format!(
                "a longshore process uses {} but does not answer; it may be starting or stopping, try again",
                data.display()
            )
        })?;
        Ok(Self { client: Client::over_socket(socket.as_path())?, _socket: socket, _own: None })
    }

    fn start(config: &Config, folder: DataFolder, temporary: Option<tempfile::TempDir>) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let stop = CancellationToken::new();
        let app = runtime.block_on(async {
            let disk = Disk::open(&folder, config.storage.reserve_bytes());
            let app = wiring::app(config, &folder, disk, wiring::Opening::Existing).await?;
            app.attach().await.map_err(wiring::with_cause)?;
            let native = Native::new(
                Arc::clone(&app),
                &Metrics::register(&mut prometheus_client::registry::Registry::default()),
                config.shown()?,
            )?;
            let listener = admin_socket::listen(folder.path())?;
            tokio::spawn(admin_socket::run(Arc::new(native), listener, stop.clone()));
            let (worker, stopped) = (Arc::clone(&app), stop.clone());
            tokio::spawn(async move { worker.platform.do_work(&worker.job_workers(), &stopped).await });
            anyhow::Ok(app)
        })?;
        let socket = SocketPath::of(folder.path())?;
        let path = folder.path().to_owned();
        let own = OwnServer { runtime, app, stop, folder: path, _folder: folder, _temporary: temporary };
        Ok(Self { client: Client::over_socket(socket.as_path())?, _socket: socket, _own: Some(own) })
    }

    /// Its API, as the operator.
    pub fn client(&self) -> &Client {
        &self.client
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        self.stop.cancel();
        self.runtime.block_on(self.app.close());
        admin_socket::remove(&self.folder);
    }
}
