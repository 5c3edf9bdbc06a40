//! The rules of access: a table, and nothing else.

use super::{Action, Object, Role};
use Action::{Add, Export, Mailbox, ManageCases, ManageUsers, Observe, Read, Search, Verify};
use Object::{CaseMail, Organization, OthersMail, OwnMail, System};

/// A role may do each of these actions to each of these objects.
pub(super) struct Rule {
    pub(super) role: Role,
    pub(super) actions: &'static [Action],
    pub(super) objects: &'static [Object],
    pub(super) why: &'static str,
}

/// All that is allowed. The tests beside this file hold every cell of it.
pub(super) const RULES: &[Rule] = &[
    Rule {
        role: Role::Operator,
        actions: &[Add, Observe, Verify, ManageUsers],
        objects: &[Organization, System],
        why: "the operator runs the archive",
    },
    Rule {
        role: Role::Operator,
        actions: &[Search, Read, Export, Verify],
        objects: &[OwnMail, OthersMail, CaseMail],
        // To refuse would be theatre: whoever has the key file can open the archive without us.
        why: "the operator holds the master key; what is read is logged",
    },
    Rule {
        role: Role::Admin,
        actions: &[Add, Observe, Verify, ManageUsers],
        objects: &[Organization],
        why: "an administrator runs the organization's part of the archive",
    },
    Rule {
        role: Role::Officer,
        actions: &[Observe, Verify, ManageCases],
        objects: &[Organization],
        why: "a compliance officer opens cases and checks the archive",
    },
    Rule {
        role: Role::Officer,
        actions: &[Search, Read, Export, Verify],
        objects: &[CaseMail],
        why: "the case gives the reason; what is read is logged",
    },
    Rule {
        role: Role::Reviewer,
        actions: &[Search, Read, Verify],
        objects: &[CaseMail],
        why: "the case gives the reason; what is read is logged",
    },
    Rule {
        role: Role::User,
        actions: &[Search, Read, Export, Verify, Mailbox],
        objects: &[OwnMail],
        why: "it is mail of an address that they own",
    },
    Rule {
        role: Role::Gateway,
        actions: &[Add],
        objects: &[OwnMail, OthersMail, Organization],
        why: "a gateway captures for everybody and reads nothing",
    },
    Rule {
        role: Role::Agent,
        actions: &[Search, Read, Add],
        objects: &[OwnMail],
        why: "a device works for its user",
    },
];

/// Why nothing allows it.
pub(super) fn refusal(action: Action, object: Object) -> &'static str {
    match (action, object) {
        (Action::Delete, _) => "mail is destroyed only by an approved plan",
        (Search | Read | Export | Verify, OthersMail) => {
            "another's mail takes a case that names them"
        }
        _ => "no role of this account allows it",
    }
}
