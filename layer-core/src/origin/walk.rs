use std::borrow::Cow;
use std::net::IpAddr;

use http::header::{FORWARDED, HeaderMap, HeaderName};

use super::forwarded::{self, Element, Node};
use super::{ForwardedHeaders, RequestHead, Scheme, TrustedProxies, x_forwarded};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Where the walk ended: the client, and what the outermost trusted proxy reported beside its address.
#[derive(Debug)]
pub(super) struct Trail<'a> {
    pub(super) client: Option<IpAddr>,
    report: Report<'a>,
}

#[derive(Debug)]
enum Report<'a> {
    None,
    Forwarded(Element<'a>),
    /// The lists are read when asked for; `from_right` is the place of the last believed address.
    XForwarded {
        headers: &'a HeaderMap,
        from_right: usize,
    },
}

impl<'a> Trail<'a> {
    pub(super) fn follow(
        head: RequestHead<'a>,
        trust: &TrustedProxies,
        family: ForwardedHeaders,
    ) -> Self {
        let peer = head.peer();
        if !trust.believes(0, peer) {
            return Self {
                client: peer,
                report: Report::None,
            };
        }
        match family {
            ForwardedHeaders::Forwarded => {
                let lines = head.headers.get_all(FORWARDED).iter().rev();
                let reports = lines
                    .flat_map(|line| forwarded::elements_rev(line.as_bytes()))
                    // A malformed element names nobody, and nothing in it is believed.
                    .map(Result::unwrap_or_default)
                    .map(|element| match element.sender() {
                        Some(Node::Ip(ip)) => (Some(ip), element),
                        Some(Node::Unknown | Node::Obfuscated) | None => (None, element),
                    });
                let end = walk(trust, peer, reports);
                let element = end.last.unwrap_or_default();
                Self {
                    client: end.client,
                    report: Report::Forwarded(element),
                }
            }
            ForwardedHeaders::XForwarded => {
                let reports = list_rev(head.headers, &X_FORWARDED_FOR)
                    .map(|entry| (x_forwarded::parse_address(entry), ()));
                let end = walk(trust, peer, reports);
                Self {
                    client: end.client,
                    report: Report::XForwarded {
                        headers: head.headers,
                        from_right: end.believed.saturating_sub(1),
                    },
                }
            }
        }
    }

    /// The scheme that was reported, if it is one of the web's.
    pub(super) fn scheme(&self) -> Option<Scheme> {
        match &self.report {
            Report::None => None,
            Report::Forwarded(element) => Scheme::parse(element.proto.as_deref()?),
            Report::XForwarded {
                headers,
                from_right,
            } => Scheme::parse(pick(headers, &X_FORWARDED_PROTO, *from_right)?),
        }
    }

    /// The host that was reported, unchecked.
    pub(super) fn host(self) -> Option<Cow<'a, [u8]>> {
        match self.report {
            Report::None => None,
            Report::Forwarded(element) => element.host,
            Report::XForwarded {
                headers,
                from_right,
            } => pick(headers, &X_FORWARDED_HOST, from_right).map(Cow::Borrowed),
        }
    }
}

struct End<T> {
    client: Option<IpAddr>,
    /// How many reports were believed.
    believed: usize,
    /// What the last believed report carried.
    last: Option<T>,
}

/// Follows `reports` (nearest first; each is the address of the next hop, if it names one) as long as the hop that
/// wrote the report is trusted.
fn walk<T>(
    trust: &TrustedProxies,
    peer: Option<IpAddr>,
    mut reports: impl Iterator<Item = (Option<IpAddr>, T)>,
) -> End<T> {
    let mut end = End {
        client: peer,
        believed: 0,
        last: None,
    };
    while trust.believes(end.believed, end.client)
        && let Some((sender, report)) = reports.next()
    {
        end.believed += 1;
        end.last = Some(report);
        match sender {
            Some(ip) => end.client = Some(ip),
            None => break,
        }
    }
    end
}

/// The entries of all lines of a header, from the very last one to the first.
fn list_rev<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    let lines = headers.get_all(name).iter().rev();
    lines.flat_map(|line| x_forwarded::entries_rev(line.as_bytes()))
}

/// The entry at `from_right`, or the leftmost one if the list is shorter.
fn pick<'a>(headers: &'a HeaderMap, name: &HeaderName, from_right: usize) -> Option<&'a [u8]> {
    list_rev(headers, name).take(from_right + 1).last()
}
