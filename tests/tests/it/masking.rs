//! Personal data and secrets leave the hub nowhere but where somebody said why: marked values are planted, and every way
//! out is searched for them.

use crate::site::programs;
use packline_hub::accounts::actions::roles::BUILT_IN;
use packline_hub::accounts::model::SessionToken;
use packline_hub::routes;
use packline_tests::api::{Api, text};
use packline_tests::clock::until;
use packline_tests::postgres::Postgres;
use packline_tests::sample::{Sample, order_no};
use packline_tests::station::StationPlan;
use packline_tests::world::{SITE, Setup, World};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::AnyConnection;
use sqlx::Connection as _;
use std::fs;
use std::path::Path;

const NAME: &str = "曜标记人名";
const PHONE: &str = "19977613842";
const ADDRESS: &str = "广东省深圳市南山区标记路4711号";
/// What masking must take away of each.
const MARKS: [(&str, &str); 3] = [("name", "标记人名"), ("phone", PHONE), ("address", "标记路4711")];

/// Texts that must not be found, each with what it is.
#[derive(Clone)]
struct Search(Vec<(String, String)>);

impl Search {
    fn for_people() -> Search {
        Search(MARKS.iter().map(|(what, mark)| ((*what).to_owned(), (*mark).to_owned())).collect())
    }

    fn and(mut self, what: &str, secret: &str) -> Search {
        assert!(secret.len() >= 16, "{what} is long enough to be told apart");
        self.0.push((what.to_owned(), secret.to_owned()));
        self
    }

    /// What of it is in these bytes: as it is, as JSON may write it, or as PostgreSQL writes bytes.
    fn found_in(&self, bytes: &[u8]) -> Vec<&str> {
        let has = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
        let escaped = |text: &str| text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
        let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
        let found = |text: &str| [text.to_owned(), escaped(text), hex(text)].iter().any(|form| has(form.as_bytes()));
        self.0.iter().filter(|(_, text)| found(text)).map(|(what, _)| what.as_str()).collect()
    }

    #[track_caller]
    fn nothing_in(&self, place: &str, bytes: &[u8]) {
        let found = self.found_in(bytes);
        assert!(
            found.is_empty(),
            "{place} shows {found:?}: {}",
            String::from_utf8_lossy(&bytes[..bytes.len().min(4_000)])
        );
    }
}

fn buyer() -> Value {
    json!({"name": NAME, "phone": PHONE, "address": ADDRESS})
}

/// A file in which a buyer stands where he should, where he should not, and masked.
fn file() -> String {
    format!(
        "订单号,订单状态,商家编码,数量,运单号,收货人,联系电话,收货地址\n\
         MARK-0001,已付款,SKU-7,2,SF1000000000001,{NAME},{PHONE},{ADDRESS}\n\
         MARK-0002,{NAME},SKU-7,{PHONE}x,SF1000000000002,{ADDRESS},{NAME},{PHONE}\n\
         MARK-0003,已付款,SKU-7,1,SF1000000000003,曜*,199****3842,广东省深圳市南山区***\n"
    )
}

/// A session of an account with this role, made in the database itself.
async fn session_of(db: &str, name: &str, role: &str) -> String {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(db).await.unwrap();
    let mut random = [0; 32];
    for (place, byte) in name.bytes().chain(*b"-a-session-of-the-masking-story-").take(32).enumerate() {
        random[place] = byte;
    }
    let token = SessionToken::new(random);
    let now = packline_tests::clock::wall_ms();
    let account =
        "INSERT INTO account (name, password_hash, role, created_at, changed_at) VALUES ($1, 'none', $2, $3, $3)";
    sqlx::query(account).bind(name).bind(role).bind(now).execute(&mut connection).await.unwrap();
    let session = "INSERT INTO session (token_hash, account, created_at, used_at) VALUES ($1, $2, $3, $3)";
    sqlx::query(session).bind(token.hash()).bind(name).bind(now).execute(&mut connection).await.unwrap();
    token.reveal()
}

/// Every file below a folder, with its content.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.is_file() {
            // A file may go while this looks: then nobody finds anything in it.
            found.extend(fs::read(&path).ok().map(|bytes| (path.display().to_string(), bytes)));
        }
    }
    found
}

