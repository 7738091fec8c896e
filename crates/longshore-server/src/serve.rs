//! `longshore serve`: from configuration to a running server and back.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use longshore_api_common::metrics::Metrics;
use longshore_api_docr::Docr;
use longshore_api_hub::Hub;
use longshore_api_oci::{Oci, Redirects};
use longshore_api_scim::Scim;
use longshore_api_swr::Swr;
use longshore_cli::console;
use longshore_domain::clock::Entropy;
use longshore_services::bootstrap::{ADMINISTRATOR, Prepared};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clients::Clients;
use crate::config::Config;
use crate::data_folder::DataFolder;
use crate::dispatch::{Dialects, Dispatch};
use crate::exposition::{self, ConnectionGauge, Exposition};
use crate::http_server::{self, Server};
use crate::system::SystemEntropy;
use crate::tls::Certificate;
use crate::wiring::{self, Opening, with_cause};
use crate::{admin, jobs};

/// How often changed certificate files are looked for.
const CERTIFICATE_CHECK: Duration = Duration::from_secs(60);

/// Runs the server until it is told to stop.
///
/// `is_new` lets it begin an empty registry although the data folder holds one.
pub async fn serve(config: Config, is_new: bool) -> Result<()> {
    let Some(folder) = DataFolder::open(&config.data)? else {
        bail!(
            "another longshore process uses the data folder {}; stop it, or give this one a folder of its own with --data",
            config.data.display()
        );
    };
    if !config.database.is_embedded() && config.storage.is_folder() {
        tracing::warn!(
            "metadata is in PostgreSQL and blobs are in a folder of this machine: do not run a second node without storage.url"
        );
    }
    if !is_new {
        refuse_second_registry(&config, &folder).await?;
    }
    let services = wiring::services(&config, &folder, Opening::Serve).await?;
    let address = config.listen_address()?;
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; choose another address with --listen"))?;
    let certificate = if config.has_tls() { Some(Certificate::load(&config.tls)?) } else { None };
    let password = config.administrator_password()?;
    let prepared = services
        .prepare(password.as_deref())
        .await
        .map_err(with_cause)
        .context("cannot set the registry up")?;

    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let connections = Arc::clone(&metrics.connections);
    registry.register_collector(Box::new(ConnectionGauge(connections)));
    let exposition = Arc::new(Exposition(registry));
    let notice = Some(config.notice.as_str()).filter(|notice| !notice.is_empty());
    let redirects = match config.storage.redirect() {
        Some(valid) => Some(Redirects { valid, except: config.storage.redirect_except()? }),
        None => None,
    };
    let oci = Oci::new(Arc::clone(&services), &metrics, notice, redirects)?;
    let metrics_address = config.metrics_address()?;
    let server = Arc::new(Server {
        dispatch: Dispatch::new(
            Arc::clone(&services),
            Dialects {
                oci,
                hub: Hub::new(Arc::clone(&services), &metrics)?,
                docr: Docr::new(Arc::clone(&services), &metrics)?,
                swr: Swr::new(Arc::clone(&services), &metrics, config.swr.internal_address()?)?,
                scim: Scim::new(Arc::clone(&services), &metrics)?,
            },
            Arc::clone(&exposition),
            metrics_address.is_some(),
        ),
        clients: Clients {
            origin: config.origin()?.map(Into::into),
            trusted_proxies: config.trusted_networks()?,
            has_tls: config.has_tls(),
            id_prefix: id_prefix(),
            requests: AtomicU64::new(0),
        },
        metrics,
    });

    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    jobs::start(&services, Duration::from_secs(config.gc.interval_seconds), &stop, &tasks);
    let socket = admin::listen(folder.path())?;
    tasks.spawn(admin::run(Arc::clone(&services), socket, stop.clone()));
    if let Some(address) = metrics_address {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on {address} for metrics"))?;
        tasks.spawn(exposition::run(exposition, listener, stop.clone()));
    }
    let tls = match &certificate {
        Some(certificate) => Some(TlsAcceptor::from(certificate.server_config()?)),
        None => None,
    };
    let address = listener.local_addr()?;
    announce(&config, folder.path(), address, &prepared);
    tokio::spawn(watch_signals(stop.clone(), certificate));
    let drain = Duration::from_secs(config.shutdown_seconds);
    let limit = usize::try_from(config.max_connections)
        .unwrap_or(usize::MAX)
        .min(tokio::sync::Semaphore::MAX_PERMITS);
    http_server::run(server, listener, tls, limit, stop.clone(), drain).await;
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    services.close().await;
    admin::remove_socket(folder.path());
    tracing::info!("stopped");
    Ok(())
}

