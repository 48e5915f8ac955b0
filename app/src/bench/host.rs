//! The machine that is measured on, and what a process has used of it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Ticks of the processor times in `/proc`, per second: fixed by the kernel's interface.
const TICKS: u64 = 100;
/// How often the disk is asked to sync.
const SYNCS: usize = 200;
/// What is written before each.
const BLOCK: usize = 4096;

/// The machine.
pub struct Host {
    /// Lines for people: name and value.
    pub lines: Vec<(&'static str, String)>,
}

/// What a process used.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// Processor time.
    pub cpu: Duration,
    /// Of that, per name of its threads that still live.
    pub threads: Vec<(String, Duration)>,
    /// Resident bytes now.
    pub resident: u64,
    /// Most resident bytes so far.
    pub peak: u64,
}

impl Host {
    /// Describes the machine; measures the disk that holds this directory.
    pub fn describe(directory: &Path) -> io::Result<Self> {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let model = field(&text("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown".to_owned());
        let memory = field(&text("/proc/meminfo"), "MemTotal").unwrap_or_default();
        let memory: u64 = memory.trim_end_matches(" kB").parse().unwrap_or(0);
        let load = text("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" ");
        let (median, high) = sync_time(directory)?;
        Ok(Self {
            lines: vec![
                ("processor", format!("{cores} cores, {model}")),
                ("memory", format!("{:.1} GiB", memory as f64 / f64::from(1 << 20))),
                ("kernel", text("/proc/sys/kernel/osrelease").trim().to_owned()),
                (
                    "disk",
                    format!("fdatasync of 4 KiB: median {} µs, p99 {} µs", micros(median), micros(high)),
                ),
                ("load before", load),
                ("program", format!("concord {}, {}", env!("CARGO_PKG_VERSION"), profile())),
                (
                    "durability",
                    "every answered write is synced to disk (fdatasync per commit group)".to_owned(),
                ),
                ("placement", "load generator and server share these cores, over 127.0.0.1".to_owned()),
            ],
        })
    }
}

fn profile() -> &'static str {
    if cfg!(debug_assertions) { "built without optimisation: figures mean nothing" } else { "release build" }
}

fn micros(time: Duration) -> u128 {
    time.as_micros()
}

/// Median and 99th percentile of a write and sync of 4 KiB where the journal would do it: into a file of zeros.
fn sync_time(directory: &Path) -> io::Result<(Duration, Duration)> {
    let path = directory.join("sync-time");
    let mut file = File::create(&path)?;
    file.write_all(&vec![0; SYNCS * BLOCK])?;
    file.sync_all()?;
    let block = [1; BLOCK];
    let mut times = Vec::with_capacity(SYNCS);
    for place in 0..SYNCS {
        let start = Instant::now();
        file.write_all_at(&block, (place * BLOCK) as u64)?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    fs::remove_file(path)?;
    times.sort();
    Ok((times[SYNCS / 2], times[SYNCS * 99 / 100]))
}

/// What a process has used so far; threads that ended count in `cpu` only.
pub fn usage(process: u32) -> io::Result<Usage> {
    let root = format!("/proc/{process}");
    let status = fs::read_to_string(format!("{root}/status"))?;
    let kilobytes = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok()
    };
    let mut threads: Vec<(String, Duration)> = Vec::new();
    for task in fs::read_dir(format!("{root}/task"))? {
        let Ok(stat) = fs::read_to_string(task?.path().join("stat")) else { continue };
        let Some((name, cpu)) = read_stat(&stat) else { continue };
        match threads.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += cpu,
            None => threads.push((name, cpu)),
        }
    }
    let cpu = read_stat(&fs::read_to_string(format!("{root}/stat"))?).map_or(Duration::ZERO, |(_, cpu)| cpu);
    Ok(Usage {
        cpu,
        threads,
        resident: kilobytes("VmRSS").unwrap_or(0) << 10,
        peak: kilobytes("VmHWM").unwrap_or(0) << 10,
    })
}

/// Name and processor time of a line of `/proc/…/stat`.
fn read_stat(line: &str) -> Option<(String, Duration)> {
    let (start, end) = (line.find('(')?, line.rfind(')')?);
    let mut fields = line[end + 2..].split(' ').skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let cpu = Duration::from_millis((user + system) * 1000 / TICKS);
    Some((line[start + 1..end].to_owned(), cpu))
}

impl Usage {
    /// What was used since an earlier look.
    pub fn since(&self, before: &Self) -> Self {
        let earlier = |name: &str| before.threads.iter().find(|(known, _)| known == name);
        let mut threads: Vec<(String, Duration)> = self
            .threads
            .iter()
            .map(|(name, cpu)| {
                (name.clone(), cpu.saturating_sub(earlier(name).map_or(Duration::ZERO, |e| e.1)))
            })
            .collect();
        threads.sort_by_key(|(_, cpu)| std::cmp::Reverse(*cpu));
        Self { cpu: self.cpu.saturating_sub(before.cpu), threads, ..*self }
    }
}
