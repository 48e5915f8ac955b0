//! A small client of the public API, for commands with `--server`. Plain HTTP: a server behind TLS is reached
//! through what stands in front of it.

use crate::config::Environment;
use crate::output::Failure;
use axum::http::{Method, Request, StatusCode, Uri, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use kernel::Secret;
use serde_json::Value;
use std::time::Duration;
use tokio::net::TcpStream;

/// The variable with the key.
pub const KEY_VARIABLE: &str = "CONCORD_API_KEY";
/// The port of an address that names none.
const DEFAULT_PORT: u16 = 8080;
/// Longest that a connection may take: no server that works needs more.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Longest that an answer may take: a trial balance of a large book sums every balance.
const ANSWER_WITHIN: Duration = Duration::from_secs(90);
/// Most bytes of an answer: a page of 500 rows is far smaller.
const MAX_ANSWER: usize = 16 << 20;

/// A server, and who asks.
pub struct Client {
    authority: String,
    prefix: String,
    key: Option<Secret<String>>,
}

impl Client {
    /// Reads `http://host:port[/prefix]`, and the key from the environment.
    pub fn try_new(url: &str, environment: &Environment) -> Result<Self, Failure> {
        let wrong = |what: &str| Failure::Flag { flag: "--server", what: format!("{what}, not {url:?}") };
        let uri: Uri = url.parse().map_err(|_| wrong("must be a URL such as http://127.0.0.1:8080"))?;
        if uri.scheme_str() == Some("https") {
            let what =
                "must be plain http://; reach a server behind TLS through a tunnel or from its own host";
            return Err(wrong(what));
        }
        let host = uri.host().filter(|host| !host.is_empty() && uri.scheme_str() == Some("http"));
        let host = host.ok_or_else(|| wrong("must be a URL such as http://127.0.0.1:8080"))?;
        let port = uri.port_u16().unwrap_or(DEFAULT_PORT);
        let key = environment.get(KEY_VARIABLE).filter(|key| !key.is_empty());
        Ok(Self {
            authority: format!("{host}:{port}"),
            prefix: uri.path().trim_end_matches('/').to_owned(),
            key: key.map(|key| Secret::new(key.to_owned())),
        })
    }

    /// Reads.
    pub async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.call(Method::GET, path, "").await
    }

    /// Writes.
    pub async fn post(&self, path: &str, body: &str) -> Result<Value, Failure> {
        self.call(Method::POST, path, body).await
    }

    async fn call(&self, method: Method, path: &str, body: &str) -> Result<Value, Failure> {
        let doing = || format!("asking http://{}", self.authority);
        let late = || Failure::Refused(format!("{}: no answer in time", doing()));
        let broken = |fault: hyper::Error| Failure::io(doing(), std::io::Error::other(fault));
        let connected = tokio::time::timeout(CONNECT_WITHIN, TcpStream::connect(&self.authority)).await;
        let stream = connected.map_err(|_| late())?.map_err(|source| Failure::io(doing(), source))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let connection = tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.prefix))
            .header(header::HOST, &self.authority)
            .header(header::USER_AGENT, concat!("concord/", env!("CARGO_PKG_VERSION")));
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(key) = &self.key {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", key.reveal()));
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes())));
        let unfit =
            || Failure::Refused(format!("{KEY_VARIABLE} or the path has characters that no header takes"));
        let request = request.map_err(|_| unfit())?;
        let answered = async {
            let response = sender.send_request(request).await.map_err(broken)?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
            let unread = |fault| Failure::Refused(format!("{}: the answer broke off: {fault}", doing()));
            Ok::<_, Failure>((status, body.map_err(unread)?.to_bytes()))
        };
        let (status, bytes) = tokio::time::timeout(ANSWER_WITHIN, answered).await.map_err(|_| late())??;
        connection.abort();
        self.judge(status, &bytes)
    }

    fn judge(&self, status: StatusCode, bytes: &[u8]) -> Result<Value, Failure> {
        let answer: Option<Value> = serde_json::from_slice(bytes).ok();
        if status.is_success() {
            let strange = || format!("http://{} answered what is no JSON; is it Concord?", self.authority);
            return answer.ok_or_else(|| Failure::Refused(strange()));
        }
        let member =
            |name: &str| answer.as_ref().and_then(|answer| answer[name].as_str()).unwrap_or_default();
        let mut what = format!("the server answered {} {}", status.as_u16(), member("code"));
        if !member("detail").is_empty() {
            what.push_str(&format!(": {}", member("detail")));
        }
        if status == StatusCode::UNAUTHORIZED {
            what.push_str(&format!(" The key is taken from the variable {KEY_VARIABLE}."));
        }
        Err(Failure::Refused(what))
    }
}
