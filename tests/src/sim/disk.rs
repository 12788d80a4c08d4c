//! A station's disk: what was synced stays, what was not may stay, tear or go, and any write can be the last.

use packline_edge::disk::{Disk, File};
use packline_edge::link::session::Dice;
use redb::StorageBackend;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a drive writes at once, or not at all.
const SECTOR: usize = 512;

/// A folder of files that outlives the station. Clones are the same folder.
#[derive(Debug, Clone, Default)]
pub struct SimDisk(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    names: BTreeMap<String, u64>,
    files: BTreeMap<u64, Content>,
    next_file: u64,
    /// Handles of an earlier life answer nothing.
    life: u64,
    /// Writes until the power goes; `None` while nobody pulls the plug.
    writes_left: Option<u64>,
    dead: bool,
    full: bool,
}

#[derive(Debug, Default, Clone)]
struct Content {
    now: Vec<u8>,
    synced: Vec<u8>,
    pending: Vec<Pending>,
}

#[derive(Debug, Clone)]
enum Pending {
    Write { offset: usize, data: Vec<u8> },
    Length(usize),
}

impl SimDisk {
    /// The power goes at the write after so many more.
    pub fn kill_after(&self, writes: u64) {
        self.lock().writes_left = Some(writes);
    }

    /// Whether the power is gone.
    pub fn is_dead(&self) -> bool {
        self.lock().dead
    }

    /// Whether files may grow.
    pub fn set_full(&self, full: bool) {
        self.lock().full = full;
    }

    /// The power is gone: of everything not synced, chance decides what is there when it comes back.
    pub fn crash(&self, dice: &mut Dice) {
        let mut inner = self.lock();
        inner.life += 1;
        (inner.dead, inner.writes_left) = (false, None);
        let Inner { names, files, .. } = &mut *inner;
        files.retain(|file, _| names.values().any(|named| named == file));
        files.values_mut().for_each(|content| content.crash(dice));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn length(&mut self, length: usize) {
        self.now.resize(length, 0);
        self.pending.push(Pending::Length(length));
    }

    fn write(&mut self, offset: usize, data: &[u8]) {
        put(&mut self.now, offset, data);
        self.pending.push(Pending::Write { offset, data: data.to_vec() });
    }

    fn sync(&mut self) {
        for pending in std::mem::take(&mut self.pending) {
            match pending {
                Pending::Length(length) => self.synced.resize(length, 0),
                Pending::Write { offset, data } => put(&mut self.synced, offset, &data),
            }
        }
    }

    fn crash(&mut self, dice: &mut Dice) {
        // Some crashes lose everything, some almost nothing, most something.
        let stays = dice.below(101);
        for pending in std::mem::take(&mut self.pending) {
            match pending {
                Pending::Length(length) if dice.below(100) < stays => self.synced.resize(length, 0),
                Pending::Length(_) => {}
                Pending::Write { offset, data } => {
                    let torn = dice.below(4) == 0;
                    let whole = dice.below(100) < stays;
                    for (number, sector) in data.chunks(SECTOR).enumerate() {
                        if if torn { dice.below(100) < stays } else { whole } {
                            put(&mut self.synced, offset + number * SECTOR, sector);
                        }
                    }
                }
            }
        }
        self.now = self.synced.clone();
    }
}

fn put(bytes: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(data);
}

impl Inner {
    fn alive(&self, life: u64) -> io::Result<()> {
        if self.dead || life != self.life { Err(io::Error::other("the power is off")) } else { Ok(()) }
    }

    /// Counts one write. The one that meets the end of the power may still be done, in part or not.
    fn spend(&mut self, life: u64) -> io::Result<()> {
        self.alive(life)?;
        if let Some(left) = &mut self.writes_left {
            if *left == 0 {
                self.dead = true;
            }
            *left = left.saturating_sub(1);
        }
        Ok(())
    }

    fn finish(&self) -> io::Result<()> {
        if self.dead { Err(io::Error::other("the power went")) } else { Ok(()) }
    }

