//! Commands about users and organizations.

use std::io::{IsTerminal, Read};

use anyhow::Result;
use clap::{Args, Subcommand};
use longshore_client::ListMembers;
use longshore_client::types::{
    AccountInfo, CallerKind, ChangeAccount, CreateOrganization, CreateUser, OrganizationSettings,
    RestrictedImages, SetPassword,
};
use serde_json::json;

use crate::console;
use crate::failure::{Exit, Usage};
use crate::output::{Column, Kind, WIDE, column};
use crate::session::Session;
use crate::teams::{delete_member, set_member};

/// Longest password that is read from standard input.
const PASSWORD_LIMIT_BYTES: u64 = 8192;

/// Commands about users.
#[derive(Subcommand)]
#[expect(missing_docs, reason = "what an argument is stands where it needs words")]
pub enum UserCommand {
    /// List users
    #[command(alias = "list")]
    Ls,
    /// Show a user
    Show { name: String },
    /// Create a user; without --password-stdin a password is made and shown once
    Create {
        name: String,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
        /// Make the user an administrator of the whole registry
        #[arg(long)]
        administrator: bool,
    },
    /// Change a user; what is not given stays
    Set {
        name: String,
        #[command(flatten)]
        change: Change,
        /// Whether the user is an administrator of the whole registry
        #[arg(long, value_name = "BOOL")]
        administrator: Option<bool>,
    },
    /// Let a disabled user sign in again
    Enable { name: String },
    /// Switch a user and all its tokens off, at once
    Disable { name: String },
    /// Set a new password; without --password-stdin one is made and shown once
    Password {
        name: String,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Remove the second factor of a user who has lost it
    ResetSecondFactor { name: String },
    /// Delete a user; the name stays taken
    #[command(alias = "delete")]
    Rm { name: String },
}

/// Commands about organizations.
#[derive(Subcommand)]
#[expect(missing_docs, reason = "what an argument is stands where it needs words")]
pub enum OrganizationCommand {
    /// List the organizations that you are a member of; for the operator all of the registry
    #[command(alias = "list")]
    Ls {
        /// All of the registry, for administrators
        #[arg(long)]
        all: bool,
    },
    /// Show an organization and its members
    Show { name: String },
    /// Show what the identity provider of an organization does
    Provisioning { name: String },
    /// List the users in an organization's directory, with the ids of its identity provider
    Directory { name: String },
    /// Create an organization
    Create {
        name: String,
        /// The user who owns it
        #[arg(long, value_name = "USER")]
        owner: String,
    },
    /// Change an organization; what is not given stays
    Set {
        name: String,
        #[command(flatten)]
        change: Change,
        /// What members pull without a team: all repositories, or none
        #[arg(long, value_parser = ["all", "none"])]
        members_pull: Option<String>,
        /// What members pull beside their organizations' own images: all, none, official, verified, or official,verified
        #[arg(long, value_name = "WHAT", value_parser = parse_pulls)]
        may_pull: Option<RestrictedImages>,
        /// Whether it may provision users over SCIM, which makes accounts and takes in others by e-mail address
        #[arg(long, value_parser = ["on", "off"])]
        provisioning: Option<String>,
    },
    /// Let a disabled organization work again
    Enable { name: String },
    /// Switch an organization off: its tokens fail and its repositories are for administrators only
    Disable { name: String },
    /// Add a member, or give one another role (see: longshore member set)
    #[command(hide = true)]
    SetMember {
        name: String,
        user: String,
        /// owner, editor or member
        #[arg(long, default_value = "member")]
        role: String,
    },
    /// Remove a member (see: longshore member rm)
    #[command(hide = true)]
    RemoveMember { name: String, user: String },
    /// Delete an organization without repositories; the name stays taken
    #[command(alias = "delete")]
    Rm { name: String },
}

/// Reads what members of an organization pull beside their organizations' own images.
fn parse_pulls(text: &str) -> Result<RestrictedImages, String> {
    let mut restricted = RestrictedImages { enabled: true, ..RestrictedImages::default() };
    match text {
        "all" => restricted.enabled = false,
        "none" => {}
        _ => {
            for word in text.split(',') {
                match word {
                    "official" => restricted.allow_official_images = true,
                    "verified" => restricted.allow_verified_publishers = true,
                    _ => return Err("must be all, none, official, verified, or official,verified".into()),
                }
            }
        }
    }
    Ok(restricted)
}

/// What changes of a user or an organization.
#[derive(Args)]
pub struct Change {
    /// personal, pro, team or business
    #[arg(long)]
    plan: Option<String>,
    /// Whether its images count as those of a verified publisher
    #[arg(long, value_name = "BOOL")]
    verified_publisher: Option<bool>,
    /// Name of the person or organization; empty for none
    #[arg(long, value_name = "TEXT")]
    full_name: Option<String>,
    /// E-mail address, by which invites find the account; empty for none
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Empty for none
    #[arg(long, value_name = "TEXT")]
    company: Option<String>,
    /// Empty for none
    #[arg(long, value_name = "TEXT")]
    location: Option<String>,
    /// Web page, http or https; empty for none
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

impl From<Change> for ChangeAccount {
    fn from(change: Change) -> Self {
        let removable = |text: Option<String>| text.map(|text| Some(text).filter(|text| !text.is_empty()));
        Self {
            plan: change.plan,
            is_verified_publisher: change.verified_publisher,
            full_name: removable(change.full_name),
            email: removable(change.email),
            company: removable(change.company),
            location: removable(change.location),
            url: removable(change.url),
            ..Self::default()
        }
    }
}

const USER_COLUMNS: &[Column] = &[
    column("NAME", "name", Kind::Text, 0),
    column("FULL NAME", "full_name", Kind::Text, 4),
    column("ACTIVE", "is_active", Kind::Text, 1),
    column("ADMINISTRATOR", "is_administrator", Kind::Text, 2),
    column("CREATED", "created_at", Kind::Time, 3),
    column("E-MAIL", "email", Kind::Text, WIDE),
    column("PLAN", "plan", Kind::Text, WIDE),
];
const ORGANIZATION_COLUMNS: &[Column] = &[
    column("NAME", "name", Kind::Text, 0),
    column("FULL NAME", "full_name", Kind::Text, 3),
    column("ACTIVE", "is_active", Kind::Text, 1),
    column("PLAN", "plan", Kind::Text, 4),
    column("CREATED", "created_at", Kind::Time, 2),
];
const OWN_COLUMNS: &[Column] = &[
    column("NAME", "name", Kind::Text, 0),
    column("FULL NAME", "full_name", Kind::Text, 3),
    column("YOU ARE", "role", Kind::Text, 0),
    column("TEAMS", "team_count", Kind::Text, 2),
    column("YOUR TEAMS", "teams", Kind::Text, 1),
];
pub(crate) const LINES: &[Column] = &[
    column("name", "name", Kind::Text, 0),
    column("full name", "full_name", Kind::Text, 0),
    column("e-mail", "email", Kind::Text, 0),
    column("id", "id", Kind::Text, 0),
    column("active", "is_active", Kind::Text, 0),
    column("administrator", "is_administrator", Kind::Text, 0),
    column("plan", "plan", Kind::Text, 0),
    column("verified publisher", "is_verified_publisher", Kind::Text, 0),
    column("created", "created_at", Kind::Time, 0),
];
const PROVISIONING_LINES: &[Column] = &[
    column("may provision", "may_provision", Kind::Text, 0),
    column("users", "users", Kind::Text, 0),
    column("of them inactive", "inactive_users", Kind::Text, 0),
    column("groups", "groups", Kind::Text, 0),
    column("changed", "changed_at", Kind::Time, 0),
    column("last refused", "last_refusal.at", Kind::Time, 0),
    column("with", "last_refusal.status", Kind::Text, 0),
    column("because", "last_refusal.reason", Kind::Text, 0),
];
const DIRECTORY_COLUMNS: &[Column] = &[
    column("USER NAME", "user_name", Kind::Text, 0),
    column("ACCOUNT", "user", Kind::Text, 0),
    column("EXTERNAL ID", "external_id", Kind::Text, 3),
    column("ACTIVE", "is_active", Kind::Text, 1),
    column("GROUPS", "teams", Kind::Text, 4),
    column("CHANGED", "updated_at", Kind::Time, 2),
    column("MANAGED", "is_managed", Kind::Text, WIDE),
];
const MEMBER_COLUMNS: &[Column] = &[
    column("MEMBER", "user", Kind::Text, 0),
    column("ROLE", "role", Kind::Text, 0),
    column("SINCE", "since", Kind::Time, 1),
];

/// Reads a password from standard input, or asks for it when a person sits there.
fn read_password(wanted: bool) -> Result<Option<String>> {
    if !wanted {
        return Ok(None);
    }
    let password = if std::io::stdin().is_terminal() {
        rpassword::prompt_password("password: ")?
    } else {
        let mut text = String::new();
        std::io::stdin().take(PASSWORD_LIMIT_BYTES).read_to_string(&mut text)?;
        text.trim_end_matches(['\r', '\n']).to_owned()
    };
    if password.is_empty() {
        return Err(Usage("the password is empty".into()).into());
    }
    Ok(Some(password))
}

fn shown_once(text: String, password: Option<&String>) -> String {
    match password {
        Some(password) => format!("{text}\npassword  {password}    (shown this once)"),
        None => text,
    }
}

pub(crate) fn check_change(change: &ChangeAccount) -> Result<()> {
    match *change == ChangeAccount::default() {
        true => Err(Usage("say what to change; --help lists what there is".into()).into()),
        false => Ok(()),
    }
}

/// Runs a command about users.
///
/// # Errors
/// What the registry refused, or why it was not reached.
pub fn run_user(command: UserCommand, session: &Session) -> Result<Exit> {
    let Session { client, output, .. } = session;
    match command {
        UserCommand::Ls => output.list(USER_COLUMNS, "name", client.list_users())?,
        UserCommand::Show { name } => output.object(LINES, "name", &client.get_user(&name)?)?,
        UserCommand::Create { name, password_stdin, administrator } => {
            let password = read_password(password_stdin)?;
            let new = CreateUser { name, password, is_administrator: administrator };
            let made = client.create_user(&new)?;
            let text = shown_once(format!("user {} is created", made.account.name), made.password.as_ref());
            match made.password {
                Some(_) => output.told_once(&text, "password", &made)?,
                None => output.said(&text, "name", &made)?,
            }
        }
        UserCommand::Set { name, change, administrator } => {
            let change = ChangeAccount { is_administrator: administrator, ..change.into() };
            check_change(&change)?;
            let user = client.change_user(&name, &change)?;
            output.said(&format!("user {name} is changed"), "name", &user)?;
        }
        UserCommand::Enable { name } => {
            let change = ChangeAccount { is_active: Some(true), ..ChangeAccount::default() };
            let user = client.change_user(&name, &change)?;
            output.said(&enabled(&user), "name", &user)?;
        }
        UserCommand::Disable { name } => {
            let change = ChangeAccount { is_active: Some(false), ..ChangeAccount::default() };
            let user = client.change_user(&name, &change)?;
            let text = format!("{name} can no longer sign in; all tokens of the user have stopped working");
            output.said(&text, "name", &user)?;
        }
        UserCommand::Password { name, password_stdin } => {
            let password = SetPassword { password: read_password(password_stdin)? };
            let set = client.set_user_password(&name, &password)?;
            let text = format!(
                "the password of {name} is changed; everything signed in with the old one must sign in again"
            );
            let text = shown_once(text, set.password.as_ref());
            match set.password {
                Some(_) => output.told_once(&text, "password", &set)?,
                None => output.said(&text, "name", &set)?,
            }
        }
        UserCommand::ResetSecondFactor { name } => {
            client.delete_user_second_factor(&name)?;
            output.said(
                &format!("{name} signs in with the password alone again"),
                "name",
                &json!({ "name": name }),
            )?;
        }
        UserCommand::Rm { name } => {
            let user = client.get_user(&name)?;
            session.confirm(
                &format!("deletes the user {name} and all tokens of the user; the name stays taken"),
                || Ok(described(&user)),
            )?;
            client.delete_user(&name)?;
            output.said(
                &format!("user {name} is deleted; the name stays taken"),
                "name",
                &json!({ "name": name }),
            )?;
        }
    }
    Ok(Exit::Done)
}

fn described(account: &AccountInfo) -> String {
    let administrator = if account.is_administrator { ", administers the registry" } else { "" };
    format!("{} ({}), created {}{administrator}", account.name, account.full_name, account.created_at)
}

fn enabled(user: &AccountInfo) -> String {
    let name = &user.name;
    match user.is_active {
        true => format!("{name} can sign in"),
        false => format!(
            "{name} is enabled, but stays switched off until the organization's identity provider reactivates the user; to take {name} from it, remove the member (longshore org remove-member ORG {name}) and enable the user again"
        ),
    }
}

/// Runs a command about organizations.
///
/// # Errors
/// What the registry refused, or why it was not reached.
pub fn run_organization(command: OrganizationCommand, session: &Session) -> Result<Exit> {
    let Session { client, output, .. } = session;
    match command {
        OrganizationCommand::Ls { all } => match all || client.whoami()?.kind == CallerKind::Operator {
            true => output.list(ORGANIZATION_COLUMNS, "name", client.list_organizations())?,
            false => output.list(OWN_COLUMNS, "name", client.list_own_organizations())?,
        },
        OrganizationCommand::Show { name } => {
            let organization = client.get_organization(&name)?;
            match output.is_for_people() {
                true => {
                    output.object(LINES, "name", &organization)?;
                    console::print("")?;
                    output.list(
                        MEMBER_COLUMNS,
                        "user",
                        client.list_members(&name, &ListMembers::default()),
                    )?;
                }
                false => {
                    let mut value = serde_json::to_value(&organization)?;
                    let members: Vec<_> =
                        client.list_members(&name, &ListMembers::default()).collect::<Result<_, _>>()?;
                    value["members"] = serde_json::to_value(members)?;
                    output.object(&[], "name", &value)?;
                }
            }
        }
        OrganizationCommand::Provisioning { name } => {
            output.object(PROVISIONING_LINES, "changed_at", &client.get_provisioning(&name)?)?;
        }
        OrganizationCommand::Directory { name } => {
            output.list(DIRECTORY_COLUMNS, "user", client.list_provisioned_users(&name))?;
        }
        OrganizationCommand::Create { name, owner } => {
            let made = client.create_organization(&CreateOrganization { name, owner: owner.clone() })?;
            let text = format!("organization {} is created, owned by {owner}", made.name);
            output.said(&text, "name", &made)?;
        }
        OrganizationCommand::Set { name, change, members_pull, may_pull, provisioning } => {
            if let Some(restricted_images) = &may_pull {
                let settings = OrganizationSettings { restricted_images: restricted_images.clone() };
                client.set_organization_settings(&name, &settings)?;
            }
            let change = ChangeAccount {
                members_pull: members_pull.map(|what| what == "all"),
                may_provision: provisioning.map(|what| what == "on"),
                ..change.into()
            };
            let organization = match may_pull.is_some() && change == ChangeAccount::default() {
                true => client.get_organization(&name)?,
                false => {
                    check_change(&change)?;
                    client.change_organization(&name, &change)?
                }
            };
            output.said(&format!("organization {name} is changed"), "name", &organization)?;
        }
        OrganizationCommand::Enable { name } => {
            let change = ChangeAccount { is_active: Some(true), ..ChangeAccount::default() };
            let organization = client.change_organization(&name, &change)?;
            output.said(&format!("organization {name} works again"), "name", &organization)?;
        }
        OrganizationCommand::Disable { name } => {
            let change = ChangeAccount { is_active: Some(false), ..ChangeAccount::default() };
            let organization = client.change_organization(&name, &change)?;
            let text = format!("organization {name} is disabled; only administrators reach its repositories");
            output.said(&text, "name", &organization)?;
        }
        OrganizationCommand::SetMember { name, user, role } => {
            set_member(session, &name, &user, role)?;
        }
        OrganizationCommand::RemoveMember { name, user } => {
            delete_member(session, &name, &user)?;
        }
        OrganizationCommand::Rm { name } => {
            let organization = client.get_organization(&name)?;
            session.confirm(&format!("deletes the organization {name}; the name stays taken"), || {
                Ok(described(&organization))
            })?;
            client.delete_organization(&name)?;
            output.said(
                &format!("organization {name} is deleted; the name stays taken"),
                "name",
                &json!({ "name": name }),
            )?;
        }
    }
    Ok(Exit::Done)
}
