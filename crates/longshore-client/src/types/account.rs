//! What everybody has in their own hands.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Another password for oneself.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeOwnPassword {
    /// The password of now.
    pub current: String,
    /// The new one, at least 10 characters.
    pub new: String,
    /// A code of the second factor, or a recovery code; needed with a second factor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// An e-mail address that one wants to have.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WantEmail {
    /// The address.
    pub email: String,
    /// The password.
    pub password: String,
    /// A code of the second factor, or a recovery code; needed with a second factor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// Until when an address can be confirmed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WantedEmail {
    /// The address, to which a message is sent.
    pub email: String,
    /// Until then.
    pub until: String,
}

/// What confirms an address.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmEmail {
    /// What the message says.
    pub code: String,
}

/// Proof that somebody is there.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProvePresence {
    /// The password.
    pub password: String,
    /// A code of the second factor, or a recovery code; needed with a second factor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// Until when a session counts as that of somebody who is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Presence {
    /// Until then.
    pub until: String,
}

/// Where an account is signed in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OwnSessions {
    /// Sessions of the pages, the last used first; at most 100.
    pub browsers: Vec<BrowserSession>,
    /// Sign-ins of programs, such as `docker`, that go on without a password; 1000 stands for all that are more.
    pub programs: u64,
}

/// A session of the pages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BrowserSession {
    /// Its id, by which it can be ended.
    pub id: String,
    /// From where somebody signed in, if that is known.
    pub address: Option<String>,
    /// What the browser called itself.
    pub program: String,
    /// Whether it began with a second factor.
    pub second_factor: bool,
    /// Since when.
    pub created_at: String,
    /// When a page was asked for last, to the minute.
    pub seen_at: String,
    /// When it ends at the latest.
    pub expires_at: String,
}

/// The second factor of an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SecondFactorInfo {
    /// Since when it is asked for; null when it is not.
    pub enabled_at: Option<String>,
    /// How many recovery codes are left.
    pub recovery_codes: u64,
}

/// The password, for what is shown once.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrolSecondFactor {
    /// The password.
    pub password: String,
}

/// What an authenticator needs.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SecondFactorEnrolment {
    /// To be typed in, in base 32.
    pub secret: String,
    /// The same as authenticators read it from a QR code.
    pub otpauth_url: String,
}

/// A code of the authenticator.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmSecondFactor {
    /// Six digits.
    pub code: String,
}

/// A second factor that is asked for from now on.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SecondFactorConfirmation {
    /// Each works once in the place of a code; shown once.
    pub recovery_codes: Vec<String>,
    /// A session in the place of the one that has become void.
    pub session: String,
}

/// Both factors.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondFactorProof {
    /// The password.
    pub password: String,
    /// A code of the authenticator, or a recovery code.
    pub code: String,
}

/// Recovery codes in the place of those before.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecoveryCodes {
    /// Each works once in the place of a code; shown once.
    pub recovery_codes: Vec<String>,
}
