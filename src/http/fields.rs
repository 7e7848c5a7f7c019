//! Queries, forms and JSON, read strictly: nothing twice, no NUL, only UTF-8, only into structs.

use std::borrow::Cow;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt, LengthLimitError};
use percent_encoding::percent_decode;
use serde::de::value::{CowStrDeserializer, MapDeserializer};
use serde::de::{self, DeserializeOwned, Deserializer, Expected, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::error::{Code, Error};

/// The query. Unknown parameters are ignored; a known one given twice is an error.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

/// A body of `application/x-www-form-urlencoded`. Unknown fields are ignored; a known one given twice is an error.
#[derive(Debug, Clone, Copy)]
pub struct Form<T>(pub T);

/// A form with nothing to fill in: what it says is in its address.
#[derive(Debug, serde::Deserialize)]
pub struct CsrfField {
    /// What proves that the form is one of ours.
    pub csrf: String,
}

/// A body of either type; without a body, as an empty form.
#[derive(Debug, Clone, Copy)]
pub struct JsonOrForm<T>(pub T);

/// A body of `application/json`, and nothing else.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        read_urlencoded(parts.uri.query().unwrap_or_default().as_bytes()).map(Self)
    }
}

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Form<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        match media_type(request.headers())? {
            Media::Form => read_urlencoded(&whole_body(request).await?).map(Self),
            _ => Err(unsupported("application/x-www-form-urlencoded")),
        }
    }
}

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for JsonOrForm<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let media = media_type(request.headers())?;
        let body = whole_body(request).await?;
        match media {
            Media::Form => read_urlencoded(&body).map(Self),
            Media::Json => read_json(&body).map(Self),
            Media::None if body.is_empty() => read_urlencoded(b"").map(Self),
            _ => Err(unsupported("application/json or application/x-www-form-urlencoded")),
        }
    }
}

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        match media_type(request.headers())? {
            Media::Json => read_json(&whole_body(request).await?).map(Self),
            _ => Err(unsupported("application/json")),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Media {
    Form,
    Json,
    None,
    Other,
}

/// What the body says to be; a compressed body is nothing we read.
fn media_type(headers: &HeaderMap) -> Result<Media, Error> {
    if headers.get(CONTENT_ENCODING).is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Error::new(Code::UnsupportedMediaType).detail("Compressed bodies are not read."));
    }
    let mut all = headers.get_all(CONTENT_TYPE).iter();
    let (first, second) = (all.next(), all.next());
    if second.is_some() {
        return Err(Error::bad_request("There is more than one Content-Type."));
    }
    let Some(value) = first.map(HeaderValue::as_bytes) else { return Ok(Media::None) };
    let essence = value.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
    Ok(if essence.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
        Media::Form
    } else if essence.eq_ignore_ascii_case(b"application/json") {
        Media::Json
    } else {
        Media::Other
    })
}

fn unsupported(expected: &str) -> Error {
    Error::new(Code::UnsupportedMediaType).detail(format!("The Content-Type has to be {expected}."))
}

async fn whole_body(request: Request) -> Result<Bytes, Error> {
    match request.into_body().collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => Err(unreadable(error)),
    }
}

/// What it means that a body could not be read to its end.
fn unreadable(error: axum::Error) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(this) = cause {
        if this.is::<LengthLimitError>() {
            return Error::new(Code::PayloadTooLarge);
        }
        cause = this.source();
    }
    Error::bad_request("The body broke off.").because(error)
}

/// Reads JSON text into a struct.
pub fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let text = std::str::from_utf8(body).map_err(|_| Error::bad_request("The body is not UTF-8."))?;
    if holds_escaped_nul(text) {
        return Err(Error::bad_request("The body holds a NUL."));
    }
    serde_json::from_str(text).map_err(|error| Error::bad_request(unfit(&error)))
}

/// What is wrong, without repeating what was sent.
fn unfit(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let repeats = ["invalid type", "invalid value", "unknown variant"].iter().any(|start| said.starts_with(start));
    if repeats {
        let (line, column) = (error.line(), error.column());
        return format!("A value is not what is expected, at line {line} column {column}.");
    }
    format!("The body is not what is expected: {said}.")
}

