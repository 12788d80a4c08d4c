//! Brings a database to this program's schema: the files of `hub/migrations`, in order, each once.
//!
//! A published file is never edited; a change is a new file. Expand first, contract in a later release.

use super::StoreError;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyPool, SqlSafeStr as _};

/// Number, name and text of each migration. Numbers ascend; a domain appends its own file here.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "orders", include_str!("../../migrations/0001_orders.sql")),
    (2, "imports", include_str!("../../migrations/0002_imports.sql")),
    (3, "sync", include_str!("../../migrations/0003_sync.sql")),
    (4, "accounts", include_str!("../../migrations/0004_accounts.sql")),
    (5, "rights", include_str!("../../migrations/0005_rights.sql")),
    (6, "audit", include_str!("../../migrations/0006_audit.sql")),
];

pub(super) async fn run(pool: &AnyPool) -> Result<i64, StoreError> {
    let migrations = MIGRATIONS.iter().map(|(version, name, sql)| {
        Migration::new(*version, (*name).into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect()).run(pool).await.map_err(StoreError::Migrate)?;
    Ok(MIGRATIONS.last().map_or(0, |(version, ..)| *version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_numbered_one_by_one_as_their_files_are() {
        let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")).unwrap();
        let mut files: Vec<String> = folder.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        let listed: Vec<String> =
            MIGRATIONS.iter().map(|(number, name, _)| format!("{number:04}_{name}.sql")).collect();
        assert_eq!(files, listed);
    }

    #[test]
    fn migrations_stay_in_the_portable_subset() {
        let forbidden = [
            "BOOLEAN",
            "TIMESTAMP",
            "DATETIME",
            "DATE",
            "NUMERIC",
            "DECIMAL",
            "UUID",
            "JSON",
            "JSONB",
            "SERIAL",
            "BIGSERIAL",
            "AUTOINCREMENT",
            "INTEGER",
            "INT",
            "CHAR",
            "VARCHAR",
            "BLOB",
            "REAL",
        ];
        for (_, name, sql) in MIGRATIONS {
            let code: String = sql.lines().map(|line| line.split("--").next().unwrap_or_default()).collect();
            let mut words = code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let foreign = words.find(|word| forbidden.contains(&word.to_ascii_uppercase().as_str()));
            assert_eq!(foreign, None, "{name}: give BIGINT, TEXT, BYTEA or DOUBLE PRECISION");
        }
    }
}
