//! The hub's pages in a real browser, while a station scans.

use crate::site::programs;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use packline_tests::clock::until;
use packline_tests::hub::ADMIN;
use packline_tests::sample::{Sample, order_no};
use packline_tests::station::StationPlan;
use packline_tests::world::{SITE, Setup, World};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A browser with one window, driven by WebDriver.
struct Browser {
    driver: Child,
    session: String,
    client: reqwest::Client,
    _profile: TempDir,
}

impl Browser {
    async fn open() -> Browser {
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
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut browser = Browser { driver, session: root.clone(), client, _profile: profile };
        let opened = browser.call("", &wishes).await;
        browser.session = format!("{root}/{}", opened["sessionId"].as_str().unwrap());
        browser
    }

    async fn call(&self, what: &str, body: &Value) -> Value {
        let answer = self.client.post(format!("{}{what}", self.session)).json(body).send().await.unwrap();
        let mut answer: Value = answer.json().await.unwrap();
        let value = answer["value"].take();
        assert!(value["error"].is_null(), "{what} {body}: {value}");
        value
    }

    async fn go(&self, url: &str) {
        self.call("/url", &json!({"url": url})).await;
    }

    async fn see(&self, expression: &str) -> Value {
        self.call("/execute/sync", &json!({"script": format!("return {expression}"), "args": []})).await
    }

    /// Waits until an expression is true.
    async fn wait(&self, expression: &str) {
        until(expression, async || Ok((self.see(expression).await == true).then_some(()))).await.unwrap();
    }

    async fn resize(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("/goog/cdp/execute", &json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": size})).await;
    }

    /// What pages complained about.
    async fn complaints(&self) -> Vec<Value> {
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

#[tokio::test]
async fn people_log_in_see_orders_and_watch_scans_come_in() {
    let mut world = World::open(programs(), &Setup::embedded()).await.unwrap();
    let orders: Vec<Sample> = (1..=5).map(|number| Sample::new(SITE, number)).collect();
    world.hub().send(&orders).await.unwrap();
    world.add_station(StationPlan { scanners: 2, ..StationPlan::new(SITE, "pack-1") }).await.unwrap();
    let (url, password) = (world.hub().url().to_owned(), world.hub().password().unwrap());
    let browser = Browser::open().await;

    browser.go(&format!("{url}/orders")).await;
    browser.wait("location.pathname === '/login'").await;
    let log_in = format!(
        "(document.querySelector('[name=user]').value = '{ADMIN}', \
          document.querySelector('[name=password]').value = '{password}', \
          document.querySelector('form[action=\"/login\"] button').click(), true)"
    );
    browser.see(&log_in).await;
    browser.wait("location.pathname === '/orders'").await;
    let number = order_no(3);
    browser.wait(&format!("document.body.textContent.includes('{number}')")).await;
    browser
        .see(&format!("([...document.querySelectorAll('td a')].find(a => a.textContent === '{number}').click(), true)"))
        .await;
    browser.wait("/^\\/orders\\/\\d+$/.test(location.pathname)").await;
    browser.wait(&format!("document.body.textContent.includes('{}')", Sample::new(SITE, 3).waybill())).await;

    browser.go(&format!("{url}/scans")).await;
    browser.wait("document.getElementById('live').dataset.state === 'on'").await;
    let waybill = Sample::new(SITE, 3).waybill();
    world.stations[0].scan(0, &waybill).await.unwrap();
    browser.wait(&format!("document.querySelector('#scans tbody').textContent.includes('{waybill}')")).await;

    for (language, word) in [("en", "Stations"), ("zh", "工位")] {
        browser.see(&format!("(document.cookie = 'packline_language={language}; path=/', true)")).await;
        for page in ["/orders", "/scans", "/stations"] {
            browser.resize(360, 740).await;
            browser.go(&format!("{url}{page}")).await;
            browser.wait(&format!("document.body.textContent.includes('{word}')")).await;
            browser.wait("document.documentElement.scrollWidth <= 360").await;
        }
    }
    browser.wait("document.getElementById('stations').textContent.includes('pack-1')").await;
    assert_eq!(browser.complaints().await, Vec::<Value>::new());
}
