//! The command line.

mod deletions;

use std::io::{IsTerminal, Read};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use indicatif::ProgressBar;
use longshore_cli::console;
use longshore_domain::ports::mailer::{Mail, Mailer};
use serde_json::json;

use crate::admin::{self, Outcome, Request};
use crate::config::{self, Config, Sources};
use crate::tls::Certificate;
use crate::{serve, telemetry};

/// Exit code when a flag or value on the command line cannot be.
pub const WRONG_USAGE: u8 = 2;
/// Exit code when something was checked and found wrong.
const FOUND_PROBLEMS: u8 = 3;

/// A flag or value on the command line that cannot be.
#[derive(Debug)]
pub struct Usage(pub String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Threads for hashing, file work and password checks, for each core; more of them cost memory and win nothing.
const BLOCKING_THREADS_PER_CORE: usize = 8;
/// Fewest and most of them.
const BLOCKING_THREADS: std::ops::RangeInclusive<usize> = 32..=512;

/// A container registry: one binary that stores and serves OCI images.
#[derive(Parser)]
#[command(
    name = "longshore",
    version,
    about,
    max_term_width = 100,
    after_help = "Exit codes: 0 done, 1 failed (the reason is on standard error), 2 a flag or value that cannot be, 3 verification found problems."
)]
pub struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct Common {
    /// Folder of database and blobs [default: ./longshore-data] [env: LONGSHORE_DATA]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// PostgreSQL instead of the embedded database, postgres://user@host/database [env: LONGSHORE_DATABASE_URL]
    #[arg(long, global = true, value_name = "URL")]
    database: Option<String>,
    /// Object storage instead of a folder, s3://bucket/prefix [env: LONGSHORE_STORAGE_URL]
    #[arg(long, global = true, value_name = "URL")]
    storage: Option<String>,
    /// Configuration file (TOML)
    #[arg(long, global = true, value_name = "FILE", env = "LONGSHORE_CONFIG")]
    config: Option<PathBuf>,
    /// Any setting, for example gc.batch=100; may be repeated (see: longshore config reference)
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Print JSON for scripts
    #[arg(long, global = true)]
    json: bool,
    /// Delete without asking
    #[arg(long, global = true)]
    yes: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Run the registry
    Serve {
        /// Address and port [default: 127.0.0.1:5000] [env: LONGSHORE_LISTEN]
        #[arg(long, value_name = "ADDR:PORT")]
        listen: Option<String>,
        /// Begin an empty registry in another database although the data folder holds one
        #[arg(long)]
        new: bool,
    },
    /// Bring the database to the schema of this version; `serve` does that too, no other command does
    Migrate,
    /// Users (works beside a running server and on a stopped one)
    #[command(subcommand)]
    User(UserCommand),
    /// Organizations and their members
    #[command(subcommand)]
    Org(OrgCommand),
    /// Access tokens of users and organizations
    #[command(subcommand)]
    Token(TokenCommand),
    /// Tokens for identity providers (SCIM) of organizations
    #[command(subcommand)]
    ScimToken(ScimTokenCommand),
    /// Repositories
    #[command(subcommand)]
    Repo(RepoCommand),
    /// Tags
    #[command(subcommand)]
    Tag(TagCommand),
    /// Images
    #[command(subcommand)]
    Image(ImageCommand),
    /// What was deleted, and can be brought back
    #[command(subcommand)]
    Trash(TrashCommand),
    /// Keys that sign bearer tokens
    #[command(subcommand)]
    Key(KeyCommand),
    /// Garbage collection
    #[command(subcommand)]
    Gc(GcCommand),
    /// Work that the registry does later: messages, housekeeping
    #[command(subcommand)]
    Work(WorkCommand),
    /// The audit log
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Read everything back and report what is damaged
    Verify {
        /// Instead, compare what the blob store has with what the database names: report what is missing, and put what
        /// nobody needs into quarantine, to be deleted after gc.quarantine_seconds
        #[arg(long)]
        store: bool,
    },
    /// The configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Ask any registry over HTTP, as a client
    #[command(subcommand)]
    Client(longshore_cli::ClientCommand),
}

