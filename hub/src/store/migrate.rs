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
    (7, "contacts", include_str!("../../migrations/0007_contacts.sql")),
    (8, "work", include_str!("../../migrations/0008_work.sql")),
    (9, "operations", include_str!("../../migrations/0009_operations.sql")),
    (10, "outbound", include_str!("../../migrations/0010_outbound.sql")),
];

pub(super) async fn run(pool: &AnyPool) -> Result<i64, StoreError> {
    let migrations = MIGRATIONS.iter().map(|(version, name, sql)| {
        Migration::new(*version, (*name).into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect()).run(pool).await.map_err(StoreError::Migrate)?;
    Ok(MIGRATIONS.last().map_or(0, |(version, ..)| *version))
}

/// The schema that this program works on.
pub fn schema_version() -> i64 {
    MIGRATIONS.last().map_or(0, |(version, ..)| *version)
}

/// Every table of the schema, in the order in which they are made.
pub fn tables() -> Vec<&'static str> {
    let lines = MIGRATIONS.iter().flat_map(|(.., sql)| sql.lines());
    lines.filter_map(|line| line.strip_prefix("CREATE TABLE ")?.split([' ', '(']).next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_of_the_migrations_is_known_by_name() {
        let made: usize = MIGRATIONS.iter().map(|(.., sql)| sql.matches("CREATE TABLE").count()).sum();
        assert_eq!(tables().len(), made);
        assert!(tables().contains(&"scan_record") && tables().iter().all(|name| !name.is_empty()));
    }

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
