"""The API, in REST with JSON: lists. Nothing is built, so that what would start a build is refused."""

from __future__ import annotations

from ministack import app
from ministack.core import iam_actions, router
from ministack.core.responses import error_response_json, json_response

from . import store

NEEDS: dict[str, str | type] = {
    "ministack.app:SERVICE_HANDLERS": dict,
    "ministack.core.iam_actions:SERVICE_TO_IAM_NAMESPACE": dict,
    "ministack.core.router:SERVICE_PATTERNS": dict,
}

_NAME = "imagebuilder"
# By path: the kind, and what the list is called.
_LISTS = {
    "/ListComponents": ("component", "componentVersionList"),
    "/ListDistributionConfigurations": ("distribution-configuration", "distributionConfigurationSummaryList"),
    "/ListImagePipelines": ("image-pipeline", "imagePipelineList"),
    "/ListImageRecipes": ("image-recipe", "imageRecipeSummaryList"),
    "/ListInfrastructureConfigurations": ("infrastructure-configuration", "infrastructureConfigurationSummaryList"),
    "/ListLifecyclePolicies": ("lifecycle-policy", "lifecyclePolicySummaryList"),
}


def _shown(arn: str, given: dict) -> dict:
    """What all lists show, and of a pipeline what it is made of."""
    shown = {"arn": arn, "name": given["Name"], "version": given.get("Version"), "platform": given.get("Platform"),
             "parentImage": given.get("ParentImage"), "imageRecipeArn": given.get("ImageRecipeArn"),
             "infrastructureConfigurationArn": given.get("InfrastructureConfigurationArn")}
    return {name: value for name, value in shown.items() if value}


async def _handle(_method, path, _headers, _body, _query_params):
    if path not in _LISTS:
        return error_response_json("ServiceUnavailableException", f"{path} is not here: the local AWS builds no images", 503)
    kind, name = _LISTS[path]
    return json_response({name: [_shown(arn, given) for arn, given in store.of_kind(kind).items()]})


def install() -> None:
    app.SERVICE_HANDLERS[_NAME] = _handle
    router.SERVICE_PATTERNS[_NAME] = {"credential_scope": _NAME}
    iam_actions.SERVICE_TO_IAM_NAMESPACE[_NAME] = _NAME
