use super::*;
use crate::downlink::{Busy, Downlink};
use crate::uplink::{Goodbye, RangeRequest, Uplink};
use proptest::prelude::*;

const SECRET: [u8; 32] = [7; 32];

fn sealer() -> Sealer {
    Sealer::new(&SECRET)
}

fn opener() -> Opener {
    Opener::new(&sealer().public()).unwrap()
}

fn goodbye() -> Vec<u8> {
    sealer().seal(&Goodbye { session: 42 }).unwrap()
}

#[track_caller]
fn check(change: impl FnOnce(&mut Vec<u8>), expected: &str) {
    let mut payload = goodbye();
    change(&mut payload);
    let error = Uplink::open(&payload, &opener()).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

/// Seals bytes as any kind and schema, as a newer program would.
fn seal_raw(kind: u16, schema: u16, body: &[u8]) -> Vec<u8> {
    sealer().seal_body(kind, schema, "test", body).unwrap()
}

#[test]
fn a_message_reads_back_as_it_was() {
    assert_eq!(Uplink::open(&goodbye(), &opener()), Ok(Uplink::Goodbye(Goodbye { session: 42 })));
}

#[test]
fn whatever_is_wrong_with_an_envelope_is_said() {
    check(Vec::clear, "payload of 0 bytes is no Packline envelope");
    check(|p| p[0] = 0, "no Packline envelope");
    check(|p| p[1] = 2, "version `2`");
    check(|p| p[6] = 0x80, "flags `0x80`");
    check(|p| p.truncate(40), "no Packline envelope");
    check(|p| p.push(0), "says 1 bytes of body and carries 2");
    check(|p| p[2] ^= 1, "checksum");
    check(|p| p[HEADER_LEN] ^= 1, "checksum");
    check(|p| *p.last_mut().unwrap() ^= 1, "signature");
}

#[test]
fn a_stranger_s_message_is_refused_even_when_it_is_whole() {
    let stranger = Sealer::new(&[8; 32]).seal(&Goodbye { session: 42 }).unwrap();
    assert!(matches!(Uplink::open(&stranger, &opener()), Err(OpenError::Key { .. })));
}

#[test]
fn a_newer_message_is_refused_by_name_and_not_misread() {
    let newer = seal_raw(Goodbye::KIND, 2, &[42, 1]);
    assert_eq!(
        Uplink::open(&newer, &opener()).unwrap_err().to_string(),
        "message `Goodbye` has schema `2`; this program reads 1"
    );
    let unknown = seal_raw(77, 1, &[]);
    let error = Uplink::open(&unknown, &opener()).unwrap_err().to_string();
    assert!(error.starts_with("message kind `77` is unknown; known are `Hello`"), "{error}");
    let other_way = sealer().seal(&Busy { retry_ms: 5 }).unwrap();
    assert!(matches!(Uplink::open(&other_way, &opener()), Err(OpenError::Kind { kind: 109, .. })));
    assert!(matches!(Downlink::open(&other_way, &opener()), Ok(Downlink::Busy(_))));
}

#[test]
fn bytes_after_a_message_are_an_error_and_not_ignored() {
    let long = seal_raw(Goodbye::KIND, 1, &[42, 1]);
    assert_eq!(
        Uplink::open(&long, &opener()).unwrap_err().to_string(),
        "message `Goodbye` does not decode: 1 bytes after its end"
    );
}

#[test]
fn compression_is_used_where_it_pays_and_bounded_where_it_is_undone() {
    let dull = seal_raw(500, 1, &[0; 100_000]);
    assert!(dull.len() < 1_000 && dull[6] == FLAG_ZSTD);
    assert_eq!(Opened::new(&dull, &opener()).unwrap().body, vec![0; 100_000]);

    let short = seal_raw(500, 1, &[0; COMPRESS_MIN - 1]);
    assert_eq!(short[6], 0);

    let bomb = zstd::bulk::compress(&vec![0; BODY_MAX + 1], 19).unwrap();
    assert_eq!(decompress(&bomb), Err(OpenError::Decompress));
}

#[test]
fn a_message_that_does_not_fit_is_refused_before_it_is_sent() {
    let noise: Vec<u8> = (0..200_000_u64).map(|i| xxhash_rust::xxh3::xxh3_64(&i.to_le_bytes()) as u8).collect();
    assert_eq!(
        sealer().seal_body(1, 1, "Batch", &noise),
        Err(SealError::TooLong { name: "Batch", length: 200_087, max: crate::topic::PAYLOAD_MAX })
    );
}

/// What `Adding a field` in the module's page says, done.
mod adding_a_field {
    use super::*;

    mod released {
        use serde::{Deserialize, Serialize};

        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub struct Weight {
            pub grams: u32,
        }

        crate::envelope::messages! {
            /// As it was.
            Family {
                /// One.
                Weight = 900, 1;
            }
        }
    }

    mod newer {
        use serde::{Deserialize, Serialize};

        pub use super::released::Weight as WeightV1;

        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub struct Weight {
            pub grams: u32,
            pub stable: bool,
        }

        impl From<WeightV1> for Weight {
            fn from(old: WeightV1) -> Self {
                Weight { grams: old.grams, stable: true }
            }
        }

        crate::envelope::messages! {
            /// With a field more.
            Family {
                /// One.
                Weight = 900, 2, from WeightV1 = 1;
            }
        }
    }

    #[test]
    fn the_newer_reader_reads_both_and_the_older_refuses_by_name() {
        let old = sealer().seal(&released::Weight { grams: 300 }).unwrap();
        let new = sealer().seal(&newer::Weight { grams: 300, stable: false }).unwrap();
        assert_eq!(
            newer::Family::open(&old, &opener()),
            Ok(newer::Family::Weight(newer::Weight { grams: 300, stable: true }))
        );
        assert_eq!(
            newer::Family::open(&new, &opener()),
            Ok(newer::Family::Weight(newer::Weight { grams: 300, stable: false }))
        );
        assert_eq!(
            released::Family::open(&new, &opener()),
            Err(OpenError::Schema { name: "Weight", schema: 2, reads: 1 })
        );
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_message_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Uplink::open(&bytes, &opener()).is_err());
        let mut ours = vec![MAGIC, VERSION];
        ours.extend(&bytes);
        prop_assert!(Downlink::open(&ours, &opener()).is_err());
    }

    #[test]
    fn any_well_sealed_body_is_a_message_or_an_error(
        kind in prop::sample::select(vec![1_u16, 2, 3, 4, 5, 6, 7, 8, 9, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110]),
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let payload = seal_raw(kind, 1, &body);
        let _ = (Uplink::open(&payload, &opener()), Downlink::open(&payload, &opener()));
    }

    #[test]
    fn one_flipped_bit_anywhere_is_noticed(place in 0_usize..88, bit in 0_u8..8) {
        let mut payload = sealer().seal(&RangeRequest { epoch: crate::id::Epoch(5), from: crate::id::Seq(6) }).unwrap();
        prop_assume!(place < payload.len());
        payload[place] ^= 1 << bit;
        prop_assert!(Uplink::open(&payload, &opener()).is_err());
    }
}
