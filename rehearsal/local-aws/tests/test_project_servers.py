"""The project's stacks of machines: a single server, a TURN server, what makes images. The test signals as a machine does."""

from __future__ import annotations

import time
import uuid

from project_stacks import TEMPLATES, ProjectStacks

BUNDLE, OTHER_BUNDLE = "0" * 64, "1" * 64


class Machines(ProjectStacks):
    """A network of its own, a zone, and an image of Canonical's."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.route53 = cls.server.client("route53", region=cls.region)
        cls.imagebuilder = cls.server.client("imagebuilder", region=cls.region)
        cls.signals = cls.server.client("cloudformation", region=cls.region)
        cls.domain = f"{cls.__name__.lower()}.example.org"
        zone = cls.route53.create_hosted_zone(Name=cls.domain, CallerReference=uuid.uuid4().hex)
        cls.zone = zone["HostedZone"]["Id"].rsplit("/", 1)[-1]
        images = cls.ec2.describe_images(
            Owners=["099720109477"], Filters=[{"Name": "name", "Values": ["*jammy*amd64*"]}])["Images"]
        cls.images = [one["ImageId"] for one in sorted(images, key=lambda one: one["CreationDate"])]

    def everything(self) -> dict[str, list]:
        found = super().everything()
        instances = [one for reservation in self.ec2.describe_instances()["Reservations"] for one in reservation["Instances"]]
        found["machines"] = [one["InstanceId"] for one in instances if one["State"]["Name"] != "terminated"]
        found["volumes"] = [one["VolumeId"] for one in self.ec2.describe_volumes()["Volumes"]]
        found["disk snapshots"] = [
            one["SnapshotId"] for one in self.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]]
        interfaces = self.ec2.describe_network_interfaces()["NetworkInterfaces"]
        found["interfaces"] = [one["NetworkInterfaceId"] for one in interfaces]
        records = self.route53.list_resource_record_sets(HostedZoneId=self.zone)["ResourceRecordSets"]
        found["records"] = [f"{one['Name']} {one['Type']}" for one in records]
        for call, field in (
            (self.imagebuilder.list_components, "componentVersionList"),
            (self.imagebuilder.list_image_recipes, "imageRecipeSummaryList"),
            (self.imagebuilder.list_infrastructure_configurations, "infrastructureConfigurationSummaryList"),
            (self.imagebuilder.list_distribution_configurations, "distributionConfigurationSummaryList"),
            (self.imagebuilder.list_image_pipelines, "imagePipelineList"),
            (self.imagebuilder.list_lifecycle_policies, "lifecyclePolicySummaryList"),
        ):
            found[field] = [one["arn"] for one in call()[field]]
        return found

    def network(self) -> dict:
        _stack, found = self.deploy("network", NatGateways="none")
        return {"VpcId": found["VpcId"], "SubnetId": found["PublicSubnetIds"].split(",")[0]}

    def machine_parameters(self, **more) -> dict:
        return {"HostName": f"conference.{self.domain}", "HostedZoneId": self.zone, "OperatorEMail": "you@example.org",
                "SourcesBucket": "sources", "InstanceBundle": BUNDLE, "ImageId": self.images[0], **self.network(), **more}

    def begin(self, template: str, **parameters) -> str:
        return self.stacks.create_stack(
            StackName=f"{template}-{uuid.uuid4().hex[:8]}", TemplateBody=(TEMPLATES / f"{template}.yaml").read_text(),
            Capabilities=["CAPABILITY_IAM"], Parameters=self.given(parameters))["StackId"]

    def resources(self, stack_id: str) -> dict[str, str]:
        pages = self.stacks.get_paginator("list_stack_resources").paginate(StackName=stack_id)
        return {one["LogicalResourceId"]: one.get("PhysicalResourceId", "")
                for page in pages for one in page["StackResourceSummaries"]}

    def waiting(self, stack_id: str, resource: str) -> None:
        """Until the resource waits for its signal."""
        self.eventually(lambda: "CREATE_IN_PROGRESS" in self.statuses(stack_id, resource), 20)

    def signal(self, stack_id: str, resource: str, status: str, sender: str) -> None:
        """As the machine's own script, which tries again when nobody waits yet."""
        def told():
            try:
                self.signals.signal_resource(
                    StackName=stack_id, LogicalResourceId=resource, UniqueId=sender, Status=status)
            except self.signals.exceptions.ClientError as error:
                self.assertIn("is not waiting for signals", str(error))
                return False
            return True
        self.eventually(told, 20)

    def machine(self, stack_id: str) -> dict:
        """The machine of a stack that is being made."""
        def found():
            named = [one["PhysicalResourceId"] for one in self.events(stack_id)
                     if one["LogicalResourceId"] == "Server" and one.get("PhysicalResourceId", "").startswith("i-")]
            return named and self.ec2.describe_instances(InstanceIds=named[:1])["Reservations"][0]["Instances"][0]
        return self.eventually(found, 20)

    def made(self, stack_id: str, status: str = "CREATE_COMPLETE") -> dict:
        found = self.settle(stack_id)
        self.assertEqual(found["StackStatus"], status, self.events(stack_id))
        return found


