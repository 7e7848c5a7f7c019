//! The rule, compared with a table that was written from its description.

use crate::domain::id::UserId;
use crate::domain::linking::LinkPolicy::{Ask, Never, VerifiedEmail};
use crate::domain::linking::{Facts, Verdict, decide};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Address {
    Nobodys,
    Unproven,
    Proven,
}

#[derive(Debug, Clone, Copy)]
enum Comes {
    ToANewAccount,
    ToTheOldAccount,
    ToTheEmptiedAccount,
    AfterProof,
    NotAddressTaken,
    NotSignupClosed,
}

use Address::{Nobodys, Proven, Unproven};
use Comes::{AfterProof, NotAddressTaken, NotSignupClosed, ToANewAccount, ToTheEmptiedAccount, ToTheOldAccount};

/// Somebody whose identity nobody has: whose is the address, the policy, signup on, signup off.
const STRANGER: [(Address, crate::domain::linking::LinkPolicy, Comes, Comes); 9] = [
    (Nobodys, Ask, ToANewAccount, NotSignupClosed),
    (Nobodys, VerifiedEmail, ToANewAccount, NotSignupClosed),
    (Nobodys, Never, ToANewAccount, NotSignupClosed),
    (Unproven, Ask, ToTheEmptiedAccount, ToTheEmptiedAccount),
    (Unproven, VerifiedEmail, ToTheEmptiedAccount, ToTheEmptiedAccount),
    (Unproven, Never, NotAddressTaken, NotAddressTaken),
    (Proven, Ask, AfterProof, AfterProof),
    (Proven, VerifiedEmail, ToTheOldAccount, ToTheOldAccount),
    (Proven, Never, NotAddressTaken, NotAddressTaken),
];

#[test]
fn a_stranger_comes_where_the_table_says() {
    let holder = UserId::new();
    for (address, policy, open, closed) in STRANGER {
        for (signup, expected) in [(true, open), (false, closed)] {
            let address_of = (address != Nobodys).then_some((holder, address == Proven));
            let verdict = decide(&Facts { linked_to: None, address_of, policy, signup });

            let expected = match expected {
                ToANewAccount => Verdict::Create,
                ToTheOldAccount => Verdict::Link(holder),
                ToTheEmptiedAccount => Verdict::TakeOver(holder),
                AfterProof => Verdict::Ask(holder),
                NotAddressTaken => Verdict::RefuseLink,
                NotSignupClosed => Verdict::RefuseSignup,
            };
            assert_eq!(verdict, expected, "{address:?} {policy:?} signup: {signup}");
        }
    }
}

#[test]
fn whoever_is_known_comes_to_their_own_account_whatever_else_is_so() {
    let (owner, other) = (UserId::new(), UserId::new());
    for policy in [Ask, VerifiedEmail, Never] {
        for signup in [true, false] {
            for address_of in
                [None, Some((owner, false)), Some((owner, true)), Some((other, false)), Some((other, true))]
            {
                let verdict = decide(&Facts { linked_to: Some(owner), address_of, policy, signup });

                assert_eq!(verdict, Verdict::SignIn(owner), "{address_of:?} {policy:?} {signup}");
            }
        }
    }
}
