//! SCIM 2.0: how identity providers provision the users of an organization.
//!
//! RFC 7643 (schema), RFC 7644 (protocol). So far this reads what requests ask for: [`filter`] and [`patch_path`].

pub mod attribute;
pub mod filter;
pub mod patch_path;
mod scan;
