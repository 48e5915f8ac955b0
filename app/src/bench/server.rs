//! The server under measure: a child process of this same program, on a directory of its own and a free port.

use super::host::{self, Usage};
use super::load::{Drive, Pace, call};
use super::requests::open_accounts;
use crate::output::Failure;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take until it is ready.
const START_LIMIT: Duration = Duration::from_secs(120);
/// Between two looks whether it is.
const LOOK_PAUSE: Duration = Duration::from_millis(1);
/// Connections that open accounts.
const OPENERS: usize = 64;

/// Where servers are started.
pub struct Place {
    root: PathBuf,
    made: std::cell::Cell<u32>,
}

impl Place {
    /// A new directory below this one; removed with everything in it at the end.
    pub fn make(parent: &Path) -> Result<Self, Failure> {
        let root = parent.join(format!("concord-bench-{}", std::process::id()));
        fs::create_dir_all(&root).map_err(Failure::path("creating", &root))?;
        Ok(Self { root, made: std::cell::Cell::new(0) })
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A name for a server's directory.
    pub fn fresh(&self) -> PathBuf {
        self.made.set(self.made.get() + 1);
        self.root.join(format!("data-{}", self.made.get()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// A running server.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// From its start to the first 200 of `/ready`.
    pub ready_in: Duration,
    data: PathBuf,
}

impl Server {
    /// Starts `concord serve` on this directory.
    pub fn start(data: &Path) -> io::Result<Self> {
        Self::launch(&["serve"], data, "/ready")
    }

    /// Starts `concord serve` on this directory with settings of its own, as a file of the configuration has them.
    pub fn start_with(data: &Path, settings: &str) -> io::Result<Self> {
        let file = data.with_extension("toml");
        fs::write(&file, settings)?;
        Self::launch(&["serve", "--config", &file.to_string_lossy()], data, "/ready")
    }

    /// Starts a command of this program that says where it listens, and waits until it answers.
    pub fn launch(arguments: &[&str], data: &Path, probe: &str) -> io::Result<Self> {
        let log = File::options().create(true).append(true).open(data.with_extension("log"))?;
        let start = Instant::now();
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .args(["--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()?;
        let mut line = String::new();
        let out = child.stdout.take().expect("it is piped");
        BufReader::new(out).read_line(&mut line)?;
        let address = line.trim().rsplit("http://").next().and_then(|address| address.parse().ok());
        let log = || data.with_extension("log").display().to_string();
        let Some(address) = address else {
            let _ = child.kill();
            let _ = child.wait();
            let said = fs::read_to_string(data.with_extension("log")).unwrap_or_default();
            return Err(io::Error::other(format!("the server did not start: {line}{said}")));
        };
        let mut server = Self { child, address, ready_in: Duration::ZERO, data: data.to_owned() };
        while !call(address, "GET", probe, "").is_ok_and(|(status, _)| status == 200) {
            if start.elapsed() > START_LIMIT || server.child.try_wait()?.is_some() {
                return Err(io::Error::other(format!("the server is not ready; see {}", log())));
            }
            std::thread::sleep(LOOK_PAUSE);
        }
        server.ready_in = start.elapsed();
        Ok(server)
    }

    /// Its directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// What it has used.
    pub fn usage(&self) -> io::Result<Usage> {
        host::usage(self.child.id())
    }

    /// Opens so many accounts, counted from 0.
    pub fn open_accounts(&self, from: u64, count: u64) -> io::Result<()> {
        let requests = open_accounts(from..from + count);
        let drive = Drive {
            address: self.address,
            requests: &requests,
            connections: OPENERS,
            threads: 1,
            pace: Pace::Closed,
            limit: None,
            cycle: false,
        };
        drive.run()?.sound().map(|_| ())
    }

    /// Bytes of the journal so far, unused space at the end of the newest segment left out.
    pub fn journal_bytes(&self) -> io::Result<u64> {
        let mut newest: Option<(u64, PathBuf)> = None;
        for entry in fs::read_dir(self.data.join("journal"))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let digits = name.strip_prefix("journal-").and_then(|name| name.strip_suffix(".seg"));
            let Some(start) = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()) else {
                continue;
            };
            if newest.as_ref().is_none_or(|(known, _)| *known < start) {
                newest = Some((start, entry.path()));
            }
        }
        let Some((start, path)) = newest else { return Ok(0) };
        let bytes = fs::read(path)?;
        Ok(start + bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1))
    }

    /// Asks it to stop and waits; how long it took.
    pub fn stop(mut self) -> io::Result<Duration> {
        let start = Instant::now();
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        self.child.wait()?;
        Ok(start.elapsed())
    }

    /// Kills it where it stands.
    pub fn kill(mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(|_| ())
    }

    /// Removes its directory once it is gone.
    pub fn discard(self) -> io::Result<()> {
        let data = self.data.clone();
        self.kill()?;
        match fs::remove_dir_all(&data) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => Err(fault),
            _ => Ok(()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
