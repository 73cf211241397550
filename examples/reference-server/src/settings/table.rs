//! Every setting there is: the one list that flags, variables, file keys and the help are made from.

/// One setting, known by one name in four spellings.
#[derive(Debug)]
pub(super) struct Setting {
    /// The key of the TOML file; the other spellings follow from it.
    pub(super) key: &'static str,
    /// What a value looks like, in the help.
    pub(super) value: &'static str,
    /// What it is unless it is set, as it would be written; a description where that depends.
    pub(super) default: Default,
    pub(super) help: &'static str,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Default {
    Value(&'static str),
    /// Chosen when the settings are put together; this tells how.
    Depends(&'static str),
}

impl Setting {
    /// `max_body` is `--max-body`.
    pub(super) fn flag(&self) -> String {
        self.key.replace('_', "-")
    }

    /// `max_body` is `PORTCULLIS_MAX_BODY`.
    pub(super) fn variable(&self) -> String {
        format!("{PREFIX}{}", self.key.to_uppercase())
    }

    pub(super) const fn default_text(&self) -> &'static str {
        match self.default {
            Default::Value(text) | Default::Depends(text) => text,
        }
    }
}

/// What the names of our environment variables begin with.
pub(super) const PREFIX: &str = "PORTCULLIS_";

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "listen",
        value: "ADDR",
        default: Default::Value("127.0.0.1:8080"),
        help: "Address to serve on; port 0 takes a free one",
    },
    Setting {
        key: "admin_listen",
        value: "ADDR",
        default: Default::Value("off"),
        help: "Address for operators: /metrics, health in detail, build information",
    },
    Setting {
        key: "env",
        value: "NAME",
        default: Default::Value("development"),
        help: "`development` or `production`",
    },
    Setting {
        key: "database_url",
        value: "URL",
        default: Default::Depends("a file in the user's data directory"),
        help: "`sqlite:PATH`, or `sqlite::memory:` for a database that ends with the server",
    },
    Setting {
        key: "database_url_file",
        value: "FILE",
        default: Default::Depends("none"),
        help: "A file that holds the database's URL, for one with a password in it",
    },
    Setting {
        key: "token_secret_file",
        value: "FILE",
        default: Default::Depends("none"),
        help: "A file that holds the token secret",
    },
    Setting {
        key: "signing_key_file",
        value: "FILE",
        default: Default::Depends("none: HS256 with a key of the token secret"),
        help: "A file with the private key that signs access tokens, in PEM: Ed25519, P-256 or RSA",
    },
    Setting {
        key: "issuer",
        value: "URL",
        default: Default::Depends("http:// and the address that is served on"),
        help: "What access tokens name as their issuer, and where others find its keys",
    },
    Setting {
        key: "registration",
        value: "WHO",
        default: Default::Value("open"),
        help: "Where strangers may make themselves a viewer: `open` (the tenant `default`), `all` (every tenant there is), `closed`",
    },
    Setting {
        key: "breach_list",
        value: "FILE",
        default: Default::Depends("none"),
        help: "Passwords that are known from breaches, which nobody may choose: lines `SHA-1:count` as of Have I Been Pwned, or a filter made of them",
    },
    Setting {
        key: "refresh_grace",
        value: "TIME",
        default: Default::Value("10s"),
        help: "How long a refresh token that was just used gets the same answer once more, up to `5min`; `0s` for never",
    },
    Setting {
        key: "trusted_proxies",
        value: "LIST",
        default: Default::Value("none"),
        help: "Peers whose forwarding headers are believed: `none`, CIDR ranges, `loopback`, `private`, or `hops=N`",
    },
    Setting {
        key: "forwarded_header",
        value: "NAME",
        default: Default::Value("x-forwarded"),
        help: "What trusted proxies write: `x-forwarded` (X-Forwarded-For and its kin) or `forwarded` (RFC 7239)",
    },
    Setting {
        key: "https",
        value: "MODE",
        default: Default::Value("off"),
        help: "What becomes of requests over plain http: `off` serves, `redirect` redirects, `require` refuses them",
    },
    Setting {
        key: "allowed_hosts",
        value: "LIST",
        default: Default::Value("localhost,127.0.0.1,[::1]"),
        help: "Hosts that are answered for; requests for others get 421",
    },
    Setting {
        key: "rate_limit",
        value: "QUOTA",
        default: Default::Value("600/min,burst=200"),
        help: "Requests per client, such as `100/min,burst=20`, or `off`",
    },
    Setting {
        key: "auth_rate_limit",
        value: "QUOTA",
        default: Default::Value("120/min,burst=60"),
        help: "Requests per client for /api/v1/auth, which cost more than others, but for its refresh and revoke; or `off`",
    },
    Setting {
        key: "sign_in_limit",
        value: "MODE",
        default: Default::Value("default"),
        help: "Whether guesses at passwords are held back, by account and by client: `default`, or `off` for tests, not in production",
    },
    Setting {
        key: "concurrency_limit",
        value: "NUMBER",
        default: Default::Value("256"),
        help: "Requests per client that may be under way at once, or `off`",
    },
    Setting {
        key: "max_body",
        value: "SIZE",
        default: Default::Value("10MiB"),
        help: "The largest request body, in bytes or with KiB or MiB; requests with more get 413",
    },
    Setting {
        key: "body_timeout",
        value: "TIME",
        default: Default::Value("30s"),
        help: "How long a request body may take to arrive, such as `500ms`, `30s` or `5min`; then it is 408",
    },
    Setting {
        key: "drain_delay",
        value: "TIME",
        default: Default::Depends("1s, in production 5s"),
        help: "How long to accept requests after SIGTERM while /ready says no, for balancers to notice",
    },
    Setting {
        key: "drain_timeout",
        value: "TIME",
        default: Default::Value("20s"),
        help: "How long requests in flight may take after that",
    },
    Setting {
        key: "log",
        value: "FILTER",
        default: Default::Value("info"),
        help: "What is logged: a level, or levels by target such as `warn,reference_server=debug`",
    },
    Setting {
        key: "log_format",
        value: "FORMAT",
        default: Default::Depends("pretty, in production json"),
        help: "`json` or `pretty`",
    },
];

/// Settings without a flag: everybody on the machine can read the arguments of a process.
pub(super) const SECRETS: &[Setting] = &[Setting {
    key: "token_secret",
    value: "SECRET",
    default: Default::Depends("generated at each start, in production required"),
    help: "What the keys of sessions, API keys and second factors are made of; 32 characters at least, better in a file",
}];

/// All settings, with a flag or without.
pub(super) fn all() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().chain(SECRETS)
}

/// Settings of the versions to come. To ignore one would leave somebody unprotected who believes otherwise.
pub(super) const LATER: &[&str] = &[
    "cors_origins",
    "redis_url",
    "tls_cert",
    "tls_client_ca",
    "tls_key",
];

#[cfg(test)]
mod tests {
    use super::{LATER, all};

    #[test]
    fn every_setting_has_one_name() {
        let mut keys: Vec<_> = all()
            .map(|setting| setting.key)
            .chain(LATER.iter().copied())
            .collect();
        let before = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), before);
        for key in keys {
            assert!(
                key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{key}"
            );
        }
    }
}
