//! A disk in memory for the tests of the index, on which files can be damaged.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use crate::journal::disk::{Disk, File};

/// Files by name.
#[derive(Default)]
pub struct TestDisk {
    files: Mutex<BTreeMap<String, Arc<TestFile>>>,
    /// Writes left before every write fails; none while the disk is well.
    writes_left: Arc<Mutex<Option<u64>>>,
}

struct TestFile {
    bytes: RwLock<Vec<u8>>,
    writes_left: Arc<Mutex<Option<u64>>>,
}

impl TestDisk {
    /// Flips one bit of the byte at this place.
    pub fn damage(&self, name: &str, at: usize) {
        self.files.lock()[name].bytes.write()[at] ^= 0x10;
    }

    /// Bytes of a file.
    pub fn len(&self, name: &str) -> usize {
        self.files.lock()[name].bytes.read().len()
    }

    /// Lets this many more writes succeed, or all.
    pub fn allow_writes(&self, writes: Option<u64>) {
        *self.writes_left.lock() = writes;
    }
}

impl Disk for TestDisk {
    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let files = self.files.lock();
        let file = files.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::<TestFile>::clone(file))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let mut files = self.files.lock();
        if files.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = Arc::new(TestFile { bytes: RwLock::default(), writes_left: self.writes_left.clone() });
        files.insert(name.to_owned(), Arc::clone(&file));
        Ok(file)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.files.lock().keys().cloned().collect())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.files.lock().remove(name).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut files = self.files.lock();
        let file = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), file);
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}

impl File for TestFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let bytes = self.bytes.read();
        let rest = bytes.get(offset as usize..).unwrap_or_default();
        let read = rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    fn write_at(&self, new: &[u8], offset: u64) -> io::Result<()> {
        if let Some(left) = &mut *self.writes_left.lock() {
            *left = left.checked_sub(1).ok_or(io::ErrorKind::StorageFull)?;
        }
        let mut bytes = self.bytes.write();
        let end = offset as usize + new.len();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[offset as usize..end].copy_from_slice(new);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.bytes.read().len() as u64)
    }

    fn resize(&self, length: u64) -> io::Result<()> {
        self.bytes.write().resize(length as usize, 0);
        Ok(())
    }
}
