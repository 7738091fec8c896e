//! What an account has, stores and sends.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::json;
use longshore_content::usage::{Frequency, Reported};
use longshore_domain::{Error, Field, Result};
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;
use crate::wire;

/// Response of `showDomainOverview`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct OverviewDocument {
    domain_id: String,
    domain_name: String,
    /// Organizations; the API spells it so.
    namspace_num: u64,
    repo_num: u64,
    /// Tags.
    image_num: u64,
    /// Bytes.
    store_space: u64,
    /// Bytes in this month.
    downflow_size: u64,
}

/// Schema `ReportData`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ReportData")]
pub(crate) struct ReportData {
    /// First day of what is reported.
    date: String,
    /// Bytes.
    value: u64,
}

/// `GET /v2/manage/overview`.
pub(crate) async fn show_domain_overview(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let overview = context.app.content.get_overview(&actor).await?;
    let document = OverviewDocument {
        domain_id: wire::account_id(&overview.account),
        domain_name: overview.account.name.to_string(),
        namspace_num: overview.namespaces,
        repo_num: overview.repositories,
        image_num: overview.tags,
        store_space: overview.stored_bytes,
        downflow_size: overview.sent_bytes,
    };
    Ok(json(StatusCode::OK, &document))
}

/// `GET /v2/manage/reports/{resource_type}/{frequency}`.
pub(crate) async fn show_domain_resource_reports(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.actor()?;
    let invalid =
        |name, reason: &str| Error::Invalid { field: Field::Parameter(name), reason: reason.to_owned() };
    let reported = match context.parameter("resource_type") {
        "store" => Reported::Stored,
        "downflow" => Reported::Sent,
        _ => return Err(invalid("resource_type", "must be store or downflow")),
    };
    let frequency = match context.parameter("frequency") {
        "daily" => Frequency::Daily,
        "monthly" => Frequency::Monthly,
        _ => return Err(invalid("frequency", "must be daily or monthly")),
    };
    let report = context.app.content.report_usage(&actor, reported, frequency).await?;
    let data: Vec<_> =
        report.into_iter().map(|(date, value)| ReportData { date: date.to_string(), value }).collect();
    Ok(json(StatusCode::OK, &data))
}
