//! Subscriptions and options: tiers and regions.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::json;
use longshore_domain::Result;
use longshore_domain::tier::{Subscription, Tier};
use longshore_lifecycle::registries::OfferedTier;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::reason;
use crate::wire;

/// Body of `registry_update_subscription`.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct UpdateRequest {
    /// See the options.
    tier_slug: String,
}

/// Schema `subscription_tier_base`.
#[derive(Serialize, JsonSchema)]
struct TierDocument {
    name: String,
    slug: String,
    /// 0 for no limit.
    included_repositories: u64,
    included_storage_bytes: u64,
    allow_storage_overage: bool,
    included_bandwidth_bytes: u64,
    monthly_price_in_cents: u64,
    storage_overage_price_in_cents: u64,
}

/// Schema `subscription`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SubscriptionDocument {
    tier: TierDocument,
    created_at: String,
    updated_at: String,
}

/// Response `subscription_response`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SubscriptionInfo {
    subscription: SubscriptionDocument,
}

/// Schema `subscription_tier_extended`, with the tier.
#[derive(Serialize, JsonSchema)]
struct OfferedTierDocument {
    #[serde(flatten)]
    tier: TierDocument,
    eligible: bool,
    /// Empty when it is eligible.
    eligibility_reasons: Vec<&'static str>,
}

#[derive(Serialize, JsonSchema)]
struct OptionsDocument {
    available_regions: Vec<String>,
    subscription_tiers: Vec<OfferedTierDocument>,
}

/// Response `registry_options_response`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Options {
    options: OptionsDocument,
}

fn tier(tier: &Tier) -> TierDocument {
    TierDocument {
        name: tier.name.clone(),
        slug: tier.slug.to_string(),
        included_repositories: tier.repositories,
        included_storage_bytes: tier.storage_bytes,
        allow_storage_overage: tier.allows_storage_overage,
        included_bandwidth_bytes: tier.bandwidth_bytes,
        monthly_price_in_cents: tier.monthly_price_cents,
        storage_overage_price_in_cents: tier.storage_overage_price_cents,
    }
}

/// Shows a subscription; one whose tier the operator has removed has no limits.
pub(crate) fn subscription(subscription: &Subscription, found: Option<&Tier>) -> SubscriptionDocument {
    let removed = || TierDocument {
        name: subscription.tier.to_string(),
        slug: subscription.tier.to_string(),
        included_repositories: 0,
        included_storage_bytes: 0,
        allow_storage_overage: true,
        included_bandwidth_bytes: 0,
        monthly_price_in_cents: 0,
        storage_overage_price_in_cents: 0,
    };
    SubscriptionDocument {
        tier: found.map_or_else(removed, tier),
        created_at: wire::time(subscription.created_at),
        updated_at: wire::time(subscription.updated_at),
    }
}

/// `GET /v2/registry/subscription`.
pub(crate) async fn get_subscription(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let (found, tier) = context.app.lifecycle.get_subscription(&actor).await?;
    Ok(json(StatusCode::OK, &SubscriptionInfo { subscription: subscription(&found, tier.as_ref()) }))
}

/// `POST /v2/registry/subscription`.
pub(crate) async fn update_subscription(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let request: UpdateRequest = context.json(body).await?;
    let (found, tier) = context.app.lifecycle.change_subscription(&actor, &request.tier_slug).await?;
    Ok(json(StatusCode::OK, &SubscriptionInfo { subscription: subscription(&found, tier.as_ref()) }))
}

/// `GET /v2/registry/options`.
pub(crate) async fn get_options(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let (tiers, regions) = context.app.lifecycle.list_registry_options(&actor).await?;
    let offered = |offered: &OfferedTier| OfferedTierDocument {
        tier: tier(&offered.tier),
        eligible: offered.excesses.is_empty(),
        eligibility_reasons: offered.excesses.iter().copied().map(reason).collect(),
    };
    let options = OptionsDocument {
        available_regions: regions.iter().map(ToString::to_string).collect(),
        subscription_tiers: tiers.iter().map(offered).collect(),
    };
    Ok(json(StatusCode::OK, &Options { options }))
}
