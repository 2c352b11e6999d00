//! The servers' image: found, kept, renewed when asked, and no obstacle when it is gone.

use super::World;
use super::broken::{Broken, ensure};
use super::world::{Deployed, Parameters, outcome};
use deployment::package::Packaged;
use deployment::stack;

/// The stack that has nothing but the image.
const STACK: &str = "bbb-rehearsal-image";

/// What our own images are called, but for their number.
const NAME: &str = "rehearsal/ubuntu-jammy-22.04-amd64-";

pub(super) async fn run(world: &mut World<'_>) {
    world.promise_on_stack("image of the servers: Canonical's newest jammy", canonical).await;

    let mut alone = None;
    let found = world
        .promise("image found by a template deployed alone", async |world| {
            let (found, detail) = Alone::create(world).await?;
            alone = Some(found);
            Ok(detail)
        })
        .await;
    if let (true, Some(mut alone)) = (found, alone) {
        world.promise("image kept by an update of something else", async |world| alone.keep(world).await).await;
        world.promise("newer image found when asked", async |world| alone.refresh(world).await).await;
        world.promise("wrong Ubuntu refused, image from before kept", async |world| alone.refuse(world).await).await;
        world.promise("image gone: stack deleted all the same", async |world| alone.delete(world).await).await;
    }
}

async fn canonical(world: &mut World<'_>, _: Parameters) -> Result<String, Broken> {
    let mut outputs = world.outputs().await?;
    let image = outputs.remove("ImageId").unwrap_or_default();
    let parameter = outputs.remove("ImageParameter").unwrap_or_default();
    ensure(image.starts_with("ami-"), || format!("the stack's output is {image:?}"))?;
    let there = world.aws.parameters().await?;
    ensure(there.contains(&parameter), || format!("there is no parameter {parameter:?}"))?;
    Ok(format!("{image} in {parameter}"))
}

/// The stack with nothing but the image.
struct Alone {
    packaged: Packaged,
    parameters: Parameters,
    /// Our images, the newest last.
    images: Vec<String>,
}

impl Alone {
    async fn create(world: &mut World<'_>) -> Result<(Self, String), Broken> {
        let parameters =
            [("Source", ""), ("Name", &format!("{NAME}*")), ("Owner", "self"), ("ExpectedCodeName", "jammy")];
        let parameters = parameters.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let mut alone =
            Self { packaged: world.package_alone("templates/ami.yaml").await?, parameters, images: Vec::new() };
        alone.publish(world).await?;
        alone.deploy(world, &[]).await?;
        alone.expect(world, 0).await?;
        let release = output(world, "CodeName").await?;
        ensure(release == "jammy", || format!("the code name is {release:?}"))?;
        let detail = alone.images.join(", ");
        Ok((alone, detail))
    }

    async fn keep(&mut self, world: &mut World<'_>) -> Result<String, Broken> {
        self.publish(world).await?;
        // The second of them changes a property of the resource, so that it is asked.
        self.deploy(world, &[("LogRetentionDays", "30"), ("ExpectedCodeName", "")]).await?;
        self.expect(world, 0).await
    }

    async fn refresh(&mut self, world: &mut World<'_>) -> Result<String, Broken> {
        self.deploy(world, &[("Refresh", "2")]).await?;
        self.expect(world, 1).await
    }

    async fn refuse(&mut self, world: &mut World<'_>) -> Result<String, Broken> {
        self.publish(world).await?;
        let refused = [("Refresh", "3"), ("ExpectedCodeName", "noble")];
        match world.deploy_packaged(STACK, &self.packaged, &self.with(&refused)).await? {
            Deployed::Nothing => return Err(Broken("nothing changed".to_owned())),
            Deployed::Something(followed) => {
                ensure(followed.status == "UPDATE_ROLLBACK_COMPLETE", || outcome(&followed))?;
                let reason = followed.deepest_cause().map(|cause| cause.reason).unwrap_or_default();
                ensure(reason.contains("noble is needed"), || format!("the reason is {reason}"))?;
            }
        }
        self.expect(world, 1).await
    }

    async fn delete(&mut self, world: &mut World<'_>) -> Result<String, Broken> {
        for image in &self.images {
            world.aws.deregister_image(image).await?;
        }
        world.delete(STACK).await
    }

    /// Makes one more image, newer than the others.
    async fn publish(&mut self, world: &World<'_>) -> Result<(), Broken> {
        let number = self.images.len() + 1;
        self.images.push(world.aws.register_image(&format!("{NAME}{number}")).await?);
        Ok(())
    }

    fn with(&self, changes: &[(&str, &str)]) -> Parameters {
        let changes = changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.parameters.clone().into_iter().chain(changes).collect()
    }

    /// Deploys with these parameters changed, which must succeed.
    async fn deploy(&mut self, world: &mut World<'_>, changes: &[(&str, &str)]) -> Result<(), Broken> {
        let parameters = self.with(changes);
        match world.deploy_packaged(STACK, &self.packaged, &parameters).await? {
            Deployed::Nothing => Err(Broken("nothing changed".to_owned())),
            Deployed::Something(followed) => {
                ensure(followed.succeeded(), || outcome(&followed))?;
                self.parameters = parameters;
                Ok(())
            }
        }
    }

    /// The stack's image must be this one of ours.
    async fn expect(&self, world: &World<'_>, index: usize) -> Result<String, Broken> {
        let image = output(world, "ImageId").await?;
        ensure(Some(&image) == self.images.get(index), || format!("{image} of {}", self.images.join(", ")))?;
        Ok(image)
    }
}

/// An output of the image's stack.
async fn output(world: &World<'_>, name: &str) -> Result<String, Broken> {
    let described = stack::describe(&world.cloudformation, STACK).await?;
    Ok(described.and_then(|mut stack| stack.outputs.remove(name)).unwrap_or_default())
}
