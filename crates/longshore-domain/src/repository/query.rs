//! What lists of repositories are asked for: one query, whoever lists.

use jiff::Timestamp;

use super::{InventoryOrder, RepositoryKey, RepositoryOrder, Visibility};
use crate::access::policy::Visible;
use crate::account::AccountId;
use crate::page::PageSize;
use crate::share::SharedBy;

/// Which repositories are wanted, and which page of them.
#[derive(Clone, Debug)]
pub struct RepositoryQuery {
    /// Among which, and in which order: each has the orders that an index has, or so few that they are sorted.
    pub among: Repositories,
    /// Without so many of the first; each page costs more than the one before.
    pub offset: u64,
    /// At most so many.
    pub size: PageSize,
}

/// Among which repositories some are wanted. Whatever may not be seen is never among them.
#[derive(Clone, Debug)]
pub enum Repositories {
    /// All, by name.
    Registry {
        /// What may be seen.
        visible: Visible,
        /// The page has only those whose name is behind this.
        after: Option<String>,
    },
    /// Those of a namespace.
    Namespace {
        /// The namespace.
        namespace: AccountId,
        /// What may be seen.
        visible: Visible,
        /// Which of them.
        filter: NamespaceFilter,
        /// The page has only those that come behind this one in the order.
        after: Option<RepositoryKey>,
        /// In this order.
        order: RepositoryOrder,
    },
    /// Those with a word in their names that begins so, in the order of the words; one may come for each word that does.
    Word {
        /// How the word begins.
        beginning: String,
        /// What may be seen.
        visible: Visible,
    },
    /// What is an account's own: in its own namespace and in those of its organizations, and where it has a permission.
    Own {
        /// The account.
        account: AccountId,
        /// Only those of this namespace.
        only: Option<AccountId>,
        /// What may be seen.
        visible: Visible,
        /// Which of them.
        filter: RepositoryFilter,
        /// In this order.
        order: InventoryOrder,
    },
    /// Those that are shared, of which no others may be seen than those.
    Shared {
        /// By or with whom.
        shared: SharedBy,
        /// Only those whose sharing is valid, or only the others.
        is_valid: Option<bool>,
        /// When that is asked.
        now: Timestamp,
        /// Which of them.
        filter: RepositoryFilter,
        /// In this order.
        order: InventoryOrder,
    },
}

impl Repositories {
    /// Returns those of a namespace that may be seen, by name.
    pub fn of_namespace(namespace: AccountId, visible: Visible) -> Self {
        let (filter, order) = (NamespaceFilter::default(), RepositoryOrder::Name);
        Self::Namespace { namespace, visible, filter, after: None, order }
    }
}

/// What narrows a list of the repositories of a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceFilter {
    /// Only those whose name, after the namespace, holds this text, in either case.
    pub name_part: String,
    /// Only those of this visibility.
    pub visibility: Option<Visibility>,
    /// Only those that were pushed to, or created, at this time or later.
    pub pushed_since: Option<Timestamp>,
    /// Only those that were neither pushed to nor created at this time or later.
    pub not_pushed_since: Option<Timestamp>,
}

/// What narrows a list over several namespaces.
#[derive(Clone, Debug, Default)]
pub struct RepositoryFilter {
    /// Only those of the namespace of this name.
    pub namespace: Option<String>,
    /// Only those whose name, after the namespace, holds this text, in either case.
    pub name_part: String,
    /// Only those of this category.
    pub category: Option<String>,
    /// Only those of this visibility.
    pub visibility: Option<Visibility>,
}
