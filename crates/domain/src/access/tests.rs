//! Every cell of role × action × object, written out a second time, as a table to read.

use super::*;

/// A row a role, a word an action in the order of `Action::ALL`, a letter an object in the
/// order of `Object::ALL`: `+` allowed, `L` allowed and logged, `.` refused.
const CELLS: [(Role, &str); 7] = [
    //               search read  export delete import observe verify users cases mailbox
    (
        Role::Operator,
        "+LL.. +LL.. +LL.. ..... ...++ ...++ +++++ ...++ ..... .....",
    ),
    (
        Role::Admin,
        "..... ..... ..... ..... ...+. ...+. ...+. ...+. ..... .....",
    ),
    (
        Role::Officer,
        "..L.. ..L.. ..L.. ..... ..... ...+. ..++. ..... ...+. .....",
    ),
    (
        Role::Reviewer,
        "..L.. ..L.. ..... ..... ..... ..... ..+.. ..... ..... .....",
    ),
    (
        Role::User,
        "+.... +.... +.... ..... ..... ..... +.... ..... ..... +....",
    ),
    (
        Role::Gateway,
        "..... ..... ..... ..... ++.+. ..... ..... ..... ..... .....",
    ),
    (
        Role::Agent,
        "+.... +.... ..... ..... +.... ..... ..... ..... ..... .....",
    ),
];

fn one(role: Role) -> Principal {
    Principal {
        roles: Roles::from_iter([role]),
        scopes: Scopes::ALL,
    }
}

#[test]
fn every_cell_is_as_the_table_says() {
    for (role, row) in CELLS {
        for (action, cells) in Action::ALL.into_iter().zip(row.split(' ')) {
            for (object, cell) in Object::ALL.into_iter().zip(cells.chars()) {
                let decision = may(&one(role), action, object);
                let found = match (decision.allow, decision.logged) {
                    (true, true) => 'L',
                    (true, false) => '+',
                    _ => '.',
                };
                assert_eq!(found, cell, "{role:?} {action} {object:?}: {decision:?}");
                assert!(!decision.why.is_empty());
            }
        }
    }
}

#[test]
fn roles_add_up_and_scopes_take_away() {
    let both = Principal {
        roles: Roles::from_iter([Role::Admin, Role::User]),
        scopes: Scopes::ALL,
    };
    assert!(may(&both, Action::ManageUsers, Object::Organization).allow);
    assert!(may(&both, Action::Read, Object::OwnMail).allow);
    assert!(!may(&both, Action::Read, Object::OthersMail).allow);
    let searching = Principal {
        scopes: Scopes::from_iter([Action::Search]),
        ..both
    };
    assert!(may(&searching, Action::Search, Object::OwnMail).allow);
    assert!(!may(&searching, Action::Read, Object::OwnMail).allow);
    assert!(!may(&searching, Action::ManageUsers, Object::Organization).allow);
}

#[test]
fn nobody_deletes_and_nobody_without_a_role_does_anything() {
    let nobody = Principal {
        roles: Roles::default(),
        scopes: Scopes::ALL,
    };
    for object in Object::ALL {
        for role in Role::ALL {
            assert!(!may(&one(role), Action::Delete, object).allow);
        }
        for action in Action::ALL {
            assert!(!may(&nobody, action, object).allow);
        }
    }
}

#[test]
fn sets_and_names_survive_storage() {
    for role in Role::ALL {
        assert_eq!(role.name().parse(), Ok(role));
        let roles = Roles::from_bits(Roles::from_iter([role]).bits());
        assert_eq!(roles.iter().collect::<Vec<_>>(), [role]);
    }
    for action in Action::ALL {
        assert_eq!(action.name().parse(), Ok(action));
        let scopes = Scopes::from_bits(Scopes::from_iter([action]).bits());
        assert_eq!(scopes.iter().collect::<Vec<_>>(), [action]);
    }
    assert_eq!(Roles::from_bits(1 << 30), Roles::default());
    assert!("root".parse::<Role>().is_err());
}
