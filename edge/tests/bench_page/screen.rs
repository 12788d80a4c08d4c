//! What a packer sees, in a real browser, with a station that can be killed, stopped and told what to say.

use crate::browser::{Browser, ENTER};
use crate::samples::{SAMPLES, Sample};
use packline_edge::panel::page;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::interval;

const KIND: &str = "document.getElementById('answer').dataset.kind";
const COVERED: &str = "!document.getElementById('lost').hidden";

/// A station's daemon: its page and its voice on a thread of their own, which can be frozen or ended at any moment.
struct Daemon {
    address: SocketAddr,
    sample: Arc<Sample>,
    orders: tokio::sync::mpsc::UnboundedSender<Order>,
    thread: JoinHandle<()>,
}

enum Order {
    /// Do nothing at all until the other end speaks or is gone.
    Freeze(Receiver<()>),
    /// End at once, without a goodbye.
    Die,
}

impl Daemon {
    fn start(boot: &str, address: &str) -> Daemon {
        let sample = Arc::new(Sample::new(boot));
        let (orders, mut given) = tokio::sync::mpsc::unbounded_channel();
        let (tell, told) = mpsc::channel();
        let (desk, address) = (Arc::clone(&sample), address.to_owned());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind(&address).await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                tokio::spawn(page::serve(listener, desk.clone(), std::future::pending()));
                let mut seconds = interval(Duration::from_secs(1));
                loop {
                    tokio::select! {
                        _ = seconds.tick() => desk.speak(),
                        order = given.recv() => match order {
                            Some(Order::Freeze(until)) => drop(until.recv()),
                            Some(Order::Die) | None => return,
                        },
                    }
                }
            });
        });
        Daemon { address: told.recv().unwrap(), sample, orders, thread }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn show(&self, sample: &str) {
        assert!(self.sample.choose(sample), "there is no sample `{sample}`");
    }

    /// What people did, once they have done something.
    async fn done(&self) -> Vec<String> {
        let mut looks = interval(Duration::from_millis(20));
        for _ in 0..1_000 {
            looks.tick().await;
            let done = self.sample.done();
            if !done.is_empty() {
                return done;
            }
        }
        panic!("nobody did anything")
    }

    /// Stands still until the answer is dropped.
    fn freeze(&self) -> Sender<()> {
        let (thaw, until) = mpsc::channel();
        self.orders.send(Order::Freeze(until)).unwrap_or_else(|_| panic!("the daemon is gone"));
        thaw
    }

    /// Ends, and comes back in another life at the same place.
    fn die(self) -> SocketAddr {
        let _ = self.orders.send(Order::Die);
        self.thread.join().unwrap();
        self.address
    }
}

#[tokio::test]
async fn a_killed_station_covers_a_green_and_comes_back_with_nothing_old() {
    let daemon = Daemon::start("1", "127.0.0.1:0");
    let browser = Browser::open(&daemon.url(), "zh").await;
    browser.until(KIND, "idle").await;
    daemon.show("release");
    browser.until(KIND, "release").await;
    assert_eq!(browser.see(COVERED).await, false);

    let address = daemon.die();
    browser.until(COVERED, true).await;
    assert_eq!(browser.see(KIND).await, "idle", "nothing green is left under the cover");
    let word = browser.see("document.getElementById('lost_word').textContent").await;
    assert_eq!(word, "屏幕已断开");

    let daemon = Daemon::start("2", &address.to_string());
    browser.until(COVERED, false).await;
    assert_eq!(browser.see(KIND).await, "idle");
    drop(browser);
    daemon.die();
}

#[tokio::test]
async fn a_daemon_that_hangs_and_a_station_that_hangs_in_it_are_both_covered() {
    let daemon = Daemon::start("1", "127.0.0.1:0");
    let browser = Browser::open(&daemon.url(), "en").await;
    daemon.show("release");
    browser.until(KIND, "release").await;
    let thaw = daemon.freeze();
    browser.until(COVERED, true).await;
    assert_eq!(browser.see("document.getElementById('lost_word').textContent").await, "Screen lost the station");
    assert_eq!(browser.see(KIND).await, "idle");
    drop(thaw);
    browser.until(COVERED, false).await;

    daemon.show("hung");
    browser.until(KIND, "release").await;
    browser.until(COVERED, true).await;
    assert_eq!(browser.see("document.getElementById('lost_word').textContent").await, "The station does not answer");
    drop(browser);
    daemon.die();
}

#[tokio::test]
async fn a_release_is_green_only_when_it_is_recorded_and_not_for_long() {
    let daemon = Daemon::start("1", "127.0.0.1:0");
    let browser = Browser::open(&daemon.url(), "zh").await;
    let colour = "getComputedStyle(document.getElementById('answer')).backgroundColor";
    let list = "document.querySelector('#recent li').dataset.kind";
    daemon.show("waiting");
    browser.until(KIND, "waiting").await;
    let waiting = browser.see(colour).await;
    assert_eq!(browser.see("document.getElementById('word').textContent").await, "正在记录");
    assert_eq!(browser.see(list).await, "waiting");
    assert!(!browser.see("document.getElementById('spoken').textContent").await.to_string().contains("放行"));

    daemon.show("release");
    browser.until(KIND, "release").await;
    assert_ne!(browser.see(colour).await, waiting);
    assert_eq!(browser.see(list).await, "release");
    // The next parcel must not be mistaken for this one: ten seconds after the scan the green is gone.
    daemon.show("aging");
    browser.until(KIND, "release").await;
    browser.until(KIND, "idle").await;
    let last = browser.see("document.getElementById('about').textContent").await;
    assert!(last.as_str().unwrap().contains("已放行"), "{last}");
    drop(browser);
    daemon.die();
}

