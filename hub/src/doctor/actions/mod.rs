//! Makes the checks, one after the other, beside a running hub or without one.

mod logs;
mod orders;
mod scans;

use super::model::{Check, Checked, DoctorError, Report};
use super::store;
use crate::app::App;
use crate::audit;
use crate::clock;
use crate::contacts;
use crate::error::chain;
use crate::settings;
use crate::store::{Engine, StoreError, schema_version};
use packline_protocol::id::OrderId;

/// Makes every check; with `repair`, what is derived is made anew where it was wrong.
pub async fn examine(app: &App, repair: bool) -> Result<Report, DoctorError> {
    let mut checks = Vec::new();
    for check in Check::ALL {
        checks.push(make(app, *check, repair).await?);
    }
    Ok(Report::of(checks))
}

/// Makes one check.
pub async fn make(app: &App, check: Check, repair: bool) -> Result<Checked, DoctorError> {
    let started = clock::instant();
    let mut checked = Checked::new(check);
    let failed = |cause| DoctorError::Store { check, cause };
    match check {
        Check::Schema => schema(app, &mut checked).await.map_err(failed)?,
        Check::Database => database(app, &mut checked).await.map_err(failed)?,
        Check::Orphans => orphans(app, &mut checked).await.map_err(failed)?,
        Check::Orders => orders::derived(app, &mut checked, repair).await.map_err(failed)?,
        Check::Codes => orders::codes(app, &mut checked).await.map_err(failed)?,
        Check::ScanChain => scans::chains(app, &mut checked).await.map_err(failed)?,
        Check::Ingest => scans::positions(app, &mut checked, repair).await.map_err(failed)?,
        Check::ChangeLog => logs::logs(app, &mut checked, repair).await?,
        Check::Audit => audit(app, &mut checked).await.map_err(failed)?,
        Check::Sealed => sealed(app, &mut checked).await.map_err(failed)?,
        Check::Counters => counters(app, &mut checked, repair).await.map_err(failed)?,
        Check::Settings => stored_settings(app, &mut checked).await?,
    }
    checked.took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(checked)
}

async fn schema(app: &App, checked: &mut Checked) -> Result<(), StoreError> {
    let (there, ours) = (store::schema(app.db.read()).await?, schema_version());
    checked.looked_at = 1;
    if there != ours {
        checked.add("the schema", format!("it is at version {there} and this program works on {ours}"), false);
    }
    Ok(())
}

async fn database(app: &App, checked: &mut Checked) -> Result<(), StoreError> {
    // PostgreSQL checks its pages itself where its administrator has switched checksums on.
    if app.db.engine() == Engine::Sqlite {
        checked.looked_at = 1;
        for fault in store::sqlite_faults(app.db.read()).await? {
            checked.add("the database's file", fault, false);
        }
    }
    Ok(())
}

async fn orphans(app: &App, checked: &mut Checked) -> Result<(), StoreError> {
    for hanging in store::HANGING {
        checked.looked_at += 1;
        for key in store::orphans(app.db.read(), hanging).await? {
            let (table, parent) = (hanging.table, hanging.parent);
            checked.add(
                format!("a row of {table}"),
                format!("it hangs on `{key}` of {parent}, which is not there"),
                false,
            );
        }
    }
    Ok(())
}

async fn audit(app: &App, checked: &mut Checked) -> Result<(), StoreError> {
    let report = audit::actions::verify(app).await?;
    checked.looked_at = report.entries.unsigned_abs();
    if let Some(fault) = report.fault {
        checked.add("the audit log", fault, false);
    }
    Ok(())
}

/// Contacts opened at a time.
const CONTACTS: i64 = 500;

async fn sealed(app: &App, checked: &mut Checked) -> Result<(), StoreError> {
    let mut after = OrderId(0);
    loop {
        let mut view = app.db.view("doctor.sealed").await?;
        let page = store::contacts_after(view.conn(), after, CONTACTS).await?;
        drop(view);
        let Some(last) = page.last() else { return Ok(()) };
        after = *last;
        checked.looked_at += page.len() as u64;
        if contacts::actions::masked(app, &page).await.is_ok() {
            continue;
        }
        for order in page {
            if let Err(error) = contacts::actions::masked(app, &[order]).await {
                checked.add(format!("the contact of order {order}"), chain(&error), false);
            }
        }
    }
}

async fn counters(app: &App, checked: &mut Checked, repair: bool) -> Result<(), StoreError> {
    let mut view = app.db.view("doctor.counters").await?;
    let counters = store::counters(view.conn()).await?;
    drop(view);
    for (name, next, largest) in counters {
        checked.looked_at += 1;
        if next > largest {
            continue;
        }
        checked.add(format!("counter {name}"), format!("it gives {next} next and {largest} is in use"), true);
        if repair {
            let mut tx = app.db.begin("doctor.counters").await?;
            store::raise_counter(&mut tx, name, largest + 1).await?;
            tx.commit().await?;
            checked.repaired += 1;
        }
    }
    Ok(())
}

async fn stored_settings(app: &App, checked: &mut Checked) -> Result<(), DoctorError> {
    let faults = settings::actions::faults(&app.db).await;
    let faults = faults.map_err(|cause| DoctorError::Other { check: checked.check, cause: cause.into() })?;
    checked.looked_at = settings::model::SPECS.len() as u64;
    for name in faults {
        checked.add(format!("setting {name}"), "it is stored with a value that is not accepted; set it again", false);
    }
    Ok(())
}
