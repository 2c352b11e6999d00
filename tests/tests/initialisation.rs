//! The function cannot be made ready.

use std::time::Duration;

use custom_resource::NOTHING_CREATED;
use tests::cases::{Case, case};

pub(crate) fn cases() -> Vec<Case> {
    let variables = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    variables.into_iter().map(without).collect()
}

fn without(variable: &'static str) -> Case {
    case(format!("initialisation: without {variable}"), move |stage| async move {
        // Empty is as good as not set.
        let settings = stage.settings("acm-certificate", stage.proxy.endpoint()).variable(variable, "");
        let function = stage.function("acm-certificate", settings).await;
        let properties = stage.properties();
        let promptly = Duration::from_secs(5);

        let created =
            stage.answer(&function, &stage.create_event(&properties)).await.within(promptly).failed_with(variable);
        assert_eq!(created.physical_resource_id, NOTHING_CREATED);
        // The roll-back must not fail too.
        stage.answer(&function, &stage.delete_event(NOTHING_CREATED, &properties)).await.within(promptly).succeeded();

        let arn = "arn:aws:acm:eu-central-1:000000000000:certificate/1";
        let event = stage.update_event(arn, &properties, &properties);
        let updated = stage.answer(&function, &event).await.within(promptly).failed_with(variable);
        assert_eq!(updated.physical_resource_id, arn);
        stage.answer(&function, &stage.delete_event(arn, &properties)).await.within(promptly).failed_with(variable);
    })
}
