//! The list of a context's routes: each declared once, with who may call it, what it takes and answers, and an
//! example. The same declaration mounts the handler, guards it and documents it.

use crate::authenticate::Access;
use crate::guard::{Guard, Guarded};
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};
use kernel::Slug;
use std::sync::Arc;
use std::time::Duration;

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Reads one thing.
    Read,
    /// Reads a page: takes `limit` and `cursor`.
    List,
    /// Changes something: takes an `Idempotency-Key`.
    Write,
}

/// A parameter in the path or the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// As it stands in the path or the query.
    pub name: &'static str,
    /// A sentence.
    pub about: &'static str,
    /// The JSON type of its value: `string`, `integer` or `boolean`.
    pub kind: &'static str,
}

/// A request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body {
    /// Name of a component schema.
    pub schema: &'static str,
    /// A body that works, as JSON.
    pub example: &'static str,
    /// Whether the route also takes one such value a line (`application/x-ndjson`).
    pub lines: bool,
}

/// What the documentation says of a route, and the limits it sets for itself.
#[derive(Clone, Copy, Debug)]
pub struct Doc {
    /// The operation's id: noun first, `account_create`.
    pub name: &'static str,
    /// A line.
    pub summary: &'static str,
    /// More, in Markdown; may be empty.
    pub detail: &'static str,
    /// Path parameters worth a sentence; the others are documented as texts.
    pub path: &'static [Parameter],
    /// Query parameters besides `limit` and `cursor`.
    pub query: &'static [Parameter],
    /// The body.
    pub body: Option<Body>,
    /// Status and component schema of the answer; an empty name is an answer without a schema.
    pub ok: (u16, &'static str),
    /// An answer, as JSON; may be empty.
    pub answer: &'static str,
    /// Refusals besides those any route may give.
    pub problems: &'static [&'static Slug],
    /// Bytes of a body, where it is not the site's limit.
    pub body_limit: Option<usize>,
    /// Time to answer, where it is not the site's limit.
    pub time_limit: Option<Duration>,
    /// Whether the body may also be a CSV (`text/csv`).
    pub csv: bool,
    /// JSON that a fault is answered with, where the route is documented by another system; may be empty.
    pub fault: &'static str,
}

impl Doc {
    /// Nothing said: where every `Doc { …, ..Doc::NONE }` starts.
    pub const NONE: Self = Self {
        name: "",
        summary: "",
        detail: "",
        path: &[],
        query: &[],
        body: None,
        ok: (200, ""),
        answer: "",
        problems: &[],
        body_limit: None,
        time_limit: None,
        csv: false,
        fault: "",
    };
}

/// A declared route.
#[derive(Clone, Copy, Debug)]
pub struct Declared {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// `/v1/accounts/{id}`.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// What it does.
    pub kind: Kind,
    /// The group it is documented in.
    pub tag: &'static str,
    /// What it takes and answers.
    pub doc: Doc,
}

type Mount<S> = Box<dyn FnOnce(Arc<Guard>) -> MethodRouter<S> + Send>;

struct Route<S> {
    declared: Declared,
    mount: Mount<S>,
}

/// Routes of one group, with their handlers. `S` is the state they still need.
pub struct Routes<S = ()> {
    tag: &'static str,
    routes: Vec<Route<S>>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// None yet, in the group of this name.
    pub fn new(tag: &'static str) -> Self {
        Self { tag, routes: Vec::new() }
    }

    /// Reads one thing.
    #[must_use]
    pub fn get<T: 'static>(
        self,
        path: &'static str,
        access: Access,
        handler: impl Handler<T, S>,
        doc: Doc,
    ) -> Self {
        self.add("GET", path, access, Kind::Read, handler, doc)
    }

    /// Reads a page.
    #[must_use]
    pub fn list<T: 'static>(
        self,
        path: &'static str,
        access: Access,
        handler: impl Handler<T, S>,
        doc: Doc,
    ) -> Self {
        self.add("GET", path, access, Kind::List, handler, doc)
    }

    /// Makes something.
    #[must_use]
    pub fn post<T: 'static>(
        self,
        path: &'static str,
        access: Access,
        handler: impl Handler<T, S>,
        doc: Doc,
    ) -> Self {
        self.add("POST", path, access, Kind::Write, handler, doc)
    }

    /// Puts something in the place of what was there.
    #[must_use]
    pub fn put<T: 'static>(
        self,
        path: &'static str,
        access: Access,
        handler: impl Handler<T, S>,
        doc: Doc,
    ) -> Self {
        self.add("PUT", path, access, Kind::Write, handler, doc)
    }

    /// Changes something.
    #[must_use]
    pub fn patch<T: 'static>(
        self,
        path: &'static str,
        access: Access,
        handler: impl Handler<T, S>,
        doc: Doc,
    ) -> Self {
        self.add("PATCH", path, access, Kind::Write, handler, doc)
    }

    /// Removes something.
    #[must_use]
    pub fn delete<T: 'static>(
        self,
        path: &'static str,
        access: Access,
        handler: impl Handler<T, S>,
        doc: Doc,
    ) -> Self {
        self.add("DELETE", path, access, Kind::Write, handler, doc)
    }

    fn add<T: 'static>(
        mut self,
        method: &'static str,
        path: &'static str,
        access: Access,
        kind: Kind,
        handler: impl Handler<T, S>,
        doc: Doc,
    ) -> Self {
        let filter = match method {
            "GET" => MethodFilter::GET,
            "POST" => MethodFilter::POST,
            "PUT" => MethodFilter::PUT,
            "PATCH" => MethodFilter::PATCH,
            _ => MethodFilter::DELETE,
        };
        let declared = Declared { method, path, access, kind, tag: self.tag, doc };
        let mount: Mount<S> = Box::new(move |guard| on(filter, Guarded { handler, guard }));
        self.routes.push(Route { declared, mount });
        self
    }

    /// Gives the handlers their state.
    pub fn with_state(self, state: S) -> Routes {
        let give = |Route { declared, mount }: Route<S>| {
            let state = state.clone();
            let mount: Mount<()> = Box::new(move |guard| mount(guard).with_state(state));
            Route { declared, mount }
        };
        Routes { tag: self.tag, routes: self.routes.into_iter().map(give).collect() }
    }

    /// What is declared, for documents and tests.
    pub fn declared(&self) -> Vec<Declared> {
        self.routes.iter().map(|route| route.declared).collect()
    }
}

impl Routes {
    /// Mounts every route behind the guard that `guard` makes for it.
    pub(crate) fn mount(
        self,
        router: axum::Router,
        mut guard: impl FnMut(Declared) -> Arc<Guard>,
    ) -> axum::Router {
        self.routes.into_iter().fold(router, |router, route| {
            let guard = guard(route.declared);
            router.route(route.declared.path, (route.mount)(guard))
        })
    }
}
