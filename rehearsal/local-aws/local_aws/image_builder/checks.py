"""What each kind must be for Image Builder to take it: what it is made of exists, and a component is a document it can read."""

from __future__ import annotations

import re

import yaml
from ministack.core.responses import AccountScopedDict
from ministack.services import ec2, iam

from .. import images
from . import store

NEEDS: dict[str, str | type] = {
    "ministack.services.iam:_lookup_instance_profile": "name, arn",
    "ministack.services.iam:_roles": AccountScopedDict,
}

# Known to the component schema and made for Linux, of those that templates here use.
_ACTIONS = {"ExecuteBash"}
_LOGS = "/aws/imagebuilder/"
_CRON = re.compile(r"cron\((\S+ ){5}\S+\)")
_RATE = re.compile(r"rate\([1-9][0-9]* (minute|hour|day)s?\)")


def _invalid(what: str) -> Exception:
    return store.refused("InvalidParameterValueException", what)


def component(given: dict) -> None:
    """The document has phases of steps with actions."""
    if given.get("Platform") != "Linux":
        raise _invalid(f"the local AWS makes components for Linux, not for {given.get('Platform')}")
    try:
        document = yaml.safe_load(given.get("Data") or "")
    except yaml.YAMLError as error:
        raise _invalid(f"The component document is not valid YAML: {error}") from None
    if not isinstance(document, dict) or document.get("schemaVersion") not in (1.0, "1.0") or not document.get("phases"):
        raise _invalid("The component document needs a schemaVersion of 1.0 and phases.")
    for phase in document["phases"]:
        if phase.get("name") not in ("build", "validate", "test"):
            raise _invalid(f"The phase '{phase.get('name')}' is none of build, validate and test.")
        for step in phase.get("steps") or []:
            if not step.get("name") or step.get("action") not in _ACTIONS:
                raise _invalid(f"the local AWS knows no action {step.get('action')} of a component's step")
            if not (step.get("inputs") or {}).get("commands"):
                raise _invalid(f"The step '{step['name']}' has no commands.")
            if step.get("onFailure", "Abort") not in ("Abort", "Continue", "Ignore"):
                raise _invalid(f"onFailure of the step '{step['name']}' is not valid.")


def recipe(given: dict) -> None:
    if given["ParentImage"] not in {view["ImageId"] for view in images.visible()}:
        raise _invalid(f"The parent image '{given['ParentImage']}' does not exist.")
    for one in given.get("Components") or []:
        store.find(one.get("ComponentArn"), "component")


def infrastructure(given: dict) -> None:
    if not iam._lookup_instance_profile(name=given["InstanceProfileName"]):
        raise _invalid(f"The instance profile '{given['InstanceProfileName']}' does not exist.")
    groups = given.get("SecurityGroupIds") or []
    if bool(groups) != bool(given.get("SubnetId")):
        raise _invalid("A subnet and security groups are given together or not at all.")
    if given.get("SubnetId") and given["SubnetId"] not in ec2._subnets:
        raise _invalid(f"The subnet '{given['SubnetId']}' does not exist.")
    for group in groups:
        if group not in ec2._security_groups:
            raise _invalid(f"The security group '{group}' does not exist.")


def distribution(given: dict) -> None:
    for one in given.get("Distributions") or []:
        name = (one.get("AmiDistributionConfiguration") or {}).get("Name") or ""
        if not one.get("Region") or "{{ imagebuilder:buildDate }}" not in name:
            raise _invalid("A distribution needs a region, and its images' name {{ imagebuilder:buildDate }}.")


def pipeline(given: dict) -> None:
    store.find(given["ImageRecipeArn"], "image-recipe")
    store.find(given["InfrastructureConfigurationArn"], "infrastructure-configuration")
    if given.get("DistributionConfigurationArn"):
        store.find(given["DistributionConfigurationArn"], "distribution-configuration")
    group = (given.get("LoggingConfiguration") or {}).get("ImageLogGroupName")
    if group and not group.startswith(_LOGS):
        raise _invalid(f"The log group '{group}' does not begin with {_LOGS}.")
    expression = (given.get("Schedule") or {}).get("ScheduleExpression")
    if expression and not (_CRON.fullmatch(expression) or _RATE.fullmatch(expression)):
        raise _invalid(f"The schedule expression '{expression}' is not valid.")


def lifecycle(given: dict) -> None:
    if given["ExecutionRole"] not in {role["Arn"] for role in iam._roles.values()}:
        raise _invalid(f"The role '{given['ExecutionRole']}' does not exist.")
    if given["ResourceType"] != "AMI_IMAGE":
        raise _invalid("the local AWS knows lifecycle policies of AMI_IMAGE only")
    for detail in given["PolicyDetails"]:
        if detail.get("Filter", {}).get("Type") not in ("AGE", "COUNT") or int(detail["Filter"].get("Value") or 0) < 1:
            raise _invalid("The filter of a lifecycle policy needs a type, AGE or COUNT, and a value.")


def install() -> None:
    """Nothing is patched."""
