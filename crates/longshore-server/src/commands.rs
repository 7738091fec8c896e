//! The command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, CommandFactory, Parser, Subcommand};
use longshore_cli::access::{self, AccessCommand};
use longshore_cli::account::{self, AccountCommand};
use longshore_cli::accounts::{self, OrganizationCommand, UserCommand};
use longshore_cli::contexts::{self, ContextCommand, Target};
use longshore_cli::failure::{EXIT_CODES, Exit, Usage};
use longshore_cli::images::ImageCommand;
use longshore_cli::jobs::{self, JobCommand};
use longshore_cli::login::{self, LoginArguments};
use longshore_cli::output::OutputArguments;
use longshore_cli::overview::{self, NodeCommand, SettingsCommand, StoreCommand};
use longshore_cli::repositories::RepositoryCommand;
use longshore_cli::retention::{self, RetentionCommand};
use longshore_cli::server::{self, AuditCommand, GcCommand, KeyCommand, WorkCommand};
use longshore_cli::session::Session;
use longshore_cli::tags::TagCommand;
use longshore_cli::teams::{self, InviteCommand, MemberCommand, TeamCommand};
use longshore_cli::tokens::{self, ScimTokenCommand, TokenCommand};
use longshore_cli::trash::TrashCommand;
use longshore_cli::{console, images, repositories, tags, trash};
use longshore_domain::ports::mailer::{Mail, Mailer};
use serde_json::json;

