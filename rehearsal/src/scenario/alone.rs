//! A stack made from one template alone, beside the root stack.

use std::collections::BTreeMap;
use std::path::Path;

use deployment::package::Packaged;
use deployment::stack;

use super::World;
use super::broken::{Broken, ensure};
use super::world::{Deployed, Parameters, outcome};

/// A stack with its template and the parameters that it was last deployed with.
pub(super) struct Alone {
    stack: &'static str,
    packaged: Packaged,
    parameters: Parameters,
}

impl Alone {
    /// Packages the template (a path from the workspace's root) for a stack of this name; nothing is deployed yet.
    pub(super) async fn package(
        world: &World<'_>,
        stack: &'static str,
        template: impl AsRef<Path>,
        parameters: &[(&str, &str)],
    ) -> Result<Self, Broken> {
        let packaged = world.package_file(template.as_ref()).await?;
        Ok(Self { stack, packaged, parameters: owned(parameters).collect() })
    }

    /// Deploys with these parameters changed, which must succeed and change something.
    pub(super) async fn deploy(&mut self, world: &mut World<'_>, changes: &[(&str, &str)]) -> Result<(), Broken> {
        let parameters = self.with(changes);
        match world.deploy_packaged(self.stack, &self.packaged, &parameters).await? {
            Deployed::Nothing => Err(Broken("nothing changed".to_owned())),
            Deployed::Something(followed) => {
                ensure(followed.succeeded(), || outcome(&followed))?;
                self.parameters = parameters;
                Ok(())
            }
        }
    }

    /// Tries to deploy with these parameters changed, which must end in `status`, rolled back; gives the deepest cause's reason.
    pub(super) async fn fail(
        &self,
        world: &mut World<'_>,
        changes: &[(&str, &str)],
        status: &str,
    ) -> Result<String, Broken> {
        match world.deploy_packaged(self.stack, &self.packaged, &self.with(changes)).await? {
            Deployed::Nothing => Err(Broken("nothing changed".to_owned())),
            Deployed::Something(followed) => {
                ensure(followed.status == status, || outcome(&followed))?;
                Ok(followed.deepest_cause().map(|cause| cause.reason).unwrap_or_default())
            }
        }
    }

    /// Deletes the stack.
    pub(super) async fn delete(&self, world: &mut World<'_>) -> Result<String, Broken> {
        world.delete(self.stack).await
    }

    /// The stack's outputs as they are now.
    pub(super) async fn outputs(&self, world: &World<'_>) -> Result<BTreeMap<String, String>, Broken> {
        let described = stack::describe(&world.cloudformation, self.stack).await?;
        described.map(|stack| stack.outputs).ok_or_else(|| Broken(format!("there is no stack {}", self.stack)))
    }

    /// One of them, which must be there.
    pub(super) async fn output(&self, world: &World<'_>, name: &str) -> Result<String, Broken> {
        let found = self.outputs(world).await?.remove(name);
        found.ok_or_else(|| Broken(format!("the stack {} has no output {name}", self.stack)))
    }

    fn with(&self, changes: &[(&str, &str)]) -> Parameters {
        self.parameters.clone().into_iter().chain(owned(changes)).collect()
    }
}

fn owned<'a>(parameters: &'a [(&str, &str)]) -> impl Iterator<Item = (String, String)> + 'a {
    parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
}
