macro_rules! names {
    ($($slot:ident = $name:literal,)*) => {
        /// The claims that are found at once.
        #[derive(Clone, Copy)]
        pub(in crate::jwt) enum Name {
            $($slot,)*
        }

        impl Name {
            pub(super) const COUNT: usize = [$(Self::$slot),*].len();

            /// As bytes, so that the length decides first.
            pub(in crate::jwt) fn of(name: &str) -> Option<Self> {
                match name.as_bytes() {
                    $($name => Some(Self::$slot),)*
                    _ => None,
                }
            }
        }
    };
}

names! {
    Issuer = b"iss",
    Subject = b"sub",
    Audience = b"aud",
    Expires = b"exp",
    IssuedAt = b"iat",
    NotBefore = b"nbf",
    TokenId = b"jti",
    Session = b"sid",
    Client = b"client_id",
    AuthorizedParty = b"azp",
    Tenant = b"tenant",
    Scope = b"scope",
    Scp = b"scp",
    Roles = b"roles",
    Amr = b"amr",
    Acr = b"acr",
    AuthTime = b"auth_time",
    Epoch = b"sep",
    Generation = b"gen",
    Type = b"typ",
    TokenUse = b"token_use",
    TenantId = b"tid",
    Nonce = b"nonce",
    AccessHash = b"at_hash",
    CodeHash = b"c_hash",
}
