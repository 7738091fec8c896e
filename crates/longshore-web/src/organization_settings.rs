//! What an organization lets its members pull.

use askama::Template;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_domain::name::Namespace;
use longshore_domain::organization::ImageRestriction;
use longshore_domain::{Error, Result};
use serde::Deserialize;

use crate::context::Context;
use crate::error::{sentence, status};
use crate::organizations;
use crate::page::{Frame, Kept, Message, lead, send, show};

#[derive(Template)]
#[template(path = "organization_settings.html")]
struct SettingsPage {
    frame: Frame,
    name: String,
    restriction: ImageRestriction,
    may_change: bool,
}

fn organization(context: &Context) -> Result<Namespace> {
    context.parsed("organization")
}

async fn page(
    context: &Context,
    typed: Option<ImageRestriction>,
    message: Option<Message>,
) -> Result<SettingsPage> {
    let name = organization(context)?;
    let saved = context.app.organizations.get_image_restriction(context.actor(), &name).await?;
    let own = context.app.organizations.get_own_namespace(context.actor(), &name).await;
    Ok(SettingsPage {
        may_change: context.is_administrator() || own.is_ok_and(|own| own.is_owned),
        frame: organizations::frame(context, &name, "Settings").saying(message),
        name: name.to_string(),
        restriction: typed.unwrap_or(saved),
    })
}

/// `GET /ui/orgs/{organization}/settings`.
pub(crate) async fn show_organization_settings(context: &Context, _body: RequestBody) -> Result<Response> {
    let message = context.query("saved").map(|_| Message::done("Saved. It holds everywhere within seconds."));
    show(context, &page(context, None, message).await?)
}

#[derive(Default, Deserialize)]
struct Sent {
    /// `all` or `some`.
    #[serde(default)]
    pull: String,
    #[serde(default)]
    official: String,
    #[serde(default)]
    verified: String,
}

/// `POST /ui/orgs/{organization}/settings`.
pub(crate) async fn set_organization_settings(context: &Context, body: RequestBody) -> Result<Response> {
    let (name, sent): (_, Sent) = (organization(context)?, context.form(body).await?);
    let is_enabled = match sent.pull.as_str() {
        "some" => true,
        "all" => false,
        _ => return Err(Error::Unsupported("members may pull all, or some".into())),
    };
    let restriction = ImageRestriction {
        is_enabled,
        allows_official_images: sent.official == "yes",
        allows_verified_publishers: sent.verified == "yes",
    };
    match context.app.organizations.put_image_restriction(context.actor(), &name, restriction).await {
        Ok(()) => Ok(lead(context, &format!("/ui/orgs/{name}/settings?saved=1"))),
        Err(error @ (Error::Denied(_) | Error::Conflict(_))) => {
            let message = Message::problem(sentence(&error));
            let page = page(context, Some(restriction), Some(message)).await?;
            send(context, status(&error), Kept::Never, &page)
        }
        Err(other) => Err(other),
    }
}
