use serde::Deserialize;

use super::endpoint::Endpoint;
use super::fetch::{Document, Fetch, FetchError, FetchErrorKind, bounded};

/// Asks an issuer where its keys are (OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3).
///
/// The document is read at `{issuer}/.well-known/openid-configuration`. Where there is none, which a status from 400 to 499
/// says, it is read at `/.well-known/oauth-authorization-server` with the issuer's path behind.
///
/// # Errors
///
/// When there is no document; when its `issuer` is not the very same text as `issuer`, a slash at the end included, for then
/// it is not about them; and when its `jwks_uri` is no `https` URL. Only an issuer that is an `http` URL of this machine
/// may have its keys at one.
pub async fn discover(fetch: &dyn Fetch, issuer: &Endpoint) -> Result<Endpoint, FetchError> {
    let (appended, inserted) = well_known(issuer)?;
    let document = match bounded(fetch, &appended).await {
        Err(error) if matches!(error.kind(), FetchErrorKind::Status(400..=499)) => {
            bounded(fetch, &inserted).await?
        }
        answer => answer?,
    };
    jwks_uri(&document, issuer)
}

/// The two places of the document.
fn well_known(issuer: &Endpoint) -> Result<(Endpoint, Endpoint), FetchError> {
    let (origin, path) = issuer.split();
    let path = path.strip_suffix('/').unwrap_or(path);
    let at = |url: String| {
        let malformed = |error| FetchError::new(FetchErrorKind::Malformed, error);
        Endpoint::https_or_loopback(&url).map_err(malformed)
    };
    Ok((
        at(format!("{origin}{path}/.well-known/openid-configuration"))?,
        at(format!(
            "{origin}/.well-known/oauth-authorization-server{path}"
        ))?,
    ))
}

fn jwks_uri(document: &Document, issuer: &Endpoint) -> Result<Endpoint, FetchError> {
    // Two members of one of these names are an error.
    #[derive(Deserialize)]
    struct Metadata {
        issuer: String,
        jwks_uri: String,
    }
    // A list of two texts would do for such a struct as well.
    if !document.body().trim_ascii_start().starts_with(b"{") {
        return Err(FetchErrorKind::Malformed.into());
    }
    let metadata: Metadata = serde_json::from_slice(document.body())
        .map_err(|error| FetchError::new(FetchErrorKind::Malformed, error))?;
    if metadata.issuer != issuer.as_str() {
        return Err(FetchErrorKind::IssuerMismatch.into());
    }
    let endpoint = if issuer.is_https() {
        Endpoint::https(&metadata.jwks_uri)
    } else {
        Endpoint::https_or_loopback(&metadata.jwks_uri)
    };
    endpoint.map_err(|error| FetchError::new(FetchErrorKind::InsecureUri, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer(url: &str) -> Endpoint {
        Endpoint::https_or_loopback(url).unwrap()
    }

    #[test]
    fn the_document_has_two_places() {
        for (url, appended, inserted) in [
            (
                "https://id.example",
                "https://id.example/.well-known/openid-configuration",
                "https://id.example/.well-known/oauth-authorization-server",
            ),
            (
                "https://id.example/",
                "https://id.example/.well-known/openid-configuration",
                "https://id.example/.well-known/oauth-authorization-server",
            ),
            (
                "https://id.example/realms/a",
                "https://id.example/realms/a/.well-known/openid-configuration",
                "https://id.example/.well-known/oauth-authorization-server/realms/a",
            ),
            (
                "https://id.example/realms/a/",
                "https://id.example/realms/a/.well-known/openid-configuration",
                "https://id.example/.well-known/oauth-authorization-server/realms/a",
            ),
        ] {
            let places = well_known(&issuer(url)).unwrap();
            assert_eq!(places, (issuer(appended), issuer(inserted)), "{url}");
        }
    }

    fn read(issuer_url: &str, json: &str) -> Result<String, FetchErrorKind> {
        let document = Document::new(json);
        match jwks_uri(&document, &issuer(issuer_url)) {
            Ok(endpoint) => Ok(endpoint.as_str().to_owned()),
            Err(error) => Err(error.kind()),
        }
    }

    // AUTH case 30
    #[test]
    fn a_document_is_about_the_issuer_that_was_asked_byte_by_byte() {
        let document = |issuer: &str| {
            format!(r#"{{"issuer":"{issuer}","jwks_uri":"https://keys.example/jwks","x":[1]}}"#)
        };
        let same = read("https://id.example", &document("https://id.example"));
        assert_eq!(same, Ok("https://keys.example/jwks".into()));
        let slashes = read("https://id.example/", &document("https://id.example/"));
        assert_eq!(slashes, Ok("https://keys.example/jwks".into()));
        for (asked, said) in [
            ("https://id.example", "https://id.example/"),
            ("https://id.example/", "https://id.example"),
            ("https://id.example", "https://ID.example"),
            ("https://id.example", "https://id.example:443"),
            ("https://id.example", "http://id.example"),
            ("https://id.example/a", "https://id.example"),
            ("https://id.example", "https://other.example"),
            ("https://id.example", ""),
        ] {
            let verdict = read(asked, &document(said));
            assert_eq!(verdict, Err(FetchErrorKind::IssuerMismatch), "{said}");
        }
    }

    #[test]
    fn keys_are_read_over_https() {
        let document =
            |issuer: &str, uri: &str| format!(r#"{{"issuer":"{issuer}","jwks_uri":"{uri}"}}"#);
        let remote = "https://id.example";
        for uri in [
            "http://id.example/jwks",
            // A server of this machine is not the remote issuer's.
            "http://127.0.0.1/jwks",
            "file:///etc/passwd",
            "/jwks",
            "",
        ] {
            let verdict = read(remote, &document(remote, uri));
            assert_eq!(verdict, Err(FetchErrorKind::InsecureUri), "{uri}");
        }
        let local = "http://127.0.0.1:8080";
        let uri = "http://127.0.0.1:8080/jwks";
        assert_eq!(read(local, &document(local, uri)), Ok(uri.into()));
        let verdict = read(local, &document(local, "http://id.example/jwks"));
        assert_eq!(verdict, Err(FetchErrorKind::InsecureUri));
    }

    #[test]
    fn what_is_no_document_is_not_read() {
        for json in [
            "",
            "{}",
            r#"["https://id.example","https://id.example/jwks"]"#,
            r#"{"issuer":"https://id.example"}"#,
            r#"{"jwks_uri":"https://id.example/jwks"}"#,
            r#"{"issuer":["https://id.example"],"jwks_uri":"https://id.example/jwks"}"#,
            r#"{"issuer":"https://id.example","jwks_uri":null}"#,
            r#"{"issuer":"https://evil.example","issuer":"https://id.example","jwks_uri":"https://id.example/jwks"}"#,
            r#"{"issuer":"https://id.example","jwks_uri":"https://evil.example","jwks_uri":"https://id.example/jwks"}"#,
        ] {
            let verdict = read("https://id.example", json);
            assert_eq!(verdict, Err(FetchErrorKind::Malformed), "{json}");
        }
    }
}
