//! Who acts, and what they may do.

pub mod actor;
