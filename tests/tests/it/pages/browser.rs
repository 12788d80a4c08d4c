//! A real browser, driven by WebDriver.

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use packline_tests::clock::until;
use packline_tests::hub::ADMIN;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// The password that the first user chooses.
const SET_PASSWORD: &str = "three brown hens";

/// A browser with one window, driven by WebDriver.
pub struct Browser {
    driver: Child,
    session: String,
    client: reqwest::Client,
    _profile: TempDir,
}

impl Browser {
    pub async fn open() -> Browser {
        let profile = tempfile::tempdir().unwrap();
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("chromedriver is installed; tests/run does that");
        let mut said = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port: Option<u16> =
            said.find_map(|line| line.split_once("successfully on port ")?.1.trim_end_matches('.').parse().ok());
        let root = format!("http://127.0.0.1:{}/session", port.expect("chromedriver says its port"));
        let folder = format!("--user-data-dir={}", profile.path().display());
        let args = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            &folder,
        ];
        let wishes = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": args}, "goog:loggingPrefs": {"browser": "ALL"}
        }}});
        let client = packline_tests::api::client().build().unwrap();
        let mut browser = Browser { driver, session: root.clone(), client, _profile: profile };
        let opened = browser.call("", &wishes).await;
        browser.session = format!("{root}/{}", opened["sessionId"].as_str().unwrap());
        browser
    }

    pub async fn call(&self, what: &str, body: &Value) -> Value {
        let answer = self.client.post(format!("{}{what}", self.session)).json(body).send().await.unwrap();
        let mut answer: Value = answer.json().await.unwrap();
        let value = answer["value"].take();
        assert!(value["error"].is_null(), "{what} {body}: {value}");
        value
    }

    pub async fn go(&self, url: &str) {
        self.call("/url", &json!({"url": url})).await;
    }

    /// Runs this in every page before anything else of it.
    pub async fn bring(&self, script: &str) {
        let what = json!({"cmd": "Page.addScriptToEvaluateOnNewDocument", "params": {"source": script}});
        self.call("/goog/cdp/execute", &what).await;
    }

    /// What a promise comes to.
    pub async fn promised(&self, promise: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1]; \
             Promise.resolve({promise}).then(done, (error) => done(String(error)))"
        );
        self.call("/execute/async", &json!({"script": script, "args": []})).await
    }

    /// Presses keys one after the other, as a hand does.
    pub async fn press(&self, keys: &[&str]) {
        let press = |key: &&str| [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})];
        let actions: Vec<Value> = keys.iter().flat_map(press).collect();
        self.call("/actions", &json!({"actions": [{"type": "key", "id": "keys", "actions": actions}]})).await;
    }

    /// Logs the first user in, and sets the hub up.
    pub async fn log_in(&self, url: &str, password: &str) {
        self.give(url, ADMIN, password).await;
        self.set_up().await;
    }

    /// Logs in whoever set the hub up.
    pub async fn log_in_again(&self, url: &str) {
        self.give(url, "lin", SET_PASSWORD).await;
    }

    /// Fills the set-up page in.
    pub async fn set_up(&self) {
        self.wait("location.pathname === '/setup'").await;
        let fill = format!(
            "(document.querySelector('[name=name]').value = 'lin', \
              document.querySelectorAll('[type=password]').forEach(field => field.value = '{SET_PASSWORD}'), \
              document.querySelector('[name=site_title]').value = '一号仓', \
              document.querySelector('form[action=\"/setup\"] button').click(), true)"
        );
        self.see(&fill).await;
        self.wait("location.pathname === '/scans'").await;
    }

    /// Gives a name and a password, and waits for the page that answers.
    async fn give(&self, url: &str, user: &str, password: &str) {
        self.go(&format!("{url}/login")).await;
        let fill = format!(
            "(window.before = true, document.querySelector('[name=user]').value = '{user}', \
              document.querySelector('[name=password]').value = '{password}', \
              document.querySelector('form[action=\"/login\"] button').click(), true)"
        );
        self.see(&fill).await;
        self.wait("window.before !== true && document.readyState === 'complete'").await;
    }

    pub async fn see(&self, expression: &str) -> Value {
        self.call("/execute/sync", &json!({"script": format!("return {expression}"), "args": []})).await
    }

    /// Waits until an expression is true.
    pub async fn wait(&self, expression: &str) {
        until(expression, async || Ok((self.see(expression).await == true).then_some(()))).await.unwrap();
    }

    pub async fn resize(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("/goog/cdp/execute", &json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": size})).await;
    }

    /// What pages complained about.
    pub async fn complaints(&self) -> Vec<Value> {
        let log = self.call("/se/log", &json!({"type": "browser"})).await;
        let is_complaint = |entry: &Value| entry["level"] == "SEVERE";
        log.as_array().unwrap().iter().filter(|entry| is_complaint(entry)).cloned().collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser is in the driver's process group, and would stay behind otherwise.
        let _ = killpg(Pid::from_raw(i32::try_from(self.driver.id()).unwrap()), Signal::SIGKILL);
        let _ = self.driver.wait();
    }
}
