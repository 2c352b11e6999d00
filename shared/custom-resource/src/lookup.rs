//! Resources that find something out and leave no trace.

use std::{error::Error, future::Future};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    outcome::{Deletion, Outcome},
    request::Request,
    resource::Resource,
};

/// A [`Resource`] that only looks: its Create and Update do the same, and its Delete has nothing to do.
pub trait Lookup: Send + Sync + 'static {
    /// As [`Resource::TYPES`].
    const TYPES: &'static [&'static str];
    /// As [`Resource::Properties`].
    type Properties: DeserializeOwned + Send;
    /// As [`Resource::Attributes`].
    type Attributes: Serialize + Send;
    /// As [`Resource::Error`].
    type Error: Error + Send + Sync + 'static;

    /// Looks.
    ///
    /// # Errors
    /// Any error becomes FAILED, unless [`is_transient`](Self::is_transient) says that it passes.
    fn look_up(
        &self,
        request: &Request,
        properties: Self::Properties,
    ) -> impl Future<Output = Result<Outcome<Self::Attributes>, Self::Error>> + Send;

    /// As [`Resource::is_transient`].
    fn is_transient(&self, _error: &Self::Error) -> bool {
        false
    }
}

impl<L: Lookup> Resource for L {
    const TYPES: &'static [&'static str] = L::TYPES;
    type Properties = L::Properties;
    type Attributes = L::Attributes;
    type Error = L::Error;

    async fn create(&self, request: &Request, properties: L::Properties) -> Result<Outcome<L::Attributes>, L::Error> {
        self.look_up(request, properties).await
    }

    async fn update(
        &self,
        request: &Request,
        _: &str,
        properties: L::Properties,
        _: Option<L::Properties>,
    ) -> Result<Outcome<L::Attributes>, L::Error> {
        self.look_up(request, properties).await
    }

    async fn delete(&self, _: &Request, _: Option<&str>, _: Option<L::Properties>) -> Result<Deletion, L::Error> {
        Ok(Deletion::Deleted)
    }

    fn is_transient(&self, error: &L::Error) -> bool {
        Lookup::is_transient(self, error)
    }
}
