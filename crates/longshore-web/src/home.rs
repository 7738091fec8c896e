//! The start: what needs attention, what there is, where to go on.

use std::net::IpAddr;
use std::time::Duration;

use askama::Template;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_content::usage::{Frequency, Reported};
use longshore_domain::Result;
use longshore_domain::name::is_reserved;
use longshore_domain::page::PageSize;
use longshore_domain::repository::query::RepositoryFilter;
use longshore_domain::repository::{InventoryColumn, InventoryOrder, Visibility};
use longshore_identity::access_tokens::TokenOwner;
use longshore_platform::later;

use crate::chart::{Svg, sparkline};
use crate::context::{Context, Here};
use crate::cookies::is_https;
use crate::format::{Age, Size, age, count, counted, size};
use crate::page::{Frame, Place, lead, show};

/// Repositories that are shown, the last pushed first.
const RECENT: u64 = 10;
/// Tokens that end within this time are named.
const ENDS_SOON: Duration = Duration::from_secs(14 * 24 * 3600);
/// So few recovery codes are few.
const FEW_CODES: u64 = 3;
/// Most things that are named.
const NAMED: usize = 8;

struct Amount {
    name: &'static str,
    value: String,
    line: Option<Svg>,
}

struct Attention {
    text: String,
    path: String,
    action: &'static str,
}

struct Recent {
    name: String,
    is_public: bool,
    tags: String,
    stored: Size,
    pushed: Age,
}

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    frame: Frame,
    name: String,
    amounts: Vec<Amount>,
    attention: Vec<Attention>,
    recent: Vec<Recent>,
    /// Whether repositories can have the name of the account before theirs.
    has_namespace: bool,
}

async fn amounts(context: &Context) -> Result<Vec<Amount>> {
    let (actor, content) = (context.actor(), &context.app.content);
    let overview = content.get_overview(actor).await?;
    let stored = content.report_usage(actor, Reported::Stored, Frequency::Daily).await?;
    let sent = content.report_usage(actor, Reported::Sent, Frequency::Daily).await?;
    let values = |days: &[(jiff::civil::Date, u64)]| days.iter().map(|(_, value)| *value).collect::<Vec<_>>();
    let namespaces = counted(overview.namespaces, "namespace", "namespaces");
    Ok(vec![
        Amount {
            name: "Your repositories",
            value: format!("{} in {namespaces}", count(overview.repositories)),
            line: None,
        },
        Amount {
            name: "Stored",
            value: size(overview.stored_bytes),
            line: Some(sparkline(&values(&stored), "Stored in the last 30 days")),
        },
        Amount {
            name: "Pulled this month",
            value: size(overview.sent_bytes),
            line: Some(sparkline(&values(&sent), "Pulled in the last 30 days")),
        },
    ])
}

async fn attention(context: &Context, here: &Here) -> Result<Vec<Attention>> {
    let (actor, identity) = (context.actor(), &context.app.identity);
    let now = context.app.platform.now();
    let mut found = Vec::new();
    let factor = identity.second_factor_status(actor).await?;
    if factor.confirmed_at.is_none() && here.browser.account.is_administrator {
        found.push(Attention {
            text: "You administer this registry and sign in with a password alone.".into(),
            path: "/ui/account/second-factor".into(),
            action: "Set up a second factor",
        });
    }
    let is_reserved = is_reserved(here.browser.account.name.as_str());
    if here.browser.account.is_administrator && is_reserved {
        found.push(Attention {
            text: "This account is for administration, and has no repositories. Make one for yourself, and for others.".into(),
            path: "/ui/admin/users".into(),
            action: "Make users",
        });
    }
    let origin = &context.client.origin;
    if here.browser.account.is_administrator && !is_https(origin) && !is_loopback(origin.host()) {
        found.push(Attention {
            text: "This registry is reached over plain HTTP: whoever is on the way reads passwords. Give it a certificate (tls.certificate, tls.key), or a proxy that has one.".into(),
            path: "/ui/admin/settings".into(),
            action: "Look at the configuration",
        });
    }
    if factor.confirmed_at.is_some() && factor.recovery_codes <= FEW_CODES {
        found.push(Attention {
            text: format!(
                "{} left.",
                counted(factor.recovery_codes, "recovery code is", "recovery codes are")
            ),
            path: "/ui/account/second-factor".into(),
            action: "Make new ones",
        });
    }
    let owner = TokenOwner::Account(&here.browser.account.name);
    let tokens = identity.list_access_tokens(actor, owner, None, PageSize::MAX).await?;
    let soon = later(now, ENDS_SOON);
    for token in tokens.items.iter().filter(|token| token.is_active) {
        if let Some(end) = token.expires_at.filter(|end| now < *end && *end < soon) {
            found.push(Attention {
                text: format!("The access token {} ends {}.", token.label, age(end, now)),
                path: "/ui/account/tokens".into(),
                action: "Renew",
            });
        }
    }
    found.truncate(NAMED);
    Ok(found)
}

/// Returns whether a host, perhaps with a port, is this machine.
fn is_loopback(host: &str) -> bool {
    let address = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
    let name = address.map_or(host, |(name, _)| name).trim_matches(['[', ']']);
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

async fn recent(context: &Context) -> Result<Vec<Recent>> {
    let now = context.app.platform.now();
    let order = InventoryOrder { column: InventoryColumn::Updated, is_descending: true };
    let size = PageSize::clamped(RECENT)?;
    let filter = RepositoryFilter::default();
    let (found, _) =
        context.app.content.list_own_repositories(context.actor(), filter, order, 0, size).await?;
    let row = |listed: &longshore_content::inventory::ListedRepository| {
        let details = &listed.listing.details;
        Recent {
            name: details.repository.name.to_string(),
            is_public: details.repository.visibility == Visibility::Public,
            tags: count(listed.counts.tags),
            stored: Size(listed.counts.stored_bytes),
            pushed: Age { at: details.updated_at, now },
        }
    };
    Ok(found.iter().map(row).collect())
}

/// `GET /ui`.
pub(crate) async fn show_home(context: &Context, _body: RequestBody) -> Result<Response> {
    let Some(here) = context.here() else {
        let shows_something = context.app.platform.settings().anonymous_pull;
        return Ok(lead(context, if shows_something { "/ui/repositories" } else { "/ui/sign-in" }));
    };
    let page = HomePage {
        frame: Frame::new(context, Place::Home, "Home"),
        name: here.browser.account.name.to_string(),
        amounts: amounts(context).await?,
        attention: attention(context, here).await?,
        recent: recent(context).await?,
        has_namespace: !is_reserved(here.browser.account.name.as_str()),
    };
    show(context, &page)
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn this_machine_is_known_by_its_names() {
        for own in ["localhost", "localhost:5000", "127.0.0.1", "127.8.0.1:80", "[::1]", "[::1]:5000"] {
            assert!(is_loopback(own), "{own}");
        }
        for other in ["127.example.org", "localhost.example.org:5000", "r.example.org", "10.0.0.1:5000"] {
            assert!(!is_loopback(other), "{other}");
        }
    }
}
