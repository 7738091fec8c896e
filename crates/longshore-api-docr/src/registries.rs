//! Registries themselves: create, get, list, delete, and whether a name is free.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::{bare, json};
use longshore_domain::access::action::RegistryAction;
use longshore_domain::registry::parse_registry_name;
use longshore_domain::{Field, Result};
use longshore_lifecycle::registries::{RegistryDetails, WantedRegistry};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::subscription::{SubscriptionDocument, subscription};
use crate::wire;

/// Schemas `registry_create` and `multiregistry_create`.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct CreateRequest {
    /// 1 to 63 lower-case letters, digits and `-`.
    name: String,
    /// See the options.
    subscription_tier_slug: Option<String>,
    /// See the options.
    region: Option<String>,
}

/// Schema `validate_registry`.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ValidateRequest {
    /// The name in question.
    name: String,
}

/// Schema `registry`; in the newer form `multiregistry`, without the subscription.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RegistryDocument {
    name: String,
    created_at: String,
    region: String,
    storage_usage_bytes: u64,
    storage_usage_bytes_updated_at: String,
    /// In the older form only.
    #[serde(skip_serializing_if = "Option::is_none")]
    subscription: Option<SubscriptionDocument>,
}

/// Response `registry_info`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RegistryInfo {
    registry: RegistryDocument,
}

/// Response `all_registries_info`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AllRegistries {
    /// With a slash at the end of the path only: see [`registries_list`].
    #[serde(skip_serializing_if = "Option::is_none")]
    registry: Option<RegistryDocument>,
    registries: Vec<RegistryDocument>,
    /// Of all of them together.
    total_storage_usage_bytes: u64,
}

/// Whether answers show the subscription.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Single,
    Several,
}

fn document(context: &Context, details: &RegistryDetails, form: Form) -> RegistryDocument {
    let shown = details.subscription.as_ref().filter(|_| form == Form::Single);
    RegistryDocument {
        name: details.registry.name.to_string(),
        created_at: wire::time(details.registry.created_at),
        region: details.registry.region.to_string(),
        storage_usage_bytes: details.storage_bytes,
        storage_usage_bytes_updated_at: wire::time(details.counted_at),
        subscription: shown
            .map(|found| subscription(found, context.app.platform.settings().tiers.get(found.tier.as_str()))),
    }
}

fn info(context: &Context, status: StatusCode, details: &RegistryDetails, form: Form) -> Response {
    json(status, &RegistryInfo { registry: document(context, details, form) })
}

async fn create(context: &Context, body: RequestBody, form: Form) -> Result<Response> {
    let actor = context.actor().await?;
    let request: CreateRequest = context.json(body).await?;
    let wanted = WantedRegistry {
        name: parse_registry_name(&request.name)?,
        tier: match (request.subscription_tier_slug, form) {
            (Some(slug), _) if !slug.is_empty() => Some(slug),
            (_, Form::Several) => None,
            (_, Form::Single) => {
                return Err(longshore_domain::Error::Invalid {
                    field: Field::Member("subscription_tier_slug"),
                    reason: "must be given; the options list the tiers".into(),
                });
            }
        },
        region: request.region.filter(|region| !region.is_empty()),
    };
    let created = context.app.lifecycle.create_registry(&actor, wanted).await?;
    Ok(info(context, StatusCode::CREATED, &created, form))
}

/// `GET /v2/registry`.
pub(crate) async fn registry_get(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let only = context.app.lifecycle.get_only_registry(&actor, RegistryAction::View).await?;
    Ok(info(context, StatusCode::OK, &only, Form::Single))
}

/// `POST /v2/registry`.
pub(crate) async fn registry_create(context: &Context, body: RequestBody) -> Result<Response> {
    create(context, body, Form::Single).await
}

/// `DELETE /v2/registry`.
pub(crate) async fn registry_delete(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let only = context.app.lifecycle.get_only_registry(&actor, RegistryAction::Manage).await?;
    context.app.lifecycle.delete_registry(&actor, &only.registry.name).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// `POST /v2/registry/validate-name`.
pub(crate) async fn validate_name(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let request: ValidateRequest = context.json(body).await?;
    let name = parse_registry_name(&request.name)?;
    context.app.lifecycle.check_registry_name(&actor, &name).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// `GET /v2/registries`. With a slash at its end it is what Terraform's data source sends for `GET /v2/registries/{name}`
/// with an empty name (provider 2.71 and later), and it looks into a `registry`: the one that there is.
pub(crate) async fn registries_list(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let registry = match context.parts.uri.path().ends_with('/') {
        true => Some(context.app.lifecycle.get_only_registry(&actor, RegistryAction::View).await?),
        false => None,
    };
    let all = context.app.lifecycle.list_registries(&actor).await?;
    let answer = AllRegistries {
        registry: registry.map(|details| document(context, &details, Form::Several)),
        total_storage_usage_bytes: all.iter().map(|details| details.storage_bytes).sum(),
        registries: all.iter().map(|details| document(context, details, Form::Several)).collect(),
    };
    Ok(json(StatusCode::OK, &answer))
}

/// `POST /v2/registries`.
pub(crate) async fn registries_create(context: &Context, body: RequestBody) -> Result<Response> {
    create(context, body, Form::Several).await
}

/// `GET /v2/registries/{registry_name}`.
pub(crate) async fn registries_get(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let details = context.app.lifecycle.get_registry(&actor, &context.registry()?).await?;
    Ok(info(context, StatusCode::OK, &details, Form::Several))
}

/// `DELETE /v2/registries/{registry_name}`.
pub(crate) async fn registries_delete(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    context.app.lifecycle.delete_registry(&actor, &context.registry()?).await?;
    Ok(bare(StatusCode::NO_CONTENT))
}
