//! Registries of Kubernetes clusters. There are no clusters here, so none is found; `kubernetes-manifest` of clients and
//! `docker-credentials` give what any cluster needs.

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_api_common::response::bare;
use longshore_domain::{Error, Field, Result};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::context::Context;

/// Most registries that one request may name, which is as many as an account may have under the largest shipped tier.
const REGISTRIES_LIMIT: usize = 10;

/// Schemas `cluster_registry` and `cluster_registries`.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ClustersRequest {
    /// The clusters.
    #[serde(default)]
    cluster_uuids: Vec<String>,
    /// Names of registries.
    #[serde(default)]
    registries: Vec<String>,
}

/// `POST` and `DELETE /v2/kubernetes/registry` and `/v2/kubernetes/registries`.
pub(crate) async fn change_clusters(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.actor().await?;
    let request: ClustersRequest = context.json(body).await?;
    if request.registries.len() > REGISTRIES_LIMIT {
        let reason = format!("at most {REGISTRIES_LIMIT} may be named at once");
        return Err(Error::Invalid { field: Field::Member("registries"), reason });
    }
    for name in &request.registries {
        let unknown = |_| Error::RegistryUnknown(name.chars().take(64).collect());
        let name = name.parse().map_err(unknown)?;
        context.app.lifecycle.get_registry(&actor, &name).await?;
    }
    match request.cluster_uuids.first() {
        // Nothing was wanted, and nothing is to be done.
        None => Ok(bare(StatusCode::NO_CONTENT)),
        Some(_) => Err(Error::Invalid {
            field: Field::Member("cluster_uuids"),
            reason: "this server has no Kubernetes clusters; put the answer of docker-credentials into a secret of type kubernetes.io/dockerconfigjson in yours".into(),
        }),
    }
}
