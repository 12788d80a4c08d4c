//! Holds a site's change log against its own rows and against what the hub knows.

use super::source::Wanted;
use super::{source, store};
use crate::orders;
use crate::store::Db;
use packline_protocol::change::{Change, RowId};
use packline_protocol::id::{ParcelId, SiteId};
use packline_protocol::proof::{BUCKETS, Proof};
use std::collections::BTreeSet;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Rows read at a time.
const PAGE: usize = 1_000;
/// Differences that are named; more say no more.
const NAMED_MAX: usize = 20;

/// What was looked at and what does not fit.
#[derive(Debug, Default)]
pub struct Examined {
    /// How many rows.
    pub rows: u64,
    /// Each thing that does not fit, in words.
    pub faults: Vec<String>,
}

/// Looks at the log of `site`. Rows that wait to be folded are not held against what the hub knows.
pub async fn examine(db: &Db, site: &SiteId) -> Result<Examined, Failure> {
    let mut examined = Examined::default();
    proofs(db, site, &mut examined).await?;
    if !store::any_dirty(db.read(), site).await? {
        contents(db, site, &mut examined).await?;
        if store::any_dirty(db.read(), site).await? {
            // Something changed while it was looked at; what differs may be just that.
            examined.faults.retain(|fault| !fault.starts_with(DIFFERS));
        }
    }
    Ok(examined)
}

/// How a difference between a row and what the hub knows begins.
const DIFFERS: &str = "row";

/// Bucket hashes, root, counts and numbers, all at one moment.
async fn proofs(db: &Db, site: &SiteId, examined: &mut Examined) -> Result<(), Failure> {
    let mut view = db.view("sync.examine").await?;
    let Some(stored) = store::find_place(view.conn(), site).await? else { return Ok(()) };
    let kept = store::proof(view.conn(), site).await?;
    let gone = store::count_gone(view.conn(), site).await?;
    let (mut counted, mut live, mut newest) = (Proof::empty(site), 0u64, 0u64);
    let mut at = None;
    loop {
        let page = store::live_rows(view.conn(), site, at, PAGE).await?;
        let Some(last) = page.last() else { break };
        at = Some(last.row);
        for row in &page {
            counted.toggle(row.row, row.seq, row.body.as_deref().unwrap_or_default());
            newest = newest.max(row.seq.0);
        }
        live += page.len() as u64;
    }
    examined.rows += live;
    let place = &stored.place;
    let buckets = (0..BUCKETS).filter_map(|bucket| u16::try_from(bucket).ok());
    let wrong = buckets.filter(|bucket| counted.bucket(*bucket) != kept.bucket(*bucket)).count();
    let mut differ = |wrong: bool, fault: String| {
        if wrong {
            examined.faults.push(fault);
        }
    };
    differ(wrong > 0, format!("{wrong} bucket hashes are not those of the rows"));
    differ(counted.root(place.epoch, place.seq) != stored.root, "the root is not that of the rows".to_owned());
    differ((live, gone) != (place.live, place.gone), format!("it counts {} rows and {live} are there", place.live));
    differ(newest > place.seq.0, format!("a row has change {newest} and the newest should be {}", place.seq));
    Ok(())
}

/// Each row against what it should say, and each thing that stations should know against the rows.
async fn contents(db: &Db, site: &SiteId, examined: &mut Examined) -> Result<(), Failure> {
    let mut at = None;
    loop {
        let mut view = db.view("sync.examine").await?;
        let page = store::live_rows(view.conn(), site, at, PAGE).await?;
        drop(view);
        let Some(last) = page.last() else { break };
        at = Some(last.row);
        compare(db, site, &page, examined).await?;
    }
    missing(db, site, &[RowId::RULES, RowId::SETTINGS], examined).await?;
    let mut after = ParcelId(0);
    loop {
        let parcels = orders::actions::parcels_of_site(db, site, after, PAGE).await?;
        let Some(last) = parcels.last() else { return Ok(()) };
        after = *last;
        let rows: Vec<RowId> = parcels.into_iter().map(RowId::parcel).collect();
        missing(db, site, &rows, examined).await?;
    }
}

/// Rows that stations should know and the log does not have.
async fn missing(db: &Db, site: &SiteId, rows: &[RowId], examined: &mut Examined) -> Result<(), Failure> {
    let mut tx = db.begin("sync.examine").await?;
    let there = store::which_live(tx.conn(), site, rows).await?;
    let wanted = source::bodies(&mut tx, site, rows, &there).await?;
    drop(tx);
    name_unreadable(examined, &wanted);
    let missing = wanted.bodies.iter().filter(|(row, body)| body.is_some() && !there.contains(row));
    missing.for_each(|(row, _)| name(examined, format!("{DIFFERS} {row} is missing")));
    Ok(())
}

async fn compare(db: &Db, site: &SiteId, page: &[Change], examined: &mut Examined) -> Result<(), Failure> {
    let rows: Vec<RowId> = page.iter().map(|row| row.row).collect();
    let known: BTreeSet<RowId> = rows.iter().copied().collect();
    let mut tx = db.begin("sync.examine").await?;
    let wanted = source::bodies(&mut tx, site, &rows, &known).await?;
    drop(tx);
    name_unreadable(examined, &wanted);
    for row in page {
        if wanted.bodies.get(&row.row).and_then(Option::as_ref) != row.body.as_ref() {
            name(examined, format!("{DIFFERS} {} does not say what the hub knows", row.row));
        }
    }
    Ok(())
}

fn name_unreadable(examined: &mut Examined, wanted: &Wanted) {
    for (parcel, _) in &wanted.unreadable {
        name(examined, format!("{DIFFERS} parcel {parcel} cannot be read"));
    }
}

fn name(examined: &mut Examined, fault: String) {
    if examined.faults.len() < NAMED_MAX {
        examined.faults.push(fault);
    }
}