class Turn(Machines):
    region = "eu-south-1"

    def test_a_server_is_made_when_it_says_so_changed_and_deleted(self):
        parameters = self.machine_parameters()
        before = self.everything()
        stack_id = self.begin("turn", **parameters)
        machine = self.machine(stack_id)
        self.assertEqual(self.stacks.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"], "CREATE_IN_PROGRESS")
        self.signal(stack_id, "Server", "SUCCESS", machine["InstanceId"])
        stack = self.made(stack_id)
        self.assertIn(f"Received SUCCESS signal with UniqueId {machine['InstanceId']}",
                      [one.get("ResourceStatusReason") for one in self.events(stack_id)])
        resources = self.resources(stack_id)
        self.assertEqual(machine["PublicIpAddress"], resources["Address"])
        records = self.route53.list_resource_record_sets(HostedZoneId=self.zone)["ResourceRecordSets"]
        record, = (one for one in records if one["Type"] == "A")
        self.assertEqual(record["ResourceRecords"], [{"Value": resources["Address"]}])

        self.change(stack, **{**parameters, "InstanceType": "t3a.medium"})
        after = self.machine(stack_id)
        self.assertEqual((after["InstanceId"], after["InstanceType"], after["PublicIpAddress"]),
                         (machine["InstanceId"], "t3a.medium", resources["Address"]))
        self.remove(stack)
        self.assertEqual(self.left_since(before), {})

    def test_a_server_that_says_no_takes_its_stack_back(self):
        parameters = self.machine_parameters()
        before = self.everything()
        stack_id = self.begin("turn", **parameters)
        machine = self.machine(stack_id)
        self.signal(stack_id, "Server", "FAILURE", machine["InstanceId"])
        self.made(stack_id, "ROLLBACK_COMPLETE")
        self.assertEqual(self.reason(stack_id, "Server", "CREATE_FAILED"),
                         f"Received FAILURE signal with UniqueId {machine['InstanceId']}")
        self.assertEqual(self.left_since(before), {})

    def test_an_interface_is_one_machine_s_so_that_another_image_is_refused(self):
        # EC2's reference: the interface of the old machine has to be free before a new one can have it.
        parameters = self.machine_parameters()
        before = self.everything()
        stack_id = self.begin("turn", **parameters)
        machine = self.machine(stack_id)
        self.signal(stack_id, "Server", "SUCCESS", machine["InstanceId"])
        stack = self.made(stack_id)
        self.change(stack, "UPDATE_ROLLBACK_COMPLETE", **{**parameters, "ImageId": self.images[1]})
        self.assertIn("in use", self.reason(stack_id, "Server", "UPDATE_FAILED"))
        self.assertEqual(self.machine(stack_id)["InstanceId"], machine["InstanceId"])
        self.assertEqual(self.machine(stack_id)["State"]["Name"], "running")
        self.remove(stack)
        self.assertEqual(self.left_since(before), {})


class Single(Machines):
    region = "eu-south-2"

    def test_it_is_made_when_it_says_so_and_its_recordings_stay_as_a_snapshot(self):
        parameters = self.machine_parameters()
        before = self.everything()
        stack_id = self.begin("single-server", **parameters)
        self.waiting(stack_id, "Ready")
        machine = self.machine(stack_id)
        self.signal(stack_id, "Ready", "SUCCESS", machine["InstanceId"])
        stack = self.made(stack_id)
        resources = self.resources(stack_id)
        data, = self.ec2.describe_volumes(VolumeIds=[resources["Data"]])["Volumes"]
        self.assertEqual((data["Size"], data["Encrypted"], data["Attachments"][0]["InstanceId"]),
                         (100, True, machine["InstanceId"]))

        self.change(stack, **{**parameters, "DataVolumeSize": "120", "InstanceType": "c6a.xlarge"})
        self.assertEqual(self.ec2.describe_volumes(VolumeIds=[resources["Data"]])["Volumes"][0]["Size"], 120)
        self.assertEqual(self.machine(stack_id)["PublicIpAddress"], resources["Address"])
        self.change(stack, "UPDATE_ROLLBACK_COMPLETE", **{**parameters, "DataVolumeSize": "50"})
        self.assertIn("smaller", self.reason(stack_id, "Data", "UPDATE_FAILED"))

        self.remove(stack)
        left = self.left_since(before)
        self.assertEqual(list(left), ["disk snapshots"])
        snapshot, = left["disk snapshots"]
        self.check_taken_over(parameters, snapshot)
        self.ec2.delete_snapshot(SnapshotId=snapshot)

    def check_taken_over(self, parameters: dict, snapshot: str) -> None:
        """Another server begins with it, and one with a smaller disk cannot."""
        stack_id = self.begin("single-server", **{**parameters, "DataSnapshotId": snapshot, "DataVolumeSize": "60"})
        self.made(stack_id, "ROLLBACK_COMPLETE")
        self.assertIn("is smaller than snapshot", self.reason(stack_id, "Data", "CREATE_FAILED"))
        stack_id = self.begin("single-server", **{**parameters, "DataSnapshotId": snapshot, "DataVolumeSize": "120"})
        self.waiting(stack_id, "Ready")
        self.signal(stack_id, "Ready", "SUCCESS", self.machine(stack_id)["InstanceId"])
        stack = self.made(stack_id)
        self.remove(stack)
        for one in self.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]:
            if one["SnapshotId"] != snapshot:
                self.ec2.delete_snapshot(SnapshotId=one["SnapshotId"])

    def test_one_that_says_no_takes_its_stack_back(self):
        parameters = self.machine_parameters()
        before = self.everything()
        stack_id = self.begin("single-server", **parameters)
        self.waiting(stack_id, "Ready")
        self.signal(stack_id, "Ready", "FAILURE", self.machine(stack_id)["InstanceId"])
        self.made(stack_id, "ROLLBACK_COMPLETE")
        self.assertIn("failed", self.reason(stack_id, "Ready", "CREATE_FAILED"))
        # The volume that was just made is a volume with a policy to be kept as a snapshot.
        left = self.left_since(before)
        self.assertLessEqual(set(left), {"disk snapshots"})