/// Whether a JSON string in the text holds `\u0000`.
fn holds_escaped_nul(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|&byte| byte == b'\\') {
        rest = &rest[at + 1..];
        if rest.starts_with(b"u0000") {
            return true;
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    false
}

/// Reads `a=b&c=d` into a struct.
pub fn read_urlencoded<T: DeserializeOwned>(raw: &[u8]) -> Result<T, Error> {
    let mut pairs = Vec::new();
    for part in raw.split(|&byte| byte == b'&').filter(|part| !part.is_empty()) {
        let (name, value) = match part.iter().position(|&byte| byte == b'=') {
            Some(at) => (&part[..at], &part[at + 1..]),
            None => (part, &b""[..]),
        };
        pairs.push((decode(name)?, decode(value)?));
    }
    T::deserialize(Pairs(pairs)).map_err(|Mismatch(detail)| Error::bad_request(detail))
}

fn decode(raw: &[u8]) -> Result<Cow<'_, str>, Error> {
    let spaced: Cow<'_, [u8]> = if raw.contains(&b'+') {
        raw.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect::<Vec<_>>().into()
    } else {
        raw.into()
    };
    let text = match spaced {
        Cow::Borrowed(raw) => percent_decode(raw).decode_utf8(),
        Cow::Owned(raw) => percent_decode(&raw).decode_utf8().map(|text| Cow::Owned(text.into_owned())),
    };
    let text = text.map_err(|_| Error::bad_request("A parameter is not UTF-8."))?;
    if text.contains('\0') { Err(Error::bad_request("A parameter holds a NUL.")) } else { Ok(text) }
}

/// Names and values as a struct's fields. A map is refused: it would keep the last of two silently.
struct Pairs<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

/// Why the values do not fit, in a sentence for the client.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Mismatch(String);

impl de::Error for Mismatch {
    fn custom<M: std::fmt::Display>(message: M) -> Self {
        Self(format!("A parameter is not what is expected: {message}."))
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self(format!("A parameter is not {expected}."))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self(format!("A parameter is not {expected}."))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self(format!("A parameter is none of {}.", expected.join(", ")))
    }

    fn missing_field(field: &'static str) -> Self {
        Self(format!("The parameter `{field}` is missing."))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self(format!("The parameter `{field}` is given more than once."))
    }
}

impl<'de> Deserializer<'de> for Pairs<'de> {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Mismatch> {
        Err(Mismatch("Parameters are read into a struct.".into()))
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_unit()
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        let pairs = self.0.into_iter().filter(|(name, _)| known.contains(&name.as_ref()));
        visitor.visit_map(MapDeserializer::new(pairs.map(|(name, value)| (name, Text(value)))))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit_struct newtype_struct seq
        tuple tuple_struct map enum identifier ignored_any
    }
}

/// One value: text, or a number or truth written as text.
struct Text<'a>(Cow<'a, str>);

impl<'de> IntoDeserializer<'de, Mismatch> for Text<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! parsed {
    ($($method:ident, $visit:ident, $wanted:literal;)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
            match self.0.parse() {
                Ok(value) => visitor.$visit(value),
                Err(_) => Err(Mismatch(concat!("A parameter is not ", $wanted, ".").into())),
            }
        }
    )+};
}

impl<'de> Deserializer<'de> for Text<'de> {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        CowStrDeserializer::new(self.0).deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        CowStrDeserializer::new(self.0).deserialize_enum(name, variants, visitor)
    }

    parsed! {
        deserialize_bool, visit_bool, "`true` or `false`";
        deserialize_u8, visit_u8, "a number";
        deserialize_u16, visit_u16, "a number";
        deserialize_u32, visit_u32, "a number";
        deserialize_u64, visit_u64, "a number";
        deserialize_i64, visit_i64, "a number";
    }

    forward_to_deserialize_any! {
        i8 i16 i32 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}
