//! `longshore serve`: from configuration to a running server and back.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use longshore_api_common::metrics::Metrics;
use longshore_api_common::origin::Origin;
use longshore_api_docr::Docr;
use longshore_api_hub::Hub;
use longshore_api_native::Native;
use longshore_api_oci::{Oci, Redirects};
use longshore_api_scim::Scim;
use longshore_api_swr::Swr;
use longshore_app::bootstrap::{ADMINISTRATOR, Prepared};
use longshore_cli::console;
use longshore_client::types::SettingSource;
use longshore_domain::access::actor::Actor;
use longshore_domain::clock::Entropy;
use longshore_domain::credential::Secret;
use longshore_web::{Setting, Web};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clients::Clients;
use crate::config::Config;
use crate::data_folder::DataFolder;
use crate::descriptors;
use crate::disk::{Disk, DiskGauges};
use crate::dispatch::{Dialects, Dispatch};
use crate::exposition::{self, ClockGauge, ConnectionGauge, DamageMetrics, Exposition, JobMetrics};
use crate::http_server::{self, Server};
use crate::system::SystemEntropy;
use crate::tls::Certificate;
use crate::wiring::{self, Opening, with_cause};
use crate::{admin_socket, jobs};

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
    let disk = Disk::open(&folder, config.storage.reserve_bytes());
    let app = wiring::app(&config, &folder, Arc::clone(&disk) as _, Opening::Serve).await?;
    let address = config.listen_address()?;
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; choose another address with --listen"))?;
    let certificate = if config.has_tls() { Some(Certificate::load(&config.tls)?) } else { None };
    let password = config.administrator_password()?;
    let prepared =
        app.prepare(password.as_deref()).await.map_err(with_cause).context("cannot set the registry up")?;

    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let connections = Arc::clone(&metrics.connections);
    registry.register_collector(Box::new(ConnectionGauge(connections)));
    registry.register_collector(Box::new(DiskGauges(Arc::clone(&disk))));
    app.content.count_damage().await.map_err(with_cause)?;
    registry.register_collector(Box::new(DamageMetrics(Arc::clone(&app))));
    registry.register_collector(Box::new(ClockGauge(Arc::clone(&app))));
    registry.register_collector(Box::new(JobMetrics(Arc::clone(&app))));
    let exposition = Arc::new(Exposition(registry));
    let notice = Some(config.notice.as_str()).filter(|notice| !notice.is_empty());
    let redirects = match config.storage.redirect() {
        Some(valid) => Some(Redirects { valid, except: config.storage.redirect_except()? }),
        None => None,
    };
    let oci = Oci::new(Arc::clone(&app), &metrics, notice, redirects)?;
    let native = Arc::new(Native::new(Arc::clone(&app), &metrics, config.shown()?)?);
    // From the first signal on; `stop` comes after the grace.
    let (draining, stop) = (CancellationToken::new(), CancellationToken::new());
    let server = Arc::new(Server {
        dispatch: Dispatch::new(
            Arc::clone(&app),
            Dialects {
                oci,
                hub: Hub::new(Arc::clone(&app), &metrics)?,
                docr: Docr::new(Arc::clone(&app), &metrics)?,
                swr: Swr::new(Arc::clone(&app), &metrics, config.swr.internal_address()?)?,
                scim: Scim::new(Arc::clone(&app), &metrics)?,
                native: Arc::clone(&native),
                web: match config.ui.enabled {
                    true => Some(Web::new(
                        Arc::clone(&app),
                        &metrics,
                        config.notice.clone(),
                        settings_shown(&config)?,
                    )?),
                    false => None,
                },
            },
            draining.clone(),
        ),
        clients: Clients {
            origin: config.origin()?.map(Into::into),
            trusted_proxies: config.trusted_networks()?,
            has_tls: config.has_tls(),
            id_prefix: id_prefix(),
            requests: AtomicU64::new(0),
        },
        metrics,
        limits: config.limits.shared(connections_allowed(&config)),
    });

    let tasks = TaskTracker::new();
    jobs::start(&app, Duration::from_secs(config.gc.interval_seconds), &stop, &tasks);
    disk.watch(stop.clone());
    let socket = admin_socket::listen(folder.path())?;
    tasks.spawn(admin_socket::run(Arc::clone(&native), socket, stop.clone()));
    let mut metrics_address = None;
    if let Some(address) = config.metrics_address()? {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on {address} for metrics (metrics.listen)"))?;
        metrics_address = Some(listener.local_addr()?);
        tasks.spawn(exposition::run(exposition, listener, stop.clone()));
    }
    let tls = match &certificate {
        Some(certificate) => Some(TlsAcceptor::from(certificate.server_config()?)),
        None => None,
    };
    let address = listener.local_addr()?;
    // Before anybody is told that the server is there, and could tell it to stop.
    let signals = Signals::watch().context("cannot watch signals")?;
    let setup = match (&prepared, config.ui.enabled) {
        (Prepared::PasswordGenerated(_), true) => {
            let administrator = ADMINISTRATOR.parse().context("the administrator's name is none")?;
            let made = app.identity.make_first_run_secret(&Actor::OPERATOR, &administrator).await;
            Some(made.map_err(with_cause).context("cannot make the first-run link")?)
        }
        _ => None,
    };
    let listeners = Listeners { registry: address, metrics: metrics_address };
    announce(&config, folder.path(), &listeners, &prepared, setup.as_ref());
    let grace = config.shutdown_grace()?;
    tokio::spawn(obey(signals, draining, stop.clone(), grace, certificate));
    let drain = Duration::from_secs(config.shutdown_seconds);
    http_server::run(server, listener, tls, stop.clone(), drain).await;
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    app.close().await;
    admin_socket::remove(folder.path());
    tracing::info!("stopped");
    Ok(())
}

