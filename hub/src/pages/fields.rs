//! What a form sent, where a field may come several times, as check boxes do.

use axum::body::Bytes;
use axum::extract::{FromRequest, RawForm, Request};
use axum::response::{IntoResponse as _, Response};
use url::form_urlencoded;

/// The fields of a form in their order.
#[derive(Debug, Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// The fields in this body.
    pub fn parse(body: &Bytes) -> Fields {
        Fields(form_urlencoded::parse(body).into_owned().collect())
    }

    /// The first value of a field, trimmed; empty when it did not come.
    pub fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(field, _)| field == name);
        found.map_or("", |(_, value)| value.trim())
    }

    /// Every value of a field, trimmed.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.trim())
    }

    /// The words of a field that holds several, separated by commas or spaces.
    pub fn words(&self, name: &str) -> Vec<String> {
        let split = |c: char| c.is_whitespace() || ",;，；、".contains(c);
        self.get(name).split(split).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Fields, Response> {
        let RawForm(body) = RawForm::from_request(request, state).await.map_err(|refused| refused.into_response())?;
        Ok(Fields::parse(&body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_may_come_several_times_or_hold_several_words() {
        let fields = Fields::parse(&Bytes::from_static("kind=a&kind=b+&to=x%40y.example%EF%BC%8C+z&empty=".as_bytes()));
        assert_eq!(fields.all("kind").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((fields.get("kind"), fields.get("empty"), fields.get("none")), ("a", "", ""));
        assert_eq!(fields.words("to"), ["x@y.example", "z"]);
    }
}
