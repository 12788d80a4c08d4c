//! Enrolment: a claim token becomes a credential.
//!
//! The station makes its keys itself and keeps them before it asks, so that asking again after a power cut asks for the
//! same thing. The hub answers the same token with the same keys in the same way.

use crate::clock;
use crate::credential::{Credential, CredentialError, Hex32, read_json, write_json};
use packline_protocol::envelope::Sealer;
use packline_protocol::id::{SiteId, StationId};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Keys made and not yet accepted.
const KEYS: &str = "enroll.json";
const PATIENCE: Duration = Duration::from_secs(20);
/// The most that a hub has to say about a refusal.
const ANSWER_MAX: u64 = 64 * 1024;

/// Why enrolment failed.
#[derive(Debug, thiserror::Error)]
pub enum EnrollError {
    /// The state folder does not work.
    #[error("failed to keep the station's keys")]
    Keys(#[from] CredentialError),
    /// The file with the certificate authority cannot be used.
    #[error("failed to read certificates from `{}`", path.display())]
    Ca {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The hub was not reached.
    #[error("failed to reach the hub at `{hub}`")]
    Reach {
        /// Where it was looked for.
        hub: String,
        /// Why.
        #[source]
        cause: Box<ureq::Error>,
    },
    /// The hub refused.
    #[error("the hub refused with status {status}: {why}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What the hub said.
        why: String,
    },
    /// The hub said something else than a credential.
    #[error("the hub's answer is not understood: {0}")]
    Answer(String),
}

#[derive(Serialize, Deserialize)]
struct Keys {
    secret_key: Hex32,
    mqtt_secret: String,
}

#[derive(Serialize)]
struct Request<'a> {
    token: &'a str,
    public_key: String,
    mqtt_secret: &'a str,
}

#[derive(Deserialize)]
struct Granted {
    site: SiteId,
    station: StationId,
    mqtt_url: String,
    hub_public_key: Hex32,
    hub_id: String,
}

/// What a hub says about a refusal.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Problem {
    title: String,
    detail: String,
}

/// Enrols this station and keeps the credential in `state`. Doing it twice with one token gives the same credential.
pub fn enroll(state: &Path, hub: &str, token: &str, ca_file: Option<&Path>) -> Result<Credential, EnrollError> {
    let keys = keys(state)?;
    let granted = ask(hub, token.trim(), &keys, ca_file)?;
    let Granted { site, station, mqtt_url, hub_public_key, hub_id } = granted;
    let Keys { secret_key, mqtt_secret } = keys;
    let credential = Credential { site, station, mqtt_url, hub_public_key, hub_id, secret_key, mqtt_secret };
    credential.save(state)?;
    Ok(credential)
}

/// The keys of an attempt before this one, or new ones, on disk before anybody hears of them.
fn keys(state: &Path) -> Result<Keys, CredentialError> {
    let path = state.join(KEYS);
    if let Some(keys) = read_json(&path)? {
        return Ok(keys);
    }
    let (mut secret, mut password) = ([0; 32], [0; 32]);
    clock::random_bytes(&mut secret);
    clock::random_bytes(&mut password);
    let keys = Keys { secret_key: Hex32(secret), mqtt_secret: Hex32(password).into() };
    write_json(&path, &keys)?;
    Ok(keys)
}

fn ask(hub: &str, token: &str, keys: &Keys, ca_file: Option<&Path>) -> Result<Granted, EnrollError> {
    let public_key = Hex32(Sealer::new(&keys.secret_key.0).public()).into();
    let request = Request { token, public_key, mqtt_secret: &keys.mqtt_secret };
    let url = format!("{}/api/v1/enroll", hub.trim_end_matches('/'));
    let unreached = |cause| EnrollError::Reach { hub: hub.to_owned(), cause: Box::new(cause) };
    let mut answer = agent(ca_file)?.post(&url).send_json(request).map_err(unreached)?;
    let status = answer.status().as_u16();
    let body = answer.body_mut().with_config().limit(ANSWER_MAX).read_to_string().map_err(unreached)?;
    if (200..300).contains(&status) {
        return serde_json::from_str(&body).map_err(|error| EnrollError::Answer(error.to_string()));
    }
    let Problem { title, detail } = serde_json::from_str(&body).unwrap_or_default();
    let why = [title, detail].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ");
    Err(EnrollError::Refused { status, why: if why.is_empty() { "without a reason".to_owned() } else { why } })
}

