use std::ffi::OsString;
use std::path::PathBuf;

use super::{Environment, Https, LogFormat, Settings, Stop, Task, read};

fn task(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Task, Vec<String>> {
    let arguments = ["reference-server"]
        .iter()
        .chain(arguments)
        .map(OsString::from);
    let home = [("HOME", "/home/somebody")];
    let variables = home.iter().chain(variables);
    let variables = variables.map(|(name, value)| (name.into(), value.into()));
    read(arguments, variables.collect::<Vec<_>>()).map_err(|stop| match stop {
        Stop::Usage(error) => vec![error.to_string()],
        Stop::Faults(faults) => faults.into_iter().map(|fault| fault.to_string()).collect(),
    })
}

fn settings(arguments: &[&str], variables: &[(&str, &str)]) -> Settings {
    match task(arguments, variables) {
        Ok(Task::Serve(settings)) => *settings,
        other => panic!("{other:?}"),
    }
}

fn faults(arguments: &[&str], variables: &[(&str, &str)]) -> Vec<String> {
    task(arguments, variables).expect_err("the settings are wrong")
}

/// A settings file that is gone with this value.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let name = format!("portcullis-settings-{}-{name}.toml", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn argument(&self) -> String {
        format!("--config={}", self.0.display())
    }
}

impl Drop for File {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

#[test]
fn the_defaults_serve_on_loopback_and_believe_nobody() {
    let settings = settings(&[], &[]);
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.admin_listen, None);
    assert_eq!(settings.environment, Environment::Development);
    assert_eq!(
        settings.database.to_string(),
        "/home/somebody/.local/share/portcullis/reference-server.db"
    );
    assert_eq!(settings.trusted_proxies, super::TrustedProxies::none());
    assert_eq!(settings.https, Https::Off);
    assert_eq!(settings.max_body.get(), 10 * 1024 * 1024);
    assert_eq!(settings.log_format, LogFormat::Pretty);
}

#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let file = File::new(
        "order",
        "listen = \"127.0.0.1:1\"\nmax_body = 1\nallowed_hosts = [\"a.example\", \"b.example\"]\nlog_format = \"json\"\n",
    );
    let settings = settings(
        &[&file.argument(), "--listen", "127.0.0.1:3"],
        &[
            ("PORTCULLIS_LISTEN", "127.0.0.1:2"),
            ("PORTCULLIS_MAX_BODY", "2"),
        ],
    );
    assert_eq!(settings.listen.port(), 3);
    assert_eq!(settings.max_body.get(), 2);
    assert_eq!(settings.allowed_hosts.to_string(), "a.example, b.example");
    assert_eq!(settings.log_format, LogFormat::Json);
}

#[test]
fn production_changes_what_is_left_to_it() {
    let production = settings(&["--env", "production"], &[]);
    assert_eq!(production.log_format, LogFormat::Json);
    assert_eq!(production.drain_delay.as_secs(), 5);
    let chosen = settings(&["--env=production", "--log-format=pretty"], &[]);
    assert_eq!(chosen.log_format, LogFormat::Pretty);
}

#[test]
fn the_data_directory_follows_xdg() {
    let database = |variables: &[(&str, &str)]| settings(&[], variables).database.to_string();
    assert_eq!(
        database(&[("XDG_DATA_HOME", "/data")]),
        "/data/portcullis/reference-server.db"
    );
    assert_eq!(
        database(&[("XDG_DATA_HOME", "relative")]),
        "/home/somebody/.local/share/portcullis/reference-server.db"
    );
    let homeless = read([OsString::from("reference-server")], []);
    assert!(matches!(homeless, Err(Stop::Faults(faults)) if faults.len() == 1));
}

#[test]
fn without_accounts_the_server_stays_on_loopback() {
    for address in [
        "127.0.0.1:0",
        "127.8.8.8:80",
        "[::1]:8080",
        "[::ffff:127.0.0.1]:80",
    ] {
        assert_eq!(
            settings(&["--listen", address], &[]).listen.to_string(),
            address
        );
    }
    for environment in ["production", "development"] {
        for address in ["0.0.0.0:8080", "[::]:8080", "192.0.2.1:80"] {
            let faults = faults(&["--env", environment, "--listen", address], &[]);
            assert_eq!(faults.len(), 1);
            assert!(
                faults[0].starts_with("--listen: without accounts"),
                "{faults:?}"
            );
        }
    }
}

#[test]
fn every_fault_is_told_at_once_and_with_its_source() {
    let file = File::new("faults", "https = \"on\"\nlog = 7\n[tls]\n");
    let faults = faults(
        &[&file.argument(), "--listen=localhost"],
        &[
            ("PORTCULLIS_RATE_LIMIT", "100/fortnight"),
            ("PORTCULLIS_MAX_BODY", "0"),
            ("PORTCULLIS_BODY_TIMEOUT", "0s"),
            ("PORTCULLIS_DATABASE_URL", "mysql://u:hunter2@h/d"),
        ],
    );
    let path = file.0.display();
    let expected = [
        format!("{path}: tls is not a setting"),
        "--listen: it has to be an address such as 127.0.0.1:8080 or [::1]:8080".to_owned(),
        "PORTCULLIS_DATABASE_URL: it has to be a URL such as sqlite:/var/lib/portcullis/data.db or sqlite::memory:".to_owned(),
        format!("https in {path}: it has to be `off`, `redirect` or `require`"),
        "PORTCULLIS_RATE_LIMIT: `fortnight` is not a period such as s, min, 15min, h or d".to_owned(),
        "PORTCULLIS_MAX_BODY: it has to be a number of bytes above zero, such as 65536, 64KiB or 10MiB".to_owned(),
        "PORTCULLIS_BODY_TIMEOUT: it has to be above zero".to_owned(),
        format!("log in {path}: it has to be a level such as `info`, or levels by target such as `warn,sqlx=debug`"),
    ];
    assert_eq!(faults, expected);
}

