//! The power goes at any moment, and again while the journal recovers.

use super::*;

/// How many histories are played, each with three crashes and up to six more while it recovers.
const SEEDS: u64 = 400;

#[test]
fn nothing_that_was_reported_durable_is_lost_and_nothing_is_invented_whenever_the_power_goes() {
    for seed in 0..SEEDS {
        let outcome = std::panic::catch_unwind(|| play(seed));
        assert!(outcome.is_ok(), "seed {seed}");
    }
}

/// One history: records are written in groups, acknowledged and deleted until the power goes, three times over.
fn play(seed: u64) {
    let mut dice = Dice(seed);
    let disk = FaultDisk::new(seed);
    let mut world = World::default();
    for _ in 0..3 {
        // A crash while the first file is made leaves nothing behind that anybody was told of.
        let fuse = if dice.below(4) == 0 { dice.below(30) } else { dice.below(150) };
        disk.crash_after(fuse);
        live(&disk, &mut dice, &mut world);
        disk.restart();
        for _ in 0..dice.below(3) {
            disk.crash_after(dice.below(40));
            let _ = Store::open(Arc::new(disk.clone()), Settings::default(), birth(seed + 1));
            disk.restart();
        }
    }
    let (store, opened) = open(&disk, seed + 1);
    assert!(matches!(opened, Opened::Whole | Opened::New), "{opened:?}");
    world.check(&store);
}

/// What must hold, kept beside the journal.
#[derive(Default)]
struct World {
    /// The newest record that was reported durable.
    durable: u64,
    /// The newest record that was ever tried.
    tried: u64,
    acked: u64,
}

impl World {
    fn check(&self, store: &Store) {
        let head = store.head();
        assert!(
            head.newest.0 >= self.durable,
            "record {} was reported durable, {} is the newest",
            self.durable,
            head.newest
        );
        assert!(head.newest.0 <= self.tried, "record {} was never written", head.newest);
        assert!(head.oldest.0 <= self.acked + 1 || head.newest.0 == 0, "an unacknowledged record was deleted");
        let expected: Vec<u64> = (head.oldest.0..=head.newest.0).collect();
        assert_eq!(codes(store), expected);
        assert_eq!(store.verify().unwrap(), expected.len() as u64);
    }
}

fn live(disk: &FaultDisk, dice: &mut Dice, world: &mut World) {
    let Ok((store, opened)) = Store::open(Arc::new(disk.clone()), Settings::default(), birth(1)) else { return };
    assert!(matches!(opened, Opened::Whole | Opened::New), "{opened:?}");
    world.check(&store);
    while !disk.is_down() {
        match dice.below(10) {
            0 => {
                world.acked = world.acked.max(dice.below(store.head().newest.0 + 1));
                store.acknowledge(ScanSeq(world.acked), ScanSeq(world.acked));
            }
            1 => drop(store.prune(at(0))),
            _ => {
                let first = store.head().newest.0 + 1;
                let size = |dice: &mut Dice| usize::try_from(dice.below(900)).unwrap();
                let group: Vec<Entry> =
                    (first..first + 1 + dice.below(5)).map(|code| entry(code, size(dice))).collect();
                world.tried = world.tried.max(first + group.len() as u64 - 1);
                if store.append(&group) == Ok(ScanSeq(first)) {
                    world.durable = first + group.len() as u64 - 1;
                }
            }
        }
    }
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}
