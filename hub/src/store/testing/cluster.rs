//! A throw-away PostgreSQL for tests: one cluster per test process, one database per test.
//!
//! The cluster belongs to a small shell script that waits for our end of a pipe to close. So it is stopped and removed
//! however the test process ends, killed or not. Only the standard library is used.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// A running cluster.
pub struct Cluster {
    /// Where its socket is.
    folder: String,
    /// Dropped or not: its standard input closes when this process ends.
    _script: Child,
    databases: AtomicU64,
}

const SCRIPT: &str = r#"
set -eu
bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
dir=$(mktemp -d)
as=
if [ "$(id -u)" = 0 ]; then chown postgres "$dir"; as='runuser -u postgres --'; fi
cd "$dir"
trap '$as "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1 || true; cd /; rm -rf "$dir"' EXIT
trap '' INT
$as "$bin/initdb" -D "$dir/data" -U test -A trust -E UTF8 --locale=C.UTF-8 -N >"$dir.log" 2>&1 || { cat "$dir.log" >&2; exit 1; }
rm -f "$dir.log"
$as "$bin/pg_ctl" -D "$dir/data" -w -l "$dir/log" -o "-k $dir -c listen_addresses= -c max_connections=300 \
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off" start >/dev/null </dev/null
echo "$dir"
cat >/dev/null
"#;

impl Cluster {
    /// The cluster of this process, started on first use.
    ///
    /// # Panics
    /// When PostgreSQL is not installed or does not start: a test that needs it cannot pass without it.
    pub fn get() -> &'static Cluster {
        static CLUSTER: OnceLock<Cluster> = OnceLock::new();
        CLUSTER.get_or_init(Cluster::start)
    }

    /// The URL of this cluster's database of that name.
    pub fn url(&self, database: &str) -> String {
        format!("postgres:///{database}?host={}&user=test", self.folder)
    }

    /// A name that no other test of this process gets.
    pub fn fresh_name(&self) -> String {
        format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed))
    }

    fn start() -> Cluster {
        let mut script = Command::new("sh")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell starts");
        let mut folder = String::new();
        let output = script.stdout.take().expect("the output is a pipe");
        BufReader::new(output).read_line(&mut folder).expect("the script's output can be read");
        assert!(!folder.is_empty(), "PostgreSQL does not start: install the package `postgresql`");
        Cluster { folder: folder.trim().to_owned(), _script: script, databases: AtomicU64::new(0) }
    }
}
