//! Families and states as fields of hashes, and what the scripts answer.

use std::collections::BTreeMap;
use std::error::Error;
use std::str::FromStr;
use std::sync::Arc;

use crate::id::SessionId;
use crate::refresh::{Expiry, Family, Nonce, Outcome, Revoked, Rotation, State, SubjectRevoked};
use crate::store::{StoreError, StoreErrorKind};
use crate::time::Timestamp;

/// What `rotate.lua` answers, and `list.lua` for each family.
pub(super) type Answered = [String; 8];

/// The fields that [`stored`] reads.
pub(super) const STATE: &[&str] = &[
    "gen",
    "rotated_at",
    "idle_expires_at",
    "epoch",
    "grace_uses",
    "revoked_at",
    "revoke_reason",
];

/// The fields that [`counted`] reads.
pub(super) const COUNTED: &[&str] = &["kid", "revoked_at", "idle_expires_at", "abs_expires_at"];

pub(super) fn family(family: &Family) -> Vec<(&'static str, Vec<u8>)> {
    let mut fields = vec![
        ("tenant", family.tenant.as_str().into()),
        ("subject", family.subject.as_str().into()),
        ("client_id", family.client.as_str().into()),
        ("kid", family.key_id.to_string().into()),
        ("nonce", family.nonce.expose_secret().to_vec()),
        ("created_at", text(family.created_at).into()),
        ("abs_expires_at", text(family.expires_at).into()),
        ("scopes", family.scopes.as_str().into()),
        ("amr", family.amr.as_str().into()),
        ("auth_time", text(family.auth_time).into()),
    ];
    for (field, value) in [
        ("acr", &family.acr),
        ("dpop_jkt", &family.dpop_jkt),
        ("user_agent", &family.user_agent),
    ] {
        fields.extend(
            value
                .as_ref()
                .map(|value| (field, value.as_bytes().to_vec())),
        );
    }
    fields.extend(family.ip.map(|ip| ("ip", ip.to_string().into())));
    fields
}

pub(super) fn read(
    id: SessionId,
    mut fields: BTreeMap<String, Vec<u8>>,
) -> Result<Option<Family>, StoreError> {
    if fields.is_empty() {
        return Ok(None);
    }
    let nonce = fields.remove("nonce").unwrap_or_default();
    let mut option = |field| {
        let value = fields.remove(field).map(String::from_utf8);
        value.transpose().map_err(corrupt)
    };
    let (acr, dpop_jkt) = (option("acr")?, option("dpop_jkt")?);
    let (user_agent, ip) = (option("user_agent")?, option("ip")?);
    let mut text = |field| option(field)?.ok_or_else(|| corrupt("a family without a field"));
    Ok(Some(Family {
        id,
        tenant: parse(&text("tenant")?)?,
        subject: parse(&text("subject")?)?,
        client: parse(&text("client_id")?)?,
        key_id: parse(&text("kid")?)?,
        nonce: Nonce::from_bytes(
            nonce
                .try_into()
                .map_err(|_| corrupt("a nonce of the wrong length"))?,
        ),
        created_at: moment(&text("created_at")?)?,
        expires_at: moment(&text("abs_expires_at")?)?,
        scopes: parse(&text("scopes")?)?,
        amr: parse(&text("amr")?)?,
        acr: acr.map(Arc::from),
        auth_time: moment(&text("auth_time")?)?,
        dpop_jkt: dpop_jkt.map(Arc::from),
        user_agent: user_agent.map(Arc::from),
        ip: ip.as_deref().map(parse).transpose()?,
    }))
}

/// A new state, with what the scripts have to know of its family.
pub(super) fn state(family: &Family, state: &State) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("kid", family.key_id.to_string()),
        ("created_at", text(family.created_at)),
        ("abs_expires_at", text(family.expires_at)),
        ("gen", state.generation.to_string()),
        ("idle_expires_at", text(state.idle_expires_at)),
        ("epoch", state.epoch.to_string()),
        ("grace_uses", state.grace_uses.to_string()),
    ];
    fields.extend(state.rotated_at.map(|at| ("rotated_at", text(at))));
    if let Some(revoked) = state.revoked {
        fields.push(("revoked_at", text(revoked.at)));
        fields.push(("revoke_reason", revoked.reason.as_str().to_owned()));
    }
    fields
}

