//! A real browser, driven from outside by WebDriver: JSON over plain HTTP.

use crate::bench::ask;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::future::Future;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{interval, timeout};

/// Nothing here takes so long, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// How WebDriver spells the key.
pub const ENTER: &str = "\u{e007}";

/// One browser at a time: each takes a machine's whole attention.
static TURN: Mutex<()> = Mutex::const_new(());

/// A browser with one window.
pub struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
    _profile: TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Browser {
    /// Opens a window on `url`, in which this language was chosen before.
    pub async fn open(url: &str, language: &str) -> Browser {
        let turn = TURN.lock().await;
        let profile = tempfile::tempdir().unwrap();
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("chromedriver is installed; tests/run does that");
        let mut said = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port = said.find_map(|line| line.split_once("successfully on port ")?.1.trim_end_matches('.').parse().ok());
        let address = SocketAddr::from(([127, 0, 0, 1], port.expect("chromedriver says its port")));
        let args = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--autoplay-policy=no-user-gesture-required",
            &format!("--user-data-dir={}", profile.path().display()),
        ];
        let wishes = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": args}}}});
        let mut browser = Browser { driver, address, session: "/session".to_owned(), _profile: profile, _turn: turn };
        let opened = browser.call("", &wishes).await;
        browser.session = format!("/session/{}", opened["sessionId"].as_str().unwrap());
        browser.call("/url", &json!({"url": format!("{url}/assets/icon.svg")})).await;
        let choose = format!("localStorage.setItem('packline.language', '{language}')");
        browser.run(&choose).await;
        browser.call("/url", &json!({"url": url})).await;
        browser
    }

    /// Makes the window this large.
    pub async fn resize(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        let command = json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": size});
        self.call("/goog/cdp/execute", &command).await;
    }

    /// Runs a script in the page; what it returns.
    pub async fn run(&self, script: &str) -> Value {
        self.call("/execute/sync", &json!({"script": script, "args": []})).await
    }

    /// What a script's expression is.
    pub async fn see(&self, expression: &str) -> Value {
        self.run(&format!("return {expression}")).await
    }

    /// Waits until an expression is `wanted`.
    #[track_caller]
    pub fn until(&self, expression: &str, wanted: impl Into<Value>) -> impl Future<Output = ()> {
        let (place, wanted) = (std::panic::Location::caller(), wanted.into());
        let expression = expression.to_owned();
        async move {
            let mut looks = interval(Duration::from_millis(20));
            let seen = async {
                while self.see(&expression).await != wanted {
                    looks.tick().await;
                }
            };
            if timeout(PATIENCE, seen).await.is_err() {
                panic!("`{expression}` is {} and not {wanted} at {place}", self.see(&expression).await);
            }
        }
    }

    /// Presses keys one after the other, as fast as a machine can.
    pub async fn press(&self, keys: &[&str]) {
        let strokes: Vec<Value> =
            keys.iter().flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key}))).collect();
        self.call("/actions", &json!({"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]})).await;
    }

    /// Loads the page anew.
    pub async fn reload(&self) {
        self.call("/refresh", &json!({})).await;
    }

    async fn call(&self, what: &str, body: &Value) -> Value {
        let path = format!("POST {}{what}", self.session);
        let answer = ask(self.address, &path, &["content-type: application/json"], &body.to_string()).await;
        assert_eq!(answer.status, 200, "{what} {body}: {}", answer.body);
        answer.json()["value"].take()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser is in the driver's process group, and would stay behind otherwise.
        let group = Pid::from_raw(i32::try_from(self.driver.id()).unwrap());
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.driver.wait();
    }
}
