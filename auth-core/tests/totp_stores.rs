//! All stores of second factors, put to the same test, against real servers.
#![cfg(all(feature = "totp", feature = "testing"))]

mod pools;

pools::stores_conform!(totp);
