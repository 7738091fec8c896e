//! A namespace: what it is, what it uses, its repositories.

use askama::Template;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_content::usage::NamespaceUsage;
use longshore_domain::account::AccountKind;
use longshore_domain::{Error, Result};

use crate::chart::{Days, Svg};
use crate::context::Context;
use crate::format::{Size, count, size};
use crate::list;
use crate::page::{Frame, Place, lead, show};
use crate::repositories::{Filter, Rows, find};

/// What a namespace uses, for those who may do something in it.
struct Usage {
    repositories: String,
    tags: String,
    stored: Size,
    sent: Size,
    plots: Vec<Plot>,
}

/// A plot with its numbers.
pub(crate) struct Plot {
    pub(crate) caption: String,
    pub(crate) picture: Svg,
    pub(crate) rows: Vec<(String, String)>,
}

/// Draws the values of days.
pub(crate) fn plot(caption: String, values: &[(String, u64)], written: fn(u64) -> String) -> Plot {
    let picture = Days { name: &caption, values, written }.bars();
    let rows = values.iter().map(|(day, value)| (day.clone(), written(*value))).collect();
    Plot { caption, picture, rows }
}

#[derive(Template)]
#[template(path = "namespace.html")]
struct NamespacePage {
    frame: Frame,
    name: String,
    full_name: String,
    is_organization: bool,
    usage: Option<Usage>,
    list: Rows,
    filter: Filter,
    can_create: bool,
    /// Whether there is a page of its registry, or one that says how it becomes one.
    has_registry: bool,
}

fn usage_of(found: &NamespaceUsage) -> Usage {
    let days = |of: fn(&longshore_content::usage::DayUsage) -> u64| {
        found.days.iter().map(|day| (day.day.to_string(), of(day))).collect::<Vec<_>>()
    };
    let stored = days(|day| day.stored_bytes);
    let sent = days(|day| day.sent_bytes);
    let pushes: u64 = found.days.iter().map(|day| day.pushes).sum();
    let pulls: u64 = found.days.iter().map(|day| day.pulls).sum();
    Usage {
        repositories: count(found.repositories),
        tags: count(found.tags),
        stored: Size(found.stored_bytes),
        sent: Size(found.sent_bytes),
        plots: vec![
            plot(format!("Stored in 30 days; now {}", size(found.stored_bytes)), &stored, size),
            plot(
                format!("Pulled in 30 days: {} pulls and {} pushes", count(pulls), count(pushes)),
                &sent,
                size,
            ),
        ],
    }
}

/// `GET /ui/n/{namespace}`.
pub(crate) async fn show_namespace(context: &Context, _body: RequestBody) -> Result<Response> {
    let (name, actor) = (context.namespace()?, context.actor());
    let Some((list, filter)) = find(context, Some(&name)).await? else {
        return Ok(lead(context, &list::first(context)));
    };
    // What it is and uses is for those who may do something there.
    let usage = match context.app.content.get_namespace_usage(actor, &name).await {
        Ok(usage) => Some(usage_of(&usage)),
        Err(Error::Denied(_) | Error::OrganizationUnknown(_) | Error::Unauthenticated(_)) => None,
        Err(other) => return Err(other),
    };
    let own = match (&usage, context.here()) {
        (Some(_), Some(_)) => context.app.organizations.get_own_namespace(actor, &name).await.ok(),
        _ => None,
    };
    let (kind, full_name) = match &own {
        Some(own) => (Some(own.account.kind), own.account.profile.full_name.clone()),
        None => (None, String::new()),
    };
    let frame = Frame::new(context, Place::Repositories, name.to_string())
        .below([("Repositories", "/ui/repositories".into()), (name.as_str(), String::new())]);
    let can_create = own.as_ref().is_some_and(|own| own.is_owned);
    let has_registry =
        can_create || (own.is_some() && context.app.lifecycle.get_registry(actor, &name).await.is_ok());
    let page = NamespacePage {
        frame,
        name: name.to_string(),
        full_name,
        is_organization: kind == Some(AccountKind::Organization),
        can_create,
        has_registry,
        usage,
        list,
        filter,
    };
    show(context, &page)
}
