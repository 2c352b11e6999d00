//! What the author of a resource writes, and how the provider calls it without knowing its types.

use std::{error::Error, future::Future, pin::Pin};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    outcome::{Deletion, Outcome, Pending, Ready},
    physical_id::Known,
    properties,
    reason::with_causes,
    request::{Request, RequestType},
};

/// A type of resource that CloudFormation can create, update and delete through a provider.
///
/// Handlers are level-triggered. The same request can reach them again: after [`Pending`], after a transient error, when Lambda
/// delivers an event twice, when CloudFormation repeats an operation with the same request id. They look at what is there, do what is
/// missing, and say how far it is.
pub trait Resource: Send + Sync + 'static {
    /// The names of the type in a template's `Type`, such as `Custom::Certificate`; the first is the one to use, the others are aliases.
    const TYPES: &'static [&'static str];
    /// Whether a physical id may be secret, as with types that were not made by this crate. It then reaches CloudFormation and nobody else:
    /// neither the log nor the error of an undelivered answer has it.
    const SECRET_ID: bool = false;
    /// The type of `Properties`. `deny_unknown_fields` makes a misspelt property an error that names it.
    type Properties: DeserializeOwned + Send;
    /// What `Fn::GetAtt` finds; it must serialise to a map, or to nothing.
    type Attributes: Serialize + Send;
    /// Its text and causes become the reason of the failure; they must not hold anything secret.
    type Error: Error + Send + Sync + 'static;

    /// Makes the resource. What [`Request::recorded`] gives was created by an earlier call for the same request.
    ///
    /// # Errors
    /// Any error becomes FAILED, unless [`is_transient`](Self::is_transient) says that it passes.
    fn create(
        &self,
        request: &Request,
        properties: Self::Properties,
    ) -> impl Future<Output = Result<Outcome<Self::Attributes>, Self::Error>> + Send;

    /// Changes the resource with the physical id `current`, or makes another in its place. `old` are the properties before the update, if
    /// CloudFormation sent them and this version can read them. When an update is rolled back this is called with old and new exchanged.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    fn update(
        &self,
        request: &Request,
        current: &str,
        properties: Self::Properties,
        old: Option<Self::Properties>,
    ) -> impl Future<Output = Result<Outcome<Self::Attributes>, Self::Error>> + Send;

    /// Removes the resource with the physical id `current`. Without an id nobody knows whether anything was created: remove what provably
    /// belongs to this stack and logical id. `properties` are absent when this version cannot read them.
    ///
    /// # Errors
    /// As [`create`](Self::create). That the thing is gone already is not an error.
    fn delete(
        &self,
        request: &Request,
        current: Option<&str>,
        properties: Option<Self::Properties>,
    ) -> impl Future<Output = Result<Deletion, Self::Error>> + Send;

    /// Whether an error passes by itself (throttling, a lost connection), so that the call is repeated while there is time.
    fn is_transient(&self, _error: &Self::Error) -> bool {
        false
    }
}

/// What a handler's call came to, without the resource's types.
#[derive(Debug)]
pub(crate) enum Verdict {
    Ready(Ready<Map<String, Value>>),
    Deleted,
    Pending(Pending),
    Failed(String),
}

type Call<'a> = Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// A [`Resource`] without its types.
pub(crate) trait Handler: Send + Sync {
    fn types(&self) -> &'static [&'static str];
    fn has_secret_id(&self) -> bool;
    fn call<'a>(&'a self, request: &'a Request, properties: &'a Value, old: Option<&'a Value>) -> Call<'a>;
}

impl<R: Resource> Handler for R {
    fn types(&self) -> &'static [&'static str] {
        R::TYPES
    }

    fn has_secret_id(&self) -> bool {
        R::SECRET_ID
    }

    fn call<'a>(&'a self, request: &'a Request, properties: &'a Value, old: Option<&'a Value>) -> Call<'a> {
        let parsed = properties::from_value::<R::Properties>(properties.clone());
        Box::pin(async move {
            let current = Known::of(request.physical_id());
            match (request.request_type(), current) {
                (RequestType::Delete, Known::Nothing) => Verdict::Deleted,
                (RequestType::Delete, known) => {
                    let id = if let Known::Id(id) = known { Some(id) } else { None };
                    match self.delete(request, id, parsed.ok()).await {
                        Ok(Deletion::Deleted) => Verdict::Deleted,
                        Ok(Deletion::Pending(pending)) => Verdict::Pending(pending),
                        Err(error) => failure(self, request, &error),
                    }
                }
                (RequestType::Update, Known::Id(id)) => match parsed {
                    Ok(new) => {
                        let old = old.and_then(|old| properties::from_value(old.clone()).ok());
                        verdict(self, request, self.update(request, id, new, old).await)
                    }
                    Err(error) => Verdict::Failed(error.to_string()),
                },
                // An Update of what was never created can only mean: create it.
                (RequestType::Create | RequestType::Update, _) => match parsed {
                    Ok(new) => verdict(self, request, self.create(request, new).await),
                    Err(error) => Verdict::Failed(error.to_string()),
                },
            }
        })
    }
}

fn verdict<R: Resource>(resource: &R, request: &Request, result: Result<Outcome<R::Attributes>, R::Error>) -> Verdict {
    match result {
        Ok(Outcome::Pending(pending)) => Verdict::Pending(pending),
        Ok(Outcome::Ready(ready)) => match serde_json::to_value(&ready.attributes) {
            Ok(Value::Object(attributes)) => Verdict::Ready(Ready {
                physical_id: ready.physical_id,
                attributes,
                no_echo: ready.no_echo,
                reason: ready.reason,
            }),
            Ok(Value::Null) => Verdict::Ready(Ready {
                physical_id: ready.physical_id,
                attributes: Map::new(),
                no_echo: ready.no_echo,
                reason: ready.reason,
            }),
            Ok(_) => Verdict::Failed("internal error: the attributes of the resource are not a map".to_owned()),
            Err(error) => Verdict::Failed(format!("internal error: the attributes cannot be written as JSON: {error}")),
        },
        Err(error) => failure(resource, request, &error),
    }
}

fn failure<R: Resource>(resource: &R, request: &Request, error: &R::Error) -> Verdict {
    let reason = with_causes(error);
    if resource.is_transient(error) {
        // A call whose answer was lost may have had its effect.
        request.doubt();
        Verdict::Pending(Pending::new(reason))
    } else {
        Verdict::Failed(reason)
    }
}
