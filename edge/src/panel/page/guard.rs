//! Who may ask: this machine, and for writes only the page itself.
//!
//! Any web page in the world can make a browser on this machine send requests to it. It cannot forge `Host` (a name of
//! its own that was pointed here carries that name), nor `Origin`, nor send JSON without asking first.

use super::problem::Problem;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The names of this machine, as a browser writes them.
const HOSTS: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    // An answer is true for the moment it is given.
    (header::CACHE_CONTROL, "no-store"),
];

pub(super) async fn guard(request: Request, next: Next) -> Response {
    let mut response = match check(request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn check(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let host = host(headers)?;
    if *method == Method::GET || *method == Method::HEAD {
        return Ok(());
    }
    origin(headers, host)?;
    if *method == Method::POST { json(headers) } else { Ok(()) }
}

fn host(headers: &HeaderMap) -> Result<&str, Problem> {
    let host = one(headers, &header::HOST).unwrap_or_default();
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, port),
        _ => (host, ""),
    };
    let ours = HOSTS.iter().any(|known| known.eq_ignore_ascii_case(name)) && port.bytes().all(|b| b.is_ascii_digit());
    if ours {
        Ok(host)
    } else {
        Err(Problem::misdirected("the request names another host; use 127.0.0.1, localhost or [::1]"))
    }
}

/// A browser names the page that a write comes from; a program that is no browser names none.
fn origin(headers: &HeaderMap, host: &str) -> Result<(), Problem> {
    let foreign = || Problem::foreign("the request comes from another page; write only from the bench page");
    if !headers.contains_key(header::ORIGIN) {
        let site = one(headers, &HeaderName::from_static("sec-fetch-site"));
        return if matches!(site, None | Some("same-origin" | "none")) { Ok(()) } else { Err(foreign()) };
    }
    let ours = one(headers, &header::ORIGIN).and_then(|origin| origin.strip_prefix("http://"));
    if ours.is_some_and(|ours| ours.eq_ignore_ascii_case(host)) { Ok(()) } else { Err(foreign()) }
}

fn json(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = one(headers, &header::CONTENT_TYPE).unwrap_or_default();
    let media = kind.split(';').next().unwrap_or_default().trim();
    if media.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(Problem::unsupported("the content type is not accepted; give application/json"))
    }
}

/// A header that is there exactly once and is plain text.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `METHOD | header: value, header: value`.
    #[track_caller]
    fn check(request: &str, expected: &str) {
        let (method, fields) = request.split_once(" | ").unwrap();
        let mut headers = HeaderMap::new();
        for field in fields.split(", ").filter(|field| !field.is_empty()) {
            let (name, value) = field.split_once(": ").unwrap();
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        let said = match super::check(&method.parse().unwrap(), &headers) {
            Ok(()) => "fine".to_owned(),
            Err(problem) => problem.into_response().status().as_str().to_owned(),
        };
        assert_eq!(said, expected, "{request}");
    }

    #[test]
    fn only_requests_that_name_this_machine_are_taken() {
        for host in ["127.0.0.1", "127.0.0.1:8181", "localhost:8181", "LOCALHOST", "[::1]", "[::1]:8181"] {
            check(&format!("GET | host: {host}"), "fine");
        }
        for host in [
            "bench.example",
            "bench.example:8181",
            "127.0.0.1.bench.example",
            "localhost.bench.example:8181",
            "127.0.0.1:8181@bench.example",
            "192.0.2.7:8181",
            "0.0.0.0:8181",
            "::1",
            "[::1",
            ":8181",
        ] {
            check(&format!("GET | host: {host}"), "421");
        }
        check("GET | accept: */*", "421");
        check("GET | host: localhost, host: bench.example", "421");
    }

    #[test]
    fn a_write_comes_from_the_page_itself_or_from_no_browser() {
        let json = "content-type: application/json";
        check(&format!("POST | host: localhost:8181, {json}, origin: http://localhost:8181"), "fine");
        check(&format!("POST | host: localhost:8181, {json}"), "fine");
        check(&format!("POST | host: localhost:8181, {json}, sec-fetch-site: same-origin"), "fine");
        for origin in [
            "http://localhost:8182",
            "http://127.0.0.1:8181",
            "https://localhost:8181",
            "http://bench.example",
            "http://localhost:8181.bench.example",
            "null",
        ] {
            check(&format!("POST | host: localhost:8181, {json}, origin: {origin}"), "403");
        }
        let twice = "origin: http://localhost:8181, origin: http://bench.example";
        check(&format!("POST | host: localhost:8181, {json}, {twice}"), "403");
        check(&format!("POST | host: localhost:8181, {json}, sec-fetch-site: cross-site"), "403");
        check("DELETE | host: localhost:8181, origin: http://bench.example", "403");
    }

    #[test]
    fn a_write_is_json_so_that_a_foreign_page_has_to_ask_first() {
        check("POST | host: localhost, content-type: application/json; charset=utf-8", "fine");
        for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp"] {
            check(&format!("POST | host: localhost, content-type: {kind}"), "415");
        }
        check("POST | host: localhost", "415");
    }
}
