//! `Custom::FindAMI`: an image, found once.
//!
//! The properties are those of [`Properties`], the attributes those of [`Attributes`]; `Ref` is the image's id.
//!
//! The image stays the same until `Refresh`, or what is asked for, changes: an update of anything else keeps it even if there is a newer one.
//! With `HistoryParameter` a question that was asked before, as when an update is rolled back, gets the answer from then.
//! Deleting it looks nothing up.

use custom_resource::{Deletion, Outcome, Ready, Request, Resource};
use serde::Serialize;
use tracing::info;

pub use crate::properties::Properties;
use crate::{
    Error,
    ec2::Images,
    history::{History, Parameters, digest},
    image::Image,
    properties::Source,
};

/// What `Fn::GetAtt` gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attributes {
    /// The image's id.
    pub image_id: String,
    /// Its name.
    pub name: String,
    /// When it was made, such as `2026-11-01T10:00:00.000Z`.
    pub creation_date: String,
    /// Which Ubuntu it is, such as `jammy`; empty if neither name nor tag `CodeName` says.
    pub code_name: String,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// The name of its root device, which a launch template's block device mapping must repeat.
    pub root_device_name: String,
}

/// The resource type.
pub struct FindAmi {
    images: Images,
    parameters: Parameters,
}

impl FindAmi {
    /// With access to EC2 and SSM.
    #[must_use]
    pub fn new(images: Images, parameters: Parameters) -> Self {
        Self { images, parameters }
    }

    /// Looks for what is asked, whatever was found before.
    async fn look(&self, request: &Request, properties: &Properties) -> Result<Image, Error> {
        match properties.source(request.partition())? {
            Source::Search(search) => self.images.newest(&search).await,
            Source::Image(id) => self.images.with_id(id).await?.ok_or_else(|| Error::Gone(id.to_owned())),
            Source::Parameter(name) => {
                let value = self.parameters.read(name).await?.ok_or_else(|| Error::NoParameter(name.to_owned()))?;
                let id = value.trim();
                if !id.starts_with("ami-") {
                    return Err(Error::NotAnImage(name.to_owned()));
                }
                self.images.with_id(id).await?.ok_or_else(|| Error::Gone(id.to_owned()))
            }
        }
    }

    /// The image that was the answer to this question before, if it can still be used.
    async fn remembered(&self, history: &History, question: &str) -> Result<Option<Image>, Error> {
        match history.answer(question) {
            Some(id) => self.images.with_id(id).await,
            None => Ok(None),
        }
    }

    async fn history(&self, properties: &Properties) -> Result<History, Error> {
        match properties.history_parameter.as_str() {
            "" => Ok(History::default()),
            name => self.parameters.history(name).await,
        }
    }

    async fn conclude(
        &self,
        properties: &Properties,
        history: &History,
        image: Image,
    ) -> Result<Outcome<Attributes>, Error> {
        let code_name = image.code_name();
        let expected = properties.expected_code_name.trim();
        if !expected.is_empty() && !code_name.is_empty() && code_name != expected {
            let (found, expected) = (code_name.to_owned(), expected.to_owned());
            return Err(Error::WrongRelease { image: image.id, name: image.name, found, expected });
        }
        let expected = properties.architecture.trim();
        if !expected.is_empty() && image.architecture != expected {
            let (found, expected) = (image.architecture, expected.to_owned());
            return Err(Error::WrongArchitecture { image: image.id, name: image.name, found, expected });
        }
        if !properties.history_parameter.is_empty()
            && let Some(history) = history.with(&digest(&properties.question()), &image.id)
        {
            self.parameters.keep(&properties.history_parameter, &history).await?;
        }
        info!(image = image.id, name = image.name, "found");
        let code_name = code_name.to_owned();
        Ok(Ready::new(
            image.id.clone(),
            Attributes {
                image_id: image.id,
                name: image.name,
                creation_date: image.creation_date,
                code_name,
                architecture: image.architecture,
                root_device_name: image.root_device_name,
            },
        )
        .into())
    }
}

impl Resource for FindAmi {
    const TYPES: &'static [&'static str] = &["Custom::FindAMI"];
    type Properties = Properties;
    type Attributes = Attributes;
    type Error = Error;

    async fn create(&self, request: &Request, properties: Properties) -> Result<Outcome<Attributes>, Error> {
        let image = self.look(request, &properties).await?;
        let history = self.history(&properties).await?;
        self.conclude(&properties, &history, image).await
    }

    async fn update(
        &self,
        request: &Request,
        current: &str,
        properties: Properties,
        old: Option<Properties>,
    ) -> Result<Outcome<Attributes>, Error> {
        let question = properties.question();
        let history = self.history(&properties).await?;
        let is_same_question = old.is_some_and(|old| old.question() == question);
        let kept = if is_same_question {
            self.images.with_id(current).await?
        } else {
            self.remembered(&history, &digest(&question)).await?
        };
        let image = match kept {
            Some(image) => image,
            None => self.look(request, &properties).await?,
        };
        self.conclude(&properties, &history, image).await
    }

    async fn delete(&self, _: &Request, _: Option<&str>, _: Option<Properties>) -> Result<Deletion, Error> {
        Ok(Deletion::Deleted)
    }

    fn is_transient(&self, error: &Error) -> bool {
        error.is_transient()
    }
}
