//! The OpenAPI 3.1 document, assembled from the declared routes; and what a declaration still lacks.
//! Keys are sorted, so that the same routes always give the same text.

use crate::authenticate::Access;
use crate::routes::{Declared, Kind, Parameter};
use crate::slugs;
use kernel::Slug;
use kernel::page::{DEFAULT_LIMIT, MAX_LIMIT};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What the document says of the whole.
#[derive(Clone, Copy, Debug)]
pub struct Info {
    /// The product's name.
    pub title: &'static str,
    /// Its version.
    pub version: &'static str,
    /// What it is, in Markdown.
    pub about: &'static str,
}

/// A named component schema.
pub type Schema = (&'static str, Value);

/// Assembles the document.
pub fn document(info: &Info, routes: &[Declared], schemas: &[Schema]) -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for route in routes {
        let methods = paths.entry(route.path).or_default();
        methods.insert(route.method.to_ascii_lowercase(), operation(route));
    }
    let mut components: Map<String, Value> =
        schemas.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    components.insert("Problem".to_owned(), problem_schema());
    let tags: Vec<Value> = tags(routes).into_iter().map(|tag| json!({ "name": tag })).collect();
    json!({
        "openapi": "3.1.0",
        "info": { "title": info.title, "version": info.version, "description": info.about },
        "paths": paths,
        "tags": tags,
        "components": {
            "schemas": components,
            "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer" } },
        },
    })
}

/// Groups in the order in which they were declared.
fn tags(routes: &[Declared]) -> Vec<&'static str> {
    let mut seen = BTreeSet::new();
    routes.iter().map(|route| route.tag).filter(|tag| seen.insert(*tag)).collect()
}

fn operation(route: &Declared) -> Value {
    let doc = &route.doc;
    let mut operation = json!({
        "operationId": doc.name,
        "summary": doc.summary,
        "tags": [route.tag],
        "parameters": parameters(route),
        "responses": responses(route),
    });
    if !doc.detail.is_empty() {
        operation["description"] = doc.detail.into();
    }
    if let Access::Scope(scope) = route.access {
        operation["security"] = json!([{ "bearer": [scope] }]);
        operation["x-scope"] = scope.into();
    }
    if let Some(body) = doc.body {
        let mut content = json!({
            "application/json": { "schema": reference(body.schema), "example": example(body.example) },
        });
        if body.lines {
            content["application/x-ndjson"] = json!({ "schema": { "type": "string" } });
        }
        if doc.csv {
            content["text/csv"] = json!({ "schema": { "type": "string" } });
        }
        operation["requestBody"] = json!({ "required": true, "content": content });
    }
    operation
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

/// An example as JSON; a broken one stays a text, and [`gaps`] tells of it.
fn example(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

fn parameter(parameter: &Parameter, place: &str) -> Value {
    json!({
        "name": parameter.name, "in": place, "required": place == "path",
        "description": parameter.about, "schema": { "type": parameter.kind },
    })
}

/// The names in braces.
fn path_names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

fn parameters(route: &Declared) -> Vec<Value> {
    let doc = &route.doc;
    let mut list = Vec::new();
    for name in path_names(route.path) {
        match doc.path.iter().find(|known| known.name == name) {
            Some(known) => list.push(parameter(known, "path")),
            None => list.push(json!({
                "name": name, "in": "path", "required": true, "schema": { "type": "string" },
            })),
        }
    }
    list.extend(doc.query.iter().map(|known| parameter(known, "query")));
    match route.kind {
        Kind::Read => {}
        Kind::List => {
            list.push(json!({
                "name": "limit", "in": "query", "required": false, "description": "Rows of a page.",
                "schema": { "type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT },
            }));
            list.push(json!({
                "name": "cursor", "in": "query", "required": false, "schema": { "type": "string" },
                "description": "The next_cursor of the page before.",
            }));
        }
        Kind::Write => list.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "The same key and the same command give the first answer again.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255 },
        })),
    }
    list
}

