"""The project's root stack in many combinations of parameters, with functions' stacks that need no functions."""

from __future__ import annotations

import http.client
import json
import re
import unittest
import uuid

from project_stacks import TEMPLATES, ProjectStacks
from test_containers import ref, resource

ROOT = (TEMPLATES.parent / "template.yaml").read_text()
DOMAIN = "meet.example.org"

# What a rehearsal does with the real functions: here only what the other stacks read of them.
STAND_INS = {
    "certificate": {
        "Parameters": {name: {"Type": "String"} for name in ("DomainName", "HostedZoneId")},
        "Resources": {"Certificate": resource(
            "AWS::CertificateManager::Certificate", DomainName={"Fn::Sub": "*.${DomainName}"}, ValidationMethod="DNS",
            DomainValidationOptions=[{"DomainName": {"Fn::Sub": "*.${DomainName}"}, "HostedZoneId": ref("HostedZoneId")}])},
        "Outputs": {"CertificateArn": {"Value": ref("Certificate")}}},
    "ami": {"Outputs": {"ImageId": {"Value": "ami-0123456789abcdef0"}, "RootDeviceName": {"Value": "/dev/sda1"},
                        "ParameterName": {"Value": "none"}}},
    "email": {"Resources": {"Credentials": resource("AWS::SecretsManager::Secret", SecretString=json.dumps(
                  {"username": "u", "password": "p", "endpoint": "smtp", "port": "587"}))},
              "Outputs": {"CredentialsSecretArn": {"Value": ref("Credentials")}, "InSandbox": {"Value": "true"}}},
    "server-pool": {"Resources": {"ServerSecret": resource("AWS::SecretsManager::Secret", GenerateSecretString={})},
                    "Outputs": {"GroupName": {"Value": {"Fn::Sub": "${AWS::StackName}-servers"}},
                                "LaunchHookName": {"Value": "launch"}, "TerminateHookName": {"Value": "terminate"},
                                "TerminationPolicyArn": {"Value": "OldestInstance"}, "PoolFunctionName": {"Value": "none"},
                                "MetricsNamespace": {"Value": "BigBlueButton"},
                                "ServerSecretArn": {"Value": ref("ServerSecret")}}},
    "last-resort": {"Outputs": {"FunctionArn": {"Value": "arn:aws:lambda:eu-central-1:123456789012:function:none"}}},
}


def stand_in(name: str) -> dict:
    """One of them, taking whatever the root hands it."""
    made = STAND_INS[name]
    handed = re.search(rf"TemplateURL: templates/{name}\.yaml.*?Parameters:\n((?:        \w[^\n]*\n)+)", ROOT, re.S)[1]
    parameters = {one: {"Type": "String"} for one in re.findall(r"^        (\w+):", handed, re.M)}
    nothing = {"Nothing": resource("AWS::CloudFormation::WaitConditionHandle")}
    return {"Resources": nothing, **made, "Parameters": parameters}


