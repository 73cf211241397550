use std::ffi::OsString;
use std::path::PathBuf;

use portcullis_auth_core::jwt::{Algorithm, SigningKey};
use portcullis_secrets::SecretBytes;

use super::{Environment, Https, LogFormat, Registration, Settings, SignInLimit, Stop, Task, read};

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

/// A secret that production takes.
fn strong() -> String {
    let secret = SecretBytes::generate(32).unwrap().to_base64url();
    secret.expose(ToOwned::to_owned)
}

/// A file that is gone with this value.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let name = format!("portcullis-settings-{}-{name}.toml", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn name(&self) -> &str {
        self.0.to_str().unwrap()
    }

    #[cfg(unix)]
    fn open_to(&self, mode: u32) {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(&self.0, mode).unwrap();
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
    let secret = strong();
    let variables = [("PORTCULLIS_TOKEN_SECRET", secret.as_str())];
    let production = settings(&["--env", "production"], &variables);
    assert_eq!(production.log_format, LogFormat::Json);
    assert_eq!(production.drain_delay.as_secs(), 5);
    let chosen = settings(&["--env=production", "--log-format=pretty"], &variables);
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
fn any_address_may_be_served_on() {
    for address in ["127.0.0.1:0", "[::1]:8080", "0.0.0.0:8080", "[::]:80"] {
        let settings = settings(&["--listen", address], &[]);
        assert_eq!(settings.listen.to_string(), address);
    }
}

#[test]
fn accounts_have_settings_that_are_checked_at_the_start() {
    let defaults = settings(&[], &[]);
    assert_eq!(defaults.registration, Registration::Open);
    assert!(defaults.signing_key.is_none() && defaults.issuer.is_none());
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let pem = key.to_pem().unwrap();
    let file = File::new("signing-key", pem.expose_secret());
    let given = settings(
        &[
            "--registration=closed",
            "--issuer=https://id.example",
            "--refresh-grace=0s",
            "--auth-rate-limit=off",
            "--signing-key-file",
            file.name(),
        ],
        &[],
    );
    assert_eq!(given.registration, Registration::Closed);
    assert_eq!(given.issuer.as_deref(), Some("https://id.example"));
    assert_eq!(given.auth_rate_limit, None);
    assert_eq!(given.signing_key.unwrap().id(), key.id());

    let no_key = File::new("no-key", "hunter2");
    let wrong = faults(
        &[
            "--registration=sometimes",
            "--issuer=https://id.example/",
            "--refresh-grace=6min",
            "--signing-key-file",
            no_key.name(),
        ],
        &[],
    );
    assert_eq!(wrong.len(), 4, "{wrong:?}");
    assert!(wrong.iter().all(|fault| !fault.contains("hunter2")));
}

#[test]
fn an_administrator_is_made_where_the_server_looks() {
    let database = "--database-url=sqlite:/tmp/x.db";
    let made = task(&["create-admin", "--email=ann@example.com", database], &[]);
    let Ok(Task::CreateAdmin(admin)) = made else {
        panic!("{made:?}");
    };
    assert_eq!(admin.tenant.as_str(), "default");
    assert_eq!(admin.email.unwrap().as_str(), "ann@example.com");
    for wrong in [
        &["create-admin", "--email=ann", database][..],
        &["create-admin", "--tenant=A b", database],
        &["create-admin", "--database-url=sqlite::memory:"],
        &["create-admin", "--password=hunter2"],
    ] {
        let faults = faults(wrong, &[]).join("");
        assert!(!faults.contains("hunter2"), "{faults}");
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
            ("PORTCULLIS_REDIS_URL", "redis://:hunter2@h"),
            ("SENTRY_DSN", "https://hunter2@h/1"),
            ("PORTCULLIS_DATABASE_URL", "postgres://u:hunter2@h/d"),
        ],
    );
    assert_eq!(
        faults_of_environment,
        [
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

const MAKE_ONE: &str = "make a strong one with `openssl rand -base64 48`";

#[test]
fn production_needs_a_secret_that_nobody_guesses() {
    let fault = |variables: &[(&str, &str)]| {
        let mut faults = faults(&["--env=production"], variables);
        assert_eq!(faults.len(), 1, "{faults:?}");
        faults.remove(0)
    };
    assert_eq!(
        fault(&[]),
        format!("PORTCULLIS_TOKEN_SECRET is missing, and production needs it; {MAKE_ONE}")
    );
    for (secret, why) in [
        ("hunter2", "it is too short, 32 characters are the least"),
        ("changemechangemechangemechangeme", "it is made of words"),
        (&"ab".repeat(20), "it repeats itself or counts"),
        (
            "this_is_a_very_long_secret_key_for_jwt",
            "it is made of words",
        ),
    ] {
        assert_eq!(
            fault(&[("PORTCULLIS_TOKEN_SECRET", secret)]),
            format!("PORTCULLIS_TOKEN_SECRET is too weak: {why}; {MAKE_ONE}")
        );
        let file = File::new("weak", secret);
        assert_eq!(
            fault(&[("PORTCULLIS_TOKEN_SECRET_FILE", file.name())]),
            format!("PORTCULLIS_TOKEN_SECRET_FILE is too weak: {why}; {MAKE_ONE}")
        );
    }
    // The container's health check has the settings of its server.
    let probe = task(&["healthcheck", "--env=production"], &[]);
    assert!(probe.is_err());
}

#[test]
fn development_goes_on_with_what_there_is_and_says_so() {
    let generated = [settings(&[], &[]), settings(&[], &[])];
    let [first, second] = &generated;
    assert!(!first.token_secret.ct_eq(&second.token_secret));
    assert_eq!(first.token_secret.expose(str::len), 43);
    assert_eq!(
        first.warnings,
        ["PORTCULLIS_TOKEN_SECRET is not set: one was generated, which ends with this process"]
    );
    let weak = settings(&[], &[("PORTCULLIS_TOKEN_SECRET", "hunter2")]);
    assert!(weak.token_secret.ct_matches("hunter2"));
    assert_eq!(weak.warnings.len(), 1);
    assert!(weak.warnings[0].starts_with("PORTCULLIS_TOKEN_SECRET is too weak: "));
    let secret = strong();
    let good = settings(&[], &[("PORTCULLIS_TOKEN_SECRET", &secret)]);
    assert!(good.token_secret.ct_matches(&secret) && good.warnings.is_empty());
}

#[test]
fn a_secret_comes_from_a_variable_a_file_or_the_settings_file() {
    let [in_variable, in_file, in_settings] = [strong(), strong(), strong()];
    // Of the end of a file, one line end is none of the secret.
    let file = File::new("secret", &format!("{in_file}\r\n"));
    let toml = File::new(
        "with-secret",
        &format!("token_secret = \"{in_settings}\"\n"),
    );
    let named = File::new(
        "with-file",
        &format!("token_secret_file = \"{}\"\n", file.name()),
    );
    let variable = ("PORTCULLIS_TOKEN_SECRET", in_variable.as_str());
    let file_variable = ("PORTCULLIS_TOKEN_SECRET_FILE", file.name());
    let file_flag = format!("--token-secret-file={}", file.name());
    for (arguments, variables, expected) in [
        (vec![], vec![variable], &in_variable),
        (vec![], vec![file_variable], &in_file),
        (vec![toml.argument()], vec![], &in_settings),
        (vec![named.argument()], vec![], &in_file),
        // Whatever the spelling, flags win over variables and variables over the settings file.
        (vec![toml.argument()], vec![file_variable], &in_file),
        (vec![named.argument()], vec![variable], &in_variable),
        (vec![file_flag], vec![variable], &in_file),
    ] {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let settings = settings(&arguments, &variables);
        assert!(settings.token_secret.ct_matches(expected), "{arguments:?}");
    }
    assert_eq!(
        faults(&[], &[variable, file_variable]),
        ["PORTCULLIS_TOKEN_SECRET: PORTCULLIS_TOKEN_SECRET_FILE is set as well; keep one of them"]
    );
}

#[test]
fn a_secret_file_that_cannot_be_one_is_a_fault() {
    let fault = |name: &str| {
        let mut faults = faults(&[], &[("PORTCULLIS_TOKEN_SECRET_FILE", name)]);
        assert_eq!(faults.len(), 1, "{faults:?}");
        faults.remove(0)
    };
    let long = "x".repeat(64 * 1024 + 1);
    for (text, why) in [
        ("", "is empty"),
        ("\n", "is empty"),
        (long.as_str(), "is larger than 64 KiB"),
        ("a\0b", "contains a NUL byte"),
        ("\u{feff}abc", "starts with a byte order mark"),
    ] {
        let file = File::new("bad-secret", text);
        assert_eq!(
            fault(file.name()),
            format!("PORTCULLIS_TOKEN_SECRET_FILE: file {:?} {why}", file.name())
        );
    }
    assert_eq!(
        fault("/nonexistent/secret"),
        "PORTCULLIS_TOKEN_SECRET_FILE: file \"/nonexistent/secret\" does not exist"
    );
    assert_eq!(fault(""), "PORTCULLIS_TOKEN_SECRET_FILE: it is empty");
    assert_eq!(
        faults(&[], &[("PORTCULLIS_TOKEN_SECRET", "")]),
        ["PORTCULLIS_TOKEN_SECRET: it is empty"]
    );
}

#[cfg(unix)]
#[test]
fn a_secret_file_that_others_can_read_is_told_of() {
    let file = File::new("open-secret", &strong());
    let variables = [("PORTCULLIS_TOKEN_SECRET_FILE", file.name())];
    file.open_to(0o600);
    assert!(settings(&[], &variables).warnings.is_empty());
    file.open_to(0o644);
    let told = format!(
        "PORTCULLIS_TOKEN_SECRET_FILE: file {:?} is open to group or others; its mode should be 0400",
        file.name()
    );
    assert_eq!(settings(&[], &variables).warnings, [told]);

    let toml = File::new(
        "open-settings",
        &format!("token_secret = \"{}\"\n", strong()),
    );
    toml.open_to(0o644);
    let warnings = settings(&[&toml.argument()], &[]).warnings;
    let told = format!(
        "token_secret in {}: file {:?} is open to",
        toml.name(),
        toml.name()
    );
    assert!(
        warnings.len() == 1 && warnings[0].starts_with(&told),
        "{warnings:?}"
    );
    toml.open_to(0o600);
    assert!(settings(&[&toml.argument()], &[]).warnings.is_empty());
}

#[test]
fn the_database_is_named_by_a_file_too_and_no_password_by_a_flag() {
    let file = File::new("url", "sqlite:/data/x.db\n");
    let settings = settings(&[], &[("PORTCULLIS_DATABASE_URL_FILE", file.name())]);
    assert_eq!(settings.database.to_string(), "/data/x.db");
    let url = "postgres://app:hunter2@db/app";
    let file = File::new("postgres", url);
    assert_eq!(
        faults(&[], &[("PORTCULLIS_DATABASE_URL_FILE", file.name())]),
        ["PORTCULLIS_DATABASE_URL_FILE: PostgreSQL is not supported by this version yet"]
    );
    assert_eq!(
        faults(&["--database-url", url], &[]),
        [
            "--database-url: everybody on the machine can read the password in an argument; use a variable or a file"
        ]
    );
}

#[test]
fn no_value_is_repeated_whatever_is_wrong_with_it() {
    let secret = "kT7mq2Lx9Zp";
    let broken = File::new(
        "no-toml",
        &format!("listen = \"127.0.0.1:0\"\n token_secret = {secret}\n"),
    );
    let twice = File::new(
        "twice",
        &format!("token_secret = \"{secret}\"\ntoken_secret = \"{secret}\"\n"),
    );
    for file in [&broken, &twice] {
        let faults = faults(&[&file.argument()], &[]);
        let place = format!("{}: the file is not TOML: line 2, column ", file.name());
        assert!(faults[0].starts_with(&place), "{faults:?}");
        assert!(!faults[0].contains(secret), "{faults:?}");
        assert_eq!(faults[0].lines().count(), 1, "{faults:?}");
    }
    for arguments in [
        &[&format!("--token-secret={secret}")[..]][..],
        &["--token-secret", secret],
        &[secret],
        &["healthcheck", secret],
        &[&format!("--check-config={secret}")],
        &[&format!("--{secret}")],
        &[&format!("--listne={secret}")],
        &[&format!("-{secret}")],
        &["--listen", secret, "--listen", secret],
        &["--", secret],
    ] {
        let faults = faults(arguments, &[]).join("\n");
        assert!(!faults.contains(secret), "{faults}");
        assert!(!faults.is_empty());
    }
    assert_eq!(
        faults(&["--token-secret", secret], &[]),
        [
            "secrets have no flags, because everybody on the machine can read the arguments of a process; \
             set PORTCULLIS_TOKEN_SECRET_FILE or PORTCULLIS_TOKEN_SECRET"
        ]
    );
    assert!(faults(&["healtcheck"], &[])[0].contains("'healthcheck'"));

    let shown = format!(
        "{:?}",
        settings(&[], &[("PORTCULLIS_TOKEN_SECRET", secret)])
    );
    assert!(
        shown.contains("SecretString([REDACTED])") && !shown.contains(secret),
        "{shown}"
    );
}

#[test]
fn guesses_at_passwords_are_held_back_in_production() {
    let limit = |arguments: &[&str]| settings(arguments, &[]).sign_in_limit;
    assert_eq!(limit(&[]), SignInLimit::Default);
    assert_eq!(limit(&["--sign-in-limit=off"]), SignInLimit::Off);
    let secret = strong();
    let variables = [
        ("PORTCULLIS_ENV", "production"),
        ("PORTCULLIS_TOKEN_SECRET", secret.as_str()),
        ("PORTCULLIS_SIGN_IN_LIMIT", "off"),
    ];
    assert_eq!(
        faults(&[], &variables),
        [
            "PORTCULLIS_SIGN_IN_LIMIT: anybody could guess at passwords without end, so in production it has to be `default`"
        ]
    );
    assert_eq!(
        faults(&["--sign-in-limit=10"], &[]),
        ["--sign-in-limit: it has to be `default` or `off`"]
    );
}

#[test]
fn a_list_of_breached_passwords_is_read_as_lines_or_as_a_filter() {
    const PASSWORD: &str = "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8";
    let lines = File::new("breaches", &format!("{PASSWORD}:3\n"));
    let of_lines = settings(&[], &[("PORTCULLIS_BREACH_LIST", lines.name())]);
    let list = of_lines.breaches.unwrap();
    assert!(list.contains_password("password") && !list.contains_password("difference"));

    let file = File::new("breaches-filter", "");
    list.write_to(std::fs::File::create(file.name()).unwrap())
        .unwrap();
    let of_filter = settings(&[], &[("PORTCULLIS_BREACH_LIST", file.name())]);
    assert!(of_filter.breaches.unwrap().contains_password("password"));
    assert!(settings(&[], &[]).breaches.is_none());

    let wrong = File::new("breaches-wrong", &format!("{PASSWORD}:3\nhunter2\n"));
    let name = wrong.name();
    for (name, text) in [
        (name, "line 2 of the list is no sha-1 with a count"),
        (
            "/nonexistent/x",
            "the breach filter cannot be read or written",
        ),
    ] {
        let variables = [("PORTCULLIS_BREACH_LIST", name)];
        let expected = format!("PORTCULLIS_BREACH_LIST: {name}: {text}");
        assert_eq!(faults(&["--check-config"], &variables), [expected]);
        // Which is asked every few seconds, and chooses no passwords.
        assert!(task(&["healthcheck"], &variables).is_ok());
    }
}
