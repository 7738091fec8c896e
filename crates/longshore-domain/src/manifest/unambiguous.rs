//! JSON that all readers understand alike.
//!
//! Readers disagree on a key that stands twice, and Go's decoder takes a key in other letter case for the real one: to
//! it `Layers` is `layers`, to others it is a key that nobody knows. A document with either could be one thing to the
//! registry and another to whoever pulls it (the class of CVE-2021-41190), so it is refused.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::name::shorten;

/// Where in a document a value stands, which decides what keys an object there has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A manifest or index.
    Manifest,
    /// A descriptor, or none (`null`).
    Descriptor,
    /// A list of descriptors.
    Descriptors,
    /// The platform in a descriptor.
    Platform,
    /// An image's configuration.
    Config,
    /// The steps by which an image was made.
    Steps,
    /// One of them.
    Step,
    /// Anything else in a manifest: keys are free, but none stands twice.
    Free,
    /// Anything else in a configuration: not looked at.
    Unread,
}

impl Place {
    /// Returns the keys that readers know here.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Manifest => &[
                "schemaVersion",
                "mediaType",
                "artifactType",
                "config",
                "layers",
                "blobs",
                "manifests",
                "subject",
                "annotations",
                "fsLayers",
                "history",
                "signatures",
            ],
            Self::Descriptor => {
                &["mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType"]
            }
            Self::Platform => &["architecture", "os", "os.version", "os.features", "variant", "features"],
            Self::Config => &[
                "architecture",
                "os",
                "os.version",
                "os.features",
                "variant",
                "created",
                "author",
                "config",
                "rootfs",
                "history",
            ],
            Self::Step => &["created", "created_by", "author", "comment", "empty_layer"],
            Self::Descriptors | Self::Steps | Self::Free | Self::Unread => &[],
        }
    }

    /// Returns the place of the value of a key.
    fn of_value(self, key: &str) -> Self {
        match (self, key) {
            (Self::Manifest, "config" | "subject") => Self::Descriptor,
            (Self::Manifest, "layers" | "blobs" | "manifests") => Self::Descriptors,
            (Self::Descriptor, "platform") => Self::Platform,
            (Self::Config, "history") => Self::Steps,
            (Self::Config | Self::Step, _) => Self::Unread,
            _ => Self::Free,
        }
    }

    /// Returns the place of the elements of a list; `None` where an object is wanted.
    fn of_element(self) -> Option<Self> {
        match self {
            Self::Descriptors => Some(Self::Descriptor),
            Self::Steps => Some(Self::Step),
            Self::Free => Some(Self::Free),
            Self::Unread => Some(Self::Unread),
            Self::Manifest | Self::Descriptor | Self::Platform | Self::Config | Self::Step => None,
        }
    }
}

/// Checks that a manifest, or what claims to be one, is a JSON object that all readers understand alike. Depth is limited
/// by the JSON library (128).
///
/// # Errors
/// Those of the JSON library, with a message for whoever wrote the document.
pub(super) fn check_manifest(text: &str) -> serde_json::Result<()> {
    check(text, Place::Manifest)
}

/// Checks that an image's configuration is a JSON object that all readers understand alike, as far as the registry reads it.
///
/// # Errors
/// As [`check_manifest`]; [`serde_json::Error::is_data`] tells an ambiguous one from what is no JSON at all.
pub(super) fn check_config(text: &str) -> serde_json::Result<()> {
    check(text, Place::Config)
}

fn check(text: &str, place: Place) -> serde_json::Result<()> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    (&mut deserializer).deserialize_map(Checker(place))?;
    deserializer.end()
}

/// Returns whether Go's decoder takes a key for a known one, of ASCII letters, that it is not: `ſ` and the sign for Kelvin
/// count as `s` and `k` there.
fn is_in_other_letter_case(key: &str, known: &str) -> bool {
    let fold = |letter: char| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    key != known && key.chars().map(fold).eq(known.chars().map(fold))
}

struct Checker(Place);

impl<'de> DeserializeSeed<'de> for Checker {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.0 {
            Place::Unread => deserializer.deserialize_ignored_any(IgnoredAny).map(drop),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Checker {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        // Some decoders take the values of a list for the members of an object in their order.
        let Some(place) = self.0.of_element() else {
            return Err(A::Error::custom("there is a list where an object belongs"));
        };
        while seq.next_element_seed(Checker(place))?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut keys = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if keys.contains(&key) {
                return Err(A::Error::custom(format!("the key {:?} stands twice", shorten(&key))));
            }
            let known = self.0.keys();
            if let Some(known) = known.iter().find(|known| is_in_other_letter_case(&key, known)) {
                return Err(A::Error::custom(format!(
                    "the key {:?} must be written {known:?}: readers disagree on what it means",
                    shorten(&key)
                )));
            }
            map.next_value_seed(Checker(self.0.of_value(&key)))?;
            keys.insert(key);
        }
        Ok(())
    }
}