/// Every page and every answer that is only read, filled with what there is.
fn reads(order: u64, import: u64) -> Vec<String> {
    let mut paths = Vec::new();
    for (path, method, _) in routes::needs().iter().filter(|(_, method, _)| *method == "GET") {
        assert_eq!(method, "GET");
        // A stream never ends; it is listened to by itself.
        if path == "/api/v1/events" || path == "/assets/{name}" {
            continue;
        }
        let number = if path.contains("import") { import } else { order };
        let filled = path.replace("{site}", SITE).replace("{station}", "pack-1").replace("{id}", &number.to_string());
        paths.push(
            filled.split('/').map(|part| if part.starts_with('{') { "1" } else { part }).collect::<Vec<_>>().join("/"),
        );
    }
    let no = order_no(1);
    paths.extend([
        format!("/orders?q={no}"),
        format!("/api/v1/orders?code={no}"),
        "/api/v1/audit/export?form=jsonl".into(),
    ]);
    paths
}

async fn read(api: &Api, path: &str) -> (StatusCode, Vec<u8>) {
    let (status, answer) = api.try_ask(Method::GET, path, None).await.unwrap();
    let bytes = answer.as_str().map_or_else(|| answer.to_string(), str::to_owned).into_bytes();
    (status, bytes)
}

/// Live events, until one tells of orders.
async fn overheard(api: &Api, world: &World) -> String {
    let mut events = api.events("/api/v1/events").await.unwrap();
    let moved = json!({"name": NAME, "phone": PHONE, "address": format!("{ADDRESS}，另一处")});
    world.hub().send(&[Sample::new(SITE, 1).later().with("/buyer", moved)]).await.unwrap();
    let mut heard = String::new();
    while !heard.contains("orders") {
        let (kind, data) = events.next().await.unwrap().expect("the stream goes on");
        heard += &format!("{kind} {data}\n");
    }
    heard
}

