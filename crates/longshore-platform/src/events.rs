//! Audit events: making them.

use longshore_domain::access::actor::Actor;
use longshore_domain::account::AccountId;
use longshore_domain::event::{EventAction, NewEvent};

use crate::Platform;
use crate::origins::RequestOrigin;

impl Platform {
    /// Makes an event of now.
    pub fn event(
        &self,
        actor: &Actor,
        account_id: Option<AccountId>,
        action: EventAction,
        subject: &str,
        data: impl IntoIterator<Item = (&'static str, String)>,
    ) -> NewEvent {
        let RequestOrigin { address, program } = RequestOrigin::current();
        NewEvent {
            account_id,
            actor_id: actor.account_id(),
            actor_name: actor.display_name().to_owned(),
            credential: actor.credential(),
            action,
            subject: subject.to_owned(),
            data: data.into_iter().collect(),
            at: self.clock.now(),
            address,
            program,
        }
    }
}
