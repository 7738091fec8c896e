//! What attributes there are, of which kind, and what may be done with them.
//!
//! RFC 7643, sections 4, 7 and 8.7. Everything that reads attributes asks these tables: filters, changes, and what of a resource
//! is answered.

use serde_json::{Value, json};

use crate::attribute::AttributePath;

/// Schema of users.
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// Schema of groups.
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// The kind of an attribute's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    String,
    /// `true` or `false`.
    Boolean,
    /// A time.
    DateTime,
    /// The address of a resource.
    Reference,
    /// Parts.
    Complex,
}

/// Who may set an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutability {
    /// The registry alone.
    ReadOnly,
    /// Clients, too.
    ReadWrite,
    /// Clients, when the value comes in.
    Immutable,
    /// Clients, and nobody is told.
    WriteOnly,
}

/// An attribute, or a part of one.
#[derive(Debug)]
pub struct Attribute {
    /// Its name.
    pub name: &'static str,
    /// The kind of its values.
    pub kind: Kind,
    /// Whether it has several values.
    pub is_multi: bool,
    /// Whether a resource must have it.
    pub is_required: bool,
    /// Whether letter case makes a difference.
    pub is_case_exact: bool,
    /// Who may set it.
    pub mutability: Mutability,
    /// `default`, `always` or `never`.
    pub returned: &'static str,
    /// `none` or `server`.
    pub uniqueness: &'static str,
    /// What it is.
    pub description: &'static str,
    /// Parts of each value.
    pub parts: &'static [Attribute],
    /// What references lead to.
    pub references: &'static [&'static str],
}

const TEXT: Attribute = Attribute {
    name: "",
    kind: Kind::String,
    is_multi: false,
    is_required: false,
    is_case_exact: false,
    mutability: Mutability::ReadWrite,
    returned: "default",
    uniqueness: "none",
    description: "",
    parts: &[],
    references: &[],
};

/// A resource type.
#[derive(Debug)]
pub struct Schema {
    /// Its URN.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Where its resources are.
    pub endpoint: &'static str,
    /// What they are.
    pub description: &'static str,
    /// Their attributes.
    pub attributes: &'static [Attribute],
}

/// What all resources have besides.
const COMMON: &[Attribute] = &[
    Attribute {
        name: "schemas",
        is_multi: true,
        mutability: Mutability::ReadOnly,
        returned: "always",
        ..TEXT
    },
    Attribute {
        name: "id",
        is_case_exact: true,
        mutability: Mutability::ReadOnly,
        returned: "always",
        uniqueness: "server",
        ..TEXT
    },
    Attribute { name: "externalId", is_case_exact: true, ..TEXT },
    Attribute {
        name: "meta",
        kind: Kind::Complex,
        mutability: Mutability::ReadOnly,
        parts: &[
            Attribute { name: "resourceType", is_case_exact: true, mutability: Mutability::ReadOnly, ..TEXT },
            Attribute { name: "created", kind: Kind::DateTime, mutability: Mutability::ReadOnly, ..TEXT },
            Attribute {
                name: "lastModified",
                kind: Kind::DateTime,
                mutability: Mutability::ReadOnly,
                ..TEXT
            },
            Attribute { name: "location", is_case_exact: true, mutability: Mutability::ReadOnly, ..TEXT },
            Attribute { name: "version", is_case_exact: true, mutability: Mutability::ReadOnly, ..TEXT },
        ],
        ..TEXT
    },
];

