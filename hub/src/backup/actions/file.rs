//! The file of a backup: three lines that people can read, then the compressed copy of the database.
//!
//! The lines are the layout's name, the hash of the manifest, and the manifest. A file is written under another name,
//! synced and renamed, so that one with the right name is whole.

use crate::backup::model::{BackupError, HEAD_MAX, MAGIC, Manifest};
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// How hard to compress: more would take longer than reading the database does.
const COMPRESSION: i32 = 3;
const BLOCK: usize = 256 * 1024;

/// Writes `content` as a backup to `target` and fills in what the manifest says about it. Answers the file's length.
pub fn write(target: &Path, manifest: &mut Manifest, content: &Path) -> Result<u64, BackupError> {
    refuse_taken(target)?;
    let source = |cause| BackupError::file("read", content, cause);
    let mut hasher = blake3::Hasher::new();
    let mut file = File::open(content).map_err(source)?;
    manifest.content_bytes = copy(&mut file, &mut Hashing { hasher: &mut hasher, out: io::sink() }).map_err(source)?;
    manifest.content_blake3 = hasher.finalize().to_hex().to_string();
    let aside = beside(target, "part");
    let written = write_aside(&aside, manifest, content).and_then(|length| {
        fs::hard_link(&aside, target)?;
        sync_folder(target)?;
        Ok(length)
    });
    let _ = fs::remove_file(&aside);
    written.map_err(|cause| match cause.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Taken { path: target.to_owned() },
        _ => BackupError::file("write the backup", target, cause),
    })
}

/// A name that is taken is refused before any work is done.
pub fn refuse_taken(target: &Path) -> Result<(), BackupError> {
    match target.symlink_metadata() {
        Ok(_) => Err(BackupError::Taken { path: target.to_owned() }),
        Err(_) => Ok(()),
    }
}

fn write_aside(aside: &Path, manifest: &Manifest, content: &Path) -> io::Result<u64> {
    let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(aside)?;
    let mut out = BufWriter::new(file);
    let head = serde_json::to_string(manifest)?;
    writeln!(out, "{MAGIC}\n{}\n{head}", blake3::hash(head.as_bytes()).to_hex())?;
    let mut encoder = zstd::Encoder::new(out, COMPRESSION)?;
    copy(&mut File::open(content)?, &mut encoder)?;
    let file = encoder.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

/// Reads the head of a backup; what it says is not checked against the content.
pub fn manifest(source: &Path) -> Result<Manifest, BackupError> {
    Ok(open(source)?.0)
}

/// Checks the whole file and writes the copy of the database to `to`, which must not be there.
pub fn unpack(source: &Path, to: &Path) -> Result<Manifest, BackupError> {
    let failed = |cause| BackupError::file("write", to, cause);
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(failed)?;
    let mut out = BufWriter::new(file);
    let manifest = read_through(source, &mut out)?;
    out.flush().and_then(|()| out.get_ref().sync_all()).map_err(failed)?;
    Ok(manifest)
}

/// Checks the whole file without keeping anything.
pub fn check(source: &Path) -> Result<Manifest, BackupError> {
    read_through(source, &mut io::sink())
}

fn read_through(source: &Path, out: &mut impl Write) -> Result<Manifest, BackupError> {
    let (manifest, rest) = open(source)?;
    let damaged = |why: String| BackupError::Damaged { path: source.to_owned(), why };
    let unreadable = |cause: io::Error| damaged(format!("its content cannot be read ({cause})"));
    let decoder = zstd::Decoder::with_buffer(rest).map_err(unreadable)?;
    let mut hasher = blake3::Hasher::new();
    // A file that lies about its length fills no disk.
    let mut bounded = decoder.take(manifest.content_bytes.saturating_add(1));
    let read = copy(&mut bounded, &mut Hashing { hasher: &mut hasher, out }).map_err(unreadable)?;
    if read != manifest.content_bytes {
        return Err(damaged(format!("its content should have {} bytes and does not", manifest.content_bytes)));
    }
    if hasher.finalize().to_hex().as_str() != manifest.content_blake3 {
        return Err(damaged("its content is not what was written".to_owned()));
    }
    Ok(manifest)
}

fn open(source: &Path) -> Result<(Manifest, BufReader<File>), BackupError> {
    let failed = |cause| BackupError::file("read", source, cause);
    let damaged = |why: &str| BackupError::Damaged { path: source.to_owned(), why: why.to_owned() };
    let mut reader = BufReader::with_capacity(BLOCK, File::open(source).map_err(failed)?);
    let mut line = |limit: usize| {
        let mut line = Vec::new();
        let read = reader.by_ref().take(limit as u64).read_until(b'\n', &mut line).map_err(failed)?;
        let whole = line.pop() == Some(b'\n') && read > 0;
        let text = String::from_utf8(line).ok().filter(|_| whole);
        text.ok_or_else(|| damaged("its head is cut off or no text"))
    };
    let magic = line(256).unwrap_or_default();
    if magic != MAGIC {
        return Err(damaged(&format!("it does not begin with `{MAGIC}`")));
    }
    let (hash, head) = (line(256)?, line(HEAD_MAX)?);
    if blake3::hash(head.as_bytes()).to_hex().as_str() != hash {
        return Err(damaged("its manifest is not what was written"));
    }
    let manifest = serde_json::from_str(&head).map_err(|_| damaged("its manifest is of another program"))?;
    Ok((manifest, reader))
}

/// The file's name with one more ending.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

/// Makes what happened to the names in this file's folder durable.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

struct Hashing<'a, W> {
    hasher: &'a mut blake3::Hasher,
    out: W,
}

impl<W: Write> Write for Hashing<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<u64> {
    let mut buffer = vec![0; BLOCK];
    let mut total = 0;
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => return Ok(total),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        to.write_all(&buffer[..read])?;
        total += read as u64;
    }
}