class Root(ProjectStacks):
    """Each test has a region of its own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.zones = cls.server.client("route53")
        cls.bucket = "root-" + uuid.uuid4().hex[:12]
        cls.s3.create_bucket(Bucket=cls.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        cls.url = cls.put("root", cls.with_addresses(ROOT))

    @classmethod
    def put(cls, name: str, body: str) -> str:
        cls.s3.put_object(Bucket=cls.bucket, Key=name, Body=body.encode())
        return f"https://s3.amazonaws.com/{cls.bucket}/{name}"

    @classmethod
    def with_addresses(cls, text: str) -> str:
        for path in sorted(TEMPLATES.glob("*.yaml")):
            body = json.dumps(stand_in(path.stem)) if path.stem in STAND_INS else path.read_text()
            place = f"TemplateURL: templates/{path.name}\n"
            if place in text:
                text = text.replace(place, f"TemplateURL: {cls.put(path.name, body)}\n")
        return text

    def zone(self, domain: str) -> str:
        made = self.zones.create_hosted_zone(Name=domain, CallerReference=uuid.uuid4().hex)
        return made["HostedZone"]["Id"].rpartition("/")[2]

    def parameters(self, **changes: str) -> list[dict]:
        # No servers: nobody would let them out of their hooks.
        given = {"BBBOperatorEMail": "operator@example.org", "BBBDomainName": DOMAIN, "BBBApplicationMinInstances": "0",
                 "BBBApplicationDesiredInstances": "0", **changes}
        return [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()]

    def sources(self) -> None:
        self.stacks.create_stack(StackName="bbb-sources", TemplateBody=(TEMPLATES / "sources-bucket.yaml").read_text())
        self.settle("bbb-sources")

    def make(self, name: str = "meet", **parameters: str) -> dict:
        stack_id = self.stacks.create_stack(
            StackName=name, TemplateURL=self.url, Parameters=self.parameters(**parameters),
            Capabilities=["CAPABILITY_IAM"])["StackId"]
        stack = self.settle(stack_id, 120)
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE", self.failures(stack_id))
        return stack

    def change(self, stack: dict, status: str = "UPDATE_COMPLETE", **parameters: str) -> dict:
        self.stacks.update_stack(StackName=stack["StackId"], TemplateURL=self.url, Parameters=self.parameters(**parameters),
                                 Capabilities=["CAPABILITY_IAM"])
        stack = self.settle(stack["StackId"], 120)
        self.assertEqual(stack["StackStatus"], status, self.failures(stack["StackId"]))
        return stack

    def remove(self, stack: dict) -> None:
        self.stacks.delete_stack(StackName=stack["StackId"])
        self.assertEqual(self.settle(stack["StackId"], 120)["StackStatus"], "DELETE_COMPLETE",
                         self.failures(stack["StackId"]))

    def family(self, stack_id: str) -> list[str]:
        """A stack and those nested in it."""
        found = [stack_id]
        for one in found:
            resources = self.stacks.describe_stack_resources(StackName=one)["StackResources"]
            found += [each["PhysicalResourceId"] for each in resources
                      if each["ResourceType"] == "AWS::CloudFormation::Stack" and each.get("PhysicalResourceId")]
        return found

    def failures(self, stack_id: str) -> list[str]:
        return [f"{one['LogicalResourceId']}: {one.get('ResourceStatusReason')}" for stack in self.family(stack_id)
                for one in self.events(stack) if one["ResourceStatus"].endswith("FAILED")]

    def identities(self, stack: dict) -> dict[tuple, str]:
        """The physical id of everything."""
        return {(of.split("/")[1].split("-")[1:2][0] if of != stack["StackId"] else "", one["LogicalResourceId"]):
                one["PhysicalResourceId"] for of in self.family(stack["StackId"])
                for one in self.stacks.describe_stack_resources(StackName=of)["StackResources"]}

    def outputs(self, stack: dict) -> dict[str, str]:
        return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}


class Combinations(Root):
    region = "eu-west-3"

    def existing_network(self) -> dict[str, str]:
        """A VPC with two public and two private subnets, as an operator may have it."""
        vpc = self.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        gateway = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        routed = {}
        subnets: dict[str, list[str]] = {"public": [], "private": [], "data": []}
        for kind in ("public", "private"):
            routed[kind] = self.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        zones = [one["ZoneName"] for one in self.ec2.describe_availability_zones()["AvailabilityZones"]]
        for third, kind in enumerate(subnets):
            for number in (0, 1):
                subnets[kind].append(self.ec2.create_subnet(
                    VpcId=vpc, CidrBlock=f"10.9.{third}{number}.0/24", AvailabilityZone=zones[number])["Subnet"]["SubnetId"])
                if kind in routed:
                    self.ec2.associate_route_table(RouteTableId=routed[kind], SubnetId=subnets[kind][number])
        self.ec2.create_route(RouteTableId=routed["public"], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        address = self.ec2.allocate_address(Domain="vpc")["AllocationId"]
        nat = self.ec2.create_nat_gateway(SubnetId=subnets["public"][0], AllocationId=address)["NatGateway"]["NatGatewayId"]
        self.ec2.create_route(RouteTableId=routed["private"], DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
        return {"BBBVPC": vpc, "BBBApplicationSubnets": ",".join(subnets["public"]), "BBBNumberOfAZs": "2",
                "BBBPrivateSubnets": ",".join(subnets["private"]), "BBBDatastoreSubnets": ",".join(subnets["data"])}

    def test_every_way_to_deploy_it_works_and_goes(self):
        self.sources()
        zone, existing = self.zone(DOMAIN), self.existing_network()
        key = self.kms.create_key()["KeyMetadata"]["Arn"]
        smtp = self.secretsmanager.create_secret(Name="smtp", SecretString=json.dumps(
            {"username": "u", "password": "p", "endpoint": "smtp", "port": "587"}))["ARN"]
        acl = self.server.client("wafv2", region=self.region).create_web_acl(
            Name="acl", Scope="REGIONAL", DefaultAction={"Allow": {}}, VisibilityConfig={
                "SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "m"})["Summary"]["ARN"]
        combinations = [
            {},
            {"BBBECSInstanceType": "m5.large", "BBBDBInstanceType": "serverless", "BBBNumberOfAZs": "1"},
            {"BBBECSInstanceType": "t3.medium", "BBBFrontendType": "External", **existing},
            {**existing, "BBBDBInstanceType": "db.serverless", "BBBCacheAZMode": "single-az"},
            {"BBBUsePublicApplicationIP": "DISABLED", "BBBECSExecuteCommand": "true", "BBBContainerInsights": "enhanced",
             "BBBKeyArn": key, "BBBWebAclArn": acl, "BBBNatGateways": "per-zone", "BBBInterfaceEndpoints": "true",
             "BBBServerSessionManager": "true", "BBBServerCertificateSecretArn": smtp},
            {"BBBSESValidated": "true", "BBBSmtpSecretArn": smtp, "BBBNumberOfAZs": "2", "BBBKeyArn": "",
             "BBBACMCertArn": "AWS::NoValue", "BBBSesRegion": ""},
        ]
        before = self.everything()
        for number, combination in enumerate(combinations):
            with self.subTest(combination):
                self.remove(self.make(f"meet-{number}", BBBHostedZone=zone, **combination))
        after = self.everything()
        # What the policies keep: recordings, and the last state of database and cache.
        kept = {kind: len(after[kind]) - len(before[kind]) for kind in after if after[kind] != before[kind]}
        self.assertEqual(kept, {"file systems": 6, "cluster snapshots": 6, "snapshots": 6})

    def test_combinations_that_cannot_work_are_refused(self):
        cases = {
            "Workers have no public addresses": {"BBBNatGateways": "none", "BBBECSInstanceType": "m5.large"},
            "Tasks without public addresses": {"BBBNatGateways": "none", "BBBUsePublicApplicationIP": "DISABLED"},
            "are for a new certificate": {
                "BBBACMCertArn": "arn:aws:acm:eu-central-1:123456789012:certificate/x",
                "BBBAdditionalDomainNames": "a.example.org"},
            "set BBBSESValidated to true": {
                "BBBSmtpSecretArn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x-abcdef"},
            "Give both BBBTurnHost and BBBTurnSecretArn": {"BBBTurnHost": "turn.example.org"},
            "Give both BBBBusyFrom and BBBQuietFrom": {"BBBBusyFrom": "30 7 * * MON-FRI"},
            "must be an instance type with x86_64": {"BBBApplicationInstanceType": "m7g.large"},
            "must be fargate, or an instance type": {"BBBECSInstanceType": "t4g.medium"},
        }
        for words, parameters in cases.items():
            with self.subTest(words):
                message = self.refused(
                    "ValidationError", self.stacks.create_stack, StackName="refused", TemplateURL=self.url,
                    Parameters=self.parameters(BBBHostedZone="Z1", **parameters), Capabilities=["CAPABILITY_IAM"])
                self.assertIn(words, message)


class Changes(Root):
    region = "eu-north-1"

    def get(self, balancer: str, path: str, **headers: str) -> int:
        credential = f"AWS4-HMAC-SHA256 Credential=123456789012/20261122/{self.region}/it/aws4_request"
        sent = {"Host": f"{balancer}:443", "Authorization": credential, **headers}
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        connection.request("GET", path, headers=sent)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status

    def test_updates_replace_nothing_that_serves(self):
        self.sources()
        zone = self.zone("changes.example.org")
        kept = {"BBBDomainName": "changes.example.org", "BBBHostedZone": zone}
        stack = self.make("changes", **kept)
        before = self.identities(stack)
        servers = {"BBBApplicationInstanceType": "c5.2xlarge", "BBBInstanceBundle": "0" * 64,
                   "BBBApplicationVersion": "jammy-300-3.0.34"}
        self.change(stack, **kept, **servers)
        self.assertEqual(self.identities(stack), before, "a change of the servers changes how the next is made")
        image = {"BBBScaleliteApiImage": "blindsidenetwks/scalelite:v1.8.6-api"}
        self.change(stack, **kept, **servers, **image)
        after = self.identities(stack)
        self.assertEqual([name for name in before if before[name] != after[name]], [("Scalelite", "ApiTask")])
        # What fails late leaves everything as it was.
        self.change(stack, "UPDATE_ROLLBACK_COMPLETE", **kept, **servers, BBBGreenlightMemory="99999",
                    BBBECSExecuteCommand="true")
        self.assertEqual(self.identities(stack).keys(), after.keys())
        # To workers, without Greenlight, and back to it.
        for more in ({"BBBECSInstanceType": "m5.large"}, {"BBBECSInstanceType": "m5.large", "BBBFrontendType": "External"},
                     {"BBBECSInstanceType": "m5.large"}):
            self.change(stack, **kept, **more)
        self.remove(stack)

    def test_from_workers_to_fargate_once_the_services_were_moved(self):
        with self.subTest("sources"):
            self.stacks.create_stack(StackName="moved", TemplateBody=(TEMPLATES / "sources-bucket.yaml").read_text())
            self.settle("moved")
        kept = {"BBBDomainName": "moved.example.org", "BBBHostedZone": self.zone("moved.example.org"),
                "BBBStackBucketStack": "moved"}
        stack = self.make("moves", **kept, BBBECSInstanceType="m5.large")
        before = self.identities(stack)
        self.change(stack, "UPDATE_ROLLBACK_COMPLETE", **kept)
        self.assertEqual(self.identities(stack), before, "nothing was lost")
        ecs = self.server.client("ecs", region=self.region)
        cluster = self.outputs(stack)["ClusterName"]
        for service in ecs.list_services(cluster=cluster)["serviceArns"]:
            ecs.update_service(cluster=cluster, service=service, forceNewDeployment=True,
                               capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}])
        self.change(stack, **kept)
        after = self.identities(stack)
        self.assertEqual([name for name in after if before.get(name) != after[name]], [], "services and all else stay")
        self.assertIn(("Cluster", "WorkerPool"), before.keys() - after.keys())
        # The other way, with something that fails after the services were moved: the workers can go once these have moved back.
        self.change(stack, "UPDATE_ROLLBACK_FAILED", **kept, BBBECSInstanceType="m5.large", BBBGreenlightMemory="99999")
        self.stacks.continue_update_rollback(StackName=stack["StackId"])
        self.assertEqual(self.settle(stack["StackId"], 120)["StackStatus"], "UPDATE_ROLLBACK_COMPLETE")
        self.assertEqual(self.identities(stack), after)
        self.remove(stack)

    def test_secrets_and_the_management_api(self):
        zone = self.zone("secrets.example.org")
        with self.subTest("sources"):
            self.stacks.create_stack(StackName="others", TemplateBody=(TEMPLATES / "sources-bucket.yaml").read_text())
            self.settle("others")
        stack = self.make("secrets", BBBDomainName="secrets.example.org", BBBHostedZone=zone, BBBStackBucketStack="others")
        found = self.outputs(stack)
        values = [self.secretsmanager.get_secret_value(SecretId=one["ARN"])["SecretString"]
                  for one in self.secretsmanager.list_secrets()["SecretList"] if not one["Name"].startswith("smtp")]
        words = {word for value in values for word in re.findall(r"[A-Za-z0-9@%+=:._-]{24,}", value)}
        self.assertGreater(len(words), 6)
        ecs = self.server.client("ecs", region=self.region)
        definitions = [ecs.describe_task_definition(taskDefinition=one)["taskDefinition"]
                       for one in ecs.list_task_definitions()["taskDefinitionArns"]]
        templates = [self.ec2.describe_launch_template_versions(LaunchTemplateId=one["LaunchTemplateId"])
                     for one in self.ec2.describe_launch_templates()["LaunchTemplates"]]
        shown = json.dumps([definitions, templates, found], default=str)
        self.assertEqual([word for word in words if word in shown], [])
        balancers = self.server.client("elbv2", region=self.region)
        balancer = next(one for one in balancers.describe_load_balancers()["LoadBalancers"]
                        if "secrets-scalelite" in one["LoadBalancerName"])["DNSName"]
        key = self.secretsmanager.get_secret_value(SecretId=found["ManagementSecretArn"])["SecretString"]
        for path in ("/scalelite/api/getServers", "//scalelite/api/getServers", "/scalelite//api/addServer", "/fsapi",
                     "/x/scalelite/api/getServers"):
            self.assertEqual(self.get(balancer, path), 403, path)
        no_targets = 503
        self.assertEqual(self.get(balancer, "/bigbluebutton/api"), no_targets)
        self.assertEqual(self.get(balancer, "/scalelite/api/getServers", **{"x-scalelite-management": key}), no_targets)
        other = ("y" if key.startswith("x") else "x") + key[1:]
        self.assertEqual(self.get(balancer, "/scalelite/api/getServers", **{"x-scalelite-management": other}), 403)
        self.remove(stack)


del Root
if __name__ == "__main__":
    unittest.main()
