//! The one HTTP client for calls to those outside: only addresses that may be called, no redirects, bounded in time
//! and size, and errors that never show a URL, since URLs of robots hold secrets.

use super::guard::{self, Network};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use url::{Host, Url};

/// The longest that a call may take from its first byte to its last. Well below the lease of an effect.
pub const CALL_LIMIT: Duration = Duration::from_secs(15);
/// The longest that a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// What is read of an answer, in bytes. Whatever comes after it is not looked at.
const ANSWER_MAX: usize = 64 * 1024;

/// Calls those outside. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    allowed: Arc<[Network]>,
}

/// An answer, whatever it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// What it asks to wait for, in milliseconds.
    pub retry_after_ms: Option<i64>,
    /// Its begin.
    pub body: Vec<u8>,
}

/// Why there was no answer. Names no URL.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The URL is not one to call.
    #[error("the URL cannot be called: {0}")]
    Url(&'static str),
    /// Its address is one that must not be called.
    #[error("the address is not public; an operator can allow its network with `outbound_allow`")]
    Forbidden,
    /// It took too long.
    #[error("no answer within {} s", CALL_LIMIT.as_secs())]
    Slow,
    /// The connection was not made, or broke.
    #[error("{0}")]
    Broken(String),
}

impl Client {
    /// A client that calls public addresses, and those in `allowed`.
    pub fn new(allowed: &[Network]) -> anyhow::Result<Client> {
        // Whoever comes second finds it installed, which is what is wanted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let allowed: Arc<[Network]> = allowed.into();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .timeout(CALL_LIMIT)
            .connect_timeout(CONNECT_LIMIT)
            .pool_idle_timeout(Duration::from_secs(30))
            .user_agent(concat!("packline-hub/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(Guarded(allowed.clone())))
            .build()?;
        Ok(Client { http, allowed })
    }

    /// The networks that may be called beside public addresses.
    pub fn allowed(&self) -> &[Network] {
        &self.allowed
    }

    /// Posts JSON.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
    ) -> Result<Answer, CallError> {
        let url = self.check(url)?;
        let mut map = HeaderMap::new();
        map.insert("content-type", HeaderValue::from_static("application/json"));
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).map_err(|_| CallError::Url("a header cannot be written"))?;
            map.insert(HeaderName::from_static(name), value);
        }
        let answer = self.http.post(url).headers(map).body(body).send().await.map_err(broken)?;
        read(answer).await
    }

    /// Names are looked up by [`Guarded`]; a URL with an address in it is looked at here.
    fn check(&self, url: &str) -> Result<Url, CallError> {
        let url = Url::parse(url).map_err(|_| CallError::Url("it is not a URL"))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(CallError::Url("it is neither https nor http"));
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) => None,
            None => return Err(CallError::Url("it names no host")),
        };
        match address {
            Some(address) if !guard::may_call(address, &self.allowed) => Err(CallError::Forbidden),
            _ => Ok(url),
        }
    }
}

async fn read(mut answer: reqwest::Response) -> Result<Answer, CallError> {
    let status = answer.status().as_u16();
    let wait = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse::<i64>().ok());
    let mut body = Vec::new();
    while body.len() < ANSWER_MAX
        && let Some(bytes) = answer.chunk().await.map_err(broken)?
    {
        let room = ANSWER_MAX - body.len();
        body.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
    Ok(Answer { status, retry_after_ms: wait.map(|seconds| seconds.clamp(0, 86_400) * 1_000), body })
}

fn broken(error: reqwest::Error) -> CallError {
    let error = error.without_url();
    if error.is_timeout() {
        return CallError::Slow;
    }
    let is_forbidden = std::iter::successors(std::error::Error::source(&error), |cause| (*cause).source())
        .any(|cause| cause.is::<NotAllowed>());
    if is_forbidden {
        return CallError::Forbidden;
    }
    CallError::Broken(crate::error::chain(&error))
}

/// Looks names up, and leaves out every address that may not be called. The connection goes to what this gives, so
/// that a name cannot mean something else a moment later.
#[derive(Debug)]
struct Guarded(Arc<[Network]>);

#[derive(Debug, thiserror::Error)]
#[error("no address of this name may be called")]
struct NotAllowed;

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.0.clone();
        Box::pin(async move {
            let found = lookup(name.as_str(), 0, &allowed).await?;
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

/// The addresses of a name that may be called; an error when there is none.
pub async fn lookup(
    host: &str,
    port: u16,
    allowed: &[Network],
) -> Result<Vec<SocketAddr>, Box<dyn std::error::Error + Send + Sync>> {
    let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
    let fit: Vec<SocketAddr> = found.into_iter().filter(|address| guard::may_call(address.ip(), allowed)).collect();
    if fit.is_empty() { Err(Box::new(NotAllowed)) } else { Ok(fit) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::response::Redirect;
    use axum::routing::post;
    use tokio::net::TcpListener;

    async fn serve() -> SocketAddr {
        let router = Router::new()
            .route("/moved", post(async || Redirect::temporary("/there")))
            .route("/there", post(async || "you should not be here"))
            .route("/large", post(async || vec![b'x'; 10 * ANSWER_MAX]))
            .route("/busy", post(async || (axum::http::StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")], "")));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    fn open() -> Client {
        Client::new(&["127.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()]).unwrap()
    }

    #[tokio::test]
    async fn no_way_of_writing_an_address_leads_to_this_machine() {
        let port = serve().await.port();
        let client = Client::new(&[]).unwrap();
        for host in [
            "127.0.0.1",
            "localhost",
            "localhost.",
            "127.1",
            "2130706433",
            "0x7f.0.0.1",
            "017700000001",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "0.0.0.0",
            "0",
            "[::]",
            "169.254.169.254",
        ] {
            let error = client.post(&format!("http://{host}:{port}/there"), &[], Vec::new()).await.unwrap_err();
            assert!(matches!(error, CallError::Forbidden | CallError::Broken(_)), "{host}: {error}");
            let said = error.to_string();
            assert!(!said.contains("/there"), "{host}: {said}");
            if !host.ends_with('.') {
                assert!(matches!(error, CallError::Forbidden), "{host}: {said}");
            }
        }
        for url in ["file:///etc/hosts", "ftp://127.0.0.1/", "gopher://x/", "nonsense", "http://"] {
            let error = client.post(url, &[], Vec::new()).await.unwrap_err();
            assert!(matches!(error, CallError::Url(_)), "{url}: {error}");
        }
    }

    #[tokio::test]
    async fn redirects_are_answers_and_large_answers_are_cut() {
        let (client, at) = (open(), serve().await);
        let moved = client.post(&format!("http://{at}/moved"), &[], Vec::new()).await.unwrap();
        assert_eq!((moved.status, moved.body.len()), (307, 0));
        let large = client.post(&format!("http://localhost:{}/large", at.port()), &[], Vec::new()).await.unwrap();
        assert_eq!((large.status, large.body.len()), (200, ANSWER_MAX));
        let busy = client.post(&format!("http://{at}/busy"), &[], Vec::new()).await.unwrap();
        assert_eq!((busy.status, busy.retry_after_ms), (429, Some(7_000)));
    }

    #[tokio::test]
    async fn an_error_never_shows_the_url() {
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let error = open().post(&format!("http://{nobody}/robot?token=s3cret"), &[], Vec::new()).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
}