/// Refuses to begin an empty registry beside one that is in the data folder: whoever adds `--database` to a registry that is
/// in use means that one.
async fn refuse_second_registry(config: &Config, folder: &DataFolder) -> Result<()> {
    if config.database.is_embedded() || !folder.database().exists() {
        return Ok(());
    }
    match wiring::find_schema(config, folder).await? {
        Some(_) => Ok(()),
        None => bail!(
            "the data folder {} holds a registry, and the database {} is empty: naming another database or storage moves no content. Start without --database and --storage to serve what is there, or with --new to begin an empty registry",
            folder.path().display(),
            config.database.shown()
        ),
    }
}

/// Beginning of request ids, different for each start.
fn id_prefix() -> String {
    let mut random = [0; 4];
    SystemEntropy.fill(&mut random);
    format!("{:08x}-", u32::from_be_bytes(random))
}

async fn watch_signals(stop: CancellationToken, certificate: Option<Arc<Certificate>>) {
    let (Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::hangup()))
    else {
        tracing::error!("signals cannot be watched; the server can only be killed");
        return;
    };
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => {}
            () = tokio::time::sleep(CERTIFICATE_CHECK) => {}
        }
        if let Some(certificate) = &certificate {
            certificate.reload();
        }
    }
    tracing::info!("stopping: requests in progress may finish");
    stop.cancel();
}

/// Tells a person where the registry is and what to do next.
fn announce(config: &Config, data: &Path, address: SocketAddr, prepared: &Prepared) {
    let text = announcement(config, data, address, prepared);
    let is_secret_in_it = matches!(prepared, Prepared::PasswordGenerated(_));
    // A thread of its own: whoever reads standard output may not read at all.
    std::thread::spawn(move || match console::write(&text) {
        Ok(()) => {}
        Err(error) if is_secret_in_it => tracing::warn!(
            %error,
            "the password of {ADMINISTRATOR} could not be written to standard output; set one with: longshore user password {ADMINISTRATOR}"
        ),
        Err(error) => tracing::info!(%error, "where the registry is could not be written to standard output"),
    });
}

fn announcement(config: &Config, data: &Path, address: SocketAddr, prepared: &Prepared) -> String {
    let scheme = if config.has_tls() { "https" } else { "http" };
    let shown = if address.ip().is_unspecified() {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    };
    let url = config.origin().ok().flatten().unwrap_or_else(|| format!("{scheme}://{shown}"));
    let host = url.split("://").nth(1).unwrap_or(&url).to_owned();
    let data = data.canonicalize().unwrap_or_else(|_| data.to_owned());
    let mut lines = vec![
        format!("longshore {} is ready", env!("CARGO_PKG_VERSION")),
        format!("  registry  {url}"),
        format!("  listens   {scheme}://{shown}"),
        format!("  data      {}", data.display()),
    ];
    if !config.database.is_embedded() {
        lines.push(format!("  database  {}", config.database.shown()));
    }
    if let Some(url) = config.storage.shown() {
        lines.push(format!("  storage   {url}"));
    }
    let user = match prepared {
        Prepared::Before => None,
        Prepared::AdministratorCreated => {
            Some(format!("  user      {ADMINISTRATOR}, with the password that you gave"))
        }
        Prepared::PasswordGenerated(password) => Some(format!(
            "  user      {ADMINISTRATOR}\n  password  {password}    (shown this once; change it with: longshore user password {ADMINISTRATOR})"
        )),
    };
    if let Some(user) = user {
        lines.extend([
            user,
            String::new(),
            "Try next:".into(),
            format!("  docker login {host} --username {ADMINISTRATOR}"),
            format!("  docker tag alpine {host}/alpine"),
            format!("  docker push {host}/alpine"),
        ]);
    }
    lines.push(String::new());
    lines.join("\n")
}
