//! Section `registry`: subscription tiers and regions.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use longshore_domain::registry::Region;
use longshore_domain::tier::{Tier, Tiers};
use serde::{Deserialize, Serialize};

/// What the operator decides about registries.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RegistrySection {
    tiers_file: PathBuf,
    regions: Vec<String>,
    pub(super) new_names: bool,
}

/// The file of tiers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TiersFile {
    tier: Vec<TierTable>,
}

/// A tier, as the operator writes it; what is left out has no limit and costs nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TierTable {
    slug: String,
    name: String,
    #[serde(default)]
    registries: u64,
    #[serde(default)]
    repositories: u64,
    #[serde(default)]
    storage_bytes: u64,
    #[serde(default)]
    allow_storage_overage: bool,
    #[serde(default)]
    bandwidth_bytes: u64,
    #[serde(default)]
    allow_bandwidth_overage: bool,
    #[serde(default)]
    monthly_price_in_cents: u64,
    #[serde(default)]
    storage_overage_price_in_cents: u64,
}

/// Largest number that every database and client can take.
const NUMBER_LIMIT: u64 = 1 << 60;

impl TierTable {
    fn tier(self) -> Result<Tier> {
        let numbers = [
            self.registries,
            self.repositories,
            self.storage_bytes,
            self.bandwidth_bytes,
            self.monthly_price_in_cents,
            self.storage_overage_price_in_cents,
        ];
        if numbers.iter().any(|number| *number > NUMBER_LIMIT) {
            bail!("the numbers of {} must be {NUMBER_LIMIT} or less", self.slug);
        }
        if !(1..=100).contains(&self.name.chars().count()) {
            bail!("the name of {} must have 1 to 100 characters", self.slug);
        }
        Ok(Tier {
            slug: self.slug.parse()?,
            name: self.name,
            registries: self.registries,
            repositories: self.repositories,
            storage_bytes: self.storage_bytes,
            allows_storage_overage: self.allow_storage_overage,
            bandwidth_bytes: self.bandwidth_bytes,
            allows_bandwidth_overage: self.allow_bandwidth_overage,
            monthly_price_cents: self.monthly_price_in_cents,
            storage_overage_price_cents: self.storage_overage_price_in_cents,
        })
    }
}

impl RegistrySection {
    /// The subscription tiers.
    pub(super) fn tiers(&self) -> Result<Tiers> {
        if self.tiers_file.as_os_str().is_empty() {
            return Ok(Tiers::default());
        }
        let path = self.tiers_file.display();
        let text = std::fs::read_to_string(&self.tiers_file)
            .with_context(|| format!("registry.tiers_file: cannot read {path}"))?;
        let read = || -> Result<Tiers> {
            let file: TiersFile = toml::from_str(&text)?;
            let tiers = file.tier.into_iter().map(TierTable::tier).collect::<Result<Vec<_>>>()?;
            Ok(Tiers::new(tiers)?)
        };
        read().with_context(|| format!("registry.tiers_file: {path} does not describe tiers"))
    }

    /// The regions.
    pub(super) fn regions(&self) -> Result<Vec<Region>> {
        if self.regions.is_empty() {
            bail!("registry.regions: must have one or more");
        }
        let parse =
            |slug: &String| slug.parse().map_err(|error| anyhow!("registry.regions: {slug:?}: {error}"));
        self.regions.iter().map(parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Tiers> {
        let folder = tempfile::tempdir().unwrap();
        let tiers_file = folder.path().join("tiers.toml");
        std::fs::write(&tiers_file, text).unwrap();
        RegistrySection { tiers_file, regions: Vec::new(), new_names: true }.tiers()
    }

    #[test]
    fn tiers_are_read_and_checked() {
        let tiers = read(
            "[[tier]]\nslug = \"team\"\nname = \"Team\"\nrepositories = 3\nstorage_bytes = 1000\n\
             [[tier]]\nslug = \"all\"\nname = \"Everything\"",
        )
        .unwrap();
        assert_eq!(tiers.find("team").unwrap().storage_limit(), Some(1000));
        assert_eq!(tiers.find("all").unwrap().repository_limit(), None);
        for bad in [
            "",
            "tier = []",
            "[[tier]]\nslug = \"a\"",
            "[[tier]]\nslug = \"A\"\nname = \"A\"",
            "[[tier]]\nslug = \"a\"\nname = \"A\"\nreposotories = 1",
            "[[tier]]\nslug = \"a\"\nname = \"A\"\nstorage_bytes = -1",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