#[tokio::test]
async fn a_stop_stays_until_it_is_acknowledged_by_the_keyboard_alone() {
    let daemon = Daemon::start("1", "127.0.0.1:0");
    let browser = Browser::open(&daemon.url(), "zh").await;
    daemon.show("stop");
    browser.until(KIND, "stop").await;
    daemon.sample.done();
    browser.press(&[ENTER]).await;
    browser.until(KIND, "idle").await;
    assert_eq!(daemon.done().await, ["acknowledge 100"]);
    drop(browser);
    daemon.die();
}

#[tokio::test]
async fn keys_change_the_language_and_begin_an_entry() {
    let daemon = Daemon::start("1", "127.0.0.1:0");
    let browser = Browser::open(&daemon.url(), "zh").await;
    browser.until("document.getElementById('word').textContent", "请扫描").await;
    daemon.sample.done();
    browser.press(&["l"]).await;
    browser.until("document.getElementById('word').textContent", "Scan").await;
    assert_eq!(browser.see("document.documentElement.lang").await, "en");
    assert_eq!(daemon.done().await, ["language En"]);
    browser.reload().await;
    browser.until("document.getElementById('word').textContent", "Scan").await;

    browser.press(&["/"]).await;
    browser.until("document.activeElement.id", "code").await;
    browser.press(&["S", "F", "l", "/", "7", ENTER]).await;
    browser.until(KIND, "ask").await;
    assert_eq!(daemon.done().await, ["enter SFl/7"]);
    assert_eq!(browser.see("document.activeElement.id").await, "", "the next key is a command again");
    drop(browser);
    daemon.die();
}

/// A scanner that types like a keyboard sends its code in a burst, with an Enter.
#[tokio::test]
async fn a_scanner_that_types_gives_no_commands_and_acknowledges_nothing() {
    let daemon = Daemon::start("1", "127.0.0.1:0");
    let browser = Browser::open(&daemon.url(), "zh").await;
    daemon.show("stop");
    browser.until(KIND, "stop").await;
    daemon.sample.done();
    browser.press(&["L", "P", "/", "l", "4", "2", ENTER]).await;
    browser.until(KIND, "ask").await;
    assert_eq!(daemon.done().await, ["enter LP/l42"]);
    assert_eq!(browser.see("document.documentElement.lang").await, "zh");
    drop(browser);
    daemon.die();
}

#[tokio::test]
async fn what_comes_from_outside_is_text_and_never_markup() {
    let daemon = Daemon::start("1", "127.0.0.1:0");
    let browser = Browser::open(&daemon.url(), "zh").await;
    daemon.show("hostile");
    browser.until(KIND, "stop").await;
    assert_eq!(browser.see("document.images.length").await, 0);
    let text = browser.see("document.getElementById('sentence').textContent").await;
    assert!(text.as_str().unwrap().starts_with("<img src=x onerror=alert(1)>&lt;b&gt;"), "{text}");
    drop(browser);
    daemon.die();
}

#[tokio::test]
async fn what_to_do_is_in_sight_on_every_screen_and_nothing_runs_off_its_side() {
    let daemon = Daemon::start("1", "127.0.0.1:0");
    for language in ["zh", "en"] {
        let browser = Browser::open(&daemon.url(), language).await;
        for (width, height) in [(360, 740), (800, 480), (1280, 800), (1920, 1080)] {
            browser.resize(width, height).await;
            for (sample, _) in SAMPLES.iter().filter(|(name, _)| *name != "hung") {
                daemon.show(sample);
                browser.until("document.getElementById('answer').dataset.number", newest(&daemon)).await;
                let seen = browser.run(MEASURE).await;
                let place = format!("{sample} {language} {width}x{height}: {seen}");
                assert_eq!(seen["wide"], json!([]), "{place}");
                assert_eq!(seen["hidden"], json!([]), "{place}");
            }
        }
    }
    daemon.die();
}

/// The answer's number as the page keeps it; nothing while there is none.
fn newest(daemon: &Daemon) -> Value {
    let view = page::Desk::pictures(&*daemon.sample).borrow().clone();
    view.answer.as_ref().map_or_else(String::new, |answer| answer.number.to_string()).into()
}

/// What is wider than the window, and what of the answer is not in the window.
const MEASURE: &str = "
    const name = (e) => e.id || e.className || e.tagName;
    const boxes = [...document.querySelectorAll('body *')].filter((e) => e.offsetParent !== null);
    const wide = boxes.filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('svg'));
    const answer = document.getElementById('answer').getBoundingClientRect();
    const bottom = Math.min(innerHeight, answer.bottom);
    const must = ['word', 'digits', 'sentence', 'action'].map((id) => document.getElementById(id));
    const shown = must.filter((e) => e.textContent !== '');
    const hidden = shown.filter((e) => e.getBoundingClientRect().bottom > bottom);
    return { wide: wide.map(name), hidden: hidden.map(name) };
";
