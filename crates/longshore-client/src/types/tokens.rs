//! Access tokens, access keys, and tokens of identity providers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An access token of an account; nobody has its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TokenInfo {
    /// Its id.
    pub id: String,
    /// What its owner calls it.
    pub label: String,
    /// What it may do at most.
    pub scope: String,
    /// What it may use and for what, if that is listed one by one.
    pub resources: Vec<TokenResource>,
    /// Its access key, if it is a pair of keys that requests are signed with.
    pub access_key: Option<String>,
    /// False while it is switched off.
    pub is_active: bool,
    /// Name of who created it, as it was then; empty when it was not written down.
    pub created_by: String,
    /// When it was created.
    pub created_at: String,
    /// When it stops working; null for never.
    pub expires_at: Option<String>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<String>,
}

/// A new access token.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateToken {
    /// What it is for, 1 to 100 characters.
    pub label: String,
    /// What it may do at most: `repo:public_read`, `repo:read`, `repo:write`, `repo:admin`, or, of access keys, `account`. Of a token
    /// that owners make for their organization it stands for the resources that come nearest to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Of a token of an organization, in the place of a scope: what it may use, and for what, 1 to 51.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<TokenResource>,
    /// When it stops working; never, if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Whether it is a pair of keys that requests are signed with.
    #[serde(default)]
    pub is_access_key: bool,
}

/// What a token of an organization may use, and for what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenResource {
    /// `acme/app`, `acme/*`, or `*/*/public` for all public repositories; of the organization itself, its name.
    pub path: String,
    /// What for, such as `scope-image-pull` or `scope-member-read`, 1 to 32.
    pub scopes: Vec<String>,
}

/// An access token that was created.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CreatedToken {
    /// The token.
    #[serde(flatten)]
    pub info: TokenInfo,
    /// The token itself, or the secret key of a pair; it is told this once.
    pub secret: String,
}

/// What changes of an access token; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeToken {
    /// What it is for, 1 to 100 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// False switches it off, at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_active: Option<bool>,
    /// What it may use from now on, in the place of all before; of tokens of organizations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Vec<TokenResource>>,
}

/// A token of an organization's identity provider (SCIM).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScimTokenInfo {
    /// Its id.
    pub id: String,
    /// What it is for.
    pub label: String,
    /// Name of who created it.
    pub created_by: String,
    /// When it was created.
    pub created_at: String,
    /// When it stops working; null for never.
    pub expires_at: Option<String>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<String>,
}

/// A new token of an identity provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateScimToken {
    /// What it is for, 1 to 100 characters.
    pub label: String,
    /// When it stops working; never, if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// A token of an identity provider with its secret.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CreatedScimToken {
    /// The token.
    #[serde(flatten)]
    pub info: ScimTokenInfo,
    /// The token itself; it is told this once.
    pub secret: String,
}
