//! The hub's API as a program uses it.

use crate::clock::random_seed;
use crate::events::Events;
use crate::sample::Sample;
use anyhow::{Context, Result, bail, ensure};
use reqwest::{ClientBuilder, Method, StatusCode};
use serde_json::{Value, json};

/// A way to the hub's API. It outlives the hub's program: a hub that comes back at the same address knows it again.
#[derive(Debug, Clone)]
pub struct Api {
    client: reqwest::Client,
    /// `http://address:port`.
    url: String,
    token: String,
}

/// A client for everything that is asked over HTTP here.
pub fn client() -> ClientBuilder {
    // Two libraries may each bring a TLS provider; this names ours. It may have been named already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    ClientBuilder::new().no_proxy()
}

impl Api {
    /// The API at this address, for whoever has this session; an empty token is nobody.
    pub fn at(url: &str, token: &str) -> Result<Api> {
        // A connection that was kept open would be a dead one after the hub was killed.
        let client = client().pool_max_idle_per_host(0).build()?;
        Ok(Api { client, url: url.to_owned(), token: token.to_owned() })
    }

    /// The API at this address, logged in.
    pub async fn log_in(url: &str, user: &str, password: &str) -> Result<Api> {
        let nobody = Api::at(url, "")?;
        let answer = nobody.post("/api/v1/sessions", &json!({"user": user, "password": password})).await?;
        Api::at(url, &text(&answer, "token")?)
    }

    /// This API by a token of its own with all rights, which goes on when the first account is set up.
    pub async fn with_token(&self, name: &str) -> Result<Api> {
        // A hub that was restored, or shares its store, has the token that was made before.
        let name = format!("{name}-{:08x}", random_seed() & 0xffff_ffff);
        let rights = self.get("/api/v1/me").await?["rights"].clone();
        let made = self.post("/api/v1/tokens", &json!({"name": name, "rights": rights, "days": 365})).await?;
        Api::at(&self.url, &text(&made, "token")?)
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The session's token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// What it answers to a GET.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.ask(Method::GET, path, None).await
    }

    /// What it answers to a POST.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.ask(Method::POST, path, Some(body)).await
    }

    /// What it answers to a PUT.
    pub async fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.ask(Method::PUT, path, Some(body)).await
    }

    /// What it answers to a DELETE.
    pub async fn delete(&self, path: &str) -> Result<Value> {
        self.ask(Method::DELETE, path, None).await
    }

    /// Status and body of any answer, good or bad.
    pub async fn try_ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<(StatusCode, Value)> {
        let request = self.client.request(method.clone(), format!("{}{path}", self.url));
        let request = if self.token.is_empty() { request } else { request.bearer_auth(&self.token) };
        let request = if let Some(body) = body { request.json(body) } else { request };
        let answer = request.send().await.with_context(|| format!("{method} {path}"))?;
        let (status, text) = (answer.status(), answer.text().await.with_context(|| format!("{method} {path}"))?);
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    /// Everything a list endpoint has, page after page.
    pub async fn list(&self, path: &str) -> Result<Vec<Value>> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let page = self.get(&format!("{path}{joint}limit=200{cursor}")).await?;
            let items = page["items"].as_array().with_context(|| format!("{path} answers with items: {page}"))?;
            all.extend(items.iter().cloned());
            match &page["next"] {
                Value::String(next) => cursor = format!("&cursor={next}"),
                Value::Number(next) => cursor = format!("&cursor={next}"),
                _ => return Ok(all),
            }
        }
    }

    /// Where the change log of a site stands.
    pub async fn log(&self, site: &str) -> Result<Value> {
        self.get(&format!("/api/v1/sites/{site}/log")).await
    }

    /// Sends orders as a sales channel or a till would; every one of them must be taken.
    pub async fn send(&self, orders: &[Sample]) -> Result<()> {
        let bodies: Vec<&Value> = orders.iter().map(Sample::body).collect();
        let answer = self.post("/api/v1/orders", &json!(bodies)).await?;
        let items = answer["items"].as_array().map_or(0, Vec::len);
        ensure!(items == orders.len(), "{} orders were sent, the hub answers {answer}", orders.len());
        Ok(())
    }

    /// The hub's number of the parcel with this waybill.
    pub async fn parcel(&self, waybill: &str) -> Result<u64> {
        let found = self.list(&format!("/api/v1/orders?code={waybill}")).await?;
        let order = found.first().with_context(|| format!("no order has `{waybill}`"))?;
        let order = self.get(&format!("/api/v1/orders/{}", order["id"])).await?;
        order["parcels"][0]["id"].as_u64().with_context(|| format!("the parcel has a number in {order}"))
    }

    /// A claim token for a new station.
    pub async fn add_station(&self, site: &str, station: &str) -> Result<String> {
        let answer = self.post("/api/v1/stations", &json!({"site": site, "station": station})).await?;
        text(&answer, "token")
    }

    /// Live events, from now on.
    pub async fn events(&self, path: &str) -> Result<Events> {
        let answer = self.client.get(format!("{}{path}", self.url)).bearer_auth(&self.token).send().await?;
        Ok(Events::new(answer.error_for_status()?))
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let (status, answer) = self.try_ask(method.clone(), path, body).await?;
        if !status.is_success() {
            bail!("{method} {path} answers {status}: {answer}");
        }
        Ok(answer)
    }
}

/// A text that must be there.
pub fn text(value: &Value, key: &str) -> Result<String> {
    value[key].as_str().map(str::to_owned).with_context(|| format!("`{key}` is missing in {value}"))
}
