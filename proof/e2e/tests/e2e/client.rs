//! A small HTTP client that shows everything: raw bytes in, status, headers and body out.

use serde_json::Value;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// No answer of a test takes longer.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of this name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|why| panic!("{why} in {} {}", self.status, self.text()))
    }

    /// The code of a problem; checks that it is one.
    #[track_caller]
    pub fn problem(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{} {}",
            self.status,
            self.text()
        );
        let json = self.json();
        assert_eq!(json["status"], self.status, "{json}");
        assert_eq!(json["type"], format!("/problems/{}", json["code"].as_str().unwrap()), "{json}");
        assert_eq!(json["request_id"].as_str(), self.header("x-request-id"), "{json}");
        json["code"].as_str().unwrap().to_owned()
    }

    /// Checks status and code of a problem.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> Value {
        assert_eq!((self.status, self.problem().as_str()), (status, code), "{}", self.text());
        self.json()
    }

    /// Checks the status and gives the body.
    #[track_caller]
    pub fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        self.json()
    }

    pub fn is_replay(&self) -> bool {
        self.header("idempotency-replayed") == Some("true")
    }
}

/// Bytes on a connection.
pub struct Wire {
    pub stream: BufReader<TcpStream>,
}

impl Wire {
    pub fn open(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    pub fn socket(&self) -> &TcpStream {
        self.stream.get_ref()
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }

    /// The head of an answer.
    pub fn head(&mut self) -> io::Result<Answer> {
        let line = self.line()?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(line))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok(Answer { status, headers, body: Vec::new() })
    }

    /// The next piece of a chunked body; empty at its end.
    pub fn chunk(&mut self) -> io::Result<Vec<u8>> {
        let line = self.line()?;
        let length = usize::from_str_radix(&line, 16).map_err(io::Error::other)?;
        let mut piece = vec![0; length + 2];
        self.stream.read_exact(&mut piece)?;
        piece.truncate(length);
        Ok(piece)
    }

    /// A whole answer.
    pub fn answer(&mut self, has_body: bool) -> io::Result<Answer> {
        let mut answer = self.head()?;
        if !has_body {
            return Ok(answer);
        }
        if answer.header("transfer-encoding") == Some("chunked") {
            loop {
                let piece = self.chunk()?;
                if piece.is_empty() {
                    return Ok(answer);
                }
                answer.body.extend(piece);
            }
        }
        match answer.header("content-length").and_then(|length| length.parse().ok()) {
            Some(length) => {
                answer.body = vec![0; length];
                self.stream.read_exact(&mut answer.body)?;
            }
            None => drop(self.stream.read_to_end(&mut answer.body)?),
        }
        Ok(answer)
    }
}

/// A caller with one connection, made anew when it was closed.
pub struct Client {
    address: String,
    bearer: Option<String>,
    wire: Option<Wire>,
}

/// The bytes of a request.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Vec<u8> {
    let mut bytes = format!("{method} {path} HTTP/1.1\r\n").into_bytes();
    if !headers.iter().any(|(name, _)| *name == "Host") {
        bytes.extend_from_slice(b"Host: localhost\r\n");
    }
    for (name, value) in headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    if let Some(body) = body {
        bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body.unwrap_or_default());
    bytes
}

impl Client {
    pub fn new(address: &str) -> Self {
        Self { address: address.to_owned(), bearer: None, wire: None }
    }

    pub fn with_key(address: &str, key: &str) -> Self {
        Self { bearer: Some(format!("Bearer {key}")), ..Self::new(address) }
    }

    /// Sends once. An error leaves open whether the server has seen it.
    pub fn try_call(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> io::Result<Answer> {
        let mut all = headers.to_vec();
        if body.is_some() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            all.push(("Content-Type", "application/json"));
        }
        let bearer = self.bearer.clone();
        all.extend(bearer.as_deref().map(|bearer| ("Authorization", bearer)));
        let bytes = request(method, path, &all, body);
        let mut wire = match self.wire.take() {
            Some(wire) => wire,
            None => Wire::open(&self.address)?,
        };
        let sent = wire.send(&bytes);
        // A refusal of a large body comes while it is still being sent.
        let answer = wire.answer(method != "HEAD").map_err(|why| sent.err().unwrap_or(why))?;
        if answer.header("connection") != Some("close") {
            self.wire = Some(wire);
        }
        Ok(answer)
    }

    /// Sends and must be answered.
    #[track_caller]
    pub fn call(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Answer {
        match self.try_call(method, path, headers, body) {
            Ok(answer) => answer,
            Err(why) => panic!("{method} {path}: {why}"),
        }
    }

    #[track_caller]
    pub fn get(&mut self, path: &str) -> Answer {
        self.call("GET", path, &[], None)
    }

    #[track_caller]
    pub fn post(&mut self, path: &str, body: &str) -> Answer {
        self.call("POST", path, &[], Some(body.as_bytes()))
    }

    #[track_caller]
    pub fn post_with(&mut self, path: &str, key: &str, body: &str) -> Answer {
        self.call("POST", path, &[("Idempotency-Key", key)], Some(body.as_bytes()))
    }

    /// The number of the newest record that can be read.
    #[track_caller]
    pub fn newest_seq(&mut self) -> u64 {
        let mut after = self.get("/v1/trial-balance?limit=1").ok(200)["at_seq"].as_u64().unwrap();
        loop {
            let page = self.get(&format!("/v1/journal?after={after}&limit=500")).ok(200);
            if page["data"].as_array().unwrap().is_empty() {
                return after;
            }
            after = page["next_after"].as_u64().unwrap();
        }
    }

    /// All records after this one.
    #[track_caller]
    pub fn records_after(&mut self, mut after: u64) -> Vec<Value> {
        let mut records = Vec::new();
        loop {
            let page = self.get(&format!("/v1/journal?after={after}&limit=500")).ok(200);
            let data = page["data"].as_array().unwrap();
            if data.is_empty() {
                return records;
            }
            records.extend(data.iter().cloned());
            after = page["next_after"].as_u64().unwrap();
        }
    }
}