pub(super) fn rotation(answer: &Answered) -> Result<Rotation, StoreError> {
    let [outcome, state @ ..] = answer;
    let outcome = match outcome.as_str() {
        "rotated" => Outcome::Rotated,
        "replay" => Outcome::GraceReplay,
        "forwarded" => Outcome::FastForwarded,
        "revoked" => Outcome::Revoked,
        "expired" => Outcome::Expired(Expiry::Absolute),
        "idle" => Outcome::Expired(Expiry::Idle),
        "many" => Outcome::TooMany,
        "reuse" => Outcome::Reuse,
        "ahead" => Outcome::Ahead,
        _ => return Err(corrupt("an answer that the script does not give")),
    };
    let state = read_state(&state.each_ref().map(String::as_str))?;
    Ok(Rotation { outcome, state })
}

pub(super) fn listed(answer: &Answered) -> Result<(SessionId, State), StoreError> {
    let [id, state @ ..] = answer;
    Ok((
        parse(id)?,
        read_state(&state.each_ref().map(String::as_str))?,
    ))
}

/// The answer to a request for [`STATE`].
pub(super) fn stored(fields: &[Option<String>]) -> Result<Option<State>, StoreError> {
    if fields.iter().all(Option::is_none) {
        return Ok(None);
    }
    let texts: Vec<_> = fields
        .iter()
        .map(|field| field.as_deref().unwrap_or(""))
        .collect();
    let texts = texts.as_slice().try_into().map_err(corrupt)?;
    read_state(texts).map(Some)
}

/// The key of a family, if that is live.
pub(super) fn counted(fields: &[Option<String>], now: Timestamp) -> Result<Option<u8>, StoreError> {
    match fields {
        [Some(key), None, Some(idle), Some(end)] if now < moment(idle)? && now < moment(end)? => {
            parse(key).map(Some)
        }
        // Also what has expired since the keys were listed.
        _ => Ok(None),
    }
}

pub(super) fn subject_revoked(answer: &[String]) -> Result<SubjectRevoked, StoreError> {
    let [epoch, ended @ ..] = answer else {
        return Err(corrupt("an answer without an epoch"));
    };
    let epoch = parse(epoch)?;
    let ended = ended.iter().map(|id| parse(id)).collect::<Result<_, _>>()?;
    Ok(SubjectRevoked { epoch, ended })
}

pub(super) fn id(text: &str) -> Result<SessionId, StoreError> {
    parse(text)
}

/// `prefix` as it has to stand in a pattern that is to match just that.
pub(super) fn escape_pattern(prefix: &str) -> String {
    let mut escaped = String::new();
    for char in prefix.chars() {
        if matches!(char, '*' | '?' | '[' | ']' | '\\' | '^' | '-') {
            escaped.push('\\');
        }
        escaped.push(char);
    }
    escaped
}

fn read_state(fields: &[&str; 7]) -> Result<State, StoreError> {
    let [
        generation,
        rotated_at,
        idle,
        epoch,
        uses,
        revoked_at,
        reason,
    ] = *fields;
    let at = option(revoked_at)?;
    let revoked = at.map(|at| parse(reason).map(|reason| Revoked { at, reason }));
    Ok(State {
        generation: parse(generation)?,
        rotated_at: option(rotated_at)?,
        idle_expires_at: moment(idle)?,
        epoch: parse(epoch)?,
        grace_uses: parse(uses)?,
        revoked: revoked.transpose()?,
    })
}

fn option(text: &str) -> Result<Option<Timestamp>, StoreError> {
    if text.is_empty() {
        return Ok(None);
    }
    moment(text).map(Some)
}

fn moment(text: &str) -> Result<Timestamp, StoreError> {
    let moment = Timestamp::from_millis(parse(text)?);
    moment.ok_or_else(|| corrupt("a moment that is not between the years 1970 and 9999"))
}

fn text(moment: Timestamp) -> String {
    moment.as_millis().to_string()
}

fn parse<T: FromStr<Err: Error + Send + Sync + 'static>>(text: &str) -> Result<T, StoreError> {
    text.parse().map_err(corrupt)
}

fn corrupt(error: impl Into<Box<dyn Error + Send + Sync>>) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, error)
}
