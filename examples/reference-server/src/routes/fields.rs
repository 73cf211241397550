//! The members of a request's object, each read once, with all that is wrong told at once.

use portcullis_auth_core::id::TenantId;
use portcullis_secrets::Password;
use serde_json::{Map, Value};

use crate::domain::document::Document;
use crate::domain::email::{self, Email};
use crate::domain::name::{self, Name};
use crate::domain::schema::{MAX_VIOLATIONS, Violation};
use crate::problem::Problem;
use crate::settings::DEFAULT_TENANT;

/// A request's object. Whatever is not asked for is a mistake: a misspelt member that is ignored would be taken for done.
pub(super) struct Fields<'a> {
    members: Option<&'a Map<String, Value>>,
    known: &'static [&'static str],
    faults: Vec<Violation>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(body: &'a Document, known: &'static [&'static str]) -> Self {
        let members = body.value().as_object();
        let mut faults = Vec::new();
        match members {
            None => faults.push(Violation::new("", "an object is expected")),
            Some(members) => {
                let unknown = members
                    .keys()
                    .filter(|name| !known.contains(&name.as_str()));
                let unknown = unknown.take(MAX_VIOLATIONS / 2);
                faults
                    .extend(unknown.map(|name| Violation::member(name, "there is no such member")));
            }
        }
        Self {
            members,
            known,
            faults,
        }
    }

    fn get(&self, name: &'static str) -> Option<&'a Value> {
        debug_assert!(self.known.contains(&name));
        self.members?.get(name).filter(|value| !value.is_null())
    }

    fn fault(&mut self, name: &'static str, detail: &str) {
        if self.members.is_some() {
            self.faults.push(Violation::member(name, detail));
        }
    }

    /// A string that there has to be.
    pub(super) fn text(&mut self, name: &'static str) -> &'a str {
        let text = self.get(name).map(Value::as_str);
        match text {
            Some(Some(text)) => return text,
            Some(None) => self.fault(name, "a string is expected"),
            None => self.fault(name, "it is missing"),
        }
        ""
    }

    /// A string that there may be.
    pub(super) fn optional_text(&mut self, name: &'static str) -> Option<&'a str> {
        match self.get(name).map(Value::as_str) {
            Some(Some(text)) => Some(text),
            Some(None) => {
                self.fault(name, "a string is expected");
                None
            }
            None => None,
        }
    }

    /// Strings that there has to be a list of.
    pub(super) fn texts(&mut self, name: &'static str) -> Vec<&'a str> {
        if self.get(name).is_none() {
            self.fault(name, "it is missing");
        }
        self.optional_texts(name).unwrap_or_default()
    }

    /// Strings that there may be a list of.
    pub(super) fn optional_texts(&mut self, name: &'static str) -> Option<Vec<&'a str>> {
        const MOST: usize = 100;
        let list = self.get(name)?.as_array();
        let texts = list
            .filter(|list| list.len() <= MOST)
            .and_then(|list| list.iter().map(Value::as_str).collect());
        if texts.is_none() {
            self.fault(name, "a list of up to 100 strings is expected");
        }
        texts
    }

    /// A boolean that there may be.
    pub(super) fn optional_flag(&mut self, name: &'static str) -> Option<bool> {
        let flag = self.get(name)?.as_bool();
        if flag.is_none() {
            self.fault(name, "true or false is expected");
        }
        flag
    }

    /// A number above zero that there may be.
    pub(super) fn optional_number(&mut self, name: &'static str, max: u64) -> Option<u64> {
        let number = self.get(name)?.as_u64();
        let number = number.filter(|number| (1..=max).contains(number));
        if number.is_none() {
            self.fault(name, &format!("a number from 1 to {max} is expected"));
        }
        number
    }

    pub(super) fn password(&mut self, name: &'static str) -> Password {
        Password::from(self.text(name))
    }

    pub(super) fn email(&mut self, name: &'static str) -> Option<Email> {
        let before = self.faults.len();
        let text = self.optional_text(name);
        let email = Email::parse(text.unwrap_or_default()).ok();
        if email.is_none() && before == self.faults.len() {
            let detail = text.map_or("it is missing", |_| email::RULE);
            self.fault(name, detail);
        }
        email
    }

    /// The tenant, or that of whoever names none.
    pub(super) fn tenant(&mut self, name: &'static str) -> Option<TenantId> {
        let text = self.optional_text(name).unwrap_or(DEFAULT_TENANT);
        let tenant = Name::parse(text).ok();
        let tenant = tenant.and_then(|tenant| tenant.as_str().parse().ok());
        if tenant.is_none() {
            self.fault(name, name::RULE);
        }
        tenant
    }

    /// Adds what was found out elsewhere.
    pub(super) fn wrong(&mut self, name: &'static str, detail: &str) {
        self.fault(name, detail);
    }

    /// Fails if anything was wrong.
    pub(super) fn check(&mut self) -> Result<(), Problem> {
        if self.faults.is_empty() {
            return Ok(());
        }
        self.faults.sort_by(|a, b| a.pointer.cmp(&b.pointer));
        let faults = std::mem::take(&mut self.faults);
        Err(Problem::invalid_request().member("errors", faults).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T>(text: &str, read: impl FnOnce(&mut Fields<'_>) -> T) -> Result<T, ()> {
        let body = Document::parse(text.as_bytes()).unwrap();
        let mut fields = Fields::of(&body, &["email", "password", "tenant", "n", "list", "flag"]);
        let value = read(&mut fields);
        fields.check().map(|()| value).map_err(drop)
    }

    #[test]
    fn members_are_read_strictly() {
        let text = |text: &str| read(text, |fields| fields.text("password").to_owned());
        assert_eq!(text(r#"{"password":"x"}"#), Ok("x".to_owned()));
        for wrong in [
            "[]",
            "{}",
            r#"{"password":null}"#,
            r#"{"password":1}"#,
            r#"{"password":"x","Password":"y"}"#,
        ] {
            assert_eq!(text(wrong), Err(()), "{wrong}");
        }
        let tenant = |text| {
            read(text, |fields| {
                fields.tenant("tenant").map(|t| t.to_string())
            })
        };
        assert_eq!(tenant("{}"), Ok(Some("default".to_owned())));
        assert_eq!(tenant(r#"{"tenant":"acme"}"#), Ok(Some("acme".to_owned())));
        assert_eq!(tenant(r#"{"tenant":"A b"}"#), Err(()));
        let email = |text| read(text, |fields| fields.email("email").is_some());
        assert_eq!(email(r#"{"email":"ann@example.com"}"#), Ok(true));
        for wrong in ["{}", r#"{"email":"ann"}"#, r#"{"email":7}"#] {
            assert_eq!(email(wrong), Err(()), "{wrong}");
        }
        let number = |text| read(text, |fields| fields.optional_number("n", 9));
        assert_eq!(
            (number("{}"), number(r#"{"n":9}"#)),
            (Ok(None), Ok(Some(9)))
        );
        for wrong in [r#"{"n":0}"#, r#"{"n":10}"#, r#"{"n":1.5}"#, r#"{"n":"1"}"#] {
            assert_eq!(number(wrong), Err(()), "{wrong}");
        }
        let list = |text| {
            read(text, |fields| {
                fields.optional_texts("list").map(|l| l.len())
            })
        };
        assert_eq!(list(r#"{"list":["a","b"]}"#), Ok(Some(2)));
        assert_eq!(list(r#"{"list":["a",1]}"#), Err(()));
        let flag = |text| read(text, |fields| fields.optional_flag("flag"));
        assert_eq!(flag(r#"{"flag":true}"#), Ok(Some(true)));
        assert_eq!(flag(r#"{"flag":"true"}"#), Err(()));
    }
}