/// Users.
pub static USERS: Schema = Schema {
    id: USER,
    name: "User",
    endpoint: "/Users",
    description: "User Account",
    attributes: &[
        Attribute {
            name: "userName",
            is_required: true,
            uniqueness: "server",
            description: "What the user is found by: the e-mail address.",
            ..TEXT
        },
        Attribute {
            name: "name",
            kind: Kind::Complex,
            description: "The parts of the user's name.",
            parts: &[
                Attribute { name: "familyName", description: "The family name.", ..TEXT },
                Attribute { name: "givenName", description: "The given name.", ..TEXT },
            ],
            ..TEXT
        },
        Attribute {
            name: "displayName",
            mutability: Mutability::ReadOnly,
            description: "The name of the account, which is also its namespace.",
            ..TEXT
        },
        Attribute {
            name: "active",
            kind: Kind::Boolean,
            is_required: true,
            description: "Whether the user can use what the organization gives; without it a new user is active.",
            ..TEXT
        },
        Attribute {
            name: "password",
            is_case_exact: true,
            mutability: Mutability::WriteOnly,
            returned: "never",
            description: "A new password, 10 characters at least; of accounts that the organization made.",
            ..TEXT
        },
        Attribute {
            name: "emails",
            kind: Kind::Complex,
            is_multi: true,
            description: "E-mail addresses, 20 at most.",
            parts: &[
                Attribute { name: "value", description: "The address.", ..TEXT },
                Attribute { name: "display", description: "How it is shown.", ..TEXT },
                Attribute { name: "type", description: "What it is for, such as work.", ..TEXT },
                Attribute {
                    name: "primary",
                    kind: Kind::Boolean,
                    description: "Whether it is the first choice, of one at most.",
                    ..TEXT
                },
            ],
            ..TEXT
        },
        Attribute {
            name: "groups",
            kind: Kind::Complex,
            is_multi: true,
            mutability: Mutability::ReadOnly,
            description: "Teams of the user, up to a thousand; changed through the groups.",
            parts: &[
                Attribute {
                    name: "value",
                    is_case_exact: true,
                    mutability: Mutability::ReadOnly,
                    description: "The id of the group.",
                    ..TEXT
                },
                Attribute {
                    name: "$ref",
                    kind: Kind::Reference,
                    is_case_exact: true,
                    mutability: Mutability::ReadOnly,
                    references: &["Group"],
                    description: "The address of the group.",
                    ..TEXT
                },
                Attribute {
                    name: "display",
                    mutability: Mutability::ReadOnly,
                    description: "What the group is called.",
                    ..TEXT
                },
            ],
            ..TEXT
        },
    ],
};

/// Groups.
pub static GROUPS: Schema = Schema {
    id: GROUP,
    name: "Group",
    endpoint: "/Groups",
    description: "Group",
    attributes: &[
        Attribute {
            name: "displayName",
            is_required: true,
            uniqueness: "server",
            description: "What the group is called. The team has the same name in lower case, or one made from it.",
            ..TEXT
        },
        Attribute {
            name: "members",
            kind: Kind::Complex,
            is_multi: true,
            description: "Who is in the group.",
            parts: &[
                Attribute {
                    name: "value",
                    is_case_exact: true,
                    mutability: Mutability::Immutable,
                    description: "The id of the user.",
                    ..TEXT
                },
                Attribute {
                    name: "$ref",
                    kind: Kind::Reference,
                    is_case_exact: true,
                    mutability: Mutability::Immutable,
                    references: &["User"],
                    description: "The address of the user.",
                    ..TEXT
                },
            ],
            ..TEXT
        },
    ],
};

/// All resource types.
pub static ALL: &[&Schema] = &[&USERS, &GROUPS];

/// Attributes of RFC 7643 that identity providers send and filters may name, and that nobody has here.
const ABSENT: &[&str] = &[
    "addresses",
    "entitlements",
    "ims",
    "locale",
    "nickname",
    "phonenumbers",
    "photos",
    "preferredlanguage",
    "profileurl",
    "roles",
    "timezone",
    "title",
    "usertype",
    "x509certificates",
];

/// Sub-attributes of RFC 7643 that identity providers send and nobody has here.
const ABSENT_PARTS: &[&str] =
    &["$ref", "display", "formatted", "honorificprefix", "honorificsuffix", "middlename", "primary", "type"];

/// What a path leads to.
#[derive(Clone, Copy, Debug)]
pub enum Found {
    /// An attribute, or a part of one.
    Attribute(&'static Attribute, Option<&'static Attribute>),
    /// An attribute that could be there, and that nobody has.
    Absent,
    /// Nothing.
    Unknown,
}

