//! Every route together with what it needs. A route gets into the hub only through here, so none can be without.

use crate::accounts::model::Stage;
use crate::accounts::rights::Right;
use crate::app::App;
use crate::describe;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::path::PathItem;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

/// What a request needs to get through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing: it is open to everybody.
    Open,
    /// Any session, whatever is left of its log-in.
    Entering,
    /// A session whose log-in stands at this stage, or is complete.
    At(Stage),
    /// Any session whose log-in is complete, or token in force.
    LoggedIn,
    /// A session or token with this right.
    Right(Right),
}

impl From<Right> for Need {
    fn from(right: Right) -> Need {
        Need::Right(right)
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Need::Open => f.write_str("open"),
            Need::Entering => f.write_str("entering"),
            Need::At(stage) => write!(f, "at-{}", stage.name()),
            Need::LoggedIn => f.write_str("logged-in"),
            Need::Right(right) => write!(f, "{right}"),
        }
    }
}

/// What each route needs, by path and method.
#[derive(Debug, Clone, Default)]
pub struct Needs(BTreeMap<String, BTreeMap<&'static str, Need>>);

impl Needs {
    /// What this method of this path needs. `HEAD` is answered as `GET`.
    pub fn of(&self, path: &str, method: &str) -> Option<Need> {
        let method = if method == "HEAD" { "GET" } else { method };
        self.0.get(path)?.get(method).copied()
    }

    /// The methods of this path.
    pub fn methods_of(&self, path: &str) -> Vec<&'static str> {
        self.0.get(path).into_iter().flat_map(BTreeMap::keys).copied().collect()
    }

    /// Path, method and need of every route, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'static str, Need)> {
        self.0
            .iter()
            .flat_map(|(path, methods)| methods.iter().map(move |(method, need)| (path.as_str(), *method, *need)))
    }

    fn put(&mut self, path: &str, method: &'static str, need: Need) {
        let old = self.0.entry(path.to_owned()).or_default().insert(method, need);
        assert!(old.is_none(), "`{method} {path}` is registered twice");
    }
}

/// Routes with what they need.
pub struct Doors {
    router: OpenApiRouter<App>,
    needs: Needs,
}

impl Doors {
    /// No routes yet; those of the API are described in `document`.
    pub fn new(document: Document) -> Doors {
        Doors { router: OpenApiRouter::with_openapi(document), needs: Needs::default() }
    }

    /// Routes of the API, all with this need. Methods of one path that need different rights are added one by one.
    pub fn api(mut self, need: impl Into<Need>, routes: UtoipaMethodRouter<App>) -> Doors {
        let need = need.into();
        for (path, item) in &routes.1.paths {
            for method in methods(item) {
                self.needs.put(path, method, need);
            }
        }
        Doors { router: self.router.routes(routes), needs: self.needs }
    }

    /// As [`Doors::api`], for bodies far larger than other requests have: the handler counts their bytes itself.
    pub fn api_upload(self, need: impl Into<Need>, (schemas, paths, routes): UtoipaMethodRouter<App>) -> Doors {
        self.api(need, (schemas, paths, routes.layer(DefaultBodyLimit::disable())))
    }

    /// A page, or anything else that is only read.
    pub fn get<H, T>(self, path: &str, need: impl Into<Need>, handler: H) -> Doors
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.put(path, "GET", need.into(), get(handler))
    }

    /// What a page's form is sent to.
    pub fn post<H, T>(self, path: &str, need: impl Into<Need>, handler: H) -> Doors
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.put(path, "POST", need.into(), post(handler))
    }

    /// As [`Doors::post`], for forms with files: the handler counts their bytes itself.
    pub fn post_upload<H, T>(self, path: &str, need: impl Into<Need>, handler: H) -> Doors
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.put(path, "POST", need.into(), post(handler).layer(DefaultBodyLimit::disable()))
    }

    /// What answers for paths that are not there.
    pub fn fallback<H, T>(self, handler: H) -> Doors
    where
        H: Handler<T, App>,
        T: 'static,
    {
        Doors { router: self.router.fallback(handler), needs: self.needs }
    }

    /// Wraps the routes so far, without touching what they need.
    pub fn wrap(self, wrap: impl FnOnce(OpenApiRouter<App>) -> OpenApiRouter<App>) -> Doors {
        Doors { router: wrap(self.router), needs: self.needs }
    }

    /// These routes and those.
    pub fn and(mut self, other: Doors) -> Doors {
        for (path, method, need) in other.needs.iter() {
            self.needs.put(path, method, need);
        }
        Doors { router: self.router.merge(other.router), needs: self.needs }
    }

    /// The routes, what each needs, and the API's description, which is itself served at `path`.
    pub fn described_at(mut self, path: &str, need: impl Into<Need>) -> (Router<App>, Needs, Value) {
        self.needs.put(path, "GET", need.into());
        let (router, document) = self.router.split_for_parts();
        let document = describe::complete(&document, &self.needs);
        let served = document.clone();
        (router.route(path, get(async || Json(served))), self.needs, document)
    }

    fn put(mut self, path: &str, method: &'static str, need: Need, routes: MethodRouter<App>) -> Doors {
        self.needs.put(path, method, need);
        Doors { router: self.router.route(path, routes), needs: self.needs }
    }
}

/// The methods that a path of the API's description has.
fn methods(item: &PathItem) -> Vec<&'static str> {
    let all = [
        ("GET", &item.get),
        ("PUT", &item.put),
        ("POST", &item.post),
        ("DELETE", &item.delete),
        ("PATCH", &item.patch),
        ("HEAD", &item.head),
        ("OPTIONS", &item.options),
        ("TRACE", &item.trace),
    ];
    all.into_iter().filter(|(_, operation)| operation.is_some()).map(|(method, _)| method).collect()
}
