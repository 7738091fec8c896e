//! Who may do what: loads the facts, asks the domain's rule, and keeps what it says until any fact may have changed.

pub mod control;
pub mod explanation;
pub mod write_tokens;

use std::sync::Arc;

use longshore_domain::clock::Clock;
use longshore_domain::ports::metadata::{AccessRoom, Records};
use longshore_platform::{Platform, Settings};

/// Loads facts and asks the rule.
pub struct AccessControl {
    metadata: Records<AccessRoom>,
    clock: Arc<dyn Clock>,
    settings: Arc<Settings>,
    access_cache: control::AccessCache,
    /// Until when there are tokens for pushing.
    pub write_tokens: write_tokens::WriteTokens,
}

impl AccessControl {
    /// Puts it together.
    pub fn new(platform: &Arc<Platform>) -> Self {
        Self {
            metadata: platform.records(),
            clock: Arc::clone(&platform.clock),
            settings: Arc::clone(&platform.settings),
            access_cache: control::AccessCache::new(),
            write_tokens: write_tokens::WriteTokens::default(),
        }
    }
}
