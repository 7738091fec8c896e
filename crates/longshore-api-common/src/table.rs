//! Tables of operations: which one a method and path name, and what is done around every answer.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use longshore_domain::{Error, Result};
use longshore_platform::rates::Allowance;
use longshore_platform::spans;
use serde_json::Value;
use tracing::Instrument;

use crate::api_request::ApiRequest;
use crate::body::{self, RequestBody};
use crate::client::Client;
use crate::metrics::{Metrics, OperationMetrics};
use crate::openapi::{Describe, Operation};
use crate::origin::Origin;
use crate::{Response, observe};

/// Which paths are a dialect's.
pub struct Paths {
    /// First path segments after `/v2/`. Each is a reserved name, so that no account has it.
    pub segments: &'static [&'static str],
    /// Beginnings of other paths.
    pub others: &'static [&'static str],
}

impl Paths {
    /// Returns whether a path is one of them.
    pub fn contain(&self, path: &str) -> bool {
        let first = path.strip_prefix("/v2/").and_then(|rest| rest.split('/').next());
        first.is_some_and(|first| self.segments.contains(&first))
            || self.others.iter().any(|beginning| path.starts_with(beginning))
    }
}

/// Finds rows of a table by method and path. Paths are compared as they were sent, so that an encoded slash does not end a
/// parameter.
pub struct Router {
    paths: matchit::Router<Vec<usize>>,
    methods: Vec<Method>,
}

/// What a method and path name.
pub enum Found {
    /// A row of the table, with the parameters of its path, decoded.
    Row(usize, Vec<(String, String)>),
    /// There are rows of this path, with these methods.
    MethodNotAllowed(String),
    /// Nothing.
    Nothing,
}

impl Router {
    /// Makes one for the methods and paths of a table, in its order; parameters are in braces.
    ///
    /// # Errors
    /// `Internal` when two rows have the same path in different words.
    pub fn new(rows: impl IntoIterator<Item = (Method, &'static str)>) -> Result<Self> {
        let mut by_path: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut methods = Vec::new();
        for (number, (method, path)) in rows.into_iter().enumerate() {
            by_path.entry(path).or_default().push(number);
            methods.push(method);
        }
        let mut paths = matchit::Router::new();
        for (path, numbers) in by_path {
            paths.insert(path, numbers).map_err(Error::internal)?;
        }
        Ok(Self { paths, methods })
    }

    /// Finds the row of a path; a trailing slash changes nothing, and is never answered with a redirect, on which clients
    /// would lose their credentials or their method. `HEAD` is `GET` where it has no row of its own.
    pub fn find(&self, method: &Method, path: &str) -> Found {
        let plain = path.strip_suffix('/').filter(|plain| !plain.is_empty()).unwrap_or(path);
        let Ok(found) = self.paths.at(plain) else { return Found::Nothing };
        let wanted =
            |method: &Method| found.value.iter().copied().find(|number| self.methods[*number] == *method);
        let head = || (*method == Method::HEAD).then(|| wanted(&Method::GET)).flatten();
        let Some(number) = wanted(method).or_else(head) else {
            let methods = found.value.iter().map(|number| self.methods[*number].as_str());
            return Found::MethodNotAllowed(methods.collect::<Vec<_>>().join(", "));
        };
        let mut parameters = Vec::new();
        for (name, value) in found.params.iter() {
            match percent_encoding::percent_decode_str(value).decode_utf8() {
                Ok(value) => parameters.push((name.to_owned(), value.into_owned())),
                Err(_) => return Found::Nothing,
            }
        }
        Found::Row(number, parameters)
    }
}

/// What stands between the name of a repository and what is wanted of it, in paths where that has its slashes; `-` is no part
/// of a name.
const SEPARATOR: &str = "/-/";

/// Returns a path in which the name of a repository follows a beginning with the slashes of the name encoded, as [`Router`]
/// takes it for one parameter.
pub fn with_name_in_one<'p>(path: &'p str, beginning: &str) -> Cow<'p, str> {
    let Some(rest) = path.strip_prefix(beginning) else { return Cow::Borrowed(path) };
    let (name, behind) = match rest.find(SEPARATOR) {
        Some(at) => rest.split_at(at),
        None => (rest.strip_suffix('/').unwrap_or(rest), ""),
    };
    match name.contains('/') {
        true => Cow::Owned(format!("{beginning}{}{behind}", name.replace('/', "%2F"))),
        false => Cow::Borrowed(path),
    }
}

/// What takes an operation.
pub type Handler<C, R = Error> = for<'c> fn(&'c C, RequestBody) -> BoxFuture<'c, Result<Response, R>>;