class Images(Machines):
    region = "eu-central-2"

    def test_what_makes_images_is_made_changed_and_deleted(self):
        parameters = {"SourcesBucket": "sources", "InstanceBundle": BUNDLE, "ParentImageId": self.images[0], **self.network()}
        before = self.everything()
        stack, found = self.deploy("image", **parameters)
        pipeline, = self.imagebuilder.list_image_pipelines()["imagePipelineList"]
        self.assertEqual(pipeline["arn"], found["PipelineArn"])
        recipe, = self.imagebuilder.list_image_recipes()["imageRecipeSummaryList"]
        self.assertEqual((recipe["parentImage"], pipeline["imageRecipeArn"]), (self.images[0], recipe["arn"]))

        # Another bundle is another component and recipe; the pipeline stays and takes them.
        self.change(stack, **{**parameters, "InstanceBundle": OTHER_BUNDLE, "Schedule": "cron(0 3 ? * mon *)"})
        changed, = self.imagebuilder.list_image_recipes()["imageRecipeSummaryList"]
        pipeline, = self.imagebuilder.list_image_pipelines()["imagePipelineList"]
        self.assertNotEqual(changed["arn"], recipe["arn"])
        self.assertEqual((pipeline["arn"], pipeline["imageRecipeArn"]), (found["PipelineArn"], changed["arn"]))
        self.assertEqual(len(self.imagebuilder.list_components()["componentVersionList"]), 1)

        # The documentation of Revision: one version of a recipe cannot be changed.
        larger = {**parameters, "InstanceBundle": OTHER_BUNDLE, "RootVolumeSize": "30"}
        self.change(stack, "UPDATE_ROLLBACK_COMPLETE", **larger)
        self.assertIn("already exists", self.reason(stack["StackId"], "Recipe", "UPDATE_FAILED"))
        self.change(stack, **{**larger, "Revision": "1.0.1"})
        self.remove(stack)
        self.assertEqual(self.left_since(before), {})

    def test_what_cannot_be_is_refused(self):
        parameters = {"SourcesBucket": "sources", "InstanceBundle": BUNDLE, "ParentImageId": self.images[0], **self.network()}
        before = self.everything()
        stack_id = self.begin("image", **{**parameters, "Schedule": "cron(never)"})
        self.made(stack_id, "ROLLBACK_COMPLETE")
        self.assertIn("cron(never)", self.reason(stack_id, "Pipeline", "CREATE_FAILED"))
        self.assertEqual(self.left_since(before), {})
        self.refused("ServiceUnavailableException", self.imagebuilder.start_image_pipeline_execution, imagePipelineArn=(
            f"arn:aws:imagebuilder:{self.region}:123456789012:image-pipeline/one"), clientToken=str(time.time()))
