//! Names, as the hosted zone has them at the moment: there is no cache that could hide a wrong record.

use std::net::Ipv4Addr;
use std::sync::OnceLock;

use aws_sdk_route53::Client;
use aws_sdk_route53::types::{ResourceRecordSet, RrType};

/// The names of a hosted zone, once it is known.
#[derive(Debug, Default)]
pub(super) struct Names {
    zone: OnceLock<(Client, String)>,
}

impl Names {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn are_in(&self, route53: Client, zone_id: &str) {
        // A second zone would be a mistake of the rehearsal's; the first stays.
        let _ = self.zone.set((route53, zone_id.to_owned()));
    }

    /// The IPv4 addresses of a name; none when there is no such record, or Route 53 does not say.
    pub(super) async fn addresses(&self, host: &str) -> Vec<Ipv4Addr> {
        let Some((route53, zone_id)) = self.zone.get() else { return Vec::new() };
        let request = route53
            .list_resource_record_sets()
            .hosted_zone_id(zone_id)
            .start_record_name(host)
            .start_record_type(RrType::A)
            .max_items(1);
        let Ok(page) = request.send().await else { return Vec::new() };
        page.resource_record_sets()
            .iter()
            .filter(|record| record.r#type() == &RrType::A && record.name().trim_end_matches('.') == host)
            .flat_map(ResourceRecordSet::resource_records)
            .filter_map(|record| record.value().parse().ok())
            .collect()
    }
}
