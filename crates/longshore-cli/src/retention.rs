//! Commands about retention policies.

use anyhow::Result;
use clap::{Args, Subcommand};
use longshore_client::types::{
    RetentionPolicyInfo, RetentionPreview, RetentionRule, RetentionRules, StaysBecause,
};
use serde_json::json;

use crate::console;
use crate::failure::{Exit, NotFound, Usage};
use crate::output::{Column, Kind, bytes, column, counted, listed};
use crate::session::Session;

/// Most tags that a person is shown of what goes, and of what stays.
const SHOWN: usize = 20;

/// Rules: a tag that none of them keeps goes.
#[derive(Args)]
pub struct Rules {
    /// Keep tags that were pushed in the last days
    #[arg(long, value_name = "DAYS")]
    keep_days: Option<u32>,
    /// Keep the tags that were pushed last
    #[arg(long, value_name = "NUMBER")]
    keep_newest: Option<u32>,
    /// Keep this tag besides, and do not count it; may be repeated
    #[arg(long, value_name = "TAG")]
    except_tag: Vec<String>,
    /// Keep tags besides that this regular expression matches as a whole; may be repeated
    #[arg(long, value_name = "PATTERN")]
    except_pattern: Vec<String>,
}

impl Rules {
    /// Each kind of rule is one, with the same exceptions.
    fn rules(self) -> Result<RetentionRules> {
        let rule = |keep_days, keep_newest| RetentionRule {
            keep_days,
            keep_newest,
            except_tags: self.except_tag.clone(),
            except_patterns: self.except_pattern.clone(),
        };
        let of_days = self.keep_days.map(|days| rule(Some(days), None));
        let of_newest = self.keep_newest.map(|number| rule(None, Some(number)));
        let rules: Vec<_> = of_days.into_iter().chain(of_newest).collect();
        match rules.is_empty() {
            true => Err(Usage("say what is kept: --keep-days, --keep-newest, or both".into()).into()),
            false => Ok(RetentionRules { rules }),
        }
    }
}

/// Commands about retention policies.
#[derive(Subcommand)]
#[expect(missing_docs, reason = "what an argument is stands where it needs words")]
pub enum RetentionCommand {
    /// Show the retention policies of a repository
    Show { repository: String },
    /// Show which tags rules would delete, which stay and why, and what is freed; nothing is saved
    Preview {
        repository: String,
        #[command(flatten)]
        rules: Rules,
    },
    /// Set the retention policy of a repository, which is applied soon and then every day; shows first what it deletes
    Set {
        repository: String,
        /// Number of the policy that it replaces [default: the only one, or none]
        #[arg(long, value_name = "NUMBER")]
        policy: Option<i64>,
        #[command(flatten)]
        rules: Rules,
    },
    /// Apply a policy within seconds, not only when it is due
    Run {
        repository: String,
        /// Number of the policy [default: all]
        policy: Option<i64>,
    },
    /// Delete a policy; no tag goes by it any more
    Rm { repository: String, policy: i64 },
}

const COLUMNS: &[Column] = &[
    column("POLICY", "id", Kind::Text, 0),
    column("KEEPS", "keeps", Kind::Text, 0),
    column("NEXT", "due_at", Kind::Time, 1),
    column("CHANGED", "updated_at", Kind::Time, 2),
];

fn keeps(rule: &RetentionRule) -> String {
    let kept = match (rule.keep_days, rule.keep_newest) {
        (Some(days), _) => format!("{days} days"),
        (None, Some(number)) => format!("newest {number}"),
        (None, None) => "something that this version does not know".into(),
    };
    let exceptions: Vec<&str> =
        rule.except_tags.iter().chain(&rule.except_patterns).map(String::as_str).collect();
    match exceptions.is_empty() {
        true => kept,
        false => format!("{kept} and {}", exceptions.join(" ")),
    }
}

