//! A question that outlives whoever asked it.

use std::net::IpAddr;

use super::{Ask, Who};
use crate::domain::permission::Permissions;
use crate::domain::service::Service;
use crate::domain::user::User;

/// An [`Ask`] of its own.
#[derive(Debug, Clone)]
pub struct Kept {
    service: Service,
    who: Whom,
    provider: String,
    ip: Option<IpAddr>,
    is_multi_factor: bool,
    previous: Permissions,
}

#[derive(Debug, Clone)]
enum Whom {
    Person(Box<User>),
    Machine(String),
}

impl Kept {
    /// Keeps the question.
    pub fn of(ask: &Ask<'_>) -> Self {
        let Ask { service, who, provider, ip, is_multi_factor, previous } = *ask;
        let who = match who {
            Who::Person(user) => Whom::Person(Box::new(user.clone())),
            Who::Machine(id) => Whom::Machine(id.to_owned()),
        };
        let (service, previous) = (service.clone(), previous.clone());
        Self { service, who, provider: provider.to_owned(), ip, is_multi_factor, previous }
    }

    /// As it is asked.
    pub fn ask(&self) -> Ask<'_> {
        let Self { service, who, provider, ip, is_multi_factor, previous } = self;
        let who = match who {
            Whom::Person(user) => Who::Person(user),
            Whom::Machine(id) => Who::Machine(id),
        };
        Ask { service, who, provider, ip: *ip, is_multi_factor: *is_multi_factor, previous }
    }
}
