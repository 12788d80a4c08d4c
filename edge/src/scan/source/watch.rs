//! Waits for a device to appear, woken by the kernel instead of by asking again and again.

use super::retry::Stop;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a stop may go unnoticed.
const SLICE: Duration = Duration::from_millis(250);

/// Something may have happened at one of some paths.
///
/// Made before the device is tried, so that one that appears between the try and the wait is not missed.
#[derive(Debug)]
pub(super) struct Watch {
    inotify: Option<Inotify>,
    /// What has to appear in the watched folders: the devices themselves or the folders they will be in.
    names: Vec<std::ffi::OsString>,
}

impl Watch {
    /// Watches the nearest folders that exist above `paths`. Without inotify it only waits.
    pub(super) fn new(paths: &[PathBuf]) -> Self {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).ok();
        let mut names = Vec::new();
        for (folder, name) in paths.iter().filter_map(|path| nearest_folder(path)) {
            let appears = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_ATTRIB;
            let watched = inotify.as_ref().is_some_and(|inotify| inotify.add_watch(folder, appears).is_ok());
            if watched {
                names.push(name.to_owned());
            }
        }
        Self { inotify, names }
    }

    /// Waits until something appears, at most `at_most`, less when told to stop.
    pub(super) fn wait(&self, at_most: Duration, stop: &Stop) {
        let Some(inotify) = self.inotify.as_ref().filter(|_| !self.names.is_empty()) else {
            return stop.wait(at_most);
        };
        let started = crate::clock::instant();
        while !stop.is_set() {
            let Some(left) = at_most.checked_sub(started.elapsed()).filter(|left| !left.is_zero()) else { return };
            if !readable(inotify, left.min(SLICE)) {
                continue;
            }
            match inotify.read_events() {
                Ok(events)
                    if events.iter().any(|event| event.name.as_deref().is_some_and(|name| self.concerns(name))) =>
                {
                    return;
                }
                Ok(_) => {}
                Err(_) => return stop.wait(left_of(at_most, started)),
            }
        }
    }

    fn concerns(&self, name: &OsStr) -> bool {
        self.names.iter().any(|wanted| wanted == name)
    }
}

fn left_of(at_most: Duration, started: Instant) -> Duration {
    at_most.saturating_sub(started.elapsed())
}

/// The nearest folder above `path` that exists, and the name in it that leads to `path`.
fn nearest_folder(path: &Path) -> Option<(&Path, &OsStr)> {
    path.ancestors().find_map(|below| Some((below.parent().filter(|folder| folder.is_dir())?, below.file_name()?)))
}

/// Whether `fd` has something to read, or an error to tell, within `at_most`.
pub(super) fn readable(fd: &impl AsFd, at_most: Duration) -> bool {
    readable_of([fd.as_fd()], at_most)[0]
}

/// Which of some descriptors have something to read, or an error to tell, within `at_most`.
pub(super) fn readable_of<const N: usize>(fds: [std::os::fd::BorrowedFd<'_>; N], at_most: Duration) -> [bool; N] {
    let mut polled = fds.map(|fd| PollFd::new(fd, PollFlags::POLLIN));
    let timeout = PollTimeout::try_from(at_most).unwrap_or(PollTimeout::MAX);
    match poll(&mut polled, timeout) {
        Ok(_) => polled.map(|fd| fd.any().unwrap_or(true)),
        // Interrupted: nobody knows, and the caller asks again.
        Err(_) => [false; N],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn a_device_that_appears_ends_the_wait() {
        let folder = tempfile::tempdir().unwrap();
        let device = folder.path().join("by-id/gun");
        std::fs::create_dir(folder.path().join("by-id")).unwrap();
        let watch = Watch::new(&[folder.path().join("elsewhere"), device.clone()]);
        std::fs::write(&device, "").unwrap();
        watch.wait(LONG, &Stop::default());
    }

    #[test]
    fn a_folder_that_appears_above_the_device_ends_the_wait() {
        let folder = tempfile::tempdir().unwrap();
        let watch = Watch::new(&[folder.path().join("by-id/deep/gun")]);
        std::fs::create_dir(folder.path().join("by-id")).unwrap();
        watch.wait(LONG, &Stop::default());
    }

    #[test]
    fn other_devices_do_not_end_the_wait() {
        let folder = tempfile::tempdir().unwrap();
        let watch = Watch::new(&[folder.path().join("gun")]);
        std::fs::write(folder.path().join("mouse"), "").unwrap();
        let started = crate::clock::instant();
        watch.wait(Duration::from_millis(60), &Stop::default());
        assert!(started.elapsed() >= Duration::from_millis(60));
    }

    #[test]
    fn a_stop_ends_the_wait_for_a_device() {
        let folder = tempfile::tempdir().unwrap();
        let (watch, stop) = (Watch::new(&[folder.path().join("gun")]), Stop::default());
        stop.set();
        watch.wait(LONG, &stop);
    }
}