fn agent(ca_file: Option<&Path>) -> Result<ureq::Agent, EnrollError> {
    let mut config = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false);
    if let Some(path) = ca_file {
        let bad = |cause: Box<dyn std::error::Error + Send + Sync>| EnrollError::Ca { path: path.to_owned(), cause };
        let pem = std::fs::read(path).map_err(|error| bad(Box::new(error)))?;
        let certificate = ureq::tls::Certificate::from_pem(&pem).map_err(|error| bad(Box::new(error)))?;
        let roots = ureq::tls::RootCerts::Specific(Arc::new(vec![certificate]));
        config = config.tls_config(ureq::tls::TlsConfig::builder().root_certs(roots).build());
    }
    Ok(config.build().new_agent())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::FILE;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;

    /// A hub that answers each request in turn; gives its address and what it was asked.
    fn hub(answers: &'static [(u16, &'static str)]) -> (String, std::thread::JoinHandle<Vec<serde_json::Value>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let served = std::thread::spawn(move || {
            let serve = |(status, body): &(u16, &str)| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    if line == "\r\n" {
                        break;
                    }
                }
                let mut request = vec![0; length];
                reader.read_exact(&mut request).unwrap();
                let head =
                    format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                stream.write_all(head.as_bytes()).unwrap();
                stream.write_all(body.as_bytes()).unwrap();
                serde_json::from_slice(&request).unwrap()
            };
            answers.iter().map(serve).collect()
        });
        (address, served)
    }

    const GRANTED: &str = concat!(
        r#"{"site":"sz-1","station":"pack-01","mqtt_url":"mqtt://127.0.0.1:1883","hub_id":"hub-1","hub_public_key":""#,
        "0101010101010101010101010101010101010101010101010101010101010101",
        r#""}"#
    );

    #[test]
    fn a_token_becomes_a_credential_and_asking_again_asks_for_the_same() {
        let state = tempfile::tempdir().unwrap();
        let (address, served) = hub(&[(500, "{}"), (200, GRANTED), (200, GRANTED)]);
        assert!(matches!(enroll(state.path(), &address, "t0ken", None), Err(EnrollError::Refused { status: 500, .. })));
        let first = enroll(state.path(), &address, " t0ken\n", None).unwrap();
        let second = enroll(state.path(), &address, "t0ken", None).unwrap();
        assert_eq!((&first, first.station.as_str()), (&second, "pack-01"));
        assert_eq!(Credential::load(state.path()).unwrap(), first);
        let asked = served.join().unwrap();
        assert_eq!(asked[0], asked[1], "the keys of the first attempt are used again");
        assert_eq!(asked[0]["token"], "t0ken");
        assert_eq!(asked[0]["public_key"].as_str().unwrap().len(), 64);
    }

    #[test]
    fn nobody_else_may_read_the_secrets_and_they_never_show_themselves() {
        use std::os::unix::fs::PermissionsExt;
        let state = tempfile::tempdir().unwrap();
        let (address, served) = hub(&[(200, GRANTED)]);
        let credential = enroll(state.path(), &address, "t0ken", None).unwrap();
        served.join().unwrap();
        for name in [FILE, KEYS] {
            let mode = std::fs::metadata(state.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        let secret: String = credential.secret_key.clone().into();
        let shown = format!("{credential:?} {:?}", credential.secret_key);
        assert!(!shown.contains(&secret) && !shown.contains(&credential.mqtt_secret), "{shown}");
    }

    #[test]
    fn a_refusal_says_what_the_hub_said() {
        let state = tempfile::tempdir().unwrap();
        let (address, served) =
            hub(&[(403, r#"{"title":"token is spent","detail":"add the station again"}"#), (200, "?")]);
        let refused = enroll(state.path(), &address, "t0ken", None).unwrap_err().to_string();
        assert_eq!(refused, "the hub refused with status 403: token is spent: add the station again");
        assert!(matches!(enroll(state.path(), &address, "t0ken", None), Err(EnrollError::Answer(_))));
        served.join().unwrap();
        assert!(matches!(Credential::load(state.path()), Err(CredentialError::Missing { .. })));
    }

    #[test]
    fn a_damaged_credential_is_named_without_being_shown() {
        let state = tempfile::tempdir().unwrap();
        std::fs::write(state.path().join(FILE), r#"{"site":"sz-1","mqtt_secret":"s3cret"#).unwrap();
        let error = Credential::load(state.path()).unwrap_err().to_string();
        assert!(error.contains("is no credential: line 1, column") && !error.contains("s3cret"), "{error}");
    }
}
