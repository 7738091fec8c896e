//! Commands that sign Docker in for some hours.

use http::{HeaderValue, StatusCode};
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::docker_config::DockerConfig;
use longshore_api_common::response::json;
use longshore_domain::access::actor::CredentialScope;
use longshore_domain::account::AccountKind;
use longshore_domain::credential::TokenOrigin;
use longshore_domain::{Error, Field, Result};
use longshore_identity::projects::ProjectName;

use crate::context::Context;
use crate::wire;

/// `POST /v2/manage/utils/secret` and `POST /v2/manage/utils/authorizationtoken`.
pub(crate) async fn create_secret(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let app = &context.app;
    let named = context.query("projectname");
    let (project, namespace) = match (&named, &actor.scope()) {
        (None, CredentialScope::Namespace(only)) => (only.to_string(), None),
        (None, _) => (app.platform.settings().region.clone(), None),
        (Some(name), _) => {
            let found = app.identity.find_project(&actor, &ProjectName::Name(name)).await?;
            let found = found.ok_or_else(|| Error::Invalid {
                field: Field::Parameter("projectname"),
                reason: "is no project of yours; use the region, your name, or that of an organization"
                    .into(),
            })?;
            let is_organization = found.kind == AccountKind::Organization;
            (name.to_string(), is_organization.then_some(found.name))
        }
    };
    let origin = TokenOrigin { address: context.client.address.to_string(), agent: context.user_agent() };
    let login = app.identity.create_docker_login(&actor, namespace.as_ref(), origin).await?;
    let (user, host) = (format!("{project}@{}", login.access_key), context.host());
    let password = login.password.expose();
    let config = DockerConfig::new(host.to_owned(), &user, password);
    let mut response = json(StatusCode::OK, &config);
    let command = format!("docker login -u {user} -p {password} {host}");
    for (name, value) in [("x-swr-dockerlogin", command), ("x-swr-expireat", wire::time(login.expires_at))] {
        let mut value = HeaderValue::try_from(value).map_err(Error::internal)?;
        value.set_sensitive(true);
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}
