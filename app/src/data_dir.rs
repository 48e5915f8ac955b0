//! The data directory: `lock`, `identity.sqlite`, `wallets.sqlite`, `journal/`. One server at a time holds its lock.

use crate::output::Failure;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The name of the lock file.
pub const LOCK: &str = "lock";
/// Only the owner gets in: books and hashes of keys are nobody else's.
const DIRECTORY_MODE: u32 = 0o700;
/// The same for the lock's file.
const FILE_MODE: u32 = 0o600;

/// A data directory that exists.
#[derive(Debug, Clone)]
pub struct DataDir {
    path: PathBuf,
}

/// A held lock. The system releases it when the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl DataDir {
    /// Uses the directory, making it if it is missing.
    pub fn make(path: &Path) -> Result<Self, Failure> {
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::create_dir_all(parent).map_err(Failure::path("creating", parent))?;
        }
        match DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
            Err(fault) if fault.kind() == std::io::ErrorKind::AlreadyExists => Self::find(path),
            Err(fault) => Err(Failure::path("creating the data directory", path)(fault)),
            Ok(()) => Ok(Self { path: path.to_owned() }),
        }
    }

    /// Uses the directory, which must be there.
    pub fn find(path: &Path) -> Result<Self, Failure> {
        if path.is_dir() {
            return Ok(Self { path: path.to_owned() });
        }
        let what = format!("there is no data directory {}; --data-dir names another", path.display());
        Err(Failure::Refused(what))
    }

    /// The path of something in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the lock, or says which process has it.
    pub fn lock(&self) -> Result<Lock, Failure> {
        let path = self.join(LOCK);
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE)
            .open(&path);
        let mut file = opened.map_err(Failure::path("opening", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _ = file.read_to_string(&mut pid);
                let holder = match pid.trim() {
                    "" => "another process".to_owned(),
                    pid => format!("process {pid}"),
                };
                let what = format!(
                    "the data directory {} is in use by {holder}; stop it first, or choose another --data-dir",
                    self.path.display()
                );
                return Err(Failure::Refused(what));
            }
            Err(TryLockError::Error(fault)) => return Err(Failure::path("locking", &path)(fault)),
        }
        let pid = format!("{}\n", std::process::id());
        let written = file.set_len(0).and_then(|()| file.write_all(pid.as_bytes()));
        written.map_err(Failure::path("writing", &path))?;
        Ok(Lock { file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The file stays: removing it would let two processes lock two files of one name.
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_directory_is_made_for_its_owner_alone_and_has_one_holder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/data");
        assert!(DataDir::find(&path).is_err());
        let data = DataDir::make(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, DIRECTORY_MODE);
        let held = data.lock().unwrap();
        let refused = DataDir::make(&path).unwrap().lock().unwrap_err().to_string();
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        drop(held);
        drop(data.lock().unwrap());
    }

    #[test]
    fn a_file_is_no_data_directory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        fs::write(&path, "").unwrap();
        assert!(DataDir::make(&path).is_err());
    }
}
