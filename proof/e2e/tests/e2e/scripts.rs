//! `scripts/*.test`: requests and the answers they get, and the README's own requests.
//!
//! A script is a list of steps: `>>> METHOD PATH`, header lines, a body; `<<< STATUS`, header lines, a body. Bodies
//! may be broken over lines, which are joined without their indentation. `E2E_UPDATE=1` writes the answers anew.

use crate::binary::root;
use crate::client::{Answer, Client};
use crate::mask::Mask;
use crate::server::Server;
use std::fmt::Write as _;
use std::fs;

/// Headers that a script may expect.
const SHOWN: [&str; 4] = ["Idempotency-Replayed", "Retry-After", "Allow", "WWW-Authenticate"];
const JSON: &str = "application/json";

/// Head, headers and body, of a request or an answer.
#[derive(Default)]
struct Part {
    head: String,
    headers: Vec<(String, String)>,
    body: String,
}

struct Step {
    /// Comments and empty lines before it.
    before: String,
    request: Part,
    /// The request as it is written.
    written: String,
    answer: Part,
}

fn parse(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut before = String::new();
    let mut answering = false;
    for line in text.lines() {
        if line.starts_with('#') || line.trim().is_empty() {
            let _ = writeln!(before, "{line}");
            continue;
        }
        if let Some(head) = line.strip_prefix(">>> ") {
            answering = false;
            let request = Part { head: head.to_owned(), ..Part::default() };
            let before = std::mem::take(&mut before);
            let written = format!("{line}\n");
            steps.push(Step { before, request, written, answer: Part::default() });
            continue;
        }
        let step = steps.last_mut().expect("a script starts with a request");
        if let Some(head) = line.strip_prefix("<<< ") {
            answering = true;
            step.answer.head = head.to_owned();
            continue;
        }
        if !answering {
            let _ = writeln!(step.written, "{line}");
        }
        let part = if answering { &mut step.answer } else { &mut step.request };
        match line.split_once(": ").filter(|(name, _)| part.body.is_empty() && is_header(name)) {
            Some((name, value)) => part.headers.push((name.to_owned(), value.to_owned())),
            None => part.body.push_str(line.trim_start()),
        }
    }
    steps
}

fn is_header(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn perform(client: &mut Client, mask: &Mask, request: &Part) -> Answer {
    let (method, path) = request.head.split_once(' ').expect("METHOD PATH");
    let (path, body) = (mask.show(path), mask.show(&request.body).replace("\\n", "\n"));
    let headers: Vec<_> =
        request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    client.call(method, &path, &headers, (!body.is_empty()).then_some(body.as_bytes()))
}

/// The answer as a script shows it.
fn shown(mask: &mut Mask, answer: &Answer) -> String {
    let mut text = format!("<<< {}\n", answer.status);
    for name in SHOWN {
        if let Some(value) = answer.header(&name.to_ascii_lowercase()) {
            let _ = writeln!(text, "{name}: {value}");
        }
    }
    text.push_str(mask.hide(answer.text().trim_end()).as_str());
    text.push('\n');
    text
}

/// Bytes of what stands after status and headers.
fn got_body_length(got: &str) -> usize {
    let is_head = |line: &&str| {
        line.starts_with("<<< ") || line.split_once(": ").is_some_and(|(name, _)| is_header(name))
    };
    let head: usize = got.split_inclusive('\n').take_while(is_head).map(str::len).sum();
    got.len() - head
}

#[test]
fn scripts_get_their_answers() {
    let folder = root().join("proof/e2e/scripts");
    let mut paths: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "test"));
    paths.sort();
    assert!(!paths.is_empty(), "no scripts in {}", folder.display());
    let update = std::env::var_os("E2E_UPDATE").is_some();
    let mut wrong = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let home = tempfile::tempdir().unwrap();
        let server = Server::start(home.path());
        let (mut client, mut mask, mut written) = (server.client(), Mask::default(), String::new());
        for step in parse(&text) {
            let answer = perform(&mut client, &mask, &step.request);
            let got = shown(&mut mask, &answer);
            let mut expected = format!("<<< {}\n", step.answer.head);
            for (name, value) in &step.answer.headers {
                let _ = writeln!(expected, "{name}: {value}");
            }
            let _ = writeln!(expected, "{}", step.answer.body);
            // Lines of an answer are joined like those of the script.
            let body_at = got.len() - got_body_length(&got);
            let joined = format!("{}{}\n", &got[..body_at], got[body_at..].lines().collect::<String>());
            if joined != expected && !update {
                wrong.push(format!(
                    "{}\n{}--- expected\n{expected}--- got\n{got}",
                    path.display(),
                    step.written
                ));
            }
            let _ = write!(written, "{}{}{got}", step.before, step.written);
        }
        if update && written != text {
            fs::write(&path, written).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The words of a shell line: blanks divide, single quotes hold together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (place, piece) in line.split('\'').enumerate() {
        match place % 2 {
            1 => words.push(piece.to_owned()),
            _ => words.extend(piece.split_whitespace().map(str::to_owned)),
        }
    }
    words
}

/// A `curl` line as a request.
fn curl(line: &str) -> Part {
    let mut part = Part { head: "GET /".to_owned(), ..Part::default() };
    let mut words = words(line).into_iter();
    assert_eq!(words.next().as_deref(), Some("curl"), "{line}");
    let mut method = "GET";
    let mut path = String::new();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-s" => {}
            "-H" => {
                let header = words.next().unwrap();
                let (name, value) = header.split_once(": ").unwrap();
                part.headers.push((name.to_owned(), value.to_owned()));
            }
            "--json" => {
                method = "POST";
                part.headers.push(("Content-Type".to_owned(), JSON.to_owned()));
                part.body = words.next().unwrap();
            }
            url => path = url.strip_prefix("http://127.0.0.1:8080").expect(line).to_owned(),
        }
    }
    part.head = format!("{method} {path}");
    part
}

/// The fenced blocks of a section: language and text.
fn blocks(section: &str) -> Vec<(&str, String)> {
    let mut blocks: Vec<(&str, String)> = Vec::new();
    let mut inside = false;
    for line in section.lines() {
        match line.strip_prefix("```") {
            Some(language) => {
                inside = !inside;
                if inside {
                    blocks.push((language, String::new()));
                }
            }
            None if inside => {
                let (_, text) = blocks.last_mut().unwrap();
                text.push_str(line);
            }
            None => {}
        }
    }
    blocks
}

#[test]
fn the_readme_prints_what_a_stranger_gets() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, section) = readme.split_once("## The first five requests").expect("the section is there");
    let section = section.split("\n## ").next().unwrap();
    let blocks = blocks(section);
    assert_eq!(blocks.len(), 10, "five requests, each with its answer");
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(home.path());
    let (mut client, mut real, mut printed) = (server.client(), Mask::default(), Mask::default());
    let mut wrong = Vec::new();
    for pair in blocks.chunks(2) {
        let [("sh", line), ("json", expected)] = pair else { panic!("a request, then its answer: {pair:?}") };
        let answer = perform(&mut client, &Mask::default(), &curl(line)).text();
        if real.hide(answer.trim_end()) != printed.hide(expected) {
            wrong.push(format!("{line}\nREADME: {expected}\nserver: {answer}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
