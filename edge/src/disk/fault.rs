//! A disk in memory that fails on purpose: for tests and for the simulation, never for a station.
//!
//! What was written and not synced may be lost, in any part and in any order, when the power goes; a write may be torn
//! at any sector. The power goes after a given number of operations, and from then on everything fails until
//! [`FaultDisk::restart`]. It can be full, sectors can go bad, and bytes can change by themselves. All chance comes from
//! the seed, so that a run can be repeated.

use super::{Disk, File};
use redb::StorageBackend;
use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// A disk in memory that fails on purpose. Clones are the same disk.
#[derive(Debug, Clone)]
pub struct FaultDisk {
    world: Arc<Mutex<World>>,
}

/// What a disk has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Done {
    /// Operations that change something: the unit of [`FaultDisk::crash_after`].
    pub operations: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Times that something was made durable.
    pub syncs: u64,
}

#[derive(Debug)]
struct World {
    names: BTreeMap<String, usize>,
    files: Vec<Content>,
    dice: u64,
    capacity: u64,
    fuse: Option<u64>,
    down: bool,
    /// Handles from before a crash are dead.
    life: u64,
    sync_fails: bool,
    /// The next sync fails once, and what it should have kept is taken for clean.
    sync_forgets: bool,
    bad: Option<(usize, u64, u64)>,
    done: Done,
}

#[derive(Debug, Default)]
struct Content {
    durable: Vec<u8>,
    current: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    Length(u64),
    Bytes(u64, Vec<u8>),
}

impl FaultDisk {
    /// An empty disk; `seed` decides what a crash loses.
    pub fn new(seed: u64) -> Self {
        let world = World {
            names: BTreeMap::new(),
            files: Vec::new(),
            dice: seed,
            capacity: u64::MAX,
            fuse: None,
            down: false,
            life: 0,
            sync_fails: false,
            sync_forgets: false,
            bad: None,
            done: Done::default(),
        };
        Self { world: Arc::new(Mutex::new(world)) }
    }

    /// Another disk with the same content, all of it durable.
    pub fn copy(&self) -> Self {
        let world = self.lock();
        let copy = Self::new(world.dice);
        let same = |file: &Content| Content {
            durable: file.current.clone(),
            current: file.current.clone(),
            unsynced: Vec::new(),
        };
        let mut other = copy.lock();
        (other.names, other.files) = (world.names.clone(), world.files.iter().map(same).collect());
        drop(other);
        copy
    }

    /// The power goes after so many more operations.
    pub fn crash_after(&self, operations: u64) {
        self.lock().fuse = Some(operations);
    }

    /// Whether the power is gone.
    pub fn is_down(&self) -> bool {
        self.lock().down
    }

    /// The power goes now, if it has not, and comes back: what was not synced is partly lost, and old handles are dead.
    pub fn restart(&self) {
        let mut world = self.lock();
        (world.down, world.fuse, world.sync_fails) = (false, None, false);
        world.life += 1;
        let World { files, dice, .. } = &mut *world;
        for file in files {
            file.lose(dice);
        }
    }

    /// Files may take so many bytes together; growing beyond is refused.
    pub fn set_capacity(&self, bytes: u64) {
        self.lock().capacity = bytes;
    }

    /// Bytes that all files take.
    pub fn used(&self) -> u64 {
        self.lock().used()
    }

    /// Syncing fails until [`FaultDisk::restart`], or until this is called with `false`.
    pub fn fail_syncs(&self, fail: bool) {
        self.lock().sync_fails = fail;
    }

    /// The next sync fails, once, as systems do it: what it should have kept can be read until the power goes, is taken
    /// for written, and is in no later sync unless it is written anew.
    pub fn forget_at_next_sync(&self) {
        self.lock().sync_forgets = true;
    }

    /// Reading these bytes of a file fails from now on, as a sector does that went bad.
    pub fn spoil(&self, name: &str, from: u64, to: u64) {
        let mut world = self.lock();
        world.bad = world.names.get(name).map(|index| (*index, from, to));
    }