#[derive(Subcommand)]
enum UserCommand {
    /// Create a user; without --password-stdin a password is generated and shown once
    Create {
        name: String,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
        /// Make the user an administrator of the whole registry
        #[arg(long)]
        administrator: bool,
    },
    /// List users
    List,
    /// Show a user
    Show { name: String },
    /// Let a disabled user sign in again
    Enable { name: String },
    /// Switch a user and all its tokens off, at once
    Disable { name: String },
    /// Make a user an administrator of the whole registry
    GrantAdministrator { name: String },
    /// Take the rights of an administrator away
    RevokeAdministrator { name: String },
    /// Set a new password; without --password-stdin one is generated and shown once
    Password {
        name: String,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Remove the second factor of a user who has lost it
    ResetSecondFactor { name: String },
    /// Set what is shown of a user, and the e-mail address; what is not given stays
    SetProfile {
        name: String,
        #[command(flatten)]
        profile: ProfileArguments,
    },
    /// Set the plan: personal, pro, team or business
    SetPlan { name: String, plan: String },
    /// Let the user's images count as those of a verified publisher
    GrantVerifiedPublisher { name: String },
    /// Let the user's images no longer count as those of a verified publisher
    RevokeVerifiedPublisher { name: String },
    /// Delete a user; the name stays taken
    Delete { name: String },
}

#[derive(Args)]
#[group(required = true, multiple = true)]
struct ProfileArguments {
    /// Name of the person or organization
    #[arg(long, value_name = "TEXT")]
    full_name: Option<String>,
    /// E-mail address, by which invites find the account; empty to remove it
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    #[arg(long, value_name = "TEXT")]
    company: Option<String>,
    #[arg(long, value_name = "TEXT")]
    location: Option<String>,
    /// Web page, http or https
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

impl ProfileArguments {
    fn request(self, name: String) -> Request {
        let Self { full_name, email, company, location, url } = self;
        Request::AccountSetProfile { name, full_name, email, company, location, url }
    }
}

#[derive(Subcommand)]
enum OrgCommand {
    /// Create an organization
    Create {
        name: String,
        /// The user who owns it
        #[arg(long, value_name = "USER")]
        owner: String,
    },
    /// List organizations
    List,
    /// Show an organization and its members
    Show { name: String },
    /// Add a member, or give one another role
    SetMember {
        name: String,
        user: String,
        /// owner, editor or member
        #[arg(long, default_value = "member")]
        role: String,
    },
    /// Remove a member
    RemoveMember { name: String, user: String },
    /// Let a disabled organization work again
    Enable { name: String },
    /// Switch an organization off: its tokens fail and its repositories are for administrators only
    Disable { name: String },
    /// Set what is shown of an organization; what is not given stays
    SetProfile {
        name: String,
        #[command(flatten)]
        profile: ProfileArguments,
    },
    /// Set the plan: personal, pro, team or business
    SetPlan { name: String, plan: String },
    /// Let the organization's images count as those of a verified publisher
    GrantVerifiedPublisher { name: String },
    /// Let the organization's images no longer count as those of a verified publisher
    RevokeVerifiedPublisher { name: String },
    /// Decide what members pull without a team: all repositories, or none
    SetMembersPull {
        name: String,
        /// What they pull
        #[arg(value_parser = ["all", "none"])]
        what: String,
    },
    /// Decide whether an organization may provision users over SCIM, which makes accounts and takes in others by e-mail address
    SetProvisioning {
        name: String,
        /// Whether it may; off, its SCIM tokens do not work
        #[arg(value_parser = ["on", "off"])]
        what: String,
    },
    /// Delete an organization without repositories; the name stays taken
    Delete { name: String },
}

#[derive(Subcommand)]
enum TokenCommand {
    /// Create an access token; it is shown once
    Create {
        /// User or organization
        owner: String,
        /// What it is for
        #[arg(long)]
        label: String,
        /// repo:public_read, repo:read, repo:write or repo:admin
        #[arg(long, default_value = "repo:read")]
        scope: String,
        /// Days after which it stops working, at most 36500 [default: never]
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
        expires_in_days: Option<u32>,
    },
    /// Create a pair of keys that clients of Huawei Cloud and Open Telekom Cloud sign requests with; the secret key is shown once
    CreateAccessKey {
        /// User or organization
        owner: String,
        /// What it is for
        #[arg(long)]
        label: String,
        /// account (everything that the user may do), repo:public_read, repo:read, repo:write or repo:admin
        #[arg(long, default_value = "account")]
        scope: String,
        /// Days after which it stops working, at most 36500 [default: never]
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
        expires_in_days: Option<u32>,
    },
    /// List the tokens of a user or organization
    List { owner: String },
    /// Show a token (not its secret, which nobody has)
    Show {
        /// User or organization
        owner: String,
        /// Which one, by id or label
        id: String,
    },
    /// Let a disabled token work again
    Enable {
        /// User or organization
        owner: String,
        /// Which one, by id or label
        id: String,
    },
    /// Switch a token off, at once
    Disable {
        /// User or organization
        owner: String,
        /// Which one, by id or label
        id: String,
    },
    /// Delete a token for good
    Delete {
        /// User or organization
        owner: String,
        /// Which one, by id or label
        id: String,
    },
}

#[derive(Subcommand)]
enum ScimTokenCommand {
    /// Create a token that an identity provider manages an organization's users with; it is shown once
    Create {
        organization: String,
        /// What it is for, such as okta; the audit log names it
        #[arg(long, default_value = "scim")]
        label: String,
        /// Days after which it stops working, at most 36500 [default: never]
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
        expires_in_days: Option<u32>,
    },
    /// Give a token another secret, which is shown once; the one before stops working at once
    Rotate {
        organization: String,
        /// Which one, by id or label, if there are several
        id: Option<String>,
    },
    /// Revoke a token; it stops working at once
    Revoke {
        organization: String,
        /// Which one, by id or label, if there are several
        id: Option<String>,
    },
    /// List the tokens of an organization
    List { organization: String },
}

#[derive(Subcommand)]
enum RepoCommand {
    /// Create an empty repository (a first push does that too)
    Create {
        name: String,
        /// private or public
        #[arg(long, default_value = "private")]
        visibility: String,
    },
    /// List repositories
    List,
    /// Show a repository
    Show { name: String },
    /// Make a repository private or public
    SetVisibility { name: String, visibility: String },
    /// Delete a repository with everything in it
    Delete { name: String },
}

#[derive(Subcommand)]
enum TagCommand {
    /// Show what a tag pointed at, newest first
    History { repository: String, tag: String },
    /// Show the tags of a repository as they were at a time
    At {
        repository: String,
        /// A time such as 2026-11-01T12:00:00Z, or a day such as 2026-11-01 for its end, in UTC
        time: String,
        /// Only this tag
        tag: Option<String>,
    },
    /// Show the tags that were made, moved or deleted between two times
    Diff {
        repository: String,
        /// The first time, or the end of a day
        from: String,
        /// The second time [default: now]
        to: Option<String>,
    },
    /// Let a tag point at what it pointed at before
    Rollback {
        repository: String,
        tag: String,
        /// What it pointed at before, at a time, or a digest that it once pointed at
        #[arg(default_value = "previous")]
        to: String,
    },
    /// Delete tags; their images stay
    Rm {
        repository: String,
        #[arg(required = true)]
        tags: Vec<String>,
        /// Show what goes and what that frees, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Subcommand)]
enum ImageCommand {
    /// Delete images with the tags that point at them
    Rm {
        repository: String,
        #[arg(required = true)]
        digests: Vec<String>,
        /// Also what an index lists, unless something else needs it
        #[arg(long)]
        with_parts: bool,
        /// Show what goes and what that frees, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Subcommand)]
enum TrashCommand {
    /// List the newest deletions of a namespace or a repository
    Ls {
        /// Such as acme, or acme/app
        of: String,
    },
    /// Show a deletion with what went
    Show { id: String },
    /// Undo a deletion; a tag that points elsewhere by now stays there
    Restore {
        id: String,
        /// Move tags back that point elsewhere by now
        #[arg(long)]
        overwrite: bool,
        /// Bring a repository back under this name
        #[arg(long = "as", value_name = "NAME")]
        name: Option<String>,
    },
}

#[derive(Subcommand)]
enum KeyCommand {
    /// Let a new key sign; tokens signed by the old one work until they expire
    Rotate,
}

#[derive(Subcommand)]
enum GcCommand {
    /// Collect now what is due
    Run {
        /// Count what a run would begin with, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Show what waits and what was collected
    Status,
}

#[derive(Subcommand)]
enum WorkCommand {
    /// List work that waits, is being done, or was given up
    Ls {
        /// Only what was given up
        #[arg(long)]
        dead: bool,
    },
    /// Do work now that waits or was given up, with all its attempts before it
    Retry {
        /// Number of the work, as listed
        id: i64,
    },
    /// Remove work that waits or was given up; it is not done
    Drop {
        /// Number of the work, as listed
        id: i64,
    },
}

#[derive(Subcommand)]
enum AuditCommand {
    /// List events, newest first
    List {
        /// Only those of this user or organization
        #[arg(long)]
        account: Option<String>,
        /// How many, at most 1000; `audit export` gives all
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Write all events to standard output, oldest first, as lines of JSON
    Export {
        /// Only those of this user or organization
        #[arg(long)]
        account: Option<String>,
        /// Only those with a higher number than this: the id of the last one that you have
        #[arg(long, default_value_t = 0)]
        after: i64,
    },
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Check the configuration, with the files that it names
    Check,
    /// Print the configuration as it is in force, with secrets masked
    Print,
    /// Print the reference page of all settings
    Reference,
    /// Send a message to an address, to try the settings of mail
    TestMail { address: String },
}

/// Runs a command line.
pub fn run(arguments: Arguments) -> Result<ExitCode> {
    let Arguments { common, command } = arguments;
    let mut flags = Vec::new();
    for pair in &common.set {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| Usage(format!("--set {pair}: must have the form KEY=VALUE")))?;
        flags.push((key.to_owned(), value.to_owned()));
    }
    if let Some(data) = &common.data {
        flags.push(("data".into(), data.to_str().context("--data: the path must be UTF-8 text")?.to_owned()));
    }
    for (key, value) in [("database.url", &common.database), ("storage.url", &common.storage)] {
        flags.extend(value.as_ref().map(|value| (key.to_owned(), value.clone())));
    }
    if let Command::Serve { listen: Some(listen), .. } = &command {
        flags.push(("listen".into(), listen.clone()));
    }
    let sources = Sources::from_environment(common.config.clone(), flags);
    let request = match command {
        Command::Serve { new, .. } => return run_server(&sources, new),
        Command::Migrate => return print_outcome(&admin::migrate(&load(&sources)?)?, common.json),
        Command::Config(command) => return run_config(&command, &sources, common.json),
        Command::Client(command) => {
            console::print(&longshore_cli::run(command, common.json)?)?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::User(command) => user_request(command)?,
        Command::Org(command) => org_request(command),
        Command::Token(command) => token_request(command),
        Command::ScimToken(command) => scim_token_request(command),
        Command::Repo(command) => repo_request(command),
        Command::Tag(command) => tag_request(command),
        Command::Image(ImageCommand::Rm { repository, digests, with_parts, dry_run }) => {
            deletion_request(repository, digests, Vec::new(), with_parts, dry_run)
        }
        Command::Trash(TrashCommand::Ls { of }) => Request::TrashList { of },
        Command::Trash(TrashCommand::Show { id }) => Request::TrashShow { id },
        Command::Trash(TrashCommand::Restore { id, overwrite, name }) => {
            Request::TrashRestore { id, overwrite, name }
        }
        Command::Key(KeyCommand::Rotate) => Request::KeyRotate,
        Command::Gc(GcCommand::Run { dry_run }) => Request::GcRun { dry_run },
        Command::Gc(GcCommand::Status) => Request::GcStatus,
        Command::Work(WorkCommand::Ls { dead }) => Request::WorkList { dead },
        Command::Work(WorkCommand::Retry { id }) => Request::WorkRetry { id },
        Command::Work(WorkCommand::Drop { id }) => Request::WorkDrop { id },
        Command::Audit(AuditCommand::Export { account, after }) => {
            return export_audit(&load(&sources)?, account, after);
        }
        Command::Audit(AuditCommand::List { account, limit }) => Request::AuditList { account, limit },
        Command::Verify { store } => Request::Verify { store },
    };
    let config = load(&sources)?;
    if !common.yes {
        deletions::confirm(&config, &request)?;
    }
    administer(&config, request, common.json)
}

/// Loads the configuration. What only flags make wrong is wrong usage.
fn load(sources: &Sources) -> Result<Config> {
    Config::load(sources).map_err(|error| {
        let without_flags = Sources {
            file: sources.file.clone(),
            environment: sources.environment.clone(),
            flags: Vec::new(),
        };
        match !sources.flags.is_empty() && Config::load(&without_flags).is_ok() {
            true => Usage(format!("{error:#}")).into(),
            false => error,
        }
    })
}

fn administer(config: &Config, request: Request, as_json: bool) -> Result<ExitCode> {
    let bar = OnceLock::new();
    let on_progress = |text: String| {
        if std::io::stderr().is_terminal() {
            let bar = bar.get_or_init(|| {
                let bar = ProgressBar::new_spinner();
                bar.enable_steady_tick(Duration::from_millis(100));
                bar
            });
            bar.set_message(text);
        }
    };
    let outcome = admin::call(config, request, &on_progress);
    if let Some(bar) = bar.get() {
        bar.finish_and_clear();
    }
    print_outcome(&outcome?, as_json)
}

fn print_outcome(outcome: &Outcome, as_json: bool) -> Result<ExitCode> {
    match as_json {
        true => console::print(&serde_json::to_string_pretty(&outcome.json)?)?,
        false => console::print(&outcome.text)?,
    }
    Ok(if outcome.found_problems { ExitCode::from(FOUND_PROBLEMS) } else { ExitCode::SUCCESS })
}

/// Writes the audit log page by page, so that it may be as long as it likes.
fn export_audit(config: &Config, account: Option<String>, mut after: i64) -> Result<ExitCode> {
    loop {
        let request = Request::AuditExport { account: account.clone(), after };
        let outcome = admin::call(config, request, &|_| {})?;
        let Some(events) = outcome.json.as_array().filter(|events| !events.is_empty()) else {
            return Ok(ExitCode::SUCCESS);
        };
        let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
        match console::write(&lines) {
            // Whoever reads has had enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
            written => written.context("cannot write to standard output")?,
        }
        after = events.last().and_then(|event| event["id"].as_i64()).unwrap_or(i64::MAX);
    }
}

fn run_server(sources: &Sources, is_new: bool) -> Result<ExitCode> {
    let config = load(sources)?;
    telemetry::start(&config.log, &config.traces)?;
    for name in config::unknown_variables(&sources.environment) {
        tracing::warn!(
            "the environment variable {name} is no setting of longshore; see `longshore config reference`"
        );
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let blocking_threads =
        (cores * BLOCKING_THREADS_PER_CORE).clamp(*BLOCKING_THREADS.start(), *BLOCKING_THREADS.end());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(blocking_threads)
        .build()?;
    let served = runtime.block_on(serve::serve(config, is_new));
    // Work on blocking threads, such as one that waits for a disk, is not waited for.
    runtime.shutdown_background();
    served?;
    telemetry::finish();
    Ok(ExitCode::SUCCESS)
}

fn run_config(command: &ConfigCommand, sources: &Sources, as_json: bool) -> Result<ExitCode> {
    let outcome = match command {
        ConfigCommand::Check => {
            let config = load(sources)?;
            // What can be read from files as well.
            config.database.postgres()?;
            config.storage.objects(PathBuf::new())?;
            config.administrator_password()?;
            config.mail.mailer()?;
            config.settings()?;
            if config.has_tls() {
                Certificate::load(&config.tls)?;
            }
            Outcome::said("the configuration is valid", json!({ "valid": true }))
        }
        ConfigCommand::Print => {
            let text = load(sources)?.print()?;
            let values: toml::Table = text.parse()?;
            Outcome::said(text.trim_end(), serde_json::to_value(values)?)
        }
        ConfigCommand::TestMail { address } => {
            test_mail(&load(sources)?, address)?;
            Outcome::said(
                format!("the mail server took the message to {address}"),
                json!({ "taken": address }),
            )
        }
        ConfigCommand::Reference => {
            Outcome::said(config::reference().trim_end(), config::reference_as_json())
        }
    };
    print_outcome(&outcome, as_json)
}

fn test_mail(config: &Config, address: &str) -> Result<()> {
    let to = address.parse().map_err(|error| Usage(format!("ADDRESS: {error}")))?;
    let mailer = config.mail.mailer()?.context("mail.smtp_url: is not set, so there is no mail")?;
    let mail = Mail {
        to,
        subject: "A test of the container registry".into(),
        text: "Mail of this container registry works.\n".into(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(mailer.send(&mail)).context("the message could not be sent")
}

/// Reads a password from standard input, or asks for it when a person sits there.
fn read_password(wanted: bool) -> Result<Option<String>> {
    if !wanted {
        return Ok(None);
    }
    let password = if std::io::stdin().is_terminal() {
        rpassword::prompt_password("password: ")?
    } else {
        let mut text = String::new();
        std::io::stdin().take(8192).read_to_string(&mut text)?;
        text.trim_end_matches(['\r', '\n']).to_owned()
    };
    if password.is_empty() {
        return Err(Usage("the password is empty".into()).into());
    }
    Ok(Some(password))
}

fn user_request(command: UserCommand) -> Result<Request> {
    Ok(match command {
        UserCommand::Create { name, password_stdin, administrator } => {
            Request::UserCreate { name, password: read_password(password_stdin)?, administrator }
        }
        UserCommand::List => Request::UserList,
        UserCommand::Show { name } => Request::UserShow { name },
        UserCommand::Enable { name } => Request::UserEnable { name },
        UserCommand::Disable { name } => Request::UserDisable { name },
        UserCommand::GrantAdministrator { name } => Request::UserMakeAdministrator { name },
        UserCommand::RevokeAdministrator { name } => Request::UserRevokeAdministrator { name },
        UserCommand::Password { name, password_stdin } => {
            Request::UserPassword { name, password: read_password(password_stdin)? }
        }
        UserCommand::ResetSecondFactor { name } => Request::UserResetSecondFactor { name },
        UserCommand::SetProfile { name, profile } => profile.request(name),
        UserCommand::SetPlan { name, plan } => Request::AccountSetPlan { name, plan },
        UserCommand::GrantVerifiedPublisher { name } => {
            Request::AccountSetVerifiedPublisher { name, verified: true }
        }
        UserCommand::RevokeVerifiedPublisher { name } => {
            Request::AccountSetVerifiedPublisher { name, verified: false }
        }
        UserCommand::Delete { name } => Request::UserDelete { name },
    })
}

fn org_request(command: OrgCommand) -> Request {
    match command {
        OrgCommand::Create { name, owner } => Request::OrgCreate { name, owner },
        OrgCommand::List => Request::OrgList,
        OrgCommand::Show { name } => Request::OrgShow { name },
        OrgCommand::SetMember { name, user, role } => Request::OrgSetMember { name, user, role },
        OrgCommand::RemoveMember { name, user } => Request::OrgRemoveMember { name, user },
        OrgCommand::Enable { name } => Request::OrgSetActive { name, active: true },
        OrgCommand::Disable { name } => Request::OrgSetActive { name, active: false },
        OrgCommand::SetMembersPull { name, what } => Request::OrgSetMembersPull { name, all: what == "all" },
        OrgCommand::SetProvisioning { name, what } => Request::OrgSetProvisioning { name, may: what == "on" },
        OrgCommand::SetProfile { name, profile } => profile.request(name),
        OrgCommand::SetPlan { name, plan } => Request::AccountSetPlan { name, plan },
        OrgCommand::GrantVerifiedPublisher { name } => {
            Request::AccountSetVerifiedPublisher { name, verified: true }
        }
        OrgCommand::RevokeVerifiedPublisher { name } => {
            Request::AccountSetVerifiedPublisher { name, verified: false }
        }
        OrgCommand::Delete { name } => Request::OrgDelete { name },
    }
}

fn token_request(command: TokenCommand) -> Request {
    match command {
        TokenCommand::Create { owner, label, scope, expires_in_days } => {
            Request::TokenCreate { owner, label, scope, expires_in_days }
        }
        TokenCommand::CreateAccessKey { owner, label, scope, expires_in_days } => {
            Request::AccessKeyCreate { owner, label, scope, expires_in_days }
        }
        TokenCommand::List { owner } => Request::TokenList { owner },
        TokenCommand::Show { owner, id } => Request::TokenShow { owner, id },
        TokenCommand::Enable { owner, id } => Request::TokenEnable { owner, id },
        TokenCommand::Disable { owner, id } => Request::TokenDisable { owner, id },
        TokenCommand::Delete { owner, id } => Request::TokenDelete { owner, id },
    }
}

fn scim_token_request(command: ScimTokenCommand) -> Request {
    match command {
        ScimTokenCommand::Create { organization, label, expires_in_days } => {
            Request::ScimTokenCreate { organization, label, expires_in_days }
        }
        ScimTokenCommand::Rotate { organization, id } => Request::ScimTokenRotate { organization, id },
        ScimTokenCommand::Revoke { organization, id } => Request::ScimTokenRevoke { organization, id },
        ScimTokenCommand::List { organization } => Request::ScimTokenList { organization },
    }
}

fn tag_request(command: TagCommand) -> Request {
    match command {
        TagCommand::History { repository, tag } => Request::TagHistory { repository, tag },
        TagCommand::At { repository, time, tag } => Request::TagAt { repository, at: time, tag },
        TagCommand::Diff { repository, from, to } => Request::TagDiff { repository, from, to },
        TagCommand::Rollback { repository, tag, to } => Request::TagRollback { repository, tag, to },
        TagCommand::Rm { repository, tags, dry_run } => {
            deletion_request(repository, Vec::new(), tags, false, dry_run)
        }
    }
}

/// Deletes, or says what that would do.
fn deletion_request(
    repository: String,
    digests: Vec<String>,
    tags: Vec<String>,
    with_parts: bool,
    dry_run: bool,
) -> Request {
    match dry_run {
        true => Request::DeletionPlan { repository, digests, tags, with_parts },
        false => Request::Delete { repository, digests, tags, with_parts },
    }
}

fn repo_request(command: RepoCommand) -> Request {
    match command {
        RepoCommand::Create { name, visibility } => Request::RepoCreate { name, visibility },
        RepoCommand::List => Request::RepoList,
        RepoCommand::Show { name } => Request::RepoShow { name },
        RepoCommand::SetVisibility { name, visibility } => Request::RepoSetVisibility { name, visibility },
        RepoCommand::Delete { name } => Request::RepoDelete { name },
    }
}