/// Problems that a route may answer with by its nature.
fn common_problems(route: &Declared) -> Vec<&'static Slug> {
    let mut list = vec![&slugs::INTERNAL_FAULT, &slugs::UNAVAILABLE];
    if let Access::Scope(_) = route.access {
        list.extend([
            &slugs::UNAUTHENTICATED,
            &slugs::FORBIDDEN,
            &slugs::RATE_LIMITED,
            &slugs::INVALID_REQUEST,
        ]);
    }
    if route.doc.body.is_some() {
        list.extend([
            &slugs::INVALID_JSON,
            &slugs::INVALID_REQUEST,
            &slugs::REQUEST_TIMEOUT,
            &slugs::PAYLOAD_TOO_LARGE,
            &slugs::UNSUPPORTED_MEDIA_TYPE,
        ]);
    }
    list
}

fn responses(route: &Declared) -> Value {
    let doc = &route.doc;
    let mut success = json!({ "description": "Done." });
    let mut content = Map::new();
    if !doc.ok.1.is_empty() {
        content.insert("schema".to_owned(), reference(doc.ok.1));
    }
    if !doc.answer.is_empty() {
        content.insert("example".to_owned(), example(doc.answer));
    }
    if !content.is_empty() {
        success["content"] = json!({ "application/json": content });
    }
    if route.kind == Kind::Write {
        success["headers"] = json!({ "Idempotency-Replayed": {
            "description": "true where this is an earlier answer given again.", "schema": { "type": "string" },
        } });
    }
    let mut by_status: BTreeMap<u16, BTreeSet<&str>> = BTreeMap::new();
    for slug in common_problems(route).into_iter().chain(doc.problems.iter().copied()) {
        by_status.entry(slug.status).or_default().insert(slug.code);
    }
    let mut responses = Map::from_iter([(doc.ok.0.to_string(), success)]);
    for (status, codes) in by_status {
        let codes: Vec<_> = codes.into_iter().collect();
        let answer = json!({
            "description": codes.join(", "),
            "content": { "application/problem+json": { "schema": reference("Problem") } },
            "x-problems": codes,
        });
        responses.insert(status.to_string(), answer);
    }
    Value::Object(responses)
}

fn problem_schema() -> Value {
    json!({
        "type": "object",
        "description": "RFC 9457. Further members depend on the code; each code has a page at its type.",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": { "type": "string", "examples": ["/problems/invalid-request"] },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string" },
            "instance": { "type": "string" },
            "code": { "type": "string" },
            "param": { "type": "string" },
            "request_id": { "type": "string" },
            "faults": { "type": "array", "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "pointer": { "type": "string" },
                    "code": { "type": "string" },
                    "detail": { "type": "string" },
                },
            } },
        },
    })
}

/// What the declarations lack: every route under `/v1` needs a scope, every body a schema and a working example,
/// every operation an id of its own. A test asserts that the list is empty.
pub fn gaps(routes: &[Declared], schemas: &[Schema]) -> Vec<String> {
    let known: BTreeSet<&str> = schemas.iter().map(|(name, _)| *name).collect();
    let mut names = BTreeSet::new();
    let mut gaps = Vec::new();
    for route in routes {
        let doc = &route.doc;
        let is_json = |text: &str| serde_json::from_str::<Value>(text).is_ok();
        let mut lacks = |what: String| gaps.push(format!("{} {} {what}", route.method, route.path));
        if doc.name.is_empty() || !names.insert(doc.name) {
            lacks("has no name of its own".to_owned());
        }
        if doc.summary.is_empty() {
            lacks("has no summary".to_owned());
        }
        if route.path.starts_with("/v1/") && route.access == Access::Public {
            lacks("asks for no scope".to_owned());
        }
        if route.path.starts_with("/v1/") && doc.ok.1.is_empty() {
            lacks("has no answer's schema".to_owned());
        }
        if matches!(route.method, "POST" | "PUT" | "PATCH") && doc.body.is_none() {
            lacks("documents no body".to_owned());
        }
        if doc.body.is_some_and(|body| !is_json(body.example)) {
            lacks("has no example that is JSON".to_owned());
        }
        if !doc.answer.is_empty() && !is_json(doc.answer) {
            lacks("has an answer that is not JSON".to_owned());
        }
        for schema in doc.body.iter().map(|body| body.schema).chain([doc.ok.1]) {
            if !schema.is_empty() && !known.contains(schema) {
                lacks(format!("names the schema {schema}, which nobody supplies"));
            }
        }
    }
    gaps
}