    /// Changes bytes of a file behind everybody's back; those beyond its end are ignored.
    pub fn overwrite(&self, name: &str, at: u64, bytes: &[u8]) {
        let mut world = self.lock();
        let Some(index) = world.names.get(name).copied() else { return };
        let Some(file) = world.files.get_mut(index) else { return };
        for content in [&mut file.durable, &mut file.current] {
            put(content, at, bytes);
        }
    }

    /// Cuts a file short behind everybody's back.
    pub fn truncate(&self, name: &str, length: u64) {
        let mut world = self.lock();
        let Some(index) = world.names.get(name).copied() else { return };
        let Some(file) = world.files.get_mut(index) else { return };
        for content in [&mut file.durable, &mut file.current] {
            content.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        }
    }

    /// The length of a file; 0 when it is not there.
    pub fn length(&self, name: &str) -> u64 {
        let world = self.lock();
        let file = world.names.get(name).and_then(|index| world.files.get(*index));
        file.map_or(0, |file| file.current.len() as u64)
    }

    /// The bytes of a file; none when it is not there.
    pub fn content(&self, name: &str) -> Vec<u8> {
        let world = self.lock();
        let file = world.names.get(name).and_then(|index| world.files.get(*index));
        file.map_or_else(Vec::new, |file| file.current.clone())
    }

    /// The names of all files.
    pub fn names(&self) -> Vec<String> {
        self.lock().names.keys().cloned().collect()
    }

