//! The audit log: who may read it, and lists of it.

use longshore_domain::access::actor::Actor;
use longshore_domain::account::AccountKind;
use longshore_domain::event::{Event, EventFilter, EventQuery};
use longshore_domain::name::Namespace;
use longshore_domain::page::{KeyedPage, PageSize};
use longshore_domain::{Error, Field, Result};

use crate::Identities;

/// Most events that a page of a narrowed list is looked for in.
const EXAMINED: u32 = 10_000;

/// Which events are wanted, and from where on.
#[derive(Clone, Debug, Default)]
pub struct WantedEvents {
    /// Which of them; `subject` is a name with or without its namespace.
    pub filter: EventFilter,
    /// Only those from this address.
    pub address: Option<String>,
    /// Backwards.
    pub newest_first: bool,
    /// Behind the one of this number.
    pub after: Option<i64>,
}

impl Identities {
    /// Lists the audit log in the order of recording, or backwards, strictly behind one: of one account, or of the whole registry.
    ///
    /// From where something came is told the operator, and to everybody of their own account; owners of an organization need not
    /// know where its members are (`docs/decisions/0022`).
    ///
    /// Where some events are left out, a page looks at ten thousand at most, and may have fewer entries than it could, or none.
    ///
    /// # Errors
    /// Of the whole registry `Denied` to everybody but the operator; of an account as
    /// [`authorize_audit`](longshore_access::AccessControl::authorize_audit), and `UserUnknown` when there is no such account.
    pub async fn list_events(
        &self,
        actor: &Actor,
        account: Option<&Namespace>,
        wanted: WantedEvents,
        size: PageSize,
    ) -> Result<KeyedPage<Event, i64>> {
        let as_operator = self.access.require_operator(actor);
        let is_operator = as_operator.is_ok();
        let account = match account {
            None => as_operator.map(|()| None)?,
            Some(name) if is_operator => Some(self.access.find_account(name).await?),
            Some(name) => Some(self.access.authorize_audit(actor, name).await?),
        };
        let is_own = account.as_ref().is_some_and(|account| account.kind == AccountKind::User);
        let shows_clients = is_operator || is_own;
        let WantedEvents { filter, address, newest_first, after } = wanted;
        if address.is_some() && !shows_clients {
            return Err(Error::Invalid {
                field: Field::Parameter("address"),
                reason:
                    "is for your own account: from where members of an organization come is for the operator"
                        .into(),
            });
        }
        self.note_before_reading().await;
        let account = account.map(|account| account.id);
        let query = EventQuery { account, filter, address, newest_first, after, size, examined: EXAMINED };
        let mut page = self.metadata.read(query, |tx, query| Box::pin(tx.list_events(query))).await?;
        if !shows_clients {
            for event in &mut page.items {
                (event.address, event.program) = (None, None);
            }
        }
        Ok(page)
    }

    /// Lists an account's audit log, newest first, leaving out the first `offset`.
    ///
    /// # Errors
    /// As [`authorize_audit`](longshore_access::AccessControl::authorize_audit).
    pub async fn list_account_events(
        &self,
        actor: &Actor,
        account: &Namespace,
        filter: EventFilter,
        offset: u64,
        size: PageSize,
    ) -> Result<Vec<Event>> {
        let account = self.access.authorize_audit(actor, account).await?;
        self.note_before_reading().await;
        self.metadata
            .read((account.id, filter, offset, size), |tx, (id, filter, offset, size)| {
                Box::pin(tx.list_account_events(*id, filter, *offset, *size))
            })
            .await
    }

    /// Records what waits, so that whoever reads sees what happened before; what cannot be recorded waits on.
    async fn note_before_reading(&self) {
        if let Err(error) = self.record_sign_ins().await {
            tracing::warn!(error = %error, "events about sign-ins wait for being recorded");
        }
    }
}
