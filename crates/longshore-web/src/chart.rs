//! Plots, as SVG with their numbers in a table. Colors are classes of the style sheet.

use std::fmt::{self, Write};

use crate::markdown::escape;

/// Most points of a plot.
const POINTS_LIMIT: usize = 366;

/// A picture.
pub(crate) struct Svg(String);

impl fmt::Display for Svg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Svg {}

/// Makes a bar of a row: what part of a whole something is, and what of that is its own.
pub(crate) fn bar(own: u64, all: u64, whole: u64, name: &str) -> Svg {
    let width = |part: u64| if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 };
    let own = own.min(all);
    Svg(format!(
        "<svg class=\"chart\" viewBox=\"0 0 100 6\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\"><rect class=\"shared\" width=\"{:.2}\" height=\"6\"/><rect class=\"own\" width=\"{:.2}\" height=\"6\"/></svg>",
        escape(name),
        width(all),
        width(own),
    ))
}

/// Makes a small line without axes, as wide as a word.
pub(crate) fn sparkline(values: &[u64], name: &str) -> Svg {
    let values = &values[..values.len().min(POINTS_LIMIT)];
    let most = values.iter().copied().max().unwrap_or_default().max(1) as f64;
    let steps = values.len().saturating_sub(1).max(1) as f64;
    let mut points = String::new();
    for (number, value) in values.iter().enumerate() {
        let _ =
            write!(points, "{:.1},{:.1} ", number as f64 * 96.0 / steps, 22.0 - *value as f64 * 20.0 / most);
    }
    Svg(format!(
        "<svg class=\"chart spark\" viewBox=\"0 0 96 24\" role=\"img\" aria-label=\"{}\"><polyline class=\"line\" points=\"{}\"/></svg>",
        escape(name),
        points.trim_end(),
    ))
}

/// A plot of one value a day.
pub(crate) struct Days<'d> {
    /// What is to be seen, in words.
    pub(crate) name: &'d str,
    /// Days, and the value of each.
    pub(crate) values: &'d [(String, u64)],
    /// How values are written.
    pub(crate) written: fn(u64) -> String,
}

impl Days<'_> {
    /// Draws a bar for each day, with the scale at three lines.
    pub(crate) fn bars(&self) -> Svg {
        let values = &self.values[..self.values.len().min(POINTS_LIMIT)];
        let most = values.iter().map(|(_, value)| *value).max().unwrap_or_default();
        let top = most.max(1) as f64;
        let mut svg = format!(
            "<svg class=\"chart\" viewBox=\"0 0 640 160\" role=\"img\" aria-label=\"{}\">",
            escape(self.name)
        );
        for (share, y) in [(1.0, 12.0), (0.5, 74.0), (0.0, 136.0)] {
            let value = (self.written)((most as f64 * share) as u64);
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"64\" x2=\"640\" y1=\"{y}\" y2=\"{y}\"/><text x=\"60\" y=\"{}\" text-anchor=\"end\">{}</text>",
                y + 4.0,
                escape(&value)
            );
        }
        let step = 576.0 / values.len().max(1) as f64;
        for (number, (day, value)) in values.iter().enumerate() {
            let height = *value as f64 * 124.0 / top;
            let _ = write!(
                svg,
                "<rect class=\"bar\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\"><title>{}: {}</title></rect>",
                64.0 + number as f64 * step + step * 0.15,
                136.0 - height,
                step * 0.7,
                escape(day),
                escape(&(self.written)(*value)),
            );
        }
        if let (Some((first, _)), Some((last, _))) = (values.first(), values.last()) {
            let _ = write!(
                svg,
                "<text x=\"64\" y=\"154\">{}</text><text x=\"640\" y=\"154\" text-anchor=\"end\">{}</text>",
                escape(first),
                escape(last)
            );
        }
        svg.push_str("</svg>");
        Svg(svg)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_and_lines_stay_in_their_frame_whatever_the_numbers_are() {
        let written = |value: u64| value.to_string();
        for values in [vec![], vec![0], vec![0, 0], vec![u64::MAX, 0, 1], vec![7; 400]] {
            let days: Vec<_> = values.iter().map(|value| ("<day>".to_owned(), *value)).collect();
            let svg = Days { name: "\"stored\"", values: &days, written }.bars().to_string();
            assert!(svg.starts_with("<svg") && svg.ends_with("</svg>"), "{svg}");
            assert!(!svg.contains("NaN") && !svg.contains("inf") && !svg.contains("<day>"), "{svg}");
            let line = sparkline(&values, "stored").to_string();
            assert!(!line.contains("NaN") && !line.contains("inf"), "{line}");
        }
        for (own, all, whole) in [(0, 0, 0), (1, 2, 4), (5, 2, 4), (u64::MAX, u64::MAX, 1)] {
            assert!(!bar(own, all, whole, "a<b").to_string().contains("a<b"));
        }
        assert!(bar(1, 2, 4, "").to_string().contains("width=\"50.00\""));
    }
}
