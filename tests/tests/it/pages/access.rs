//! Pages for everybody: every page in both languages, on both grounds, on a phone and on a desk, looked through by axe;
//! and the keyboard alone.

use super::browser::Browser;
use crate::site::programs;
use packline_tests::sample::{Sample, order_no};
use packline_tests::station::StationPlan;
use packline_tests::world::{SITE, Setup, World};
use serde_json::{Value, json};
use std::path::PathBuf;

const ESCAPE: &str = "\u{E00C}";
const ENTER: &str = "\u{E007}";

/// The checker's text. `tests/run` brings it from its registry into the build folder; it is nobody's part of ours.
fn axe() -> String {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target")));
    let file = target.join("axe/package/axe.min.js");
    std::fs::read_to_string(&file).unwrap_or_else(|error| {
        panic!("the accessibility checker is not at {} ({error}); tests/run brings it, which needs npm", file.display())
    })
}

/// A site with something on every page.
async fn site() -> (World, u64) {
    let mut world = World::open(programs(), &Setup::embedded()).await.unwrap();
    let orders: Vec<Sample> = (1..=5).map(|number| Sample::new(SITE, number)).collect();
    world.hub().send(&orders).await.unwrap();
    world.add_station(StationPlan { scanners: 1, ..StationPlan::new(SITE, "pack-1") }).await.unwrap();
    let bulk = json!({ "orders": [1, 2], "change": "stop_shipping", "reason": "样品检查" });
    let found = world.hub().list("/api/v1/orders").await.unwrap();
    let id = found[0]["id"].as_u64().unwrap();
    world.hub().post("/api/v1/orders/bulk", &bulk).await.unwrap();
    (world, id)
}

#[tokio::test]
async fn axe_finds_nothing_on_any_page_in_any_language_ground_or_width() {
    let (world, order) = site().await;
    let (url, password) = (world.hub().url().to_owned(), world.hub().password().unwrap());
    let mut found: Vec<String> = Vec::new();
    for (language, theme) in [("zh", "light"), ("zh", "dark"), ("en", "light"), ("en", "dark")] {
        let browser = Browser::open().await;
        browser.bring(&axe()).await;
        browser.go(&format!("{url}/login")).await;
        let cookies = format!(
            "(document.cookie = 'packline_language={language}; path=/', \
              document.cookie = 'packline_theme={theme}; path=/', true)"
        );
        browser.see(&cookies).await;
        for width in [1280, 360] {
            browser.resize(width, 800).await;
            look(&browser, &url, "/login", width, &mut found).await;
        }
        if (language, theme) == ("zh", "light") {
            browser.log_in(&url, &password).await;
        } else {
            browser.log_in_again(&url).await;
        }
        let menu = "[...document.querySelectorAll('header nav a')].map((link) => link.getAttribute('href'))";
        let menu = browser.see(menu).await;
        let mut pages: Vec<String> =
            menu.as_array().unwrap().iter().map(|path| path.as_str().unwrap().to_owned()).collect();
        assert!(pages.len() >= 4, "{pages:?}");
        pages.extend([
            "/account".to_owned(),
            format!("/orders/{order}"),
            "/orders?status=paid&tag=vip&column=order_no,shop,stopped".to_owned(),
            "/search?q=nothing-like-it".to_owned(),
        ]);
        for width in [1280, 360] {
            browser.resize(width, 800).await;
            for page in &pages {
                look(&browser, &url, page, width, &mut found).await;
            }
        }
        found.extend(browser.complaints().await.iter().map(ToString::to_string));
        // A page that is not there is a page too; that it is not there, the browser may say.
        look(&browser, &url, "/not-a-page", 360, &mut found).await;
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Opens a page and notes what axe finds on it, and whether it is wider than the window.
async fn look(browser: &Browser, url: &str, page: &str, width: u32, found: &mut Vec<String>) {
    browser.go(&format!("{url}{page}")).await;
    browser.wait("document.readyState === 'complete' && typeof axe === 'object'").await;
    let place = browser.see("`${document.documentElement.lang} ${document.documentElement.dataset.theme}`").await;
    let run = "axe.run(document, { preload: false, resultTypes: ['violations'] }).then((all) => all.violations.map(\
               (it) => `${it.id}: ${it.help}: ${it.nodes.map((node) => node.html.slice(0, 160)).join(' | ')}`))";
    match browser.promised(run).await {
        Value::Array(violations) => {
            found.extend(violations.iter().map(|it| format!("{page} {place} {width}: {}", it.as_str().unwrap())));
        }
        other => found.push(format!("{page} {place} {width}: axe did not run: {other}")),
    }
    if browser.see("document.documentElement.scrollWidth").await.as_u64().unwrap() > u64::from(width) {
        found.push(format!("{page} {place} {width}: the page is wider than the window"));
    }
}

#[tokio::test]
async fn everything_in_the_list_is_done_with_the_keyboard_alone() {
    let (world, _) = site().await;
    let (url, password) = (world.hub().url().to_owned(), world.hub().password().unwrap());
    let browser = Browser::open().await;
    browser.log_in(&url, &password).await;
    browser.press(&["g", "o"]).await;
    browser.wait("location.pathname === '/orders'").await;
    browser.press(&["j", "j", "k", "x"]).await;
    browser.wait("document.querySelectorAll('input[name=order]:checked').length === 1").await;
    browser.wait("document.activeElement.closest('tr') !== null").await;
    browser.press(&["?"]).await;
    browser.wait("document.getElementById('keys').open").await;
    browser.press(&[ESCAPE]).await;
    browser.wait("!document.getElementById('keys').open").await;
    browser.press(&["/"]).await;
    browser.wait("document.activeElement.id === 'search'").await;
    // In a field, letters are letters.
    browser.press(&["j"]).await;
    browser.wait("document.activeElement.value === 'j'").await;
    browser.press(&[ESCAPE]).await;
    browser.wait("document.activeElement === document.body").await;
    let number = order_no(3);
    browser
        .see("(document.getElementById('search').value = '', document.getElementById('search').focus(), true)")
        .await;
    let typed: Vec<String> = number.chars().map(|c| c.to_string()).collect();
    let keys: Vec<&str> = typed.iter().map(String::as_str).chain([ENTER]).collect();
    browser.press(&keys).await;
    browser.wait("/^\\/orders\\/\\d+$/.test(location.pathname)").await;
    browser.wait(&format!("document.querySelector('h1').textContent.includes('{number}')")).await;
    assert_eq!(browser.complaints().await, Vec::<Value>::new());
}
