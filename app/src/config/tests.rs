//! Precedence and mistakes of the configuration, as tables.

use super::*;

fn variables(text: &str) -> Environment {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap();
        (name.into(), value.into())
    };
    Environment::new(text.split_whitespace().map(pair))
}

fn loaded(file: &str, environment: &str, listen: Option<&str>) -> Result<Loaded, Invalid> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("concord.toml");
    std::fs::write(&path, file).unwrap();
    let flags: Vec<_> = listen.map(|listen| ("server.listen", listen.to_owned())).into_iter().collect();
    load(Some(&path).filter(|_| !file.is_empty()).map(|path| path.as_path()), &variables(environment), &flags)
}

#[test]
fn the_stronger_source_wins() {
    const FILE: &str = "[server]\nlisten = \"127.0.0.1:2\"";
    const OPEN: &str = "[server]\nlisten = \"0.0.0.0:2\"";
    const OWN: &str = "CONCORD__SERVER__LISTEN=127.0.0.1:3";
    let rows = [
        ("", "", None, "127.0.0.1:8080"),
        (FILE, "", None, "127.0.0.1:2"),
        ("", "PORT=7", None, "127.0.0.1:7"),
        (FILE, "PORT=7", None, "127.0.0.1:7"),
        (OPEN, "PORT=7", None, "0.0.0.0:7"),
        (FILE, OWN, None, "127.0.0.1:3"),
        ("", "CONCORD__SERVER__LISTEN=127.0.0.1:3 PORT=7", None, "127.0.0.1:3"),
        ("", "PORT=7", Some("127.0.0.1:4"), "127.0.0.1:4"),
        (FILE, OWN, Some("[::1]:4"), "[::1]:4"),
        ("", "PORT=", None, "127.0.0.1:8080"),
    ];
    for (file, environment, flag, expected) in rows {
        let listen = loaded(file, environment, flag).unwrap().config.server.listen;
        assert_eq!(listen.to_string(), expected, "{file:?} {environment:?} {flag:?}");
    }
}

#[test]
fn mistakes_name_their_key_their_place_and_the_remedy() {
    let rows = [
        ("[server]\nlisen = \"x\"", "", "server.lisen: there is no such key", "did you mean server.listen?"),
        ("listen = \"x\"", "", "listen: there is no such key", "did you mean server.listen?"),
        ("[sever]\ndrain_s = 1", "", "sever.drain_s: there is no such key", "did you mean server.drain_s?"),
        ("[zzz]", "", "zzz: there is no such key", "`concord config`"),
        ("[server]\ndrain_s = \"1\"", "", "server.drain_s: must be of type integer", "concord.toml"),
        ("[server]\ndrain_s = -1", "", "server.drain_s: must be a whole number from 0 to 600", "not -1"),
        ("[server\n", "", "--config:", "concord.toml"),
        ("[log]\nformat = \"xml\"", "", "log.format: must be one of auto, pretty, json", "xml"),
        ("server = 1", "", "server: there is no such key", ""),
        ("", "CONCORD__SERVER__LISEN=x", "variable CONCORD__SERVER__LISEN", "did you mean server.listen?"),
        ("", "CONCORD__SERVER__DRAIN_S=soon", "must be of type integer", "CONCORD__SERVER__DRAIN_S"),
        ("", "CONCORD__SERVER__LISTEN=localhost", "must be an IP address and a port", "localhost"),
        ("", "CONCORD__=1", "there is no such key", ""),
        ("", "PORT=http", "PORT: must be a port", ""),
        ("", "PORT=65536", "PORT: must be a port", ""),
        ("", "DATABASE_URL=postgresql://u:geheim@h/db", "DATABASE_URL: this build", "env -u DATABASE_URL"),
        ("", "LEDGER_URL=http://ledger:8080", "LEDGER_URL: this build", "unset it"),
    ];
    for (file, environment, what, remedy) in rows {
        let said = loaded(file, environment, None).unwrap_err().to_string();
        assert!(said.contains(what) && said.contains(remedy), "{file:?} {environment:?}: {said}");
        assert!(!said.contains("geheim"), "{said}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let file = "[server]\nlisen = \"x\"\ndrain_s = 9999\n[log]\nformat = \"xml\"";
    let invalid = loaded(file, "DATABASE_URL=x CONCORD__DATA__DIR=", None).unwrap_err();
    let keys: Vec<_> = invalid.faults.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(keys, ["DATABASE_URL", "server.lisen", "server.drain_s", "data.dir", "log.format"]);
}

#[test]
fn other_systems_variables_that_lose_nothing_are_noticed() {
    let environment = "KAFKA_BROKERS=kafka:9092 KAFKA_TOPIC=postings REDIS_URL=redis://:geheim@h";
    let notices = loaded("", environment, None).unwrap().notices.join("\n");
    for name in ["KAFKA_BROKERS", "KAFKA_TOPIC", "REDIS_URL"] {
        assert!(notices.contains(name), "{notices}");
    }
    assert!(!notices.contains("geheim"));
}

#[test]
fn every_default_key_is_read_and_documented() {
    let Loaded { config, .. } = loaded("", "", None).unwrap();
    let code = include_str!("mod.rs");
    for shown in &config.shown {
        assert!(code.contains(&format!("\"{}\"", shown.key)), "{} is read by nobody", shown.key);
        let line = format!("\n{} =", shown.key.split_once('.').unwrap().1);
        let before = &DEFAULTS[..DEFAULTS.find(&line).unwrap()];
        assert!(before.lines().last().unwrap().starts_with('#'), "{} has no comment", shown.key);
    }
    // As `concord config` prints them: in the order of the file.
    let keys = config.shown.iter().map(|shown| shown.key.as_str());
    assert!(keys.eq("server.listen server.drain_s server.max_connections server.header_time_s limits.body_bytes \
                     limits.request_time_s limits.body_idle_s limits.rate_per_second limits.rate_burst data.dir \
                     ledger.checkpoint_entries ledger.checkpoint_bytes ledger.disk_reserve_bytes ledger.scrub_hours ledger.projection \
                     wallets.asset wallets.asset_scale log.format log.level"
        .split(' ')));
    // The documented defaults are those of the parts that they set.
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.server.settings, ServerSettings::default());
    assert_eq!(config.ledger, LedgerSettings::default());
    assert_eq!(config.wallets, crate::wiring::Settings::default().asset);
}

#[test]
fn secrets_are_masked() {
    let value = toml::Value::String("geheim".to_owned());
    for key in ["password", "smtp_password", "session_secret", "api_token", "database_url"] {
        assert_eq!(masked(key, &value).as_str(), Some("***"), "{key}");
    }
    assert_eq!(masked("listen", &value), value);
}
