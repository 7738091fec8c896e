//! When clients fetch blobs from the object store itself, by a URL that works for a short time.
//!
//! OCI distribution 1.1, end-2, lets a registry redirect; clients are expected to follow without their credentials.

use std::time::Duration;

use http::Uri;
use ipnet::IpNet;
use longshore_api_common::client::Client;
use longshore_api_common::origin::Origin;
use longshore_app::App;
use longshore_content::blobs::ReadableBlob;
use longshore_domain::Result;

/// Who is redirected.
#[derive(Clone, Debug)]
pub struct Redirects {
    /// How long a URL works.
    pub valid: Duration,
    /// Networks whose clients cannot reach the object store.
    pub except: Vec<IpNet>,
}

impl Redirects {
    /// Returns the URL for a client that can follow it, which then counts as having pulled the blob.
    pub(crate) async fn url(
        &self,
        app: &App,
        client: &Client,
        blob: &ReadableBlob,
    ) -> Result<Option<String>> {
        let address = client.address.to_canonical();
        // Through the registry everybody gets it.
        let may_be_one = !client.is_address_known && !self.except.is_empty();
        if may_be_one || self.except.iter().any(|network| network.contains(&address)) {
            return Ok(None);
        }
        let url = app.content.blob_url(blob, self.valid).await?;
        let url = url.filter(|url| can_follow(&client.origin, url));
        if url.is_some() {
            app.content.count_redirect(blob);
        }
        Ok(url)
    }
}

/// Returns whether a client that reached the registry at `origin` gets anywhere by following `url`.
///
/// Clients do not go from HTTPS to HTTP. To the same host or one below it, on any port, those written in Go send
/// their credentials for the registry along (`net/http`, "Client.CheckRedirect"), and S3 refuses a request that has two.
fn can_follow(origin: &Origin, url: &str) -> bool {
    let (Origin::Known(origin) | Origin::Addressed(origin)) = origin;
    let (Ok(from), Ok(to)) = (origin.parse::<Uri>(), url.parse::<Uri>()) else { return false };
    if from.scheme_str() == Some("https") && to.scheme_str() != Some("https") {
        return false;
    }
    let (Some(from), Some(to)) = (from.host(), to.host()) else { return false };
    let (from, to) = (from.to_ascii_lowercase(), to.to_ascii_lowercase());
    to != from && !to.ends_with(&format!(".{from}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_sent_only_where_they_get_an_answer() {
        let cases = [
            ("https://registry.example.org", "https://bucket.s3.eu-central-1.amazonaws.com/a?b=c", true),
            ("http://registry.example.org", "https://s3.example.org/a", true),
            ("http://127.0.0.1:5000", "http://localhost:9000/a", true),
            ("https://registry.example.org", "http://s3.example.org/a", false),
            ("https://registry.example.org", "https://Registry.Example.org:9000/a", false),
            ("https://example.org", "https://s3.example.org/a", false),
            ("https://example.org", "https://notexample.org/a", true),
            ("http://127.0.0.1:5000", "http://127.0.0.1:9000/a", false),
            ("http://[::1]:5000", "http://[::1]:9000/a", false),
        ];
        for (origin, url, expected) in cases {
            assert_eq!(can_follow(&Origin::Known(origin.into()), url), expected, "{origin} to {url}");
        }
    }
}
