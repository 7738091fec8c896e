//! The first-run link as it is stored, and its end.

use jiff::Timestamp;
use longshore_domain::Result;
use longshore_domain::name::Namespace;
use longshore_domain::ports::metadata::IdentityTx;

/// Name of the setting that has the hash of the link's secret, until when it works, and whose password it sets.
pub(crate) const SETTING: &str = "first-run";

/// The link as it is stored.
pub(crate) struct Stored {
    pub(crate) hash: String,
    pub(crate) until: Timestamp,
    pub(crate) account: Namespace,
}

impl Stored {
    pub(crate) fn write(&self) -> String {
        format!("{} {} {}", self.hash, self.until.as_second(), self.account)
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let (hash, until, account) = (parts.next()?, parts.next()?, parts.next()?);
        let until = Timestamp::from_second(until.parse().ok()?).ok()?;
        Some(Self { hash: hash.to_owned(), until, account: account.parse().ok()? })
    }
}

/// Ends the first-run link to an account: it has another password now.
pub(crate) async fn end_first_run(tx: &mut dyn IdentityTx, account: &Namespace) -> Result<()> {
    let stored = tx.find_setting(SETTING).await?.and_then(|text| Stored::read(&text));
    match stored.is_some_and(|stored| stored.account == *account) {
        true => tx.put_setting(SETTING, "").await,
        false => Ok(()),
    }
}