fn named(attributes: &'static [Attribute], name: &str) -> Option<&'static Attribute> {
    attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

impl Attribute {
    /// Finds a part.
    pub fn part(&self, name: &str) -> Option<&'static Attribute> {
        named(self.parts, name)
    }
}

impl Schema {
    /// Finds what a path leads to.
    pub fn find(&self, path: &AttributePath) -> Found {
        if self.is_itself(path) {
            return Found::Unknown;
        }
        if path.schema.as_deref().is_some_and(|schema| !schema.eq_ignore_ascii_case(self.id)) {
            // An extension.
            return Found::Absent;
        }
        let attribute = named(self.attributes, &path.name).or_else(|| named(COMMON, &path.name));
        let Some(attribute) = attribute else {
            return match ABSENT.contains(&path.name.as_str()) {
                true => Found::Absent,
                false => Found::Unknown,
            };
        };
        match &path.part {
            None => Found::Attribute(attribute, None),
            Some(part) => match attribute.part(part) {
                Some(part) => Found::Attribute(attribute, Some(part)),
                None if ABSENT_PARTS.contains(&part.as_str()) && !attribute.parts.is_empty() => Found::Absent,
                None => Found::Unknown,
            },
        }
    }

    /// Returns whether a path is the schema's own name, of which what stands after the last colon looks like an attribute.
    pub fn is_itself(&self, path: &AttributePath) -> bool {
        let is_it = |schema: &String| format!("{schema}:{}", path.name).eq_ignore_ascii_case(self.id);
        path.schema.as_ref().is_some_and(is_it)
    }

    /// Returns the names of all attributes, for messages.
    pub fn names(&self) -> String {
        let common = COMMON.iter().filter(|attribute| attribute.name != "schemas");
        let all: Vec<&str> = common.chain(self.attributes).map(|attribute| attribute.name).collect();
        all.join(", ")
    }

    /// Returns it as clients read it.
    pub fn document(&self, location: &str) -> Value {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "attributes": self.attributes.iter().map(Attribute::document).collect::<Vec<_>>(),
            "meta": { "resourceType": "Schema", "location": location },
        })
    }
}

impl Attribute {
    fn document(&self) -> Value {
        let kind = match self.kind {
            Kind::String => "string",
            Kind::Boolean => "boolean",
            Kind::DateTime => "dateTime",
            Kind::Reference => "reference",
            Kind::Complex => "complex",
        };
        let mutability = match self.mutability {
            Mutability::ReadOnly => "readOnly",
            Mutability::ReadWrite => "readWrite",
            Mutability::Immutable => "immutable",
            Mutability::WriteOnly => "writeOnly",
        };
        let mut document = json!({
            "name": self.name,
            "type": kind,
            "multiValued": self.is_multi,
            "description": self.description,
            "required": self.is_required,
            "mutability": mutability,
            "returned": self.returned,
        });
        match self.kind {
            Kind::Complex => {
                let parts: Vec<Value> = self.parts.iter().map(Self::document).collect();
                document["subAttributes"] = parts.into();
            }
            Kind::Boolean => {}
            Kind::String | Kind::DateTime | Kind::Reference => {
                document["caseExact"] = self.is_case_exact.into();
                document["uniqueness"] = self.uniqueness.into();
            }
        }
        if !self.references.is_empty() {
            document["referenceTypes"] = self.references.into();
        }
        document
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found_in_any_spelling() {
        let find = |text: &str| match USERS.find(&AttributePath::parse(text).unwrap()) {
            Found::Attribute(attribute, part) => {
                format!(
                    "{}{}",
                    attribute.name,
                    part.map(|part| format!(".{}", part.name)).unwrap_or_default()
                )
            }
            Found::Absent => "absent".into(),
            Found::Unknown => "unknown".into(),
        };
        for (text, found) in [
            ("USERNAME", "userName"),
            ("urn:ietf:params:scim:schemas:core:2.0:User:name.familyname", "name.familyName"),
            ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "absent"),
            ("Title", "absent"),
            ("emails.value", "emails.value"),
            ("meta.lastModified", "meta.lastModified"),
            ("emails.other", "unknown"),
            ("surname", "unknown"),
        ] {
            assert_eq!(find(text), found, "{text}");
        }
    }
}
