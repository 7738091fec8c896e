//! Settings of organizations. Docker Hub API, "Org Settings".

use http::StatusCode;
use longshore_api_common::Response;
use longshore_api_common::body::RequestBody;
use longshore_domain::Result;
use longshore_domain::organization::ImageRestriction;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::wire;

/// `orgSettings`. All three values of `restricted_images` are needed to change it.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct OrgSettingsDocument {
    restricted_images: RestrictedImages,
}

/// `restricted_images`.
#[derive(Serialize, Deserialize, JsonSchema)]
struct RestrictedImages {
    /// Whether members may pull only the organization's own images and those that are allowed here.
    enabled: bool,
    /// Whether official images (`library/…`) are allowed.
    allow_official_images: bool,
    /// Whether images of verified publishers are allowed.
    allow_verified_publishers: bool,
}

impl From<ImageRestriction> for OrgSettingsDocument {
    fn from(restriction: ImageRestriction) -> Self {
        Self {
            restricted_images: RestrictedImages {
                enabled: restriction.is_enabled,
                allow_official_images: restriction.allows_official_images,
                allow_verified_publishers: restriction.allows_verified_publishers,
            },
        }
    }
}

/// `GET /v2/orgs/{name}/settings`.
pub(crate) async fn get_orgs_name_settings(context: &Context, _: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let restriction =
        context.app.organizations.get_image_restriction(&actor, &context.parsed("org_name")?).await?;
    Ok(wire::json(StatusCode::OK, &OrgSettingsDocument::from(restriction)))
}

/// `PUT /v2/orgs/{name}/settings`.
pub(crate) async fn put_orgs_name_settings(context: &Context, body: RequestBody) -> Result<Response> {
    let actor = context.signed_in().await?;
    let name = context.parsed("org_name")?;
    let wanted: OrgSettingsDocument = context.document(body).await?;
    let restriction = ImageRestriction {
        is_enabled: wanted.restricted_images.enabled,
        allows_official_images: wanted.restricted_images.allow_official_images,
        allows_verified_publishers: wanted.restricted_images.allow_verified_publishers,
    };
    context.app.organizations.put_image_restriction(&actor, &name, restriction).await?;
    Ok(wire::json(StatusCode::OK, &wanted))
}
