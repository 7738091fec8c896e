//! What every dialect needs, and no more: who calls from where, credentials in headers, bodies with limits,
//! addresses of the registry itself, counters, and tables of operations with their OpenAPI documents.

pub mod allotment;
pub mod api_request;
pub mod body;
pub mod client;
pub mod credentials;
pub mod cursor;
pub mod docker_config;
pub mod entity_tags;
pub mod form;
pub mod list_place;
pub mod metrics;
pub mod observe;
pub mod openapi;
pub mod origin;
pub mod qr;
pub mod response;
pub mod shares;
pub mod table;

/// The body of every response.
pub type ResponseBody = http_body_util::combinators::UnsyncBoxBody<bytes::Bytes, longshore_domain::Error>;

/// A response of any dialect.
pub type Response = http::Response<ResponseBody>;
