//! The files that pages load: a style sheet, a script, icons. They are in the program; their addresses have the beginning of
//! their digest, so that browsers keep them for good.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use longshore_api_common::{Response, body};
use longshore_domain::digest::{Algorithm, Digest};

use crate::compression::{accepts_gzip, gzip};

/// Beginning of the paths of these files.
pub(crate) const STATIC: &str = "/ui/static/";
/// Digits of the digest in an address.
const DIGITS: usize = 8;

/// Name, ending, media type, content.
const FILES: &[(&str, &str, &str, &str)] = &[
    ("ui", "css", "text/css; charset=utf-8", include_str!("../assets/ui.css")),
    ("ui", "js", "text/javascript; charset=utf-8", include_str!("../assets/ui.js")),
    ("icons", "svg", "image/svg+xml", include_str!("../assets/icons.svg")),
    ("mark", "svg", "image/svg+xml", include_str!("../assets/mark.svg")),
];

struct Asset {
    name: &'static str,
    ending: &'static str,
    media_type: &'static str,
    digest: String,
    plain: Bytes,
    compressed: Bytes,
}

/// The files, compressed once.
pub(crate) struct Assets(Vec<Asset>);

impl Assets {
    pub(crate) fn new() -> Self {
        let assets = FILES.iter().map(|(name, ending, media_type, content)| {
            let digest = Digest::of(Algorithm::Sha256, content.as_bytes()).to_string();
            Asset {
                name,
                ending,
                media_type,
                digest: digest.trim_start_matches("sha256:").chars().take(DIGITS).collect(),
                plain: Bytes::from_static(content.as_bytes()),
                compressed: gzip(content.as_bytes(), 9).into(),
            }
        });
        Self(assets.collect())
    }

    /// Returns the path of a file such as `ui.css`.
    pub(crate) fn path(&self, file: &str) -> String {
        let found = self.0.iter().find(|asset| file == format!("{}.{}", asset.name, asset.ending));
        match found {
            Some(asset) => format!("{STATIC}{}.{}.{}", asset.name, asset.digest, asset.ending),
            None => STATIC.to_owned(),
        }
    }

    /// Answers a request for a file. One whose digest is another one's, of another version on another node, gets the file of
    /// this version, which is not to be kept then.
    pub(crate) fn find(&self, path: &str, headers: &HeaderMap) -> Option<Response> {
        let mut parts = path.strip_prefix(STATIC)?.split('.');
        let (name, digest, ending) = (parts.next()?, parts.next()?, parts.next()?);
        let asset = self.0.iter().find(|asset| (asset.name, asset.ending) == (name, ending))?;
        if parts.next().is_some() {
            return None;
        }
        let is_compressed = accepts_gzip(headers);
        let content = if is_compressed { &asset.compressed } else { &asset.plain };
        let mut response = Response::new(body::full(content.clone()));
        *response.status_mut() = StatusCode::OK;
        let headers = response.headers_mut();
        let kept = match digest == asset.digest {
            true => "public, max-age=31536000, immutable",
            false => "no-cache",
        };
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
        if let Ok(tag) =
            HeaderValue::from_str(&format!("\"{}{}\"", asset.digest, if is_compressed { "z" } else { "" }))
        {
            headers.insert(header::ETAG, tag);
        }
        if is_compressed {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        Some(response)
    }

    /// Returns the size of a file as it is sent, compressed.
    #[cfg(test)]
    fn sent_bytes(&self, name: &str, ending: &str) -> usize {
        let found = self.0.iter().find(|asset| (asset.name, asset.ending) == (name, ending));
        found.map(|asset| asset.compressed.len()).unwrap_or_default()
    }
}

/// Returns a color of the style sheet by its name, for what is checked of it.
#[cfg(test)]
fn declared<'c>(css: &'c str, name: &str) -> Vec<&'c str> {
    let wanted = format!("--{name}:");
    css.match_indices(&wanted)
        .map(|(at, _)| css[at + wanted.len()..].split([';', '}']).next().unwrap_or_default().trim())
        .collect()
}

/// Makes a text that stands in an address.
pub(crate) fn encoded(text: &str) -> Cow<'_, str> {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn script_styles_and_icons_stay_small() {
        let assets = Assets::new();
        for (name, ending, limit_bytes) in [("ui", "js", 8000), ("ui", "css", 8000), ("icons", "svg", 5000)] {
            let sent = assets.sent_bytes(name, ending);
            assert!(0 < sent && sent < limit_bytes, "{name}.{ending} has {sent} bytes");
        }
    }

    #[test]
    fn a_file_is_kept_for_good_under_its_own_digest_only() {
        let assets = Assets::new();
        let path = assets.path("ui.css");
        let kept = |path: &str| {
            let response = assets.find(path, &HeaderMap::new())?;
            Some(response.headers()[header::CACHE_CONTROL].to_str().unwrap().to_owned())
        };
        assert_eq!(kept(&path).as_deref(), Some("public, max-age=31536000, immutable"));
        assert_eq!(kept("/ui/static/ui.00000000.css").as_deref(), Some("no-cache"));
        for other in ["/ui/static/ui.css", "/ui/static/ui.0.css.map", "/ui/static/", "/ui/static/x.0.css"] {
            assert_eq!(kept(other), None, "{other}");
        }
    }

    /// Relative luminance (WCAG 2.2, "relative luminance").
    fn luminance(color: &str) -> f64 {
        let digits = color.trim_start_matches('#');
        let channel = |number: usize| {
            let text = match digits.len() {
                3 => digits[number..=number].repeat(2),
                _ => digits[2 * number..2 * number + 2].to_owned(),
            };
            let value = f64::from(u8::from_str_radix(&text, 16).unwrap()) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(0) + 0.7152 * channel(1) + 0.0722 * channel(2)
    }

    #[test]
    fn texts_can_be_read_on_what_they_stand_on() {
        let css = include_str!("../assets/ui.css");
        let pairs = [
            ("text", "bg", 4.5),
            ("text", "surface", 4.5),
            ("text", "sunken", 4.5),
            ("text", "soft", 4.5),
            ("muted", "bg", 4.5),
            ("muted", "surface", 4.5),
            ("muted", "sunken", 4.5),
            ("muted", "soft", 4.5),
            ("accent", "bg", 4.5),
            ("accent", "surface", 4.5),
            ("accent", "sunken", 4.5),
            ("accent", "soft", 4.5),
            ("on-accent", "accent", 4.5),
            ("on-accent", "danger", 4.5),
            ("danger", "danger-soft", 4.5),
            ("warn", "warn-soft", 4.5),
            ("ok", "ok-soft", 4.5),
            ("edge", "bg", 3.0),
            ("edge", "surface", 3.0),
            ("edge", "sunken", 3.0),
            ("c1", "surface", 3.0),
            ("c2", "surface", 3.0),
            ("c3", "surface", 3.0),
            ("c4", "surface", 3.0),
            ("c5", "surface", 3.0),
            ("c6", "surface", 3.0),
        ];
        for (front, back, least) in pairs {
            let (fronts, backs) = (declared(css, front), declared(css, back));
            assert_eq!(
                (fronts.len(), backs.len()),
                (3, 3),
                "light, dark by the system, dark by choice: {front}"
            );
            for (front_color, back_color) in fronts.iter().zip(&backs) {
                let [one, other] = [luminance(front_color), luminance(back_color)];
                let ratio = (one.max(other) + 0.05) / (one.min(other) + 0.05);
                assert!(ratio >= least, "{front} {front_color} on {back} {back_color}: {ratio:.2}");
            }
        }
    }
}
