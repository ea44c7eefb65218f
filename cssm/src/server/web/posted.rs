//! What a form sends: fields within their limits, and at most one file.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};

use super::layout::Trouble;

/// Most fields of one form.
const FIELDS: usize = 200;
/// Longest field, in characters.
const FIELD_CHARS: usize = 4_096;
/// The same of a list, one UDI a line: a few thousand of them.
const LIST_CHARS: usize = 200_000;
/// The field that is a list.
const LIST: &str = "devices";

/// A form.
#[derive(Clone, Debug, Default)]
pub(super) struct Posted {
    fields: Vec<(String, String)>,
    /// The file that was chosen, where the form asks for one.
    pub(super) file: Option<Brought>,
}

/// A file that came with a form.
#[derive(Clone)]
pub(super) struct Brought {
    pub(super) name: String,
    pub(super) bytes: Bytes,
}

impl std::fmt::Debug for Brought {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} ({} bytes)", self.name, self.bytes.len())
    }
}

impl Posted {
    /// Reads a body whose size was limited before.
    pub(super) async fn read(headers: &HeaderMap, bytes: Bytes) -> Result<Self, Trouble> {
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let posted = if kind.starts_with("multipart/form-data") {
            Self::multipart(kind, bytes).await?
        } else if kind.starts_with("application/x-www-form-urlencoded") || bytes.is_empty() {
            let fields = serde_urlencoded::from_bytes(&bytes)
                .map_err(|error| Trouble::wrong(format!("the form cannot be read: {error}")))?;
            Self { fields, file: None }
        } else {
            return Err(Trouble::wrong("a form is sent as a form, not as anything else"));
        };
        if posted.fields.len() > FIELDS {
            return Err(Trouble::wrong(format!("a form has at most {FIELDS} fields")));
        }
        for (name, value) in &posted.fields {
            let count = value.chars().count();
            let most = if name == LIST { LIST_CHARS } else { FIELD_CHARS };
            if count > most {
                let name: String = name.chars().take(40).collect();
                let text = format!(
                    "The field {name:?} holds {count} characters; at most {most} are taken. Nothing was changed."
                );
                return Err(Trouble(StatusCode::PAYLOAD_TOO_LARGE, text));
            }
        }
        Ok(posted)
    }

    async fn multipart(kind: &str, bytes: Bytes) -> Result<Self, Trouble> {
        let unreadable =
            |error: &dyn std::fmt::Display| Trouble::wrong(format!("the form cannot be read: {error}"));
        let request = Request::builder().header(CONTENT_TYPE, kind).body(bytes.into());
        let mut request = request.map_err(|error| unreadable(&error))?;
        // The size was limited when the body was read; the library's own limit is that of no file.
        DefaultBodyLimit::disable().apply(&mut request);
        let mut parts = Multipart::from_request(request, &()).await.map_err(|error| unreadable(&error))?;
        let mut posted = Self::default();
        while let Some(part) = parts.next_field().await.map_err(|error| unreadable(&error))? {
            let name = part.name().unwrap_or_default().to_owned();
            match part.file_name().map(ToOwned::to_owned) {
                Some(file) => {
                    let bytes = part.bytes().await.map_err(|error| unreadable(&error))?;
                    // A browser sends an empty part where no file was chosen.
                    if !(file.is_empty() && bytes.is_empty()) {
                        posted.file = Some(Brought { name: file, bytes });
                    }
                }
                None => {
                    let text = part.text().await.map_err(|error| unreadable(&error))?;
                    posted.fields.push((name, text));
                }
            }
            if posted.fields.len() > FIELDS {
                break;
            }
        }
        Ok(posted)
    }

    /// A field without blanks around it; empty where it was left out.
    pub(super) fn get(&self, name: &str) -> &str {
        self.fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.trim())
    }

    /// The same; nothing where it is empty.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        Some(self.get(name)).filter(|value| !value.is_empty())
    }

    /// A whole number; nothing where the field is empty.
    pub(super) fn number<T: std::str::FromStr>(&self, name: &str, label: &str) -> Result<Option<T>, Trouble> {
        self.given(name).map(|text| text.parse().map_err(|_| not_a_number(label, text))).transpose()
    }
}

fn not_a_number(label: &str, text: &str) -> Trouble {
    let shown: String = text.chars().take(40).collect();
    Trouble::wrong(format!("{label}: {shown:?} is no whole number that can be taken here"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(kind: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))])
    }

    #[tokio::test]
    async fn fields_and_a_file_are_read_in_both_encodings() {
        let form = headers("application/x-www-form-urlencoded");
        let posted = Posted::read(&form, "name=+A%26B+&days=30&days=31&empty=".into()).await.unwrap();
        assert_eq!((posted.get("name"), posted.given("empty"), posted.get("nowhere")), ("A&B", None, ""));
        assert_eq!(posted.number::<u32>("days", "Days").unwrap(), Some(30));
        let kind = "multipart/form-data; boundary=b";
        let body = "--b\r\ncontent-disposition: form-data; name=\"csrf\"\r\n\r\nword\r\n--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"usage.txt\"\r\n\r\n<a/>\r\n--b--\r\n";
        let posted = Posted::read(&headers(kind), body.into()).await.unwrap();
        let file = posted.file.as_ref().unwrap();
        assert_eq!((posted.get("csrf"), &*file.name, &file.bytes[..]), ("word", "usage.txt", &b"<a/>"[..]));
    }

    #[tokio::test]
    async fn a_file_may_be_as_large_as_the_body_that_was_read() {
        let kind = "multipart/form-data; boundary=b";
        let file = "x".repeat(5_000_000);
        let head = "content-disposition: form-data; name=\"file\"; filename=\"usage.txt\"";
        let body = format!("--b\r\n{head}\r\n\r\n{file}\r\n--b--\r\n");
        let posted = Posted::read(&headers(kind), body.into()).await.unwrap();
        assert_eq!(posted.file.unwrap().bytes.len(), file.len());
    }

    #[tokio::test]
    async fn what_is_too_long_or_no_form_is_refused_with_a_word() {
        let form = "application/x-www-form-urlencoded";
        let long = format!("name={}", "x".repeat(1_000_000));
        let many = "a=1&".repeat(FIELDS + 1);
        for (kind, body, expected) in [
            (form, long.as_str(), "\"name\" holds 1000000 characters"),
            (form, &many, "at most 200 fields"),
            ("application/json", "{}", "as a form"),
            ("multipart/form-data", "x", "cannot be read"),
            ("multipart/form-data; boundary=b", "--b\r\nrubbish", "cannot be read"),
        ] {
            let Trouble(_, text) = Posted::read(&headers(kind), body.to_owned().into()).await.unwrap_err();
            assert!(text.contains(expected), "{text}");
        }
        let posted = Posted::read(&headers(form), "days=3x".into()).await.unwrap();
        let Trouble(_, text) = posted.number::<u32>("days", "Days").unwrap_err();
        assert!(text.contains("\"3x\" is no whole number"), "{text}");
    }
}
