//! Pictures of the pages for the documentation. `LONGSHORE_ACCEPT_PICTURES=1` writes those of now into `docs/pictures`.

use std::path::Path;

use super::Visit;
use super::accessible::fill;

#[test]
fn pages_are_pictured() {
    let visit = Visit::new();
    let digest = fill(&visit.server);
    visit.sign_in("alice");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/pictures");
    let image = format!("/ui/r/alice/team/app/-/images/{digest}");
    let pages = [
        ("home", "/ui/"),
        ("repository", "/ui/r/alice/team/app"),
        ("tags", "/ui/r/alice/many/-/tags"),
        ("image", &image),
        ("images", "/ui/r/alice/team/app/-/images"),
        ("access", "/ui/r/alice/team/app/-/access"),
    ];
    for (name, path) in pages {
        for colors in ["light", "dark"] {
            visit.go(path);
            visit.browser.prefer(colors);
            visit.browser.look_through(1280, 800);
            let picture = visit.browser.picture();
            // What is all of one color is a few kilobytes.
            assert!(
                picture.starts_with(b"\x89PNG") && picture.len() > 20_000,
                "{name} {colors}: {}",
                picture.len()
            );
            if std::env::var_os("LONGSHORE_ACCEPT_PICTURES").is_some() {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(folder.join(format!("{name}-{colors}.png")), picture).unwrap();
            }
        }
    }
}
