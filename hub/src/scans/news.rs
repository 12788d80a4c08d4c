//! What scans give others reason to hear: people by notices, programs by webhooks. Pure.
//!
//! The scanned text itself is not told: somebody may have scanned anything.

use super::model::{Conflict, ScanRow};
use crate::notices::model::{NoticeKind, Occurrence};
use crate::webhooks::model::{Event, EventKind};
use packline_protocol::verdict::Outcome;
use serde_json::json;

/// Stops, counted per station, and releases that do not fit together.
pub fn occurrences(rows: &[&ScanRow], conflicts: &[&Conflict]) -> Vec<Occurrence> {
    let stopped = rows.iter().filter(|row| row.outcome == Some(Outcome::Stop) && !row.repeat).map(|row| {
        let occurrence = Occurrence::new(NoticeKind::ScanStopped, row.station.to_string()).at(row.site.to_string());
        let link = row.order.map_or_else(|| "/scans".to_owned(), |order| format!("/orders/{order}"));
        occurrence.saying(row.reason.clone().unwrap_or_default()).see(link)
    });
    let unfit = conflicts.iter().map(|conflict| {
        let key = format!("parcel {}", conflict.parcel);
        let occurrence = Occurrence::new(NoticeKind::ScanConflict, key).at(conflict.site.to_string());
        occurrence.saying(format!("{} · {}", conflict.kind.word(), conflict.station)).see("/scans")
    });
    stopped.chain(unfit).collect()
}

/// Parcels that were released or stopped, each scan once.
pub fn events(rows: &[&ScanRow]) -> Vec<Event> {
    let judged = rows.iter().filter(|row| !row.repeat);
    judged.filter_map(|row| event(row)).collect()
}

fn event(row: &ScanRow) -> Option<Event> {
    let kind = match row.outcome? {
        Outcome::Release if row.parcel.is_some() => EventKind::ParcelReleased,
        Outcome::Stop => EventKind::ScanStopped,
        _ => return None,
    };
    let subject = row.order.map_or_else(|| format!("station:{}", row.station), |order| format!("order:{order}"));
    Some(Event {
        key: format!("scan:{}/{}/{}", row.station, row.station_epoch, row.seq),
        kind,
        subject,
        data: json!({
            "order": row.order,
            "parcel": row.parcel,
            "site": row.site,
            "station": row.station,
            "reason": row.reason,
            "scanned_at": row.wall,
            "received_at": row.received_at,
        }),
    })
}
