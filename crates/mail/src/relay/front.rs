//! Who may send to whom, and where that goes: what listeners `mx` and `submission` ask before they say yes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use everpost_codec::smtp::{Mail, Notify, Rcpt, Reply, Return};
use everpost_domain::digest::Digest;
use everpost_domain::relay::Why;
use everpost_store::{
    Envelope, Handed, MailDomain, NewLeg, Onward, StoreError, Tenant, UnknownRecipient,
};
use futures::future::BoxFuture;
use tokio::sync::Notify as Signal;

use super::route::place_of;
use super::trace::{Came, MOST_HOPS, MOST_RECEIVED, Wanted, hops, received};
use crate::capture::{Capture, item, now};

/// The place of the organization whose people sign in.
const HOME: usize = 0;
/// Addresses that one may lead to; more is a list, and lists are the mail server's.
const MOST_FOLLOWED: usize = 5_000;

/// Who sends.
#[derive(Debug, Clone)]
pub enum Sender {
    /// Another mail server: it may send to the organization's addresses.
    Stranger,
    /// Somebody who signed in: it may send to anybody, as these addresses.
    User(Vec<String>),
}

/// What is known of a client.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its address; none for a socket of this machine.
    pub address: Option<IpAddr>,
    /// What it calls itself.
    pub helo: String,
    /// The protocol, as `Received` names it.
    pub protocol: String,
}

/// Looks at a message that came from a stranger: whether it is who it says.
pub trait Examiner: Send + Sync {
    /// What is kept of it, and the field to be put before the message, as a whole line or none.
    fn examine(
        &self,
        raw: Bytes,
        peer: Peer,
        sender: String,
    ) -> BoxFuture<'static, (Vec<u8>, String)>;
}

/// An organization that mail can be for.
#[derive(Clone)]
pub struct Organization {
    /// Its archive.
    pub tenant: Tenant,
    /// The way into it.
    pub capture: Capture,
}

/// What listeners ask. Cheap to clone.
#[derive(Clone)]
pub struct Front {
    organizations: Arc<[Organization]>,
    examiner: Option<Arc<dyn Examiner>>,
    /// Told when there is something to be sent on.
    pub(super) signal: Arc<Signal>,
}

/// A recipient that was accepted: the organizations whose mail it is, each with the legs of it.
#[derive(Debug, Clone, Default)]
pub struct Accepted {
    legs: Vec<Led>,
}

/// A leg that an address led to.
#[derive(Debug, Clone)]
struct Led {
    /// Whose it is, by its place among the organizations.
    of: usize,
    /// The user is one of theirs: it is mail of a mailbox in the archive.
    ours: bool,
    /// The recipient as the sender named it.
    asked: String,
    leg: NewLeg,
}

/// A message under way.
#[derive(Debug, Clone, Default)]
pub struct Incoming {
    /// Who sends it.
    pub mail: Mail,
    /// The device that hands it over, if one does.
    pub handed: Option<Handed>,
    accepted: Accepted,
}

impl Incoming {
    /// One that begins.
    pub fn new(mail: Mail) -> Self {
        Incoming {
            mail,
            ..Incoming::default()
        }
    }

    /// Adds a recipient that was accepted.
    pub fn add(&mut self, accepted: Accepted) {
        self.accepted.legs.extend(accepted.legs);
    }
}

fn no(code: u16, detail: [u16; 2], text: &str) -> Reply {
    Reply::new(code, detail, text)
}

fn unreachable(_: StoreError) -> Reply {
    no(451, [4, 3], "the directory cannot be asked now, come again")
}

/// Where an address leads, while it is found out.
struct Search<'a> {
    asked: String,
    wanted: String,
    priority: i8,
    sender: &'a Sender,
    /// Addresses that were followed: none is twice, so a circle ends.
    followed: BTreeSet<String>,
    /// Those to be followed, each with the organization whose alias led there.
    ahead: Vec<(String, Option<usize>)>,
    legs: BTreeMap<(usize, String), Led>,
}

impl Front {
    /// For organizations whose mail may come; the people who sign in are of the first.
    pub fn new(organizations: Vec<Organization>, examiner: Option<Arc<dyn Examiner>>) -> Self {
        Front {
            organizations: organizations.into(),
            examiner,
            signal: Arc::default(),
        }
    }

    /// The organization that a domain is of.
    async fn of_domain(&self, name: &str) -> Result<Option<(usize, MailDomain)>, StoreError> {
        for (place, organization) in self.organizations.iter().enumerate() {
            let mut domains = organization.tenant.mail_domains().await?.into_iter();
            if let Some(domain) = domains.find(|domain| domain.name == name) {
                return Ok(Some((place, domain)));
            }
        }
        Ok(None)
    }

