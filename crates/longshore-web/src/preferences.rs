//! How somebody wants pages to look and behave, kept in a cookie, signed in or not.

/// Colors of the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Theme {
    /// As the system has it.
    #[default]
    System,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Theme {
    pub(crate) const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// Programs that pull images, as commands are shown for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tool {
    /// `docker pull`.
    #[default]
    Docker,
    /// `podman pull`.
    Podman,
    /// `crane pull`.
    Crane,
    /// `skopeo copy`.
    Skopeo,
    /// `helm pull`.
    Helm,
    /// The line of a Kubernetes manifest.
    Kubernetes,
    /// The reference alone.
    Reference,
}

impl Tool {
    pub(crate) const ALL: [Self; 7] = [
        Self::Docker,
        Self::Podman,
        Self::Crane,
        Self::Skopeo,
        Self::Helm,
        Self::Kubernetes,
        Self::Reference,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Crane => "crane",
            Self::Skopeo => "skopeo",
            Self::Helm => "helm",
            Self::Kubernetes => "kubernetes",
            Self::Reference => "reference",
        }
    }

    /// Returns the command that pulls an image, by its reference with the host.
    pub(crate) fn command(self, reference: &str) -> String {
        match self {
            Self::Docker => format!("docker pull {reference}"),
            Self::Podman => format!("podman pull {reference}"),
            Self::Crane => format!("crane pull {reference} image.tar"),
            Self::Skopeo => format!("skopeo copy docker://{reference} oci:image"),
            Self::Helm => format!("helm pull oci://{reference}"),
            Self::Kubernetes => format!("image: {reference}"),
            Self::Reference => reference.to_owned(),
        }
    }
}

/// What somebody prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Preferences {
    pub(crate) theme: Theme,
    /// Rows of a page.
    pub(crate) rows: u64,
    pub(crate) tool: Tool,
    /// Whether single keys do something.
    pub(crate) has_keys: bool,
}

/// Rows that a page can have.
pub(crate) const ROWS: [u64; 3] = [50, 100, 200];

impl Default for Preferences {
    fn default() -> Self {
        Self { theme: Theme::default(), rows: ROWS[0], tool: Tool::default(), has_keys: true }
    }
}

impl Preferences {
    /// Reads them from a cookie, in which a later word counts more; what is not understood is as usual.
    pub(crate) fn read(text: &str) -> Self {
        let mut preferences = Self::default();
        for word in text.split('.') {
            if let Some(theme) = Theme::ALL.into_iter().find(|theme| theme.as_str() == word) {
                preferences.theme = theme;
            } else if let Some(tool) = Tool::ALL.into_iter().find(|tool| tool.as_str() == word) {
                preferences.tool = tool;
            } else if let Some(rows) = ROWS.into_iter().find(|rows| rows.to_string() == word) {
                preferences.rows = rows;
            } else if let Some(has_keys) =
                [("keys", true), ("nokeys", false)].iter().find(|known| known.0 == word)
            {
                preferences.has_keys = has_keys.1;
            }
        }
        preferences
    }

    /// Writes them for a cookie.
    pub(crate) fn write(self) -> String {
        let keys = if self.has_keys { "keys" } else { "nokeys" };
        format!("{}.{}.{}.{keys}", self.theme.as_str(), self.tool.as_str(), self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_are_read_as_they_were_written() {
        let some = Preferences { theme: Theme::Dark, rows: 200, tool: Tool::Helm, has_keys: false };
        for preferences in [some, Preferences::default()] {
            assert_eq!(Preferences::read(&preferences.write()), preferences);
        }
        for odd in ["", "pink.9999", "....", "\u{0}"] {
            assert_eq!(Preferences::read(odd), Preferences::default(), "{odd:?}");
        }
    }
}
