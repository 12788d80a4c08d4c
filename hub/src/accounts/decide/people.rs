//! Who may change whom.
//!
//! Whoever manages people gives and takes any role, with one limit: a role that manages people itself is only given,
//! taken, changed or reset by somebody who holds every right in it. So nobody makes themselves more than they are.

use crate::accounts::model::{AccountError, Manager, UserName};
use crate::accounts::rights::{Right, Rights};

/// Refuses to touch an account or a role that may do more than whoever acts.
pub fn may_touch(manager: &Manager, what: &str, rights: Rights) -> Result<(), AccountError> {
    if !rights.has(Right::PeopleManage) || manager.rights.covers(rights) {
        Ok(())
    } else {
        Err(AccountError::Above { what: what.to_owned() })
    }
}

/// Refuses to change one's own account by the ways meant for others.
pub fn not_oneself(manager: &Manager, name: &UserName) -> Result<(), AccountError> {
    if manager.user.as_ref() == Some(name) { Err(AccountError::Yourself) } else { Ok(()) }
}

/// What a new token gets: what was asked for, all of which its owner must have.
pub fn token_rights(asked: &[String], owner: Rights) -> Result<Rights, AccountError> {
    let parse = |name: &String| {
        let cut = || name.chars().take(40).collect();
        Right::parse(name.trim()).ok_or_else(|| AccountError::NoRight { name: cut() })
    };
    let asked = asked.iter().map(parse).collect::<Result<Vec<Right>, _>>()?;
    if let Some(right) = asked.iter().copied().find(|right| !owner.has(*right)) {
        return Err(AccountError::NotYours { right });
    }
    if asked.is_empty() { Err(AccountError::NoRights) } else { Ok(asked.into_iter().collect()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::actions::roles::BUILT_IN;
    use crate::actor::Actor;

    fn rights_of(role: &str) -> Rights {
        BUILT_IN.iter().find(|known| known.name == role).unwrap().rights()
    }

    fn manager(role: &str) -> Manager {
        let user = UserName::parse("anna").unwrap();
        Manager { actor: Actor::User("anna".into()), user: Some(user), rights: rights_of(role) }
    }

    #[test]
    fn the_it_desk_manages_everybody_but_those_above_it() {
        for (who, whom, may) in [
            ("it", "warehouse", true),
            ("it", "operations", true),
            ("it", "it", true),
            ("it", "boss", false),
            ("boss", "boss", true),
            ("boss", "it", true),
        ] {
            assert_eq!(may_touch(&manager(who), whom, rights_of(whom)).is_ok(), may, "{who} {whom}");
        }
        assert!(may_touch(&Manager::operator("root"), "boss", Rights::all()).is_ok());
    }

    #[test]
    fn nobody_changes_their_own_account() {
        let [anna, ben] = ["anna", "ben"].map(|name| UserName::parse(name).unwrap());
        assert_eq!(not_oneself(&manager("boss"), &anna), Err(AccountError::Yourself));
        assert_eq!(not_oneself(&manager("boss"), &ben), Ok(()));
    }

    #[test]
    fn a_token_gets_no_more_than_its_owner_has() {
        let ask = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            token_rights(&names, rights_of("integrator"))
        };
        assert_eq!(ask(&["orders.view", "scans.view"]).unwrap().iter().count(), 2);
        assert_eq!(ask(&["people.manage"]), Err(AccountError::NotYours { right: Right::PeopleManage }));
        assert_eq!(ask(&["orders.all"]), Err(AccountError::NoRight { name: "orders.all".into() }));
        assert_eq!(ask(&[]), Err(AccountError::NoRights));
    }
}
