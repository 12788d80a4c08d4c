//! Change logs: what each proves must be what its rows are, and what its rows say must be what the hub knows.

use crate::app::App;
use crate::doctor::model::{Checked, DoctorError};
use crate::{fleet, sync};

/// Every site's change log.
pub async fn logs(app: &App, checked: &mut Checked, repair: bool) -> Result<(), DoctorError> {
    let check = checked.check;
    let other = |cause| DoctorError::Other { check, cause };
    let sites = fleet::actions::sites(&app.db).await.map_err(|error| other(error.into()))?;
    for site in sites {
        let examined = sync::check::examine(&app.db, &site.site).await.map_err(other)?;
        checked.looked_at += examined.rows;
        for fault in examined.faults {
            checked.add(format!("site {}", site.site), fault, true);
        }
    }
    if repair && checked.found > 0 {
        sync::service::rebuild(app).await.map_err(|error| other(error.into()))?;
        checked.repaired = checked.found;
    }
    Ok(())
}
