//! Power that goes at random moments. `cargo run --release --bin demo -- --kills 200` does it longer.

use crate::site::programs;
use packline_tests::kills;

#[tokio::test]
async fn what_was_acknowledged_survives_kills_and_no_green_light_is_without_its_record() {
    let report = kills::run(programs(), 21, 12, |_| {}).await.unwrap();
    assert!(report.ok, "{report:#?}");
    assert_eq!(report.kills.values().sum::<u64>(), 12, "{report:#?}");
    assert!(report.greens > 0 && report.records > 0 && report.orders > 0, "{report:#?}");
}
