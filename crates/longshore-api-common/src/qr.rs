//! QR codes.

use longshore_domain::{Error, Result};
use qrcode::QrCode;
use qrcode::render::svg;

/// Smallest width and height in pixels.
const PIXELS: u32 = 240;

/// Makes the QR code of a text, as an SVG document with its quiet zone.
///
/// # Errors
/// `Internal` for a text that is too long for one.
pub fn svg_of(text: &str) -> Result<String> {
    let code = QrCode::new(text).map_err(Error::internal)?;
    Ok(code.render::<svg::Color<'_>>().min_dimensions(PIXELS, PIXELS).build())
}
