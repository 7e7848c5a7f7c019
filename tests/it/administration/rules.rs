//! Who may do what to whom.

use time::OffsetDateTime;

use crate::account::administration::{ADMIN, Caller, Deed, Refused, judge, needs_another_admin};
use crate::domain::id::UserId;
use crate::domain::service::Service;
use crate::domain::user::User;

fn user(roles: &[&str]) -> User {
    User {
        id: UserId::new(),
        username: None,
        name: None,
        avatar_url: None,
        email: None,
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        groups: Vec::new(),
        locked_at: None,
        created_at: OffsetDateTime::UNIX_EPOCH,
        version: 1,
        deletes_at: None,
    }
}

const DEEDS: [Deed<'static>; 14] = [
    Deed::Edit,
    Deed::Grant("editor"),
    Deed::Revoke("editor"),
    Deed::Grant(ADMIN),
    Deed::Revoke(ADMIN),
    Deed::Lock,
    Deed::Unlock,
    Deed::Reset,
    Deed::EndSessions,
    Deed::EndKept("wiki"),
    Deed::Export,
    Deed::Delete,
    Deed::MergeAway,
    Deed::MergeInto,
];

#[test]
#[expect(clippy::cognitive_complexity, reason = "a table in loops")]
fn every_deed_on_every_user_by_every_caller_has_its_verdict() {
    let (admin, editor, plain) = (user(&[ADMIN]), user(&["editor"]), user(&[]));
    for deed in DEEDS {
        let on_oneself = matches!(deed, Deed::Lock | Deed::Delete | Deed::MergeAway) || deed == Deed::Revoke(ADMIN);
        let command = Caller::command();
        for target in [&admin, &editor, &plain] {
            assert_eq!(judge(&command, target, deed, ADMIN), Ok(()), "{deed:?}");
        }
        let boss = Caller::person(&admin, ADMIN);
        let expected = if on_oneself { Err(Refused::Oneself) } else { Ok(()) };
        assert_eq!(judge(&boss, &admin, deed, ADMIN), expected, "{deed:?}");
        assert_eq!(judge(&boss, &user(&[ADMIN]), deed, ADMIN), Ok(()), "{deed:?}");
        assert_eq!(judge(&boss, &plain, deed, ADMIN), Ok(()), "{deed:?}");

        let role = match deed {
            Deed::Grant(role) | Deed::Revoke(role) => Some(role),
            _ => None,
        };
        let (limited, service) = (Caller::person(&editor, ADMIN), Caller::service());
        assert_eq!(judge(&limited, &admin, deed, ADMIN), Err(Refused::AboveCaller), "{deed:?}");
        assert_eq!(judge(&service, &admin, deed, ADMIN), Err(Refused::AboveCaller), "{deed:?}");
        let merges = matches!(deed, Deed::MergeAway | Deed::MergeInto);
        let allowed = if merges { Err(Refused::MergeBeyondCaller) } else { Ok(()) };
        let expected = if role == Some(ADMIN) { Err(Refused::RoleBeyondCaller) } else { allowed.clone() };
        assert_eq!(judge(&limited, &plain, deed, ADMIN), expected, "{deed:?}");
        let expected = if role.is_some() { Err(Refused::RoleBeyondCaller) } else { allowed };
        assert_eq!(judge(&service, &plain, deed, ADMIN), expected, "{deed:?}");
    }
}

#[test]
fn whoever_is_here_for_one_service_gives_and_takes_its_roles_and_ends_its_sessions() {
    let service = |roles: &[&str]| Service {
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        ..crate::it::permission::service("wiki", &[])
    };
    let (admin, steward, plain) = (user(&[ADMIN]), user(&["wiki-admins", "clerk"]), user(&["clerk"]));
    let (of_wiki, of_admin) = (service(&["editor"]), service(&["editor", ADMIN]));
    for deed in DEEDS.into_iter().chain([Deed::Grant("clerk"), Deed::Revoke("clerk"), Deed::EndKept("shop")]) {
        let is_its = matches!(deed, Deed::Grant("editor") | Deed::Revoke("editor") | Deed::EndKept("wiki"));
        let beyond = if is_its { Ok(()) } else { Err(Refused::BeyondService) };
        // A file that names the role of administrators there does not load; and if it did, nothing would come of it.
        for wiki in [&of_wiki, &of_admin] {
            let caller = Caller::person(&steward, ADMIN).only(wiki);
            assert_eq!(judge(&caller, &plain, deed, ADMIN), beyond, "{deed:?}");
            assert!(judge(&caller, &admin, deed, ADMIN).is_err(), "{deed:?}");
            let boss = Caller::person(&admin, ADMIN).only(wiki);
            assert_eq!(judge(&boss, &plain, deed, ADMIN), beyond, "{deed:?}");
        }
        let caller = Caller::person(&steward, ADMIN).only(&of_wiki);
        assert_eq!(judge(&caller, &steward, deed, ADMIN).is_ok(), is_its, "{deed:?}");
    }
}

#[test]
fn another_admin_is_needed_only_where_one_who_can_sign_in_goes() {
    let (admin, plain) = (user(&[ADMIN]), user(&["editor"]));
    let locked = User { locked_at: Some(OffsetDateTime::UNIX_EPOCH), ..admin.clone() };
    for deed in DEEDS {
        let takes = matches!(deed, Deed::Lock | Deed::Delete | Deed::MergeAway) || deed == Deed::Revoke(ADMIN);
        assert_eq!(needs_another_admin(&admin, deed, ADMIN), takes, "{deed:?}");
        assert!(!needs_another_admin(&locked, deed, ADMIN), "{deed:?}");
        assert!(!needs_another_admin(&plain, deed, ADMIN), "{deed:?}");
    }
}
