//! The limits of connections, requests in progress and memory, as they are used.

use std::time::Duration;

use anyhow::{Result, bail};
use longshore_api_common::allotment::Bodies;

use super::Limits;
use crate::connections::{self, Deadlines, Pace};

impl Limits {
    /// Checks what makes sense only together, or not at 0.
    pub(super) fn check(&self) -> Result<()> {
        let not_zero = [
            ("connections_per_address", self.connections_per_address),
            ("first_request_seconds", self.first_request_seconds),
            ("connection_idle_seconds", self.connection_idle_seconds),
            ("response_idle_seconds", self.response_idle_seconds),
            ("response_bytes_per_second", self.response_bytes_per_second),
        ];
        for (name, value) in not_zero {
            if value == 0 {
                bail!("limits.{name}: must be 1 or more");
            }
        }
        if self.parallel_requests < 16 {
            bail!("limits.parallel_requests: must be 16 or more");
        }
        if self.body_seconds < self.body_idle_seconds {
            bail!("limits.body_seconds: must be limits.body_idle_seconds or more");
        }
        // An address that is alone has half of the three quarters that are for those who are signed in.
        if self.body_memory_bytes / 8 * 3 < self.manifest_bytes {
            bail!("limits.body_memory_bytes: must be at least three times limits.manifest_bytes");
        }
        Ok(())
    }

    /// The limits that all connections share, of which so many may be open.
    pub fn shared(&self, connections: u64) -> connections::Limits {
        let seconds = Duration::from_secs;
        let deadlines = Deadlines {
            first_request: seconds(self.first_request_seconds),
            idle: seconds(self.connection_idle_seconds),
            pace: Pace {
                idle: seconds(self.response_idle_seconds),
                bytes_per_second: self.response_bytes_per_second,
            },
        };
        connections::Limits::new(
            deadlines,
            connections,
            self.connections_per_address,
            self.parallel_requests,
            Bodies::new(self.body_memory_bytes, seconds(self.body_seconds)),
            self.response_memory_bytes,
        )
    }
}
