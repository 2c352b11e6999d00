//! ACM's calls, one method each, in whatever region the certificate is.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use aws_sdk_acm::{
    Client,
    types::{
        CertificateDetail, CertificateOptions, CertificateStatus, CertificateSummary, CertificateType, Filters,
        KeyAlgorithm, Tag,
    },
};
use aws_types::SdkConfig;
use function_runtime::{AwsError, in_region};

use crate::{Error, arn::CertificateArn};

/// ACM in every region, through one connection pool.
#[derive(Clone)]
pub struct Certificates {
    home: String,
    clients: Arc<Mutex<HashMap<String, Client>>>,
    connect: Arc<dyn Fn(&str) -> Client + Send + Sync>,
}

/// What ACM's `DescribeCertificate` and `ListCertificates` say of a certificate that is gone: all mean the same.
const GONE: [&str; 3] = ["ResourceNotFoundException", "InvalidArnException", "ValidationException"];

impl Certificates {
    /// With this configuration; its region is the default.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        let home = config.region().map(ToString::to_string).unwrap_or_default();
        let config = config.clone();
        Self::connecting(&home, move |region| Client::new(&in_region(&config, region)))
    }

    /// With clients made by `connect` for a region; `home` is the default region.
    pub fn connecting(home: &str, connect: impl Fn(&str) -> Client + Send + Sync + 'static) -> Self {
        let clients = HashMap::from([(home.to_owned(), connect(home))]);
        Self { home: home.to_owned(), clients: Arc::new(Mutex::new(clients)), connect: Arc::new(connect) }
    }

    /// The region of the function.
    pub(crate) fn home(&self) -> &str {
        &self.home
    }

    fn client(&self, region: &str) -> Client {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.entry(region.to_owned()).or_insert_with(|| (self.connect)(region)).clone()
    }

    fn client_of(&self, arn: &str) -> Client {
        self.client(CertificateArn::parse(arn).map_or(&self.home, |arn| arn.region))
    }

    /// The certificate, or nothing if there is none.
    pub(crate) async fn describe(&self, arn: &str) -> Result<Option<CertificateDetail>, Error> {
        match self.client_of(arn).describe_certificate().certificate_arn(arn).send().await.map_err(AwsError::from) {
            Ok(answer) => Ok(answer.certificate),
            Err(error) if error.code().is_some_and(|code| GONE.contains(&code)) => Ok(None),
            Err(source) => Err(Error::Describe { arn: arn.to_owned(), source }),
        }
    }

    /// Requests a certificate and gives its ARN.
    pub(crate) async fn request(&self, region: &str, order: Order) -> Result<String, Error> {
        let domain = order.domain_name.clone();
        let failed = |source| Error::Request { domain, source };
        let answer = self
            .client(region)
            .request_certificate()
            .domain_name(order.domain_name)
            .set_subject_alternative_names((!order.alternatives.is_empty()).then_some(order.alternatives))
            .validation_method(aws_sdk_acm::types::ValidationMethod::Dns)
            .idempotency_token(order.idempotency_token)
            .set_options(order.options)
            .set_certificate_authority_arn(order.certificate_authority_arn)
            .set_key_algorithm(order.key_algorithm.as_deref().map(KeyAlgorithm::from))
            .set_tags(Some(order.tags))
            .send()
            .await
            .map_err(|error| failed(AwsError::from(error)))?;
        Ok(answer.certificate_arn.unwrap_or_default())
    }

    /// All certificates of a region that ACM issued or is about to, of every key type: without the filter ACM lists RSA 2048 only.
    pub(crate) async fn list(&self, region: &str) -> Result<Vec<CertificateSummary>, Error> {
        let key_types = KeyAlgorithm::values().iter().map(|name| KeyAlgorithm::from(*name)).collect();
        let mut pages = self
            .client(region)
            .list_certificates()
            .certificate_statuses(CertificateStatus::PendingValidation)
            .certificate_statuses(CertificateStatus::Issued)
            .includes(Filters::builder().set_key_types(Some(key_types)).build())
            .into_paginator()
            .send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page =
                page.map_err(|error| Error::List { region: region.to_owned(), source: AwsError::from(error) })?;
            found.extend(page.certificate_summary_list.unwrap_or_default());
        }
        found.retain(|summary| summary.r#type().is_none_or(|kind| *kind != CertificateType::Imported));
        Ok(found)
    }

    /// A certificate's tags.
    pub(crate) async fn tags(&self, arn: &str) -> Result<HashMap<String, String>, Error> {
        let failed = |source| Error::ReadTags { arn: arn.to_owned(), source };
        let answer = self
            .client_of(arn)
            .list_tags_for_certificate()
            .certificate_arn(arn)
            .send()
            .await
            .map_err(|error| failed(AwsError::from(error)))?;
        Ok(answer.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())).collect())
    }

    /// Adds tags, or gives them other values.
    pub(crate) async fn add_tags(&self, arn: &str, tags: Vec<Tag>) -> Result<(), Error> {
        if tags.is_empty() {
            return Ok(());
        }
        let failed = |source| Error::ChangeTags { arn: arn.to_owned(), source };
        let call = self.client_of(arn).add_tags_to_certificate().certificate_arn(arn).set_tags(Some(tags));
        call.send().await.map_err(|error| failed(AwsError::from(error)))?;
        Ok(())
    }

    /// Removes tags, whatever their values.
    pub(crate) async fn remove_tags(&self, arn: &str, tags: Vec<Tag>) -> Result<(), Error> {
        if tags.is_empty() {
            return Ok(());
        }
        let failed = |source| Error::ChangeTags { arn: arn.to_owned(), source };
        let call = self.client_of(arn).remove_tags_from_certificate().certificate_arn(arn).set_tags(Some(tags));
        call.send().await.map_err(|error| failed(AwsError::from(error)))?;
        Ok(())
    }

    /// Deletes a certificate.
    pub(crate) async fn delete(&self, arn: &str) -> Result<Removal, Error> {
        match self.client_of(arn).delete_certificate().certificate_arn(arn).send().await.map_err(AwsError::from) {
            Ok(_) => Ok(Removal::Gone),
            Err(error) if error.code().is_some_and(|code| GONE.contains(&code)) => Ok(Removal::Gone),
            Err(error) if error.is("ResourceInUseException") => Ok(Removal::InUse),
            Err(source) => Err(Error::Delete { arn: arn.to_owned(), source }),
        }
    }
}

/// Whether a certificate could be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removal {
    Gone,
    InUse,
}

/// What to request.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) domain_name: String,
    pub(crate) alternatives: Vec<String>,
    pub(crate) idempotency_token: String,
    pub(crate) options: Option<CertificateOptions>,
    pub(crate) certificate_authority_arn: Option<String>,
    pub(crate) key_algorithm: Option<String>,
    pub(crate) tags: Vec<Tag>,
}