/// Says what set a setting.
fn source(source: SettingSource) -> &'static str {
    match source {
        SettingSource::Default => "default",
        SettingSource::File => "file",
        SettingSource::Environment => "environment",
        SettingSource::Flag => "command line",
        SettingSource::Other => "elsewhere",
    }
}

/// Returns the configuration as it is in force, for the pages.
fn settings_shown(config: &Config) -> Result<Vec<Setting>> {
    let settings = config.shown()?.into_iter().map(|setting| Setting {
        source: source(setting.source).to_owned(),
        key: setting.key,
        value: setting.value,
        default: setting.default,
        help: setting.help,
    });
    Ok(settings.collect())
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

/// How many connections may be open: as many as configured, if this process may open as many files.
fn connections_allowed(config: &Config) -> u64 {
    let configured = config.max_connections;
    let shared = descriptors::shared_out(configured);
    if shared.connections < configured {
        tracing::warn!(
            max_connections = configured,
            connections = shared.connections,
            open_blobs = shared.blobs,
            "this process may open too few files for max_connections, so fewer connections are taken; raise its limit of open files (LimitNOFILE, ulimit -n)"
        );
    }
    shared.connections
}

/// Beginning of request ids, different for each start.
fn id_prefix() -> String {
    let mut random = [0; 4];
    SystemEntropy.fill(&mut random);
    format!("{:08x}-", u32::from_be_bytes(random))
}

/// The signals that a server obeys.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Begins to watch; from then on a signal does not end the process by itself.
    fn watch() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits until the server is told to stop.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Waits for a signal to stop, and reloads the certificate until then. The node first says that it is not ready, then, after
/// the grace or at a second signal, closes its listener.
async fn obey(
    mut signals: Signals,
    draining: CancellationToken,
    stop: CancellationToken,
    grace: Duration,
    certificate: Option<Arc<Certificate>>,
) {
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => break,
            _ = signals.interrupt.recv() => break,
            _ = signals.hangup.recv() => {}
            () = tokio::time::sleep(CERTIFICATE_CHECK) => {}
        }
        if let Some(certificate) = &certificate {
            certificate.reload();
        }
    }
    draining.cancel();
    if !grace.is_zero() {
        let grace_seconds = grace.as_secs();
        tracing::info!(
            grace_seconds,
            "about to stop: not ready any more, and still answering; a second signal ends this"
        );
        tokio::select! {
            () = tokio::time::sleep(grace) => {}
            () = signals.stop() => {}
        }
    }
    tracing::info!("stopping: requests in progress may finish");
    stop.cancel();
}

/// Tells a person where the registry is and what to do next.
fn announce(
    config: &Config,
    data: &Path,
    listeners: &Listeners,
    prepared: &Prepared,
    setup: Option<&Secret>,
) {
    let text = announcement(config, data, listeners, prepared, setup);
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

/// Where the server listens.
struct Listeners {
    registry: SocketAddr,
    metrics: Option<SocketAddr>,
}

fn announcement(
    config: &Config,
    data: &Path,
    listeners: &Listeners,
    prepared: &Prepared,
    setup: Option<&Secret>,
) -> String {
    let address = listeners.registry;
    let scheme = if config.has_tls() { "https" } else { "http" };
    let shown = if address.ip().is_unspecified() {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    };
    let url = config.origin().ok().flatten().unwrap_or_else(|| format!("{scheme}://{shown}"));
    let host = Origin::Known(url.as_str().into()).host().to_owned();
    let metrics = match listeners.metrics {
        Some(address) => format!("http://{address}/metrics"),
        None => "off; --set metrics.listen=127.0.0.1:9100 turns them on".to_owned(),
    };
    let data = data.canonicalize().unwrap_or_else(|_| data.to_owned());
    let mut lines = vec![
        format!("longshore {} is ready", env!("CARGO_PKG_VERSION")),
        format!("  registry  {url}"),
        format!("  listens   {scheme}://{shown}"),
        format!("  metrics   {metrics}"),
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
    if let Some(secret) = setup {
        let link = format!("{url}/ui/setup#{}", secret.expose());
        lines.push(format!("  set up    {link}    (in a browser: works once, for an hour)"));
    }
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
