//! READMEs: CommonMark with tables, as HTML that cannot do anything.
//!
//! What is never made need not be cleaned: raw HTML is shown as the text that it is, links lead to `http`, `https`, `mailto` or
//! below the page, images are links.

use std::fmt::{self, Write};

use pulldown_cmark::{Alignment, CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// Most characters of a README that are rendered; it is stored with at most 25,000 bytes.
const LIMIT_BYTES: usize = 100_000;

/// A rendered README.
pub(crate) struct Readme(String);

impl fmt::Display for Readme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Readme {}

/// Writes a text so that it is no markup.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&#60;"),
            '>' => escaped.push_str("&#62;"),
            '&' => escaped.push_str("&#38;"),
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Returns an address that a link may have.
fn safe_address(address: &str) -> Option<String> {
    let address = address.trim();
    let scheme = address.split_once(':').map(|(scheme, _)| scheme);
    let has_scheme = scheme.is_some_and(|scheme| !scheme.contains(['/', '?', '#']));
    let is_allowed = match has_scheme {
        true => scheme.is_some_and(|scheme| {
            ["http", "https", "mailto"].iter().any(|allowed| scheme.eq_ignore_ascii_case(allowed))
        }),
        // Neither another host's nor one of this registry's own pages.
        false => !address.starts_with(['/', '\\']),
    };
    (is_allowed && !address.chars().any(char::is_control)).then(|| escape(address))
}

/// The headings of a page begin with those of the page itself.
fn level(level: HeadingLevel) -> u8 {
    (level as u8 + 2).min(6)
}

fn start(html: &mut String, tag: &Tag<'_>, columns: &[Alignment], column: usize) {
    let _ = match tag {
        Tag::Paragraph => write!(html, "<p>"),
        Tag::Heading { level: heading, .. } => write!(html, "<h{}>", level(*heading)),
        Tag::BlockQuote(_) => write!(html, "<blockquote>"),
        Tag::CodeBlock(CodeBlockKind::Fenced(_) | CodeBlockKind::Indented) => {
            write!(html, "<pre tabindex=\"0\"><code>")
        }
        Tag::List(Some(1)) => write!(html, "<ol>"),
        Tag::List(Some(first)) => write!(html, "<ol start=\"{first}\">"),
        Tag::List(None) => write!(html, "<ul>"),
        Tag::Item => write!(html, "<li>"),
        Tag::Table(_) => {
            write!(html, "<div class=\"table\" tabindex=\"0\" role=\"group\" aria-label=\"Table\"><table>")
        }
        Tag::TableHead => write!(html, "<thead><tr>"),
        Tag::TableRow => write!(html, "<tr>"),
        Tag::TableCell => match columns.get(column) {
            Some(Alignment::Right) => write!(html, "<td class=\"num\">"),
            _ => write!(html, "<td>"),
        },
        Tag::Emphasis => write!(html, "<em>"),
        Tag::Strong => write!(html, "<strong>"),
        Tag::Strikethrough => write!(html, "<del>"),
        Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => match safe_address(dest_url) {
            Some(address) => write!(html, "<a href=\"{address}\" rel=\"nofollow noopener ugc\">"),
            None => write!(html, "<span>"),
        },
        _ => Ok(()),
    };
}

fn end(html: &mut String, tag: TagEnd) {
    let text = match tag {
        TagEnd::Paragraph => "</p>\n",
        TagEnd::Heading(heading) => {
            let _ = writeln!(html, "</h{}>", level(heading));
            return;
        }
        TagEnd::BlockQuote(_) => "</blockquote>\n",
        TagEnd::CodeBlock => "</code></pre>\n",
        TagEnd::List(true) => "</ol>\n",
        TagEnd::List(false) => "</ul>\n",
        TagEnd::Item => "</li>\n",
        TagEnd::Table => "</tbody></table></div>\n",
        TagEnd::TableHead => "</tr></thead><tbody>\n",
        TagEnd::TableRow => "</tr>\n",
        TagEnd::TableCell => "</td>",
        TagEnd::Emphasis => "</em>",
        TagEnd::Strong => "</strong>",
        TagEnd::Strikethrough => "</del>",
        _ => "",
    };
    html.push_str(text);
}

/// Renders a README.
pub(crate) fn render(text: &str) -> Readme {
    let end_at = text.floor_char_boundary(text.len().min(LIMIT_BYTES));
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let mut html = String::with_capacity(2 * end_at);
    let (mut columns, mut column, mut links) = (Vec::new(), 0, Vec::new());
    for event in Parser::new_ext(&text[..end_at], options) {
        match event {
            Event::Start(tag) => {
                match &tag {
                    Tag::Table(alignments) => columns.clone_from(alignments),
                    Tag::TableHead | Tag::TableRow => column = 0,
                    Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                        links.push(safe_address(dest_url).is_some());
                    }
                    _ => {}
                }
                start(&mut html, &tag, &columns, column);
            }
            Event::End(TagEnd::Link | TagEnd::Image) => {
                html.push_str(if links.pop() == Some(true) { "</a>" } else { "</span>" });
            }
            Event::End(tag) => {
                column += usize::from(matches!(tag, TagEnd::TableCell));
                end(&mut html, tag);
            }
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => html.push_str(&escape(&text)),
            Event::Code(text) => {
                let _ = write!(html, "<code>{}</code>", escape(&text));
            }
            Event::SoftBreak => html.push('\n'),
            Event::HardBreak => html.push_str("<br>\n"),
            Event::Rule => html.push_str("<hr>\n"),
            _ => {}
        }
    }
    Readme(html)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(text: &str) -> String {
        render(text).to_string()
    }

    #[test]
    fn what_people_write_is_rendered() {
        assert_eq!(
            html("# App\n\nWhat *it* **is**.\n"),
            "<h3>App</h3>\n<p>What <em>it</em> <strong>is</strong>.</p>\n"
        );
        assert_eq!(html("- a\n- b"), "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n".replace("<ul>\n", "<ul>"));
        assert!(html("| a | b |\n|---|--:|\n| 1 | 2 |").contains("<td>1</td><td class=\"num\">2</td>"));
        assert!(html("```\n<b>\n```").contains("&#60;b&#62;"));
        assert_eq!(
            html("[docs](https://r.example/a?b=\"c)"),
            "<p><a href=\"https://r.example/a?b=&#34;c\" rel=\"nofollow noopener ugc\">docs</a></p>\n"
        );
    }

    #[test]
    fn nothing_that_does_something_is_made() {
        for hostile in [
            "<script>alert(1)</script>",
            "a <img src=x onerror=alert(1)> b",
            "<style>*{}</style>",
            "<svg/onload=alert(1)>",
            "[a](javascript:alert(1))",
            "[a](JaVaScRiPt:alert(1))",
            "[a](data:text/html,<script>)",
            "[a](//evil.example/)",
            "[a](/ui/sign-out)",
            "[a](\\\\evil.example)",
            "![a](https://evil.example/pixel.png)",
            "![a](javascript:1)",
            "[a](<java\nscript:alert(1)>)",
            "[a]: javascript:alert(1)\n[a]",
            "<https://a.example/\"onmouseover=\"alert(1)>",
        ] {
            let html = html(hostile).to_ascii_lowercase();
            for mark in [
                "<script",
                "<img",
                "<style",
                "<svg",
                "href=\"javascript",
                "href=\"data",
                "href=\"/",
                "href=\"\\",
            ] {
                assert!(!html.contains(mark), "{hostile}: {html}");
            }
            assert!(!html.contains("\"onmouseover"), "{html}");
        }
    }
}
