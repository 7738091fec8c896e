//! Forms (`application/x-www-form-urlencoded`), read into the types that JSON bodies are read into: their texts become
//! numbers and truth values where such are wanted, and a name that comes several times is a list.

use std::collections::BTreeMap;

use longshore_domain::{Error, Field, Result};
use serde::de::value::{Error as Refusal, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use crate::api_request::{truth, whole};

/// Most fields of a form.
const FIELDS_LIMIT: usize = 10_000;

/// Reads a form.
///
/// # Errors
/// `Invalid` when it is not the document that the operation takes.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let invalid = |reason: String| Error::Invalid {
        field: Field::Body,
        reason: format!("is not as documented: {reason}"),
    };
    if percent_encoding::percent_decode(bytes).decode_utf8().is_err() {
        return Err(invalid("the form is not UTF-8".into()));
    }
    let mut fields: BTreeMap<String, FormField> = BTreeMap::new();
    for (number, (name, value)) in form_urlencoded::parse(bytes).enumerate() {
        if number == FIELDS_LIMIT {
            return Err(invalid(format!("a form may have at most {FIELDS_LIMIT} fields")));
        }
        fields.entry(name.into_owned()).or_default().0.push(value.into_owned());
    }
    T::deserialize(MapDeserializer::new(fields.into_iter()))
        .map_err(|error: Refusal| invalid(error.to_string()))
}

/// The values of one name.
#[derive(Default)]
struct FormField(Vec<String>);

impl FormField {
    fn one(self) -> Result<String, Refusal> {
        let mut values = self.0.into_iter();
        match (values.next(), values.next()) {
            (Some(value), None) => Ok(value),
            _ => Err(Refusal::custom("a field that is no list comes more than once")),
        }
    }
}

impl IntoDeserializer<'_, Refusal> for FormField {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $kind:ty,)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
            let text = self.one()?;
            let number = whole::<$kind>(&text);
            visitor.$visit(number.ok_or_else(|| Refusal::custom("a field must be a whole number in its range"))?)
        })*
    };
}

impl<'de> Deserializer<'de> for FormField {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.0.len() {
            1 => visitor.visit_string(self.one()?),
            _ => self.deserialize_seq(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        let text = self.one()?;
        visitor.visit_bool(truth(&text).ok_or_else(|| Refusal::custom("a field must be true or false"))?)
    }

    numbers! {
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        // An empty value alone is how a form says that a list has nothing.
        let is_empty = matches!(self.0.as_slice(), [only] if only.is_empty());
        let values = if is_empty { Vec::new() } else { self.0 };
        let items = values.into_iter().map(|value| Self(vec![value]));
        visitor.visit_seq(SeqDeserializer::new(items))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        let value: serde::de::value::StringDeserializer<Refusal> = self.one()?.into_deserializer();
        value.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct tuple tuple_struct map struct
        identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, Debug, PartialEq)]
    struct Body {
        name: String,
        #[serde(default)]
        is_private: bool,
        seconds: Option<u32>,
        text: Option<String>,
        #[serde(default)]
        list: Vec<String>,
        either: Option<Either>,
    }

    #[derive(Deserialize, Debug, PartialEq)]
    #[serde(untagged)]
    enum Either {
        List(Vec<String>),
        Text(String),
    }

    #[test]
    fn texts_become_what_is_wanted() {
        let body: Body = parse(
            b"name=a%20b+c&is_private=True&seconds=30.0&text=%C3%A9%0A&list=x&list=y&either=012&other=1",
        )
        .unwrap();
        let expected = Body {
            name: "a b c".into(),
            is_private: true,
            seconds: Some(30),
            text: Some("\u{e9}\n".into()),
            list: vec!["x".into(), "y".into()],
            either: Some(Either::Text("012".into())),
        };
        assert_eq!(body, expected);
        let body: Body = parse(b"name=&text=&list=").unwrap();
        assert!(body.list.is_empty());
        let both: Body = parse(b"name=a&either=x&either=y").unwrap();
        assert_eq!(both.either, Some(Either::List(vec!["x".into(), "y".into()])));
        assert_eq!((body.name.as_str(), body.text.as_deref(), body.seconds), ("", Some(""), None));
    }

    #[test]
    fn what_is_not_as_documented_is_refused() {
        for bad in [
            "",
            "x=1",
            "name=a&name=b",
            "name=a&is_private=yes",
            "name=a&seconds=1.5",
            "name=a&seconds=-1",
            "name=%FF",
            "name=\u{e9}%E9",
        ] {
            assert!(
                matches!(parse::<Body>(bad.as_bytes()), Err(Error::Invalid { field: Field::Body, .. })),
                "{bad}"
            );
        }
        assert!(parse::<Body>("name=a&".repeat(FIELDS_LIMIT + 1).as_bytes()).is_err());
    }
}