    fn file(&mut self, file: u64) -> io::Result<&mut Content> {
        self.files.get_mut(&file).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn named(&self, name: &str) -> io::Result<u64> {
        self.names.get(name).copied().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

impl Disk for SimDisk {
    fn exists(&self, name: &str) -> io::Result<bool> {
        let inner = self.lock();
        inner.alive(inner.life)?;
        Ok(inner.names.contains_key(name))
    }

    fn open(&self, name: &str, create: bool) -> io::Result<File> {
        let mut inner = self.lock();
        inner.alive(inner.life)?;
        if create && !inner.names.contains_key(name) {
            inner.next_file += 1;
            let file = inner.next_file;
            inner.names.insert(name.to_owned(), file);
            inner.files.insert(file, Content::default());
        }
        let file = inner.named(name)?;
        Ok(File::new(Handle { disk: self.clone(), file, life: inner.life }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut inner = self.lock();
        let life = inner.life;
        inner.spend(life)?;
        let file = inner.named(from)?;
        // The power may go just before or just after the name changes.
        if !inner.dead {
            inner.names.remove(from);
            inner.names.insert(to.to_owned(), file);
        }
        inner.finish()
    }

    fn keep_as(&self, name: &str, also: &str) -> io::Result<()> {
        let mut inner = self.lock();
        let life = inner.life;
        inner.spend(life)?;
        let file = inner.named(name)?;
        if inner.names.contains_key(also) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        inner.names.insert(also.to_owned(), file);
        inner.finish()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut inner = self.lock();
        let life = inner.life;
        inner.spend(life)?;
        inner.names.remove(name);
        inner.finish()
    }
}

#[derive(Debug)]
struct Handle {
    disk: SimDisk,
    file: u64,
    life: u64,
}

impl StorageBackend for Handle {
    fn len(&self) -> io::Result<u64> {
        let mut inner = self.disk.lock();
        inner.alive(self.life)?;
        Ok(inner.file(self.file)?.now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut inner = self.disk.lock();
        inner.alive(self.life)?;
        let content = inner.file(self.file)?;
        let from = usize::try_from(offset).map_err(io::Error::other)?;
        let found = content.now.get(from..from + out.len());
        out.copy_from_slice(found.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut inner = self.disk.lock();
        inner.spend(self.life)?;
        let (full, len) = (inner.full, usize::try_from(len).map_err(io::Error::other)?);
        let content = inner.file(self.file)?;
        if full && len > content.now.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        content.length(len);
        inner.finish()
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut inner = self.disk.lock();
        inner.spend(self.life)?;
        if !inner.dead {
            inner.file(self.file)?.sync();
        }
        inner.finish()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut inner = self.disk.lock();
        inner.spend(self.life)?;
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        inner.file(self.file)?.write(offset, data);
        inner.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_synced_survives_and_what_was_not_may_go() {
        let mut dice = Dice::new(1);
        let mut lost = 0;
        for _ in 0..50 {
            let disk = SimDisk::default();
            let file = disk.open("a", true).unwrap();
            file.write(0, b"kept").unwrap();
            file.sync_data().unwrap();
            file.write(0, b"lost").unwrap();
            disk.crash(&mut dice);
            assert!(file.len().is_err(), "a handle of the life before");
            let mut out = [0; 4];
            disk.open("a", false).unwrap().read(0, &mut out).unwrap();
            lost += u32::from(&out == b"kept");
            assert!(&out == b"kept" || &out == b"lost");
        }
        assert!((5..45).contains(&lost), "{lost}");
    }

    #[test]
    fn the_power_goes_at_the_write_that_was_chosen() {
        let disk = SimDisk::default();
        let file = disk.open("a", true).unwrap();
        disk.kill_after(2);
        file.write(0, b"x").unwrap();
        file.sync_data().unwrap();
        assert!(!disk.is_dead());
        assert!(file.write(0, b"y").is_err());
        assert!(disk.is_dead() && disk.open("a", false).is_err());
    }

    #[test]
    fn a_full_disk_takes_no_more_but_what_it_has_can_be_written() {
        let disk = SimDisk::default();
        let file = disk.open("a", true).unwrap();
        file.set_len(4).unwrap();
        disk.set_full(true);
        assert_eq!(file.set_len(5).unwrap_err().kind(), io::ErrorKind::StorageFull);
        file.write(0, b"four").unwrap();
    }
}
