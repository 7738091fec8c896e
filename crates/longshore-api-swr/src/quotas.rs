//! Quotas, and which features there are.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::json;
use longshore_domain::error::Unauthenticated;
use longshore_domain::{Error, Result};
use longshore_identity::projects::ProjectName;
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;
use crate::wire;

/// A quota.
#[derive(Serialize, JsonSchema)]
struct Quota {
    quota_key: &'static str,
    quota_limit: u64,
    used: u64,
    unit: &'static str,
}

/// Response of `listQuotas`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Quotas {
    quotas: Vec<Quota>,
}

/// Response of `showShareFeatureGates`.
#[derive(Serialize, JsonSchema)]
#[expect(clippy::struct_excessive_bools, reason = "the document has them")]
pub(crate) struct FeatureGates {
    enable_experience: bool,
    enable_hss_service: bool,
    enable_image_scan: bool,
    enable_sm3: bool,
    enable_image_sync: bool,
    enable_cci_service: bool,
    enable_image_label: bool,
    enable_pipeline: bool,
}

/// Checks that the path names a project of the actor's.
async fn check_project(context: &Context) -> Result<()> {
    let actor = context.actor()?;
    let outside = || Error::Unauthenticated(Unauthenticated::OutsideProject);
    let id = wire::parse_id(context.parameter("project_id")).ok_or_else(outside)?;
    context.app.identity.enter_project(&actor, &ProjectName::Id(id)).await.map(|_| ())
}

/// `GET /v2/manage/projects/{project_id}/quotas`.
pub(crate) async fn list_quotas(context: &Context, _: RequestBody) -> Result<Response> {
    check_project(context).await?;
    let actor = context.actor()?;
    let (used, quota_limit) = context.app.organizations.namespace_quota(&actor).await?;
    let quotas = vec![Quota { quota_key: "namespace", quota_limit, used, unit: "" }];
    Ok(json(StatusCode::OK, &Quotas { quotas }))
}

/// `GET /v2/manage/projects/{project_id}/feature-gates`.
pub(crate) async fn show_share_feature_gates(context: &Context, _: RequestBody) -> Result<Response> {
    check_project(context).await?;
    // None of these services of the cloud is here.
    let gates = FeatureGates {
        enable_experience: false,
        enable_hss_service: false,
        enable_image_scan: false,
        enable_sm3: false,
        enable_image_sync: false,
        enable_cci_service: false,
        enable_image_label: false,
        enable_pipeline: false,
    };
    Ok(json(StatusCode::OK, &gates))
}