use crate::config::{self, Config, Sources};
use crate::outcome::Outcome;
use crate::registry::Registry;
use crate::{doctor, migration};
use crate::{serve, telemetry};

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
    after_help = EXIT_CODES
)]
pub struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
#[command(next_help_heading = "Options of all commands")]
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
    #[command(flatten)]
    output: OutputArguments,
    /// Where commands go: a context (see: longshore context ls), an address such as https://registry.example.org with
    /// LONGSHORE_TOKEN, or local for the registry of this machine [default: the current context, or local; whoever gives
    /// --data, --database, --storage, --config or --set means local]
    #[arg(long, global = true, value_name = "NAME|URL", env = "LONGSHORE_CONTEXT")]
    context: Option<String>,
    /// Do without asking what deletes or makes public
    #[arg(short, long, global = true)]
    yes: bool,
    /// Say more of what went wrong
    #[arg(short, long, global = true)]
    verbose: bool,
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
    /// Sign in to a registry, to which commands go from then on; keeps a token, never the password
    Login(LoginArguments),
    /// Sign out: forget the token
    Logout {
        /// Name of the context [default: the current one]
        name: Option<String>,
    },
    /// Show who you are, and what your credential is for
    Whoami,
    /// The registries that you have signed in to
    #[command(subcommand)]
    Context(ContextCommand),
    /// Users
    #[command(subcommand)]
    User(UserCommand),
    /// Your own account
    #[command(subcommand)]
    Account(AccountCommand),
    /// Organizations
    #[command(subcommand)]
    Org(OrganizationCommand),
    /// Members of organizations
    #[command(subcommand)]
    Member(MemberCommand),
    /// Teams of organizations
    #[command(subcommand)]
    Team(TeamCommand),
    /// Invites to organizations
    #[command(subcommand)]
    Invite(InviteCommand),
    /// Who may do what in a repository, and why
    #[command(subcommand)]
    Access(AccessCommand),
    /// Access tokens of users and organizations
    #[command(subcommand)]
    Token(TokenCommand),
    /// Tokens for identity providers (SCIM) of organizations
    #[command(subcommand)]
    ScimToken(ScimTokenCommand),
    /// Repositories
    #[command(subcommand)]
    Repo(RepositoryCommand),
    /// Tags
    #[command(subcommand)]
    Tag(TagCommand),
    /// Images
    #[command(subcommand)]
    Image(ImageCommand),
    /// What was deleted, and can be brought back
    #[command(subcommand)]
    Trash(TrashCommand),
    /// Retention policies: which tags of a repository are kept
    #[command(subcommand)]
    Retention(RetentionCommand),
    /// Find repositories by the beginning of a word, tags by name:tag, images and layers by twelve digits of a digest
    Search {
        /// What is looked for
        text: String,
    },
    /// Show what a namespace holds, stores and sends
    Usage {
        /// User or organization [default: you]
        namespace: Option<String>,
    },
    /// The nodes that serve the registry
    #[command(subcommand)]
    Node(NodeCommand),
    /// Where blobs lie
    #[command(subcommand)]
    Store(StoreCommand),
    /// The settings of a registry that runs
    #[command(subcommand)]
    Settings(SettingsCommand),
    /// Keys that sign bearer tokens
    #[command(subcommand)]
    Key(KeyCommand),
    /// Garbage collection
    #[command(subcommand)]
    Gc(GcCommand),
    /// Long work that goes on by itself, such as verifying
    #[command(subcommand)]
    Job(JobCommand),
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
    /// Look at what operators get wrong, and say what to do
    Doctor,
    /// Print a script that completes commands in a shell
    Completion {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page of a command, or write all of them
    Man {
        /// Such as: repo rm
        command: Vec<String>,
        /// Write all pages into a folder
        #[arg(long, value_name = "DIR", conflicts_with = "command")]
        all: Option<PathBuf>,
    },
    /// The second factor of your account
    #[command(subcommand)]
    SecondFactor(longshore_cli::SecondFactorCommand),
    /// Ask any registry over HTTP, as a client
    #[command(subcommand, hide = true)]
    Client(longshore_cli::ClientCommand),
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

impl Arguments {
    /// Whether more is to be said of what went wrong.
    pub fn is_verbose(&self) -> bool {
        self.common.verbose
    }
}

/// Variables that say where the registry of this machine is.
const OF_THIS_MACHINE: [&str; 3] = ["LONGSHORE_DATA", "LONGSHORE_DATABASE_URL", "LONGSHORE_STORAGE_URL"];

/// A command on the registry's API.
type OnApi = Box<dyn FnOnce(&Session) -> Result<Exit>>;

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
    let json = common.output.is_json();
    let on_api = |run: OnApi| -> Result<ExitCode> {
        let (output, yes) = (common.output.output(), common.yes);
        let exit = match find_target(&common, &sources)? {
            Target::Remote(client) => run(&Session { client: &client, output: &output, yes })?,
            Target::Local => {
                let registry = Registry::open(&load(&sources)?)?;
                run(&Session { client: registry.client(), output: &output, yes })?
            }
        };
        Ok(exit.into())
    };
    match command {
        Command::Serve { new, .. } => run_server(&sources, new),
        Command::Migrate => print_outcome(&migration::migrate(&load(&sources)?)?, json),
        Command::Config(command) => run_config(&command, &sources, json),
        Command::Client(command) => {
            console::print(&longshore_cli::run(command, json)?)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Login(arguments) => Ok(login::login(&arguments, &common.output.output())?.into()),
        Command::Logout { name } => Ok(login::logout(name.as_deref(), &common.output.output())?.into()),
        Command::Whoami => on_api(Box::new(login::whoami)),
        Command::Context(command) => Ok(contexts::run(command, &common.output.output())?.into()),
        Command::Doctor => Ok(doctor::run(load(&sources), &common.output.output())?.into()),
        Command::Completion { shell } => print_completion(shell),
        Command::Man { command, all } => print_manual(&command, all.as_deref()),
        Command::SecondFactor(command) => {
            console::print(&longshore_cli::run(longshore_cli::ClientCommand::SecondFactor(command), json)?)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::User(command) => on_api(Box::new(|session| accounts::run_user(command, session))),
        Command::Account(command) => on_api(Box::new(|session| account::run(command, session))),
        Command::Member(command) => on_api(Box::new(|session| teams::run_member(command, session))),
        Command::Team(command) => on_api(Box::new(|session| teams::run_team(command, session))),
        Command::Invite(command) => on_api(Box::new(|session| teams::run_invite(command, session))),
        Command::Access(command) => on_api(Box::new(|session| access::run(command, session))),
        Command::Org(command) => on_api(Box::new(|session| accounts::run_organization(command, session))),
        Command::Token(command) => on_api(Box::new(|session| tokens::run(command, session))),
        Command::ScimToken(command) => on_api(Box::new(|session| tokens::run_scim(command, session))),
        Command::Repo(command) => on_api(Box::new(|session| repositories::run(command, session))),
        Command::Tag(command) => on_api(Box::new(|session| tags::run(command, session))),
        Command::Image(command) => on_api(Box::new(|session| images::run(command, session))),
        Command::Trash(command) => on_api(Box::new(|session| trash::run(command, session))),
        Command::Retention(command) => on_api(Box::new(|session| retention::run(command, session))),
        Command::Search { text } => on_api(Box::new(move |session| overview::search(session, &text))),
        Command::Usage { namespace } => on_api(Box::new(|session| overview::usage(session, namespace))),
        Command::Node(command) => on_api(Box::new(move |session| overview::run_node(&command, session))),
        Command::Store(command) => on_api(Box::new(move |session| overview::run_store(&command, session))),
        Command::Settings(command) => {
            on_api(Box::new(move |session| overview::run_settings(&command, session)))
        }
        Command::Key(command) => on_api(Box::new(|session| server::run_key(command, session))),
        Command::Gc(command) => on_api(Box::new(|session| server::run_gc(command, session))),
        Command::Work(command) => on_api(Box::new(|session| server::run_work(command, session))),
        Command::Audit(command) => on_api(Box::new(|session| server::run_audit(command, session))),
        Command::Job(command) => on_api(Box::new(|session| jobs::run(command, session))),
        Command::Verify { store } => on_api(Box::new(move |session| jobs::verify(session, store))),
    }
}

/// Finds out where commands go: whoever names a folder, a database or a configuration means the registry of this machine.
fn find_target(common: &Common, sources: &Sources) -> Result<Target> {
    let names_this_machine = common.data.is_some()
        || common.database.is_some()
        || common.storage.is_some()
        || common.config.is_some()
        || !common.set.is_empty()
        || sources.environment.iter().any(|(name, _)| OF_THIS_MACHINE.contains(&name.as_str()));
    match common.context.as_deref() {
        Some(name) if names_this_machine && name != contexts::LOCAL => Err(Usage(
            "--context is for a registry elsewhere; leave it out, or --data, --database, --storage, --config and --set and their variables".into(),
        )
        .into()),
        _ if names_this_machine => Ok(Target::Local),
        named => contexts::find_target(named),
    }
}

fn print_completion(shell: clap_complete::Shell) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "longshore", &mut script);
    console::print_part(&String::from_utf8(script)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the page of a command, or writes all pages.
fn print_manual(command: &[String], all: Option<&Path>) -> Result<ExitCode> {
    let mut root = Arguments::command();
    root.build();
    if let Some(folder) = all {
        clap_mangen::generate_to(root, folder)
            .with_context(|| format!("cannot write the manual into {}", folder.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut found = &root;
    for name in command {
        let unknown = || Usage(format!("there is no command {}", command.join(" ")));
        found = found.find_subcommand(name).ok_or_else(unknown)?;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(found.clone()).render(&mut page)?;
    console::print_part(&String::from_utf8(page)?)?;
    Ok(ExitCode::SUCCESS)
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

fn print_outcome(outcome: &Outcome, as_json: bool) -> Result<ExitCode> {
    match as_json {
        true => console::print(&serde_json::to_string_pretty(&outcome.json)?)?,
        false => console::print(&outcome.text)?,
    }
    Ok(ExitCode::SUCCESS)
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
            config.check_files()?;
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
