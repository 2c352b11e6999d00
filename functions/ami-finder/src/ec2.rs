//! EC2's image list.

use std::time::SystemTime;

use aws_sdk_ec2::{
    Client,
    primitives::{DateTime, DateTimeFormat},
    types::Filter,
};
use function_runtime::AwsError;

use crate::{
    Error,
    image::{self, Image},
    properties::Search,
};

/// How many images EC2 gives at once; Canonical has thousands, a search finds some dozens.
const PAGE: i32 = 500;

/// What EC2 says of an image that cannot be used, whatever the reason.
const GONE: [&str; 3] = ["InvalidAMIID.NotFound", "InvalidAMIID.Unavailable", "InvalidAMIID.Malformed"];

/// The images of a region.
#[derive(Debug, Clone)]
pub struct Images {
    client: Client,
}

impl Images {
    /// With this client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The image with this id, if it can be used.
    pub(crate) async fn with_id(&self, id: &str) -> Result<Option<Image>, Error> {
        match self.client.describe_images().image_ids(id).include_deprecated(true).send().await.map_err(AwsError::from)
        {
            Ok(answer) => {
                let found = answer.images.unwrap_or_default().into_iter().map(Image::from);
                Ok(found.into_iter().find(|image| image.id == id && image.is_available))
            }
            Err(error) if error.code().is_some_and(|code| GONE.contains(&code)) => Ok(None),
            Err(error) => Err(Error::Describe(error)),
        }
    }

    /// The newest image that matches.
    pub(crate) async fn newest(&self, search: &Search<'_>) -> Result<Image, Error> {
        let now = now();
        let exact = [
            ("architecture", search.architecture),
            ("root-device-type", search.root_device_type),
            ("virtualization-type", search.virtualization_type),
            ("state", "available"),
            ("image-type", "machine"),
        ];
        let mut filters: Vec<_> =
            exact.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| filter(name, [*value])).collect();
        filters.push(filter("name", search.names.iter().copied()));
        if let Some(found) = image::newest(self.list(search.owner, filters, false).await?, &now) {
            return Ok(found);
        }
        let mut others = self.list(search.owner, vec![filter("name", search.names.iter().copied())], true).await?;
        if others.is_empty() {
            let similar: Vec<_> = search.names.iter().map(|name| image::similar(name)).collect();
            others = self.list(search.owner, vec![filter("name", similar.iter().map(String::as_str))], true).await?;
        }
        Err(Error::Nothing { asked: image::asked(search), nearest: image::nearest(others, search, &now) })
    }

    async fn list(&self, owner: &str, filters: Vec<Filter>, include_deprecated: bool) -> Result<Vec<Image>, Error> {
        let mut pages = self
            .client
            .describe_images()
            .owners(owner)
            .set_filters(Some(filters))
            .include_deprecated(include_deprecated)
            .max_results(PAGE)
            .into_paginator()
            .send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| Error::Describe(error.into()))?;
            found.extend(page.images.unwrap_or_default().into_iter().map(Image::from));
        }
        Ok(found)
    }
}

fn filter<'a>(name: &str, values: impl IntoIterator<Item = &'a str>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().map(str::to_owned).collect())).build()
}

/// The time now as EC2 writes times.
fn now() -> String {
    DateTime::from(SystemTime::now()).fmt(DateTimeFormat::DateTime).unwrap_or_default()
}
