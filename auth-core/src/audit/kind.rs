use std::fmt;

/// How it ended for whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was tried and did not succeed.
    Failure,
    /// It was not even tried.
    Blocked,
}

impl Outcome {
    /// As logs write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Blocked => "blocked",
        }
    }
}

/// How soon somebody should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// For the record.
    Info,
    /// Odd, or the end of a row of failures.
    Warning,
    /// Nobody does that by mistake.
    High,
    /// A credential was stolen, or a store lost what it had promised to keep.
    Critical,
}

impl Severity {
    /// As logs write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }
}

macro_rules! kinds {
    ($($(#[$docs:meta])* $kind:ident = $name:literal, $outcome:ident, $severity:ident;)*) => {
        /// What happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum EventKind {
            $($(#[$docs])* $kind,)*
        }

        impl EventKind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// As logs write it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// How an event of this kind ends, unless it says otherwise.
            #[must_use]
            pub const fn outcome(self) -> Outcome {
                match self { $(Self::$kind => Outcome::$outcome,)* }
            }

            /// How much an event of this kind matters, unless it says otherwise.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$kind => Severity::$severity,)* }
            }
        }
    };
}

kinds! {
    /// Somebody has signed in.
    LoginSuccess = "authn_login_success", Success, Info;
    /// Somebody has signed in after failures.
    LoginSuccessAfterFail = "authn_login_successafterfail", Success, Info;
    /// A sign-in failed.
    LoginFail = "authn_login_fail", Failure, Warning;
    /// A row of failed sign-ins has come to its limit.
    LoginFailMax = "authn_login_fail_max", Failure, High;
    /// Attempts at signing in are held back: see the reason for the bucket.
    LoginLock = "authn_login_lock", Blocked, Warning;
    /// A password was changed.
    PasswordChange = "authn_password_change", Success, Info;
    /// A password was not changed.
    PasswordChangeFail = "authn_password_change_fail", Failure, Warning;
    /// A token was issued.
    TokenCreated = "authn_token_created", Success, Info;
    /// A token was revoked.
    TokenRevoked = "authn_token_revoked", Success, Info;
    /// A refresh token that had been replaced came back: its family has ended.
    TokenReuse = "authn_token_reuse", Blocked, Critical;
    /// A token was deleted.
    TokenDelete = "authn_token_delete", Success, Info;
    /// Somebody asked for what they may not do.
    AuthzFail = "authz_fail", Blocked, Warning;
    /// Rights were changed.
    AuthzChange = "authz_change", Success, Warning;
    /// An administrator did what only administrators can.
    AuthzAdmin = "authz_admin", Success, Info;
    /// A session began.
    SessionCreated = "session_created", Success, Info;
    /// A session went on with new tokens.
    SessionRenewed = "session_renewed", Success, Info;
    /// A session came to its end: see the reason.
    SessionExpired = "session_expired", Success, Info;
    /// A session was ended by its owner.
    SessionLogout = "session_logout", Success, Info;
    /// A session was used after its end.
    SessionUseAfterExpire = "session_use_after_expire", Blocked, Warning;
    /// A rate limit was exceeded.
    ExcessRateLimit = "excess_rate_limit_exceeded", Blocked, Warning;
    /// A subject had as many sessions as it may have: the least recently used one has ended.
    ExcessSessions = "excess_sessions_exceeded", Success, Warning;
    /// A request came from another site.
    MaliciousCsrf = "malicious_csrf", Blocked, High;
    /// The permissions of somebody were changed.
    PermissionsChanged = "privilege_permissions_changed", Success, Warning;
    /// An account was made.
    UserCreated = "user_created", Success, Info;
    /// An account was changed.
    UserUpdated = "user_updated", Success, Info;
    /// An account was disabled.
    UserArchived = "user_archived", Success, Warning;
    /// An account was deleted.
    UserDeleted = "user_deleted", Success, Warning;
    /// What was stored encrypted could not be opened.
    DecryptFail = "crypt_decrypt_fail", Failure, Critical;

    /// The last refresh token came again within the grace period and got the same answer.
    RefreshGraceReplay = "refresh_grace_replay", Success, Info;
    /// A refresh token was not one of ours: see the reason.
    RefreshInvalid = "refresh_invalid", Failure, Warning;
    /// A refresh token is newer than its store: the store has lost what it had promised to keep.
    RefreshAhead = "refresh_ahead", Blocked, Critical;
    /// A refresh token was presented by another client or for another tenant.
    RefreshClientMismatch = "refresh_client_mismatch", Blocked, High;
    /// A family of tokens has ended: see the reason.
    FamilyRevoked = "family_revoked", Success, Warning;
    /// A password's hash was made anew with present costs.
    PasswordRehashed = "password_rehashed", Success, Info;
    /// A password is in the list of known breaches.
    PasswordBreached = "password_breached", Failure, Warning;
    /// A stored hash asks for more work than we will do.
    HashParamsRejected = "hash_params_rejected", Blocked, High;
    /// A stored hash names a pepper that is not there.
    PepperUnknown = "pepper_unknown", Failure, Critical;
    /// A second factor is being set up.
    MfaEnrolled = "mfa_enrolled", Success, Info;
    /// A second factor is in force.
    MfaActivated = "mfa_activated", Success, Info;
    /// A second factor was removed.
    MfaRemoved = "mfa_removed", Success, Warning;
    /// A code of a second factor was wrong.
    MfaFail = "mfa_fail", Failure, Warning;
    /// A second factor takes no more tries.
    MfaFrozen = "mfa_frozen", Blocked, High;
    /// A code that had been accepted came again.
    TotpReplay = "totp_replay", Blocked, High;
    /// A recovery code stood in for the second factor.
    RecoveryCodeUsed = "recovery_code_used", Success, Warning;
    /// All recovery codes were replaced.
    RecoveryCodesRegenerated = "recovery_code_regenerated", Success, Info;
    /// A device is known from now on.
    DeviceTrusted = "device_trusted", Success, Info;
    /// The store of the throttle does not answer: this instance counts by itself.
    ThrottleFallback = "throttle_fallback", Failure, High;
    /// An API key was made.
    ApiKeyCreated = "apikey_created", Success, Info;
    /// An API key was used for the first time.
    ApiKeyUsedFirst = "apikey_used_first", Success, Info;
    /// An API key got a successor.
    ApiKeyRotated = "apikey_rotated", Success, Info;
    /// An API key was revoked.
    ApiKeyRevoked = "apikey_revoked", Success, Info;
    /// An API key was used after its end.
    ApiKeyExpired = "apikey_expired", Blocked, Info;
    /// An API key was not accepted: see the reason.
    ApiKeyRejected = "apikey_rejected", Failure, Warning;
    /// A credential stood in a URL, where proxies and histories keep it.
    CredentialInUrl = "credential_in_url", Blocked, High;
    /// The keys of another issuer were read anew.
    JwksRefreshed = "jwks_refreshed", Success, Info;
    /// The keys of another issuer could not be read.
    JwksRefreshFailed = "jwks_refresh_failed", Failure, Warning;
    /// The keys of another issuer are older than they should be.
    JwksStale = "jwks_stale", Failure, High;
    /// A token was not accepted: see the reason.
    JwtRejected = "jwt_rejected", Failure, Warning;
    /// A token that was accepted brought a key along, which was not looked at.
    JwtKeyIgnored = "jwt_key_ignored", Success, Warning;
    /// A discovery document names another issuer than the one it was asked of.
    DiscoveryIssuerMismatch = "discovery_issuer_mismatch", Blocked, High;
    /// Events were dropped because they came faster than they could be written: see the count.
    AuditDropped = "audit_dropped", Failure, High;
    /// A layer stands where it cannot do its work.
    LayerMisconfigured = "layer_misconfigured", Failure, High;
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