    /// Whether somebody may send as this address.
    pub fn may_send_as(&self, sender: &Sender, from: &str) -> Result<(), Reply> {
        match sender {
            Sender::Stranger => Ok(()),
            Sender::User(own) if own.iter().any(|own| own.eq_ignore_ascii_case(from)) => Ok(()),
            Sender::User(_) => Err(no(553, [7, 1], "this is not an address of yours")),
        }
    }

    /// Whether mail from `sender` is taken for a recipient, and where it goes.
    pub async fn recipient(
        &self,
        sender: &Sender,
        mail: &Mail,
        rcpt: &Rcpt,
    ) -> Result<Accepted, Reply> {
        let wanted = Wanted {
            notify: rcpt.notify.and_then(Notify::words),
            original: rcpt
                .original
                .clone()
                .map(|original| (original.kind, original.address)),
        };
        let address = rcpt.to.to_string();
        let mut search = Search {
            asked: address.clone(),
            followed: BTreeSet::new(),
            ahead: vec![(address, None)],
            wanted: wanted.to_text(),
            priority: mail.priority.unwrap_or(0),
            sender,
            legs: BTreeMap::new(),
        };
        while let Some((address, via)) = search.ahead.pop() {
            if search.followed.len() > MOST_FOLLOWED {
                return Err(no(554, [4, 6], "its aliases lead too far"));
            }
            if search.followed.insert(address.to_lowercase()) {
                self.follow(&mut search, &address, via).await?;
            }
        }
        match search.legs.is_empty() {
            true => Err(no(550, [1, 1], "this address leads nowhere")),
            false => Ok(Accepted {
                legs: search.legs.into_values().collect(),
            }),
        }
    }

    /// Follows an address one step. `via`: the organization whose alias led here.
    async fn follow(
        &self,
        search: &mut Search<'_>,
        address: &str,
        via: Option<usize>,
    ) -> Result<(), Reply> {
        let (local, domain) = match address.rsplit_once('@') {
            Some((local, domain)) => (local, domain.to_lowercase()),
            None => return Err(no(550, [1, 3], "an address has a domain")),
        };
        let Some((place, known)) = self.of_domain(&domain).await.map_err(unreachable)? else {
            let allowed = matches!(search.sender, Sender::User(_)) || via.is_some();
            if !allowed {
                return Err(no(550, [7, 1], "this server takes no mail for that domain"));
            }
            // What leaves belongs to the organization that sends it on: the alias's, or that of the people who
            // sign in here.
            let of = via.unwrap_or(HOME);
            search.add(of, false, address, address, place_of(None, &domain), None);
            return Ok(());
        };
        let organization = self
            .organizations
            .get(place)
            .ok_or_else(|| no(451, [3, 0], "come again"))?;
        let tenant = &organization.tenant;
        let mut found = tenant.recipient(address).await.map_err(unreachable)?;
        // RFC 5233: what follows a plus is for the user's own sorting.
        if let (None, Some((base, _))) = (&found, local.split_once('+')) {
            let base = format!("{base}@{domain}");
            found = tenant.recipient(&base).await.map_err(unreachable)?;
        }
        let Some(recipient) = found else {
            return self.unknown(search, place, &known, address).await;
        };
        let targets = recipient.targets.iter();
        search
            .ahead
            .extend(targets.map(|target| (target.clone(), Some(place))));
        if recipient.targets.is_empty() {
            let held = (!recipient.state.uses_primary()).then_some(Why::Standby);
            let to = place_of(Some(&recipient), &domain);
            search.add(place, true, address, &recipient.address, to, held);
        }
        Ok(())
    }

    async fn unknown(
        &self,
        search: &mut Search<'_>,
        place: usize,
        domain: &MailDomain,
        address: &str,
    ) -> Result<(), Reply> {
        let to = place_of(None, &domain.name);
        let postmaster = address
            .rsplit_once('@')
            .is_some_and(|(local, _)| local.eq_ignore_ascii_case("postmaster"));
        let held = Some(Why::UnknownRecipient);
        match &domain.unknown {
            UnknownRecipient::Relay => search.add(place, true, address, address, to, None),
            UnknownRecipient::Hold => search.add(place, true, address, address, to, held),
            // RFC 5321 §4.5.1: there is always a postmaster.
            UnknownRecipient::Reject if postmaster => {
                search.add(place, true, address, address, to, held);
            }
            UnknownRecipient::Reject => {
                return Err(no(550, [1, 1], "there is nobody of that address here"));
            }
            UnknownRecipient::Box(target) => {
                let tenant = self.organizations.get(place).map(|one| &one.tenant);
                let boxed = match tenant {
                    Some(tenant) => tenant.recipient(target).await.map_err(unreachable)?,
                    None => None,
                };
                match boxed {
                    Some(_) => search.ahead.push((target.clone(), Some(place))),
                    // Nobody made its mailbox: the mail must not be lost for that.
                    None => search.add(place, true, target, target, to, None),
                }
            }
        }
        Ok(())
    }