async fn check(setup: Setup, db: impl Fn(&World) -> String, dump: impl Fn() -> Vec<u8>) {
    let mut world = World::open(programs(), &setup).await.unwrap();
    let db = db(&world);
    let orders: Vec<Sample> = (1..=3).map(|number| Sample::new(SITE, number).with("/buyer", buyer())).collect();
    world.hub().send(&orders).await.unwrap();
    let search = Search::for_people();

    let outside = tempfile::tempdir().unwrap();
    let path = outside.path().join("orders.csv");
    fs::write(&path, file()).unwrap();
    let said = world.hub().command(&["import", &path.display().to_string(), "--platform", "pos"]);
    search.nothing_in("the import command", format!("{said:?}").as_bytes());
    let import = world.hub().get("/api/v1/imports").await.unwrap()["items"][0]["id"].as_u64().unwrap();

    world.add_station(StationPlan { scanners: 1, ..StationPlan::new(SITE, "pack-1") }).await.unwrap();
    let waybill = orders[0].waybill();
    world.station("pack-1").unwrap().pull_trigger(0, &waybill).await.unwrap();
    until("the scan to arrive", async || Ok((!world.records().await?.is_empty()).then_some(()))).await.unwrap();

    // The control: with a reason, all of it comes out.
    let order =
        world.hub().list(&format!("/api/v1/orders?code={}", order_no(1))).await.unwrap()[0]["id"].as_u64().unwrap();
    let reveal = format!("/api/v1/orders/{order}/contact/reveal");
    let asker = Api::at(world.hub().url(), &session_of(&db, "asker", "boss").await).unwrap();
    let revealed = asker.post(&reveal, &json!({"reason": "买家来电核对地址"})).await.unwrap();
    assert_eq!(search.found_in(revealed.to_string().as_bytes()), ["name", "phone", "address"], "{revealed}");
    let page = format!("/orders/{order}");
    let (_, own) = read(&asker, &page).await;
    assert_eq!(search.found_in(&own), ["name", "phone", "address"], "whoever gave the reason sees it on the page");

    // Nobody else sees it, wherever they look.
    let mut seen = 0;
    for role in BUILT_IN {
        let api = Api::at(world.hub().url(), &session_of(&db, role.name, role.name).await).unwrap();
        search.nothing_in("live events", overheard(&api, &world).await.as_bytes());
        for path in reads(order, import) {
            let (status, bytes) = read(&api, &path).await;
            assert!(!status.is_server_error(), "{path} answers {status} to {}", role.name);
            search.nothing_in(&format!("{path} to {}", role.name), &bytes);
            seen += usize::from(status.is_success() && String::from_utf8_lossy(&bytes).contains(&order_no(1)));
        }
        let masked = api.get(&format!("/api/v1/orders/{order}/contact")).await;
        if let Ok(masked) = masked {
            assert_eq!(
                (text(&masked, "name").unwrap(), text(&masked, "phone").unwrap()),
                ("曜*".into(), "199****3842".into())
            );
        }
    }
    assert!(seen >= 2 * BUILT_IN.len(), "the pages were really read");

    // What was wrong is said without saying what it was.
    for body in [
        json!([{"platform": "pos", "order_no": "X-1", "buyer": {"name": NAME, "phone": [PHONE], "address": ADDRESS}}]),
        json!([{"platform": "pos", "order_no": "X-2", "buyer": {"name": {"a": NAME}, "tel": PHONE}}]),
        json!([{"platform": "pos", "order_no": "X-3", "buyer": format!("{NAME} {PHONE} {ADDRESS}")}]),
    ] {
        let (status, answer) = world.hub().try_ask(Method::POST, "/api/v1/orders", Some(&body)).await.unwrap();
        assert!(status.is_client_error(), "{answer}");
        search.nothing_in("an error", answer.to_string().as_bytes());
    }
    let (_, answer) = world.hub().try_ask(Method::POST, &reveal, Some(&json!({"reason": ""}))).await.unwrap();
    search.nothing_in("a refused reveal", answer.to_string().as_bytes());

    // Nothing of it lies about: database and its log, the hub's log and files, the station's state and log.
    let search =
        search.and("the first password", &world.hub().password().unwrap()).and("a session", world.hub().token());
    let planted = world.folder().join("control");
    fs::write(&planted, format!("x{NAME}y")).unwrap();
    let all = files(world.folder());
    let of = |end: &str| all.iter().find(|(path, _)| path.ends_with(end)).map(|(_, bytes)| bytes.as_slice());
    assert_eq!(search.found_in(of("control").unwrap()), ["name"], "the search can find");
    for (path, bytes) in all.iter().filter(|(path, _)| !path.ends_with("control") && !path.ends_with("first-login")) {
        search.nothing_in(path, bytes);
    }
    assert!(all.iter().any(|(path, _)| path.ends_with("hub.log")), "the log was read");
    assert!(files(&world.station("pack-1").unwrap().state()).iter().any(|(_, bytes)| !bytes.is_empty()));
    let dump = dump();
    search.nothing_in("the database", &dump);
    let database: Vec<u8> =
        all.iter().filter(|(path, _)| path.contains("hub.db")).flat_map(|(_, bytes)| bytes.clone()).collect();
    let has_order = |bytes: &[u8]| bytes.windows(13).any(|window| window == order_no(1).as_bytes());
    assert!(has_order(&dump) || has_order(&database), "the database was really read");
}

#[tokio::test]
async fn marked_people_and_secrets_are_found_nowhere_with_everything_embedded() {
    let db = |world: &World| format!("sqlite:{}", world.hub().data().join("hub.db").display());
    check(Setup::embedded(), db, Vec::new).await;
}

#[tokio::test]
async fn marked_people_and_secrets_are_found_nowhere_on_postgresql() {
    let postgres = Postgres::start().unwrap();
    let url = postgres.database().unwrap();
    let setup = Setup { db: Some(url.clone()), ..Setup::embedded() };
    check(setup, |_| url.clone(), || postgres.dump(&url).unwrap()).await;
}

#[test]
fn a_mark_is_found_in_every_form_that_it_may_take() {
    let search = Search(vec![("name".into(), "标记".into())]);
    let hex: String = "标记".bytes().map(|byte| format!("{byte:02x}")).collect();
    for text in ["a标记b", r#""\u6807\u8bb0""#, &hex] {
        assert_eq!(search.found_in(text.as_bytes()), ["name"], "{text}");
    }
    assert!(search.found_in("标 记".as_bytes()).is_empty());
}
