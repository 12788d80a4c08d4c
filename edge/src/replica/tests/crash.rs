//! The power goes while the replica moves; whatever is found afterwards is a state that the hub had.

use super::*;

const SEEDS: u64 = 150;

#[test]
fn after_any_crash_the_replica_stands_at_a_proven_position_and_catches_up() {
    for seed in 0..SEEDS {
        let outcome = std::panic::catch_unwind(|| play(seed));
        assert!(outcome.is_ok(), "seed {seed}");
    }
}

fn play(seed: u64) {
    let mut dice = Dice(seed);
    let disk = FaultDisk::new(seed);
    let mut hub = Hub::with(20);
    // Every position that the hub ever had, with its proof.
    let mut roots: BTreeMap<Seq, Root> = [(Seq(0), Proof::empty(&site()).root(Epoch(0), Seq(0)))].into();
    roots.insert(hub.seq, hub.root());
    for _ in 0..3 {
        disk.crash_after(dice.below(160));
        live(&disk, &mut dice, &mut hub, &mut roots);
        disk.restart();
        if dice.below(2) == 0 {
            disk.crash_after(dice.below(30));
            let _ = Replica::open(Arc::new(disk.clone()), settings());
            disk.restart();
        }
        let replica = open(&disk);
        let state = replica.state();
        assert_eq!(roots.get(&state.seq), Some(&state.root), "at {}", state.seq);
        assert_eq!(replica.verify().unwrap(), state.rows);
    }
    let replica = open(&disk);
    replica.apply(&[hub.delta(replica.state().seq.0)]).unwrap();
    hub.check(&replica);
}

fn live(disk: &FaultDisk, dice: &mut Dice, hub: &mut Hub, roots: &mut BTreeMap<Seq, Root>) {
    let Ok((replica, _)) = Replica::open(Arc::new(disk.clone()), settings()) else { return };
    while !disk.is_down() {
        for _ in 0..dice.below(6) {
            let number = 1 + dice.below(40);
            if dice.below(4) == 0 {
                hub.remove(number);
            } else {
                hub.put_parcel(&Parcel { must_not_ship: dice.below(2) == 0, ..parcel(number) });
            }
            roots.insert(hub.seq, hub.root());
        }
        let done = if dice.below(5) == 0 {
            fetch(&replica, hub)
        } else {
            replica.apply(&[hub.delta(replica.state().seq.0)]).map(drop)
        };
        // Only the power may be in the way.
        assert!(done.is_ok() || disk.is_down(), "{done:?}");
    }
}

fn fetch(replica: &Replica, hub: &Hub) -> Result<(), ApplyError> {
    let (offer, chunks) = hub.snapshot(7);
    let offer = SnapshotOffer { snapshot: hub.seq.0, ..offer };
    let mut staging = replica.stage(&offer)?;
    for chunk in chunks.iter().skip(staging.next() as usize) {
        staging.add(&Chunk { snapshot: hub.seq.0, ..chunk.clone() })?;
        staging.commit()?;
    }
    replica.install(staging).map(drop)
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}
