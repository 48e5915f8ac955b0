//! HTTP without a business noun: routes with their documents and guards, bodies and queries read with every fault at
//! once, problems, the server and its limits. Contexts declare [`Routes`]; the app builds a [`Site`] of them and
//! hands it to a [`Server`].

mod answer;
mod authenticate;
mod ending;
mod extract;
mod guard;
pub mod json;
mod metrics;
pub mod openapi;
mod own;
mod pages;
mod problem;
mod query;
mod rate;
mod routes;
mod server;
mod settings;
mod site;
pub mod slugs;
mod visit;

pub use answer::Answer;
pub use authenticate::{Access, Authenticate, Identity, Open};
pub use ending::Ending;
pub use extract::{Key, Media, Payload, Segment};
pub use openapi::{Info, Schema};
pub use pages::{PAGES, Page};
pub use problem::{Refusal, write_problem, write_text};
pub use query::Query;
pub use rate::RateLimit;
pub use routes::{Body, Declared, Doc, Kind, Parameter, Routes};
pub use server::Server;
pub use settings::{Limits, ServerSettings};
pub use site::{Site, SiteBuilder};
pub use visit::By;
