//! What organizations decide: which images their members may use.

use crate::name::Namespace;

/// Which images the members of an organization may pull. Its own are always among them.
///
/// Docker Hub API, "Org Settings", `restricted_images`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImageRestriction {
    /// Whether anything is restricted; the other two have effect only then.
    pub is_enabled: bool,
    /// Whether official images (`library/…`) are allowed.
    pub allows_official_images: bool,
    /// Whether images of verified publishers are allowed.
    pub allows_verified_publishers: bool,
}

/// An organization that somebody is a member of, with what it restricts.
#[derive(Clone, Debug)]
pub struct RestrictingOrganization {
    /// The organization.
    pub name: Namespace,
    /// What it restricts.
    pub restriction: ImageRestriction,
}

/// A namespace as a member of restricting organizations sees it.
#[derive(Clone, Copy, Debug)]
pub struct PulledNamespace<'n> {
    /// Its name.
    pub name: &'n Namespace,
    /// True for a verified publisher.
    pub is_verified_publisher: bool,
    /// True for an organization that the one who pulls is a member of.
    pub is_of_own_organization: bool,
}

/// Finds an organization that does not let its members pull from a namespace.
pub fn refusing<'o>(
    namespace: PulledNamespace<'_>,
    organizations: &'o [RestrictingOrganization],
) -> Option<&'o RestrictingOrganization> {
    let is_official = *namespace.name == Namespace::library();
    organizations.iter().filter(|organization| organization.restriction.is_enabled).find(|organization| {
        let ImageRestriction { allows_official_images, allows_verified_publishers, .. } =
            organization.restriction;
        let is_allowed = namespace.is_of_own_organization
            || (is_official && allows_official_images)
            || (namespace.is_verified_publisher && allows_verified_publishers);
        !is_allowed
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_pull_what_every_organization_of_theirs_allows() {
        let organization = |name: &str, official, verified| RestrictingOrganization {
            name: name.parse().unwrap(),
            restriction: ImageRestriction {
                is_enabled: true,
                allows_official_images: official,
                allows_verified_publishers: verified,
            },
        };
        let [library, publisher, other] = ["library", "publisher", "other"].map(|name| name.parse().unwrap());
        let seen =
            |name| PulledNamespace { name, is_verified_publisher: false, is_of_own_organization: false };
        let verified = PulledNamespace { is_verified_publisher: true, ..seen(&publisher) };
        let own = PulledNamespace { is_of_own_organization: true, ..seen(&other) };
        let allowed = |organizations: &[RestrictingOrganization]| {
            [seen(&library), verified, seen(&other), own]
                .map(|namespace| refusing(namespace, organizations).is_none())
        };
        assert_eq!(allowed(&[]), [true; 4]);
        assert_eq!(allowed(&[organization("a", false, false)]), [false, false, false, true]);
        assert_eq!(allowed(&[organization("a", true, false)]), [true, false, false, true]);
        assert_eq!(allowed(&[organization("a", false, true)]), [false, true, false, true]);
        let both = [organization("a", true, true), organization("b", true, false)];
        assert_eq!(allowed(&both), [true, false, false, true]);
        assert_eq!(refusing(verified, &both).unwrap().name.as_str(), "b");
        let mut off = organization("a", false, false);
        off.restriction.is_enabled = false;
        assert_eq!(allowed(&[off]), [true; 4]);
    }
}
