//! What servers cost.

use serde::{Deserialize, Serialize};

use crate::Error;

/// Hours of a month, as AWS counts them for disks.
const MONTH: f64 = 730.0;

/// Prices, which everybody has other ones of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// What they are of.
    pub about: String,
    /// Where they are from.
    pub source: String,
    /// When they were read there.
    pub as_of: String,
    /// Such as USD.
    pub currency: String,
    /// A server's hour.
    pub server_hour: f64,
    /// The hour of its public address.
    pub address_hour: f64,
    /// A GiB of its disks for a month.
    pub disk_gib_month: f64,
    /// How many GiB of disks it has.
    pub disk_gib: f64,
}

impl Prices {
    /// Reads prices.
    ///
    /// # Errors
    /// When the file is not as it should be, or a price is negative.
    pub fn read(json: &str) -> Result<Self, Error> {
        let prices: Self = serde_json::from_str(json)?;
        let all = [
            ("server_hour", prices.server_hour),
            ("address_hour", prices.address_hour),
            ("disk_gib_month", prices.disk_gib_month),
            ("disk_gib", prices.disk_gib),
        ];
        for (name, value) in all {
            if value < 0.0 {
                return Err(Error::Parameter { name, value: value.to_string(), range: "0 or more" });
            }
        }
        Ok(prices)
    }

    /// The prices that come with the project.
    ///
    /// # Errors
    /// Never: a test reads them.
    pub fn built_in() -> Result<Self, Error> {
        Self::read(BUILT_IN)
    }

    /// What servers cost that run for so many hours and are stopped for so many.
    #[must_use]
    pub fn of(&self, hours: f64, stopped_hours: f64) -> f64 {
        let disk = self.disk_gib * self.disk_gib_month / MONTH;
        hours * (self.server_hour + self.address_hour + disk) + stopped_hours * disk
    }
}

/// The file of the prices that come with the project, to be copied and changed.
pub const BUILT_IN: &str = include_str!("../prices.json");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_server_address_and_disk() {
        let prices = Prices::built_in().unwrap();
        let hour = 0.1504 + 0.005 + 40.0 * 0.08 / 730.0;
        assert!((prices.of(1.0, 0.0) - hour).abs() < 1e-9);
        assert!((prices.of(0.0, 730.0) - 3.2).abs() < 1e-9, "a stopped server costs its disks");
    }

    #[test]
    fn mistakes_are_named() {
        assert!(Prices::read(&BUILT_IN.replace("0.1504", "-1")).unwrap_err().to_string().contains("server_hour"));
        assert!(Prices::read("{}").is_err());
    }
}
