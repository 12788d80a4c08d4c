//! The hub's pages in a real browser, while a station scans.

mod access;
mod browser;

use crate::site::programs;
use browser::Browser;
use packline_tests::hub::ADMIN;
use packline_tests::sample::{Sample, order_no};
use packline_tests::station::StationPlan;
use packline_tests::world::{SITE, Setup, World};
use serde_json::Value;

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
    browser.set_up().await;
    browser.go(&format!("{url}/orders")).await;
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