#[test]
fn unknown_names_are_refused_with_the_nearest_one() {
    assert_eq!(
        faults(
            &[],
            &[
                ("PORTCULLIS_LISTN", "x"),
                ("PORTCULLIS_", "x"),
                ("PORTCULLIS_listen", "x")
            ]
        ),
        [
            "PORTCULLIS_LISTN is not a setting; is PORTCULLIS_LISTEN meant?",
            "PORTCULLIS_ is not a setting",
            "PORTCULLIS_listen is not a setting; is PORTCULLIS_LISTEN meant?",
        ]
    );
    let file = File::new("unknown", "max-body = 1\nzebra = 1\n");
    let faults_of_file = faults(&[&file.argument()], &[]);
    assert!(
        faults_of_file[0].ends_with("max-body is not a setting; is max_body meant?"),
        "{faults_of_file:?}"
    );
    assert!(
        faults_of_file[1].ends_with("zebra is not a setting"),
        "{faults_of_file:?}"
    );
    assert!(faults(&["--listne=x"], &[])[0].contains("--listen"));
}

#[test]
fn what_is_said_to_the_tests_is_no_setting_and_no_fault() {
    settings(&[], &[("PORTCULLIS_REQUIRE_SERVICES", "1")]);
}

#[test]
fn settings_of_later_versions_are_refused_without_their_value() {
    let faults_of_environment = faults(
        &[],
        &[
            ("PORTCULLIS_TOKEN_SECRET", "hunter2"),
            ("PORTCULLIS_REDIS_URL", "redis://:hunter2@h"),
            ("SENTRY_DSN", "https://hunter2@h/1"),
            ("PORTCULLIS_DATABASE_URL", "postgres://u:hunter2@h/d"),
        ],
    );
    assert_eq!(
        faults_of_environment,
        [
            "PORTCULLIS_TOKEN_SECRET is not supported by this version yet",
            "PORTCULLIS_REDIS_URL is not supported by this version yet",
            "SENTRY_DSN is not supported by this version yet",
            "PORTCULLIS_DATABASE_URL: PostgreSQL is not supported by this version yet",
        ]
    );
    let file = File::new("later", "tls_cert = \"/cert.pem\"\n");
    let fault = faults(&[&file.argument()], &[]);
    assert!(
        fault[0].ends_with("tls_cert is not supported by this version yet"),
        "{fault:?}"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_a_fault() {
    let fault = faults(&["--config=/nonexistent/file.toml"], &[]);
    assert!(
        fault[0].starts_with("/nonexistent/file.toml: the file cannot be read: "),
        "{fault:?}"
    );
    let file = File::new("broken", "listen = \n");
    let fault = faults(&[&file.argument()], &[]);
    assert!(fault[0].contains("the file is not TOML: "), "{fault:?}");
}

#[test]
fn tasks_are_told_apart() {
    assert!(matches!(task(&["--check-config"], &[]), Ok(Task::Checked)));
    let probe = task(&["healthcheck"], &[("PORTCULLIS_LISTEN", "127.0.0.1:9")]);
    assert!(matches!(probe, Ok(Task::HealthCheck(address)) if address.port() == 9));
    let probe = task(&["healthcheck", "--listen", "127.0.0.1:9"], &[]);
    assert!(matches!(probe, Ok(Task::HealthCheck(address)) if address.port() == 9));
    assert!(task(&["--check-config"], &[("PORTCULLIS_HTTPS", "maybe")]).is_err());
    // It asked a server instead of checking anything.
    let both = task(&["--check-config", "healthcheck"], &[]);
    assert!(matches!(both, Ok(Task::Checked)));
}

// `X-Forwarded-For: 10.0.0.1`, sent to the operators' listener from anywhere, passed its address filter.
#[test]
fn operators_are_not_told_by_a_number_of_proxies() {
    let outside = "--admin-listen=0.0.0.0:9090";
    let fault = faults(&[outside, "--trusted-proxies=hops=1"], &[]);
    assert!(
        fault[0].starts_with("--admin-listen: with trusted_proxies `hops=N`"),
        "{fault:?}"
    );
    assert!(task(&[outside, "--trusted-proxies=10.0.0.0/8"], &[]).is_ok());
    assert!(
        task(
            &["--admin-listen=[::1]:9090", "--trusted-proxies=hops=1"],
            &[]
        )
        .is_ok()
    );
    assert!(task(&["--admin-listen=off", "--trusted-proxies=hops=1"], &[]).is_ok());
}
