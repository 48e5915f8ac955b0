//! The disk as the journal engine sees it: a flat directory of named files.
//! A trait, so that the simulator can tear, lose and flip what a real disk only sometimes does.

use std::fs;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Zeros are written in pieces of this size.
const ZEROS: usize = 1 << 20;
/// Memory from which a disk reads by itself starts at a multiple of this.
const ALIGNED: usize = 4096;

/// A directory of files.
pub trait Disk: Send + Sync {
    /// Opens a file that exists, for reading and writing.
    fn open(&self, name: &str) -> io::Result<Arc<dyn File>>;
    /// Makes a new empty file; one that exists is an error.
    fn create(&self, name: &str) -> io::Result<Arc<dyn File>>;
    /// Makes a new file of this many zero bytes that are on the disk, durable but for its name. What is half
    /// made when that fails is removed again as far as it can be.
    fn create_zeros(&self, name: &str, bytes: u64) -> io::Result<Arc<dyn File>> {
        create_zeros(self, name, bytes)
    }
    /// Names of all files, sorted.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Renames a file over whatever had the name, atomically.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Makes creations, removals and renames durable.
    fn sync_names(&self) -> io::Result<()>;
    /// Bytes still free for an unprivileged writer.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// A directory without files that takes none.
pub struct NoDisk;

impl Disk for NoDisk {
    fn open(&self, _: &str) -> io::Result<Arc<dyn File>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn create(&self, _: &str) -> io::Result<Arc<dyn File>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn sync_names(&self) -> io::Result<()> {
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(0)
    }
}

/// An open file; positioned reads and writes only.
pub trait File: Send + Sync {
    /// Reads into the buffer; fewer bytes than asked only at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all bytes, or says why not (some may then be written).
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes contents and length durable.
    fn sync(&self) -> io::Result<()>;
    /// Length in bytes.
    fn size(&self) -> io::Result<u64>;
    /// Cuts or extends (with zeros) to this length.
    fn resize(&self, bytes: u64) -> io::Result<()>;
}

/// Writes zeros as any other bytes.
fn create_zeros<D: Disk + ?Sized>(disk: &D, name: &str, bytes: u64) -> io::Result<Arc<dyn File>> {
    let file = disk.create(name)?;
    let zeros = vec![0; ZEROS.min(bytes as usize)];
    let written = write_zeros(&zeros, bytes, |piece, place| file.write_at(piece, place));
    match written.and_then(|()| file.sync()) {
        Ok(()) => Ok(file),
        Err(fault) => {
            // What is half made only takes room that the disk does not have.
            let _ = disk.remove(name);
            Err(fault)
        }
    }
}

fn write_zeros(
    zeros: &[u8],
    bytes: u64,
    mut write: impl FnMut(&[u8], u64) -> io::Result<()>,
) -> io::Result<()> {
    let mut place = 0;
    while place < bytes {
        let piece = (bytes - place).min(zeros.len() as u64) as usize;
        write(&zeros[..piece], place)?;
        place += piece as u64;
    }
    Ok(())
}

/// Fills the buffer or fails with `UnexpectedEof`.
pub fn read_exact(file: &dyn File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    match file.read_at(buffer, offset)? {
        read if read == buffer.len() => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// A directory of the operating system.
#[derive(Debug, Clone)]
pub struct RealDisk {
    directory: PathBuf,
}

impl RealDisk {
    /// Uses this directory, making it if it is missing.
    pub fn try_new(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        Ok(Self { directory: directory.to_owned() })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Writes zeros past the page cache: nobody reads them, and copying them there costs more than posting
    /// does. Not every file system can.
    fn zeros_past_cache(&self, name: &str, bytes: u64) -> io::Result<()> {
        let direct = rustix::fs::OFlags::DIRECT.bits() as i32;
        let file =
            fs::OpenOptions::new().write(true).create_new(true).custom_flags(direct).open(self.path(name))?;
        rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes)?;
        let zeros = vec![0; ZEROS + ALIGNED];
        let aligned = zeros.as_ptr().align_offset(ALIGNED);
        write_zeros(&zeros[aligned..aligned + ZEROS], bytes, |piece, place| file.write_all_at(piece, place))?;
        file.sync_all()
    }
}

impl Disk for RealDisk {
    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let file = fs::OpenOptions::new().read(true).write(true).open(self.path(name));
        match file {
            // A reader beside a live server may lack the right to write.
            Err(fault) if fault.kind() == io::ErrorKind::PermissionDenied => {
                Ok(Arc::new(RealFile(fs::File::open(self.path(name))?)))
            }
            other => Ok(Arc::new(RealFile(other?))),
        }
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let file = fs::OpenOptions::new().read(true).write(true).create_new(true).open(self.path(name))?;
        Ok(Arc::new(RealFile(file)))
    }

    fn create_zeros(&self, name: &str, bytes: u64) -> io::Result<Arc<dyn File>> {
        if bytes.is_multiple_of(ALIGNED as u64) && self.zeros_past_cache(name, bytes).is_ok() {
            return self.open(name);
        }
        if self.path(name).exists() {
            self.remove(name)?;
        }
        create_zeros(self, name, bytes)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                names.extend(entry.file_name().into_string());
            }
        }
        names.sort();
        Ok(names)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn sync_names(&self) -> io::Result<()> {
        fs::File::open(&self.directory)?.sync_all()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(&self.directory)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

struct RealFile(fs::File);

impl File for RealFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.0.read_at(&mut buffer[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(filled)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn resize(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }
}
