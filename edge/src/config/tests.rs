use super::*;

fn from_toml(text: &str) -> Result<Config, String> {
    let settings: Settings = toml::from_str(text).map_err(|error| error.to_string())?;
    Config::try_from(settings).map_err(|error| error.to_string())
}

#[track_caller]
fn refused(text: &str, says: &str) {
    let error = from_toml(text).unwrap_err();
    assert!(error.contains(says), "{error}");
    assert!(!error.contains("s3cret"), "{error}");
}

#[test]
fn an_empty_file_gives_the_defaults() {
    let config = from_toml("").unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.panel_listen.to_string(), PANEL_LISTEN);
    assert_eq!((config.cache_bytes, config.journal_bytes), (8 << 20, 256 << 20));
    assert!(config.scanners.is_empty() && config.light.is_none());
}

#[test]
fn a_whole_file_is_understood() {
    let text = "
        state = '/var/lib/packline-edge'
        hub = 'https://hub.example:8443'
        lock_on_stop = true
        language = 'en'
        [[scanner]]
        id = 'left'
        kind = 'serial'
        path = '/dev/packline/serial-left'
        [[scanner]]
        id = 'gate'
        kind = 'tcp'
        connect = '192.0.2.1:23'
        [light]
        chip = '/dev/gpiochip0'
        red = 17
    ";
    let config = from_toml(text).unwrap();
    assert_eq!(config.scanners.iter().map(|scanner| scanner.id.as_str()).collect::<Vec<_>>(), ["left", "gate"]);
    assert_eq!((config.lock_on_stop, config.language), (true, Language::En));
    assert_eq!(config.light.unwrap().red, Some(17));
}

#[test]
fn a_wrong_setting_says_which_and_what_is_accepted() {
    refused("pannel_listen = '1'", "unknown field `pannel_listen`");
    refused("panel_listen = '0.0.0.0:8181'", "panel_listen is `0.0.0.0:8181`; give an address of this machine alone");
    refused("hub = 'hub.example'", "hub is `hub.example`; give http://HOST:PORT or https://HOST:PORT");
    refused("hub = 'http://u:s3cret@h'", "hub is `…@…`; give http://HOST:PORT");
    refused("mqtt = 'tcp://h'", "mqtt is `tcp://h`; give mqtt://HOST:PORT or mqtts://HOST:PORT");
    refused("cache_mb = 0", "cache_mb is `0`; give a number from 1 to 1024");
    refused("journal_mb = 1", "journal_mb is `1`; give a number from 4 to 65536");
    refused("language = 'fr'", "unknown variant `fr`, expected `zh` or `en`");
    refused("log_format = 'xml'", "unknown variant `xml`, expected `text` or `json`");
    refused("[[scanner]]\nid = 'a'\nkind = 'serial'", "scanner[0].path is missing");
    refused("[[scanner]]\nid = 'A'\nkind = 'serial'", "scanner is `A`");
    refused("[light]\nchip = '/dev/gpiochip0'", "light.red is missing");
}

#[test]
fn every_problem_is_named_not_only_the_first() {
    let error = from_toml("cache_mb = 0\njournal_mb = 1").unwrap_err();
    assert_eq!(error.lines().count(), 2, "{error}");
}

#[test]
fn flags_win_over_the_file_and_bring_scanners_of_their_own() {
    let flags = Settings {
        state: Some("a".into()),
        scanner_flags: vec!["right=/dev/ttyX".parse().unwrap(), "gate=tcp://192.0.2.1:23".parse().unwrap()],
        ..Settings::default()
    };
    let file = "state = 'b'\nlanguage = 'en'\n[[scanner]]\nid = 'left'\nkind = 'serial'\npath = '/dev/ttyY'";
    let config = Config::try_from(flags.or(toml::from_str(file).unwrap())).unwrap();
    assert_eq!((config.state, config.language), (PathBuf::from("a"), Language::En));
    assert_eq!(config.scanners.iter().map(|s| s.id.as_str()).collect::<Vec<_>>(), ["left", "right", "gate"]);
}

#[test]
fn a_scanner_flag_says_what_it_wants() {
    for bad in ["left", "left=", "left=COM1", "LEFT=/dev/x"] {
        let error = bad.parse::<ScannerFlag>().unwrap_err();
        assert!(error.contains("scanner is `"), "{error}");
    }
}