/// A row of a dialect's table. `C` is what its handlers get, `N` what callers may need, `E` the shapes of its errors if it has
/// several, and `R` why its handlers refuse.
pub struct Route<C: 'static, N, E = (), R: 'static = Error> {
    /// Method.
    pub method: Method,
    /// Path, with its parameters in braces.
    pub path: &'static str,
    /// Name of the operation in logs, metrics and the document.
    pub operation: &'static str,
    /// Group of the operation, as the API's reference has it.
    pub group: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// What an actor needs; what it may do there, the operation itself decides.
    pub needs: N,
    /// Shape of its errors.
    pub errors: E,
    /// Describes it for the document.
    pub describe: fn(&mut Describe<'_>),
    /// Takes it.
    pub handler: Handler<C, R>,
}

impl<C, N, E, R> Route<C, N, E, R> {
    /// Returns what identifies it in the document, with what an actor needs.
    pub fn described(&self, security: Value) -> Operation<'_> {
        Operation {
            method: self.method.as_str().to_ascii_lowercase(),
            path: self.path,
            id: self.operation,
            group: self.group,
            summary: self.summary,
            security,
        }
    }
}

/// Makes a row of a dialect's table. `Route`, `Needs` and, for dialects with several shapes of errors, `ErrorShape` are the
/// dialect's own.
#[macro_export]
macro_rules! route {
    ($method:ident $path:literal $operation:ident in $group:expr, $needs:ident, $summary:literal,
     |$describe:ident| $description:expr, $handler:path) => {
        $crate::route!(@row $method $path $operation $group, $needs, (), $summary, $describe, $description, $handler)
    };
    ($method:ident $path:literal $operation:ident in $group:expr, $needs:ident, $errors:ident, $summary:literal,
     |$describe:ident| $description:expr, $handler:path) => {
        $crate::route!(
            @row $method $path $operation $group, $needs, ErrorShape::$errors, $summary, $describe, $description, $handler
        )
    };
    (@row $method:ident $path:literal $operation:ident $group:expr, $needs:ident, $errors:expr, $summary:literal,
     $describe:ident, $description:expr, $handler:path) => {
        Route {
            method: http::Method::$method,
            path: $path,
            operation: stringify!($operation),
            group: $group,
            summary: $summary,
            needs: Needs::$needs,
            errors: $errors,
            describe: |$describe| {
                $description;
            },
            handler: |context, body| Box::pin($handler(context, body)),
        }
    };
}

/// What a request asks for.
pub enum RouteMatch {
    /// A row of the table.
    Operation(usize, Box<ApiRequest>, RequestBody),
    /// Another method of a path that is there, and those that there are.
    OtherMethod(Box<ApiRequest>, String),
    /// A path that is not there.
    Unknown(Box<ApiRequest>),
}

/// An answer.
pub struct Answer {
    /// What is sent.
    pub response: Response,
    /// What is left of the requests that the actor has, if they are counted.
    pub allowance: Option<Allowance>,
}

impl Answer {
    /// Makes an answer that is given unless there were too many requests, which `refuse` says in the words of the dialect.
    pub fn unless_exceeded(
        response: Response,
        allowance: Option<Allowance>,
        refuse: impl FnOnce(Allowance) -> Response,
    ) -> Self {
        let response = match allowance {
            Some(allowance) if allowance.is_exceeded => refuse(allowance),
            _ => response,
        };
        Self { response, allowance }
    }
}

/// Names of the headers that tell what is left.
pub struct RateHeaders {
    /// Requests in a minute.
    pub limit: HeaderName,
    /// Those that are left.
    pub remaining: HeaderName,
    /// When there are all again, as unix time.
    pub reset: HeaderName,
}

impl RateHeaders {
    /// As Docker Hub writes them, and most others do.
    pub const COMMON: Self = Self {
        limit: HeaderName::from_static("x-ratelimit-limit"),
        remaining: HeaderName::from_static("x-ratelimit-remaining"),
        reset: HeaderName::from_static("x-ratelimit-reset"),
    };

    fn show(&self, headers: &mut HeaderMap, allowance: Allowance) {
        headers.insert(&self.limit, HeaderValue::from(allowance.rate.limit));
        headers.insert(&self.remaining, HeaderValue::from(allowance.remaining));
        headers.insert(&self.reset, HeaderValue::from(allowance.ends_at.as_second()));
    }
}

/// The operations of a dialect.
pub struct Table {
    dialect: &'static str,
    router: Router,
    operations: Vec<(&'static str, OperationMetrics)>,
    unknown: OperationMetrics,
    rates: RateHeaders,
    read_path: fn(&str) -> Cow<'_, str>,
}

impl Table {
    /// Makes the table of a dialect.
    ///
    /// # Errors
    /// As [`Router::new`].
    pub fn new<C, N, E, R>(
        dialect: &'static str,
        metrics: &Metrics,
        routes: &'static [Route<C, N, E, R>],
        rates: RateHeaders,
    ) -> Result<Self> {
        Self::of(dialect, metrics, routes.iter().map(|row| (&row.method, row.path, row.operation)), rates)
    }

