//! Who may do what: the rules as data, and one function that reads them.
//!
//! [`may`] answers for a principal, an action and an object. What no rule allows is refused.
//! Whether mail is the principal's own, or lies in a case of theirs, is for the caller to find
//! out; the rules only say what follows from it.

mod rules;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

/// What somebody is. An account may be several of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Owns the machine and the master key; comes by the socket in the data directory.
    Operator,
    /// Manages the organization's accounts and imports. Reads no mail.
    Admin,
    /// Opens cases, and works in them.
    Officer,
    /// Works in the cases that name them.
    Reviewer,
    /// Reads mail of the addresses they own.
    User,
    /// Captures beside a mail server.
    Gateway,
    /// A user's device.
    Agent,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 7] = [
        Role::Operator,
        Role::Admin,
        Role::Officer,
        Role::Reviewer,
        Role::User,
        Role::Gateway,
        Role::Agent,
    ];

    /// Those that an account can be given.
    pub const OF_ACCOUNTS: [Role; 4] = [Role::Admin, Role::Officer, Role::Reviewer, Role::User];

    /// Its name in the API and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Role::Operator => "operator",
            Role::Admin => "admin",
            Role::Officer => "officer",
            Role::Reviewer => "reviewer",
            Role::User => "user",
            Role::Gateway => "gateway",
            Role::Agent => "agent",
        }
    }

    /// Its bit in [`Roles`]. The bits are stored: none is used again for anything else.
    fn bit(self) -> u32 {
        match self {
            Role::Operator => 1,
            Role::Admin => 2,
            Role::Officer => 4,
            Role::Reviewer => 8,
            Role::User => 16,
            Role::Gateway => 32,
            Role::Agent => 64,
        }
    }
}

/// Not the name of a role, action or scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not one of: {1}")]
pub struct UnknownName(String, String);

fn named<T: Copy>(text: &str, all: &[T], name: fn(T) -> &'static str) -> Result<T, UnknownName> {
    all.iter()
        .copied()
        .find(|one| name(*one) == text)
        .ok_or_else(|| {
            let names: Vec<&str> = all.iter().map(|one| name(*one)).collect();
            UnknownName(text.into(), names.join(", "))
        })
}

impl FromStr for Role {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        named(text, &Role::ALL, Role::name)
    }
}

/// A set of roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Roles(u32);

impl Roles {
    /// The set as a stored number.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Reads a stored number; bits of roles that are not known are dropped, so that they
    /// allow nothing.
    pub fn from_bits(bits: u32) -> Self {
        Role::ALL
            .into_iter()
            .filter(|role| bits & role.bit() != 0)
            .collect()
    }

    /// True if `role` is in the set.
    pub fn has(self, role: Role) -> bool {
        self.0 & role.bit() != 0
    }

    /// The roles, in the order of [`Role::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.has(*role))
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<T: IntoIterator<Item = Role>>(roles: T) -> Self {
        Roles(roles.into_iter().fold(0, |bits, role| bits | role.bit()))
    }
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Find mail: hits, counts, facets, snippets.
    Search,
    /// Look at a message, in whole or in part.
    Read,
    /// Take mail out as files.
    Export,
    /// Destroy mail. It takes an approved plan, which this version has not.
    Delete,
    /// Bring mail in, or withdraw what an import brought.
    Add,
    /// See counts, sizes and the state of jobs; nothing that mail says.
    Observe,
    /// Have stored bytes and log compared with what was signed.
    Verify,
    /// Make and change accounts and tokens of others.
    ManageUsers,
    /// Open, change and close cases.
    ManageCases,
    /// Work in a standby mailbox: send, mark, move and delete.
    Mailbox,
}

impl Action {
    /// Every action.
    pub const ALL: [Action; 10] = [
        Action::Search,
        Action::Read,
        Action::Export,
        Action::Delete,
        Action::Add,
        Action::Observe,
        Action::Verify,
        Action::ManageUsers,
        Action::ManageCases,
        Action::Mailbox,
    ];

    /// Its name: also that of the token scope which allows it.
    pub fn name(self) -> &'static str {
        match self {
            Action::Search => "search",
            Action::Read => "read",
            Action::Export => "export",
            Action::Delete => "delete",
            Action::Add => "import",
            Action::Observe => "observe",
            Action::Verify => "verify",
            Action::ManageUsers => "users",
            Action::ManageCases => "cases",
            Action::Mailbox => "mailbox",
        }
    }

    fn bit(self) -> u32 {
        1 << (self as u32)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Action {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        named(text, &Action::ALL, Action::name)
    }
}

/// What a token is good for: a set of actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scopes(u32);

impl Scopes {
    /// Everything that the roles allow; what a signed-in person has.
    pub const ALL: Scopes = Scopes(u32::MAX);

    /// The set as a stored number.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Reads a stored number.
    pub fn from_bits(bits: u32) -> Self {
        Scopes(bits)
    }

    /// True if `action` is in the set.
    pub fn has(self, action: Action) -> bool {
        self.0 & action.bit() != 0
    }

    /// The actions, in the order of [`Action::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Action> {
        Action::ALL
            .into_iter()
            .filter(move |action| self.has(*action))
    }
}

impl FromIterator<Action> for Scopes {
    fn from_iter<T: IntoIterator<Item = Action>>(actions: T) -> Self {
        Scopes(
            actions
                .into_iter()
                .fold(0, |bits, action| bits | action.bit()),
        )
    }
}

/// What it is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// Mail of an address that the principal owns.
    OwnMail,
    /// Anybody else's mail.
    OthersMail,
    /// Mail of the people and time of an open case in which the principal works.
    CaseMail,
    /// The organization's accounts, cases, jobs and sizes.
    Organization,
    /// The machine: keys, data directory, configuration.
    System,
}

impl Object {
    /// Every object.
    pub const ALL: [Object; 5] = [
        Object::OwnMail,
        Object::OthersMail,
        Object::CaseMail,
        Object::Organization,
        Object::System,
    ];
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Principal {
    /// What they are.
    pub roles: Roles,
    /// What the token they came with is good for.
    pub scopes: Scopes,
}

/// An answer, with its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may be done.
    pub allow: bool,
    /// Whether it must stand in the log before it is done.
    pub logged: bool,
    /// Why, for people.
    pub why: &'static str,
}

/// Decides. A principal may do what one of its roles may and its token is good for.
pub fn may(principal: &Principal, action: Action, object: Object) -> Decision {
    let refuse = |why| Decision {
        allow: false,
        logged: false,
        why,
    };
    if !principal.scopes.has(action) {
        return refuse("the token is not good for this");
    }
    let rule = rules::RULES.iter().find(|rule| {
        principal.roles.has(rule.role)
            && rule.actions.contains(&action)
            && rule.objects.contains(&object)
    });
    match rule {
        Some(rule) => Decision {
            allow: true,
            logged: matches!(object, Object::OthersMail | Object::CaseMail)
                && matches!(action, Action::Search | Action::Read | Action::Export),
            why: rule.why,
        },
        None => refuse(rules::refusal(action, object)),
    }
}