    /// Archives a message for all organizations that it concerns, its legs with it. When this returns `Ok`, all
    /// is durable; when not, the sender comes again, and nothing that was kept is sent twice.
    pub async fn take(
        &self,
        raw: Bytes,
        incoming: Incoming,
        peer: &Peer,
        sender: &Sender,
    ) -> Result<Digest, Reply> {
        self.refuse_circles(&raw)?;
        let from = incoming.mail.from.to_string();
        let (found, field) = match (&self.examiner, sender) {
            (Some(examiner), Sender::Stranger) => {
                examiner
                    .examine(raw.clone(), peer.clone(), from.clone())
                    .await
            }
            _ => (Vec::new(), String::new()),
        };
        let came = Came {
            at: now(),
            client: peer
                .address
                .map(|address| address.to_string())
                .unwrap_or_default(),
            helo: peer.helo.clone(),
            protocol: peer.protocol.clone(),
            smtputf8: incoming.mail.smtputf8,
            envid: incoming.mail.envid.clone(),
            full: incoming.mail.ret.map(|ret| ret == Return::Full),
            field,
        };
        let how = came.to_text();
        let sender_of = match from.rsplit_once('@') {
            Some((_, domain)) => self
                .of_domain(&domain.to_lowercase())
                .await
                .map_err(unreachable)?,
            None => None,
        };
        let sender_of = sender_of.map(|(place, _)| place);
        let mut by_organization: BTreeMap<usize, Vec<Led>> = BTreeMap::new();
        for led in incoming.accepted.legs {
            let legs = by_organization.entry(led.of).or_default();
            legs.push(led);
        }
        let mut id = None;
        // The organization whose people sign in comes last: what it writes down of a device's mail says that all is done.
        for (place, legs) in by_organization.into_iter().rev() {
            let Some(organization) = self.organizations.get(place) else {
                continue;
            };
            // None is told of another's recipients: they may be secret.
            let asked: BTreeSet<String> = legs.iter().map(|led| led.asked.clone()).collect();
            let envelope = Envelope {
                sender: from.clone(),
                recipients: asked.into_iter().collect(),
                found: found.clone(),
            };
            let ours = legs.iter().filter(|led| led.ours);
            let mut owners: Vec<String> = ours.map(|led| led.leg.user.clone()).collect();
            if sender_of == Some(place) {
                owners.push(from.clone());
            }
            let onward = Onward {
                sender: from.clone(),
                how: how.clone(),
                legs: once_each(legs),
                handed: incoming.handed.clone().filter(|_| place == HOME),
            };
            let raw = raw.clone();
            let prepared = tokio::task::spawn_blocking(move || {
                item(raw, envelope, owners, None, Some(onward))
            });
            let again = |_| no(451, [3, 0], "the archive cannot take it now, come again");
            let prepared = prepared.await.map_err(|_| again(StoreError::Stopped))?;
            id = Some(prepared.digest());
            organization
                .capture
                .keep(vec![prepared])
                .await
                .map_err(again)?;
        }
        self.signal.notify_one();
        id.ok_or_else(|| no(554, [5, 1], "nobody takes it"))
    }

    fn refuse_circles(&self, raw: &[u8]) -> Result<(), Reply> {
        let ours = self.organizations.iter();
        let passed = ours.map(|one| hops(&one.tenant, raw).len()).max();
        if passed.unwrap_or(0) >= MOST_HOPS || received(raw) > MOST_RECEIVED {
            return Err(no(554, [4, 6], "this message goes round in circles"));
        }
        Ok(())
    }
}

impl Search<'_> {
    fn add(
        &mut self,
        of: usize,
        ours: bool,
        address: &str,
        user: &str,
        place: String,
        held: Option<Why>,
    ) {
        let user = user.to_lowercase();
        let leg = NewLeg {
            recipient: address.to_owned(),
            user: user.clone(),
            place,
            priority: self.priority,
            held,
            options: self.wanted.clone(),
        };
        let asked = self.asked.clone();
        self.legs.entry((of, user)).or_insert(Led {
            of,
            ours,
            asked,
            leg,
        });
    }
}

/// Two recipients of one transaction may lead to one user.
fn once_each(legs: Vec<Led>) -> Vec<NewLeg> {
    let mut users = BTreeSet::new();
    let legs = legs.into_iter().map(|led| led.leg);
    legs.filter(|leg| users.insert(leg.user.clone())).collect()
}