    /// Makes a table of methods, paths and names of operations.
    ///
    /// # Errors
    /// As [`Router::new`].
    pub fn of<'m>(
        dialect: &'static str,
        metrics: &Metrics,
        rows: impl Iterator<Item = (&'m Method, &'static str, &'static str)> + Clone,
        rates: RateHeaders,
    ) -> Result<Self> {
        let counted =
            rows.clone().map(|(_, _, operation)| (operation, metrics.operation(dialect, operation)));
        Ok(Self {
            dialect,
            operations: counted.collect(),
            router: Router::new(rows.map(|(method, path, _)| (method.clone(), path)))?,
            unknown: metrics.operation(dialect, "unknown"),
            rates,
            read_path: |path| Cow::Borrowed(path),
        })
    }

    /// Returns the same table, with paths read in another way before they are looked for: where a parameter has slashes, these
    /// are encoded.
    #[must_use]
    pub fn reading_paths(self, read_path: fn(&str) -> Cow<'_, str>) -> Self {
        Self { read_path, ..self }
    }

    /// Lets a request be answered; measures and logs that, and adds what every answer has, also that to what is no operation.
    pub async fn serve<F>(
        &self,
        request: Request<RequestBody>,
        answer: impl FnOnce(RouteMatch) -> F + Send,
    ) -> Response
    where
        F: Future<Output = Answer> + Send,
    {
        let began_at = Instant::now();
        let (parts, body) = request.into_parts();
        let client = Client::of(&parts.extensions).clone();
        let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
        let ((operation, metrics), wanted) = match self.router.find(&method, &(self.read_path)(&path)) {
            Found::Row(number, parameters) => {
                let (name, metrics) = &self.operations[number];
                let asked = Box::new(ApiRequest::new(client.clone(), parts, parameters));
                ((*name, metrics), RouteMatch::Operation(number, asked, body))
            }
            Found::MethodNotAllowed(allow) => {
                let asked = Box::new(ApiRequest::new(client.clone(), parts, Vec::new()));
                (("unknown", &self.unknown), RouteMatch::OtherMethod(asked, allow))
            }
            Found::Nothing => {
                let asked = Box::new(ApiRequest::new(client.clone(), parts, Vec::new()));
                (("unknown", &self.unknown), RouteMatch::Unknown(asked))
            }
        };
        let span = spans::of_request(self.dialect, operation, &client.request_id);
        let Answer { mut response, allowance } = answer(wanted).instrument(span.clone()).await;
        let headers = response.headers_mut();
        headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        if let Some(allowance) = allowance {
            self.rates.show(headers, allowance);
        }
        let duration = began_at.elapsed();
        metrics.record(response.status(), duration);
        let status = response.status();
        span.record("status", status.as_u16());
        observe::log_request(self.dialect, operation, &client, &method, &path, status, duration);
        response
    }
}

/// Makes the response that is a dialect's OpenAPI document, which says where the registry is when that is known.
pub fn document(text: &Bytes, origin: &Origin) -> Response {
    let server = origin.link("");
    let body = match server.is_empty() {
        true => body::full(text.clone()),
        false => {
            // In front of the other members; the document itself is not copied for each client.
            let head = Bytes::from(format!("{{\"servers\":[{{\"url\":{}}}],", Value::from(server)));
            let rest = text.slice(1..);
            let length = (head.len() + rest.len()) as u64;
            body::stream(Box::pin(futures::stream::iter([Ok(head), Ok(rest)])), length)
        }
    };
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_owned_whole_and_other_paths_by_their_beginning() {
        let paths = Paths { segments: &["orgs"], others: &["/v1/search"] };
        for path in ["/v2/orgs", "/v2/orgs/", "/v2/orgs/a/b", "/v1/search", "/v1/search?q=a"] {
            assert!(paths.contain(path), "{path}");
        }
        for path in ["/v2/", "/v2/org", "/v2/orgs2/a", "/v2/a/orgs", "/orgs", "/v2/v1/search", "/v1/sea"] {
            assert!(!paths.contain(path), "{path}");
        }
    }

    #[test]
    fn paths_are_found_as_they_were_sent() {
        let router = Router::new([
            (Method::GET, "/v2/{name}/tags"),
            (Method::DELETE, "/v2/{name}/tags"),
            (Method::POST, "/v2/{name}/runs"),
        ])
        .unwrap();
        let found = |method, path: &str| match router.find(&method, path) {
            Found::Row(number, parameters) => format!("{number} {}", parameters[0].1),
            Found::MethodNotAllowed(allowed) => allowed,
            Found::Nothing => "nothing".into(),
        };
        assert_eq!(found(Method::GET, "/v2/a%2Fb/tags"), "0 a/b");
        assert_eq!(found(Method::HEAD, "/v2/a/tags/"), "0 a");
        assert_eq!(found(Method::DELETE, "/v2/a%20b/tags"), "1 a b");
        assert_eq!(found(Method::PUT, "/v2/a/tags"), "GET, DELETE");
        assert_eq!(found(Method::HEAD, "/v2/a/runs"), "POST");
        for path in ["/v2/a/b/tags", "/v2/%ff/tags", "/v2/a", "/v2//tags"] {
            assert_eq!(found(Method::GET, path), "nothing", "{path}");
        }
    }
}
