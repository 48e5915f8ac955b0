//! A server that a test has started: its folder, its address, its end. Its log goes to a file that is shown when
//! a test fails, and that must not tell of faults.

use crate::binary::concord;
use crate::client::Client;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

/// How long a start may take before a test gives up.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How often a condition is looked at again.
const PAUSE: Duration = Duration::from_millis(5);

/// A running server.
pub struct Server {
    child: Child,
    pub address: String,
    pub took: Duration,
    folder: PathBuf,
    settings: Vec<(String, String)>,
    /// Faults in the log are what the test is about.
    pub may_fault: bool,
}

/// `concord` with these words, in a folder.
pub fn command(folder: &Path, line: &str) -> Command {
    let mut command = Command::new(concord());
    command.current_dir(folder).args(line.split_whitespace()).env_clear().stdin(Stdio::null());
    command
}

/// Runs `concord` to its end.
pub fn run(folder: &Path, line: &str) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command(folder, line).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// Waits until something is so.
#[track_caller]
pub fn until(limit: Duration, what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < limit, "{what}: not within {limit:?}");
        std::thread::sleep(PAUSE);
    }
}

impl Server {
    /// Starts one on the folder's `data`.
    #[track_caller]
    pub fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    /// Starts one with settings: `("LIMITS__BODY_IDLE_S", "1")`.
    #[track_caller]
    pub fn start_with(folder: &Path, settings: &[(&str, &str)]) -> Self {
        let settings = settings.iter().map(|(name, value)| (format!("CONCORD__{name}"), (*value).to_owned()));
        Self::launch(folder.to_owned(), settings.collect())
    }

    #[track_caller]
    fn launch(folder: PathBuf, settings: Vec<(String, String)>) -> Self {
        let log = OpenOptions::new().create(true).append(true).open(log_of(&folder)).unwrap();
        let mut command = command(&folder, "serve --listen 127.0.0.1:0 --data-dir data");
        command.envs(settings.iter().map(|(name, value)| (name, value))).stdout(Stdio::piped()).stderr(log);
        let began = Instant::now();
        let mut child = command.spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let (tell, told) = sync_channel(1);
        std::thread::spawn(move || {
            let mut line = String::new();
            let _ = BufReader::new(stdout).read_line(&mut line);
            let _ = tell.send(line);
        });
        let line = told.recv_timeout(START_LIMIT).unwrap_or_default();
        let took = began.elapsed();
        let Some(address) = line.trim().strip_prefix("listening on http://") else {
            let _ = child.kill();
            panic!("the server did not start:\n{}", tail(&folder));
        };
        Self { child, address: address.to_owned(), took, folder, settings, may_fault: false }
    }

    pub fn client(&self) -> Client {
        Client::new(&self.address)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(log_of(&self.folder)).unwrap_or_default()
    }

    /// Tells it to stop, without waiting.
    pub fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Waits for its end.
    #[track_caller]
    pub fn ended(&mut self, limit: Duration) -> ExitStatus {
        let mut status = None;
        until(limit, "the server's end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    /// Stops it as supervisors do.
    #[track_caller]
    pub fn stop(mut self) {
        self.terminate();
        let status = self.ended(START_LIMIT);
        assert!(status.success(), "{status}\n{}", tail(&self.folder));
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on the same folder.
    #[track_caller]
    pub fn again(mut self) -> Self {
        self.kill();
        let mut next = Self::launch(self.folder.clone(), self.settings.clone());
        next.may_fault = self.may_fault;
        next
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the server's log ends\n{}", tail(&self.folder));
        } else if !self.may_fault {
            let log = self.log();
            let fault =
                log.lines().find(|line| line.contains("request failed") || line.contains("panicked at"));
            assert_eq!(fault, None, "a fault in the log");
        }
    }
}

fn log_of(folder: &Path) -> PathBuf {
    folder.join("server.log")
}

fn tail(folder: &Path) -> String {
    let log =
        File::open(log_of(folder)).map(BufReader::new).map(|log| log.lines().map_while(Result::ok).collect());
    let lines: Vec<String> = log.unwrap_or_default();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
