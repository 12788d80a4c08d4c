//! Which data keys a database needs, so that a hub without them says so at once.

use super::Vault;
use crate::statements;
use crate::store::{Db, StoreError};
use packline_protocol::time::Timestamp;
use std::path::Path;

statements! {
    /// Every data key that was ever used here.
    DATA_KEYS: All = "SELECT key_id FROM data_key ORDER BY first_seen, key_id";
    /// A data key is used here from now on.
    PUT_DATA_KEY = "INSERT INTO data_key (key_id, first_seen) VALUES ($1, $2) ON CONFLICT (key_id) DO NOTHING";
}

/// The vault that belongs to this database. A new key is only made where no key was ever used.
pub async fn open_vault(data: &Path, db: &Db, now: Timestamp) -> anyhow::Result<Vault> {
    let used = used_keys(db).await?;
    let file = data.join(super::vault::KEY_FILE);
    if !used.is_empty() && !file.exists() {
        anyhow::bail!(
            "the data key `{}` is missing, and the database has data that only it opens (key {}); restore it from a \
             backup",
            file.display(),
            used.join(", ")
        );
    }
    let vault = Vault::open(data)?;
    let known = vault.key_ids();
    if let Some(missing) = used.iter().find(|used| !known.contains(used)) {
        anyhow::bail!(
            "the data key `{}` lacks the key {missing} that the database was sealed with; restore it from a backup, or \
             copy it from the other hubs on this database",
            file.display()
        );
    }
    let mut tx = db.begin("privacy.keys").await?;
    for key in known.iter().filter(|key| !used.contains(key)) {
        PUT_DATA_KEY.run(&mut tx, PUT_DATA_KEY.query().bind(key.clone()).bind(now.0)).await?;
    }
    tx.commit().await?;
    Ok(vault)
}

async fn used_keys(db: &Db) -> Result<Vec<String>, StoreError> {
    DATA_KEYS.all(db.read(), DATA_KEYS.query()).await?.iter().map(|row| DATA_KEYS.get(row, 0)).collect()
}
