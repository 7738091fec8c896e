//! Who acts, and what they may do.

pub mod action;
pub mod actor;
pub mod policy;
pub mod refusal;
