//! One's own account: what it says about itself, and its password.

use askama::Template;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_domain::account::{Account, AccountKind, ProfileChange};
use longshore_domain::{Error, Field, Result};
use longshore_identity::accounts::AccountChange;
use longshore_identity::own_account::BothFactors;
use serde::Deserialize;

use crate::context::Context;
use crate::cookies::Cookie;
use crate::error::{sentence, status};
use crate::page::{Frame, Kept, Message, Place, lead, send, show};
use crate::sign_in::keep;

/// Makes the frame of a page of one's own account.
pub(crate) fn frame(context: &Context, title: &str) -> Frame {
    Frame::new(context, Place::Elsewhere, title)
}

#[derive(Template)]
#[template(path = "profile.html")]
struct ProfilePage {
    frame: Frame,
    name: String,
    email: String,
    sent: SentProfile,
    wrong: &'static str,
}

#[derive(Default, Deserialize)]
struct SentProfile {
    #[serde(default)]
    full_name: String,
    #[serde(default)]
    company: String,
    #[serde(default)]
    location: String,
    #[serde(default)]
    url: String,
}

fn profile_page(
    context: &Context,
    account: &Account,
    sent: SentProfile,
    error: Option<&Error>,
) -> ProfilePage {
    let wrong = match error {
        Some(Error::Invalid { field: Field::FullName, .. }) => "full_name",
        Some(Error::Invalid { field: Field::Company, .. }) => "company",
        Some(Error::Invalid { field: Field::Location, .. }) => "location",
        Some(Error::Invalid { field: Field::WebPage, .. }) => "url",
        _ => "",
    };
    ProfilePage {
        frame: frame(context, "Account").saying(error.map(|error| Message::problem(sentence(error)))),
        name: account.name.to_string(),
        email: account.profile.email.as_ref().map(ToString::to_string).unwrap_or_default(),
        sent,
        wrong,
    }
}

/// `GET /ui/account`.
pub(crate) async fn show_account(context: &Context, _body: RequestBody) -> Result<Response> {
    let account = &context.signed_in()?.browser.account;
    let profile = &account.profile;
    let sent = SentProfile {
        full_name: profile.full_name.clone(),
        company: profile.company.clone(),
        location: profile.location.clone(),
        url: profile.url.clone(),
    };
    let mut page = profile_page(context, account, sent, None);
    page.frame.messages.extend(context.query("saved").map(|_| Message::done("Saved.")));
    show(context, &page)
}

/// `POST /ui/account`.
pub(crate) async fn change_account(context: &Context, body: RequestBody) -> Result<Response> {
    let sent: SentProfile = context.form(body).await?;
    let account = &context.signed_in()?.browser.account;
    let change = AccountChange {
        profile: ProfileChange {
            full_name: Some(sent.full_name.clone()),
            company: Some(sent.company.clone()),
            location: Some(sent.location.clone()),
            url: Some(sent.url.clone()),
            email: None,
        },
        ..AccountChange::default()
    };
    let identity = &context.app.identity;
    match identity.change_account(context.actor(), AccountKind::User, &account.name, change).await {
        Ok(_) => Ok(lead(context, "/ui/account?saved=1")),
        Err(error @ Error::Invalid { .. }) => {
            let page = profile_page(context, account, sent, Some(&error));
            send(context, status(&error), Kept::Never, &page)
        }
        Err(other) => Err(other),
    }
}

#[derive(Template)]
#[template(path = "password.html")]
struct PasswordPage {
    frame: Frame,
    name: String,
    has_second_factor: bool,
    is_wrong: bool,
}

async fn password_page(context: &Context, problem: Option<String>) -> Result<PasswordPage> {
    let status = context.app.identity.second_factor_status(context.actor()).await?;
    let is_wrong = problem.is_some();
    Ok(PasswordPage {
        frame: frame(context, "Password").saying(problem.map(Message::problem)),
        name: context.signed_in()?.browser.account.name.to_string(),
        has_second_factor: status.confirmed_at.is_some(),
        is_wrong,
    })
}

/// `GET /ui/account/password`.
pub(crate) async fn show_password(context: &Context, _body: RequestBody) -> Result<Response> {
    show(context, &password_page(context, None).await?)
}

#[derive(Deserialize)]
struct SentPassword {
    #[serde(default)]
    current_password: String,
    #[serde(default)]
    new_password: String,
    #[serde(default)]
    again_password: String,
    #[serde(default)]
    code: String,
}

/// `POST /ui/account/password`.
pub(crate) async fn change_password(context: &Context, body: RequestBody) -> Result<Response> {
    let sent: SentPassword = context.form(body).await?;
    let refused = |text: &str| Error::Invalid { field: Field::Password, reason: text.to_owned() };
    let here = context.signed_in()?;
    let code = Some(sent.code.trim()).filter(|code| !code.is_empty());
    let factors = BothFactors {
        password: &sent.current_password,
        code,
        address: Some(context.client.address),
        session: Some(&here.secret),
    };
    let changed = match sent.new_password == sent.again_password {
        true => {
            let identity = &context.app.identity;
            identity.change_own_password(context.actor(), factors, &sent.new_password).await
        }
        false => Err(refused("the new passwords differ; nothing was changed")),
    };
    match changed {
        Ok(()) => {
            let mut response = lead(context, "/ui/sign-in?password=1");
            keep(context, &mut response, Cookie::Session, "", std::time::Duration::ZERO);
            Ok(response)
        }
        Err(Error::Unauthenticated(_)) => {
            let text = "The password of now, or the code, is wrong.".to_owned();
            send(
                context,
                http::StatusCode::UNAUTHORIZED,
                Kept::Never,
                &password_page(context, Some(text)).await?,
            )
        }
        Err(error @ (Error::Invalid { .. } | Error::Throttled { .. })) => {
            let page = password_page(context, Some(sentence(&error))).await?;
            send(context, status(&error), Kept::Never, &page)
        }
        Err(other) => Err(other),
    }
}