fn told(preview: &RetentionPreview) -> String {
    let mut text = format!(
        "goes      {}",
        listed([
            counted(preview.goes, "tag"),
            counted(preview.plan.collected_later, "image, collected later")
        ])
    );
    for tag in preview.going.iter().take(SHOWN) {
        text = format!("{text}\n  {} = {}", tag.name, tag.digest);
    }
    if preview.goes > SHOWN as u64 {
        text =
            format!("{text}\n  … and {} more; -o json has the first thousand", preview.goes - SHOWN as u64);
    }
    text = format!("{text}\nstays     {}", listed([counted(preview.stays, "tag")]));
    for tag in preview.staying.iter().take(SHOWN) {
        let because = match tag.because {
            StaysBecause::Young => "young enough",
            StaysBecause::Newest => "among the newest",
            StaysBecause::Exception => "an exception",
            StaysBecause::Immutable => "immutable",
            StaysBecause::Other => "",
        };
        text = format!("{text}\n  {} ({because})", tag.name);
    }
    if preview.is_cut {
        text = format!("{text}\nolder tags were not looked at");
    }
    match preview.plan.freed_bytes {
        0 => format!("{text}\nfrees     nothing: images stay without their tags (gc.untagged_manifests)"),
        freed => format!("{text}\nfrees     {}, by {}", bytes(freed), preview.plan.freed_at),
    }
}

/// Finds the policy that is replaced.
fn replaced(policies: &[RetentionPolicyInfo], repository: &str, wanted: Option<i64>) -> Result<Option<i64>> {
    match (wanted, policies) {
        (Some(id), _) if policies.iter().any(|policy| policy.id == id) => Ok(Some(id)),
        (Some(id), _) => {
            let text = format!("{repository} has no policy {id}; see: longshore retention show {repository}");
            Err(NotFound(text).into())
        }
        (None, []) => Ok(None),
        (None, [only]) => Ok(Some(only.id)),
        (None, _) => {
            let text = format!(
                "{repository} has several policies; say which with --policy (see: longshore retention show {repository})"
            );
            Err(Usage(text).into())
        }
    }
}

/// Runs a command.
///
/// # Errors
/// What the registry refused, or why it was not reached.
pub fn run(command: RetentionCommand, session: &Session) -> Result<Exit> {
    let Session { client, output, .. } = session;
    match command {
        RetentionCommand::Show { repository } => {
            let policies = client.list_retention_policies(&repository)?;
            let shown = policies.iter().map(|policy| {
                let mut value = serde_json::to_value(policy)?;
                value["keeps"] = policy.rules.iter().map(keeps).collect::<Vec<_>>().join(", or ").into();
                anyhow::Ok(value)
            });
            output.list(COLUMNS, "id", shown)?;
            if policies.is_empty() && output.is_for_people() {
                console::say(&format!("{repository} keeps all tags; see: longshore retention set --help"));
            }
        }
        RetentionCommand::Preview { repository, rules } => {
            let preview = client.preview_retention(&repository, &rules.rules()?)?;
            output.said(&told(&preview), "goes", &preview)?;
        }
        RetentionCommand::Set { repository, policy, rules } => {
            let rules = rules.rules()?;
            let policy = replaced(&client.list_retention_policies(&repository)?, &repository, policy)?;
            let preview = client.preview_retention(&repository, &rules)?;
            let now =
                counted(preview.goes, "tag").map(|tags| format!("{tags} now, and ")).unwrap_or_default();
            let what = format!("deletes {now}from day to day what it does not keep of {repository}");
            session.confirm(&what, || Ok(told(&preview)))?;
            let set = match policy {
                Some(id) => client.set_retention_policy(&repository, id, &rules)?,
                None => client.create_retention_policy(&repository, &rules)?,
            };
            let text = format!(
                "policy {} of {repository} is set; what it deletes can be undone: longshore trash ls {repository}",
                set.id
            );
            output.said(&text, "id", &set)?;
        }
        RetentionCommand::Run { repository, policy } => {
            let ids = match policy {
                Some(id) => vec![id],
                None => client.list_retention_policies(&repository)?.iter().map(|policy| policy.id).collect(),
            };
            if ids.is_empty() {
                let text = format!("{repository} has no policy; see: longshore retention set --help");
                return Err(NotFound(text).into());
            }
            for id in &ids {
                client.run_retention_policy(&repository, *id)?;
            }
            let text = format!(
                "the policies of {repository} are applied within seconds; see: longshore trash ls {repository}"
            );
            output.said(&text, "policies", &json!({ "repository": repository, "policies": ids }))?;
        }
        RetentionCommand::Rm { repository, policy } => {
            client.delete_retention_policy(&repository, policy)?;
            let text = format!("policy {policy} of {repository} is deleted; no tag goes by it any more");
            output.said(&text, "id", &json!({ "repository": repository, "id": policy }))?;
        }
    }
    Ok(Exit::Done)
}