    /// What this disk has done so far.
    pub fn done(&self) -> Done {
        self.lock().done
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for FaultDisk {
    fn exists(&self, name: &str) -> Result<bool> {
        let world = self.lock();
        world.powered()?;
        Ok(world.names.contains_key(name))
    }

    fn open(&self, name: &str, create: bool) -> Result<File> {
        let mut world = self.lock();
        world.powered()?;
        let file = match world.names.get(name).copied() {
            Some(file) => file,
            None if create => {
                world.step()?;
                world.files.push(Content::default());
                let file = world.files.len() - 1;
                world.names.insert(name.to_owned(), file);
                file
            }
            None => return Err(ErrorKind::NotFound.into()),
        };
        Ok(File::new(Handle { disk: self.clone(), file, life: world.life }))
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let mut world = self.lock();
        world.step()?;
        let file = world.names.remove(from).ok_or(ErrorKind::NotFound)?;
        world.names.insert(to.to_owned(), file);
        Ok(())
    }

    fn keep_as(&self, name: &str, also: &str) -> Result<()> {
        let mut world = self.lock();
        world.step()?;
        if world.names.contains_key(also) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let file = world.names.get(name).copied().ok_or(ErrorKind::NotFound)?;
        world.names.insert(also.to_owned(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<()> {
        let mut world = self.lock();
        world.powered()?;
        if world.names.contains_key(name) {
            world.step()?;
            world.names.remove(name);
        }
        Ok(())
    }
}

impl World {
    fn powered(&self) -> Result<()> {
        if self.down { Err(Error::other("the power is gone")) } else { Ok(()) }
    }

    /// Counts an operation; the one that burns the fuse down does not happen.
    fn step(&mut self) -> Result<()> {
        if self.fuse == Some(0) {
            self.down = true;
        }
        self.powered()?;
        self.fuse = self.fuse.map(|left| left - 1);
        self.done.operations += 1;
        Ok(())
    }

    fn used(&self) -> u64 {
        let named: std::collections::BTreeSet<usize> = self.names.values().copied().collect();
        named.iter().filter_map(|file| self.files.get(*file)).map(|file| file.current.len() as u64).sum()
    }
}

impl Content {
    /// Everything written so far is on the disk for good.
    fn keep(&mut self) {
        for change in self.unsynced.drain(..) {
            match change {
                Change::Length(length) => self.durable.resize(usize::try_from(length).unwrap_or(0), 0),
                Change::Bytes(at, bytes) => put(&mut self.durable, at, &bytes),
            }
        }
    }

    /// What was not synced never will be; a file that grew has its length all the same.
    fn forget(&mut self) {
        for change in self.unsynced.drain(..) {
            if let Change::Length(length) = change {
                self.durable.resize(usize::try_from(length).unwrap_or(0), 0);
            }
        }
    }

    /// The power went: of what was not synced any part may have reached the disk.
    fn lose(&mut self, dice: &mut u64) {
        let mut content = std::mem::take(&mut self.durable);
        for change in self.unsynced.drain(..) {
            match change {
                Change::Length(length) if roll(dice).is_multiple_of(2) => {
                    content.resize(usize::try_from(length).unwrap_or(0), 0);
                }
                Change::Length(_) => {}
                Change::Bytes(at, bytes) => tear(&mut content, at, &bytes, dice),
            }
        }
        self.current.clone_from(&content);
        self.durable = content;
    }
}

/// A third of the writes arrive whole, a third not at all, a third in part.
fn tear(content: &mut [u8], at: u64, bytes: &[u8], dice: &mut u64) {
    let fate = roll(dice) % 3;
    for (number, sector) in bytes.chunks(SECTOR).enumerate() {
        let arrives = fate == 0 || (fate == 1 && roll(dice).is_multiple_of(2));
        if arrives {
            put(content, at + (number * SECTOR) as u64, sector);
        }
    }
}

/// Puts bytes where they belong; those beyond the end are lost.
fn put(content: &mut [u8], at: u64, bytes: &[u8]) {
    let start = usize::try_from(at).unwrap_or(usize::MAX).min(content.len());
    if let Some(place) = content.get_mut(start..) {
        let length = bytes.len().min(place.len());
        place[..length].copy_from_slice(&bytes[..length]);
    }
}

/// SplitMix64.
fn roll(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[derive(Debug)]
struct Handle {
    disk: FaultDisk,
    file: usize,
    life: u64,
}

impl Handle {
    fn with<T>(&self, step: impl FnOnce(&mut World, usize) -> Result<T>) -> Result<T> {
        let mut world = self.disk.lock();
        world.powered()?;
        if self.life != world.life {
            return Err(Error::other("the file was open when the power went"));
        }
        step(&mut world, self.file)
    }
}

impl StorageBackend for Handle {
    fn len(&self) -> Result<u64> {
        self.with(|world, file| Ok(world.files[file].current.len() as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        self.with(|world, file| {
            let end = offset + out.len() as u64;
            if world.bad.is_some_and(|(bad, from, to)| bad == file && offset < to && from < end) {
                return Err(Error::from_raw_os_error(5));
            }
            let content = &world.files[file].current;
            let start = usize::try_from(offset).unwrap_or(usize::MAX);
            let bytes = content.get(start..).and_then(|rest| rest.get(..out.len())).ok_or(ErrorKind::UnexpectedEof)?;
            out.copy_from_slice(bytes);
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.with(|world, file| {
            let now = world.files[file].current.len() as u64;
            if len > now && world.used() + (len - now) > world.capacity {
                return Err(ErrorKind::StorageFull.into());
            }
            world.step()?;
            let content = &mut world.files[file];
            content.current.resize(usize::try_from(len).unwrap_or(0), 0);
            content.unsynced.push(Change::Length(len));
            Ok(())
        })
    }

    fn sync_data(&self) -> Result<()> {
        self.with(|world, file| {
            world.step()?;
            if std::mem::take(&mut world.sync_forgets) {
                world.files[file].forget();
                return Err(Error::from_raw_os_error(5));
            }
            if world.sync_fails {
                return Err(Error::from_raw_os_error(5));
            }
            world.done.syncs += 1;
            world.files[file].keep();
            Ok(())
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        self.with(|world, file| {
            world.step()?;
            world.done.bytes += data.len() as u64;
            let content = &mut world.files[file];
            let start = usize::try_from(offset).unwrap_or(usize::MAX);
            let place = content.current.get_mut(start..).and_then(|rest| rest.get_mut(..data.len()));
            place.ok_or(ErrorKind::UnexpectedEof)?.copy_from_slice(data);
            content.unsynced.push(Change::Bytes(offset, data.to_vec()));
            Ok(())
        })
    }
}
