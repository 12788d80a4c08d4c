//! Keeps a file that comes in, piece by piece, until it was read.

use super::super::model::{FILE_MAX, ImportError, Job, Options};
use crate::actor::Actor;
use crate::app::App;
use crate::clock;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The folder for files that wait, in the data folder.
const FOLDER: &str = "imports";

/// Where the file of an import waits.
pub fn path_of(data: &Path, job: i64) -> PathBuf {
    data.join(FOLDER).join(format!("{job}.file"))
}

/// A file that is coming in. Dropped before [`Upload::finish`], it leaves nothing behind.
pub struct Upload {
    path: PathBuf,
    file: File,
    hasher: blake3::Hasher,
    length: u64,
    /// Its first bytes, by which a file is known that is no text.
    start: Vec<u8>,
    kept: bool,
}

/// Files that people take for CSV: how they begin, and what to do with them.
const NO_TEXT: [(&[u8], &str, &str); 5] = [
    (b"PK\x03\x04", "an Excel workbook or a zip file", "save it as CSV, or unpack it first"),
    (b"\xD0\xCF\x11\xE0", "an old Excel workbook", "save it as CSV"),
    (b"\x1F\x8B", "a gzip file", "unpack it first"),
    (b"%PDF", "a PDF", "export the orders as CSV or JSON"),
    (b"SQLite format 3", "a database", "export the orders as CSV or JSON"),
];
/// So many first bytes tell.
const START: usize = 16;

impl Upload {
    /// Begins a file. Only the hub's own account can read it.
    pub fn begin(app: &App) -> Result<Upload, ImportError> {
        let folder = app.config.data.join(FOLDER);
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let path = folder.join(format!("{:016x}.part", clock::random_u64()));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Upload { path, file, hasher: blake3::Hasher::new(), length: 0, start: Vec::new(), kept: false })
    }

    /// Adds the next bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), ImportError> {
        self.length += bytes.len() as u64;
        if self.length > FILE_MAX {
            return Err(ImportError::TooLarge);
        }
        let missing = START.saturating_sub(self.start.len()).min(bytes.len());
        self.start.extend_from_slice(&bytes[..missing]);
        self.hasher.update(bytes);
        Ok(self.file.write_all(bytes)?)
    }

    /// The whole file is here: it is made durable and waits for its turn. What comes back is a promise to read it.
    pub async fn finish(
        mut self,
        app: &App,
        file_name: &str,
        options: Options,
        actor: &Actor,
    ) -> Result<Job, ImportError> {
        if self.length == 0 {
            return Err(ImportError::Empty);
        }
        if let Some((_, is, todo)) = NO_TEXT.iter().find(|(start, ..)| self.start.starts_with(start)) {
            return Err(ImportError::NoText { is, todo });
        }
        let hash = self.hasher.finalize().to_hex().to_string();
        let job = super::new_job(app, file_name, hash, self.length, options, actor).await?;
        let path = path_of(&app.config.data, job.id);
        self.file.sync_all()?;
        std::fs::rename(&self.path, &path)?;
        self.path = path;
        sync_folder(&self.path)?;
        super::queue(app, &job).await?;
        self.kept = true;
        app.import_wake.notify_one();
        Ok(job)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.kept {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// Removes what uploads left that were cut off when the hub last stopped.
pub fn clean(data: &Path) -> io::Result<()> {
    let folder = match std::fs::read_dir(data.join(FOLDER)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        folder => folder?,
    };
    for entry in folder {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "part") {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}
