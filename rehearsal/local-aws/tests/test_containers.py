"""ECS: what it refuses, and what keeps a service's tasks from running."""

from __future__ import annotations

import copy
import json
import unittest

from support import LocalAwsTest, trust

TASKS = json.loads(trust({"Service": "ecs-tasks.amazonaws.com"}))


def allow(action, resource) -> dict:
    return {"PolicyName": "it", "PolicyDocument": {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": action, "Resource": resource}]}}


def ref(name: str) -> dict:
    return {"Ref": name}


def attribute(name: str, of: str) -> dict:
    return {"Fn::GetAtt": [name, of]}


def resource(kind: str, **properties) -> dict:
    return {"Type": kind, "Properties": properties}


def world() -> dict:
    """A stack with a service of everything: secret, log, shared files, load balancer, public subnets."""
    container = {
        "Name": "web", "Image": "docker.io/library/nginx:1", "PortMappings": [{"ContainerPort": 80}],
        "Secrets": [{"Name": "PASSWORD", "ValueFrom": {"Fn::Sub": "${Secret}:password::"}}],
        "MountPoints": [{"SourceVolume": "files", "ContainerPath": "/files"}],
        "LogConfiguration": {"LogDriver": "awslogs", "Options": {
            "awslogs-group": ref("Log"), "awslogs-region": ref("AWS::Region"), "awslogs-stream-prefix": "web"}},
    }
    rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80}
    resources = {
        "Vpc": resource("AWS::EC2::VPC", CidrBlock="10.77.0.0/16"),
        "Gateway": resource("AWS::EC2::InternetGateway"),
        "Attachment": resource("AWS::EC2::VPCGatewayAttachment", VpcId=ref("Vpc"), InternetGatewayId=ref("Gateway")),
        "Table": resource("AWS::EC2::RouteTable", VpcId=ref("Vpc")),
        "Route": {"DependsOn": "Attachment", **resource(
            "AWS::EC2::Route", RouteTableId=ref("Table"), DestinationCidrBlock="0.0.0.0/0", GatewayId=ref("Gateway"))},
        "BalancerGroup": resource("AWS::EC2::SecurityGroup", GroupDescription="balancer", VpcId=ref("Vpc")),
        "TaskGroup": resource("AWS::EC2::SecurityGroup", GroupDescription="tasks", VpcId=ref("Vpc"), SecurityGroupIngress=[
            {**rule, "SourceSecurityGroupId": ref("BalancerGroup")}]),
        "FileGroup": resource("AWS::EC2::SecurityGroup", GroupDescription="files", VpcId=ref("Vpc"), SecurityGroupIngress=[
            {"IpProtocol": "tcp", "FromPort": 2049, "ToPort": 2049, "SourceSecurityGroupId": ref("TaskGroup")}]),
        "Secret": resource("AWS::SecretsManager::Secret", SecretString='{"password": "x"}'),
        "Log": resource("AWS::Logs::LogGroup"),
        "Files": resource("AWS::EFS::FileSystem", Encrypted=True, FileSystemPolicy={
            "Version": "2012-10-17", "Statement": [{
                "Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "*",
                "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}),
        "Point": resource("AWS::EFS::AccessPoint", FileSystemId=ref("Files")),
        "Execution": resource("AWS::IAM::Role", AssumeRolePolicyDocument=TASKS, Policies=[
            {**allow("secretsmanager:GetSecretValue", ref("Secret")), "PolicyName": "secret"},
            {**allow(["logs:CreateLogStream", "logs:PutLogEvents"], attribute("Log", "Arn")), "PolicyName": "log"}]),
        "Role": resource("AWS::IAM::Role", AssumeRolePolicyDocument=TASKS, Policies=[
            {"PolicyName": "files", "PolicyDocument": {"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Action": ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
                "Resource": attribute("Files", "Arn"),
                "Condition": {"StringEquals": {"elasticfilesystem:AccessPointArn": attribute("Point", "Arn")}}}]}}]),
        "Cluster": resource("AWS::ECS::Cluster"),
        "Capacity": resource("AWS::ECS::ClusterCapacityProviderAssociations", Cluster=ref("Cluster"),
                             CapacityProviders=["FARGATE"],
                             DefaultCapacityProviderStrategy=[{"CapacityProvider": "FARGATE", "Weight": "1"}]),
        "Balancer": {"DependsOn": "Attachment", **resource(
            "AWS::ElasticLoadBalancingV2::LoadBalancer", Subnets=[ref("Subnet0"), ref("Subnet1")],
            SecurityGroups=[ref("BalancerGroup")])},
        "Targets": resource("AWS::ElasticLoadBalancingV2::TargetGroup", VpcId=ref("Vpc"), TargetType="ip", Port=80,
                            Protocol="HTTP"),
        "Listener": resource("AWS::ElasticLoadBalancingV2::Listener", LoadBalancerArn=ref("Balancer"), Port=80,
                             Protocol="HTTP", DefaultActions=[{"Type": "forward", "TargetGroupArn": ref("Targets")}]),
        "Task": resource(
            "AWS::ECS::TaskDefinition", NetworkMode="awsvpc", RequiresCompatibilities=["FARGATE"], Cpu="256", Memory="512",
            ExecutionRoleArn=attribute("Execution", "Arn"), TaskRoleArn=attribute("Role", "Arn"),
            Volumes=[{"Name": "files", "EFSVolumeConfiguration": {
                "FilesystemId": ref("Files"), "TransitEncryption": "ENABLED",
                "AuthorizationConfig": {"AccessPointId": ref("Point"), "IAM": "ENABLED"}}}],
            ContainerDefinitions=[container]),
        "Service": {"DependsOn": ["Listener", "Capacity", "Route", "Target0", "Target1"], **resource(
            "AWS::ECS::Service", Cluster=ref("Cluster"), TaskDefinition=ref("Task"), EnableExecuteCommand=True,
            CapacityProviderStrategy=[{"CapacityProvider": "FARGATE", "Weight": 1}], AvailabilityZoneRebalancing="DISABLED",
            LoadBalancers=[{"ContainerName": "web", "ContainerPort": 80, "TargetGroupArn": ref("Targets")}],
            DeploymentConfiguration={"DeploymentCircuitBreaker": {"Enable": True, "Rollback": True}},
            NetworkConfiguration={"AwsvpcConfiguration": {
                "AssignPublicIp": "ENABLED", "SecurityGroups": [ref("TaskGroup")],
                "Subnets": [ref("Subnet0"), ref("Subnet1")]}})},
    }
    for number in (0, 1):
        resources[f"Subnet{number}"] = resource(
            "AWS::EC2::Subnet", VpcId=ref("Vpc"), CidrBlock=f"10.77.{number}.0/24",
            AvailabilityZone={"Fn::Select": [number, {"Fn::GetAZs": ""}]})
        resources[f"Association{number}"] = resource(
            "AWS::EC2::SubnetRouteTableAssociation", SubnetId=ref(f"Subnet{number}"), RouteTableId=ref("Table"))
        resources[f"Target{number}"] = resource(
            "AWS::EFS::MountTarget", FileSystemId=ref("Files"), SubnetId=ref(f"Subnet{number}"),
            SecurityGroups=[ref("FileGroup")])
        resources["Service"]["DependsOn"].append(f"Association{number}")
    return {"Resources": resources, "Outputs": {name: {"Value": ref(name)} for name in ("Cluster", "Service", "Task")}}


class Containers(LocalAwsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ecs = cls.server.client("ecs")

    def service(self, stack: dict) -> dict:
        found = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
        return self.ecs.describe_services(cluster=found["Cluster"], services=[found["Service"]])["services"][0]

    def test_a_service_of_everything_runs_is_updated_and_goes(self):
        template = world()
        stack = self.create(template)
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE", self.problems(stack))
        service = self.service(stack)
        self.assertEqual((service["runningCount"], service["enableExecuteCommand"], service["availabilityZoneRebalancing"]),
                         (1, True, "DISABLED"))
        self.assertEqual(service["capacityProviderStrategy"], [{"capacityProvider": "FARGATE", "weight": 1}])
        before = service["taskDefinition"]
        template["Resources"]["Task"]["Properties"]["Memory"] = "1024"
        template["Resources"]["Cluster"]["Properties"]["ClusterSettings"] = [
            {"Name": "containerInsights", "Value": "enabled"}]
        stack = self.update(stack, template)
        self.assertEqual(stack["StackStatus"], "UPDATE_COMPLETE", self.problems(stack))
        self.assertNotEqual(self.service(stack)["taskDefinition"], before)
        self.assertEqual(self.ecs.describe_task_definition(taskDefinition=before)["taskDefinition"]["status"], "INACTIVE")
        self.assertEqual(self.delete(stack)["StackStatus"], "DELETE_COMPLETE")

    def problems(self, stack: dict) -> list:
        return [one["ResourceStatusReason"] for one in self.events(stack["StackId"])
                if one["ResourceStatus"].endswith("FAILED")]

    def fails(self, logical_id: str, words: str, change) -> None:
        template = copy.deepcopy(world())
        change({name: one["Properties"] for name, one in template["Resources"].items()})
        stack = self.create(template)
        self.assertEqual(stack["StackStatus"], "ROLLBACK_COMPLETE")
        self.assertIn(words, self.reason(stack["StackId"], logical_id, "CREATE_FAILED"))

    def test_tasks_that_could_not_start_fail_their_service(self):
        def container(one):
            return one["Task"]["ContainerDefinitions"][0]

        def private(one):
            one["Service"]["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] = "DISABLED"

        def alone(one):
            one["TaskGroup"]["SecurityGroupIngress"] = []

        cases = [
            ("AccessDeniedException", lambda one: one["Execution"]["Policies"].pop(0)),
            ("did not contain json key password", lambda one: one["Secret"].update(SecretString='{"pass": "x"}')),
            ("not authorized to perform logs:CreateLogStream", lambda one: one["Execution"]["Policies"].pop(1)),
            ("log group does not exist", lambda one: container(one)["LogConfiguration"]["Options"].update(
                {"awslogs-group": "none"})),
            ("access denied by server while mounting", lambda one: one["Role"].pop("Policies")),
            ("no mount target", lambda one: one["FileGroup"].pop("SecurityGroupIngress")),
            ("unable to assume the role", lambda one: one["Role"].update(
                AssumeRolePolicyDocument=json.loads(trust({"Service": "ec2.amazonaws.com"})))),
            ("no way to the internet", private),
            ("cannot be reached from the load balancer", alone),
            ("let no task connect to port 443", lambda one: one["TaskGroup"].update(SecurityGroupEgress=[
                {"IpProtocol": "tcp", "FromPort": 2049, "ToPort": 2049, "CidrIp": "10.77.0.0/16"}])),
        ]
        for words, change in cases:
            with self.subTest(words):
                self.fails("Service", words, change)

    def test_services_that_ecs_refuses(self):
        def network(one):
            return one["Service"]["NetworkConfiguration"]["AwsvpcConfiguration"]

        cases = [
            ("is not associated with the cluster",
             lambda one: one["Service"].update(CapacityProviderStrategy=[{"CapacityProvider": "FARGATE_SPOT", "Weight": 1}])),
            ("Network Configuration must be provided", lambda one: one["Service"].pop("NetworkConfiguration")),
            ("does not exist in the task definition", lambda one: one["Service"]["LoadBalancers"][0].update(
                ContainerName="other")),
            ("did not have a container port", lambda one: one["Service"]["LoadBalancers"][0].update(ContainerPort=81)),
            ("does not have an associated load balancer", lambda one: one["Listener"].update(DefaultActions=[
                {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}])),
            ("has target type instance", lambda one: one["Targets"].update(TargetType="instance")),
            ("Error retrieving subnet information", lambda one: network(one).update(Subnets=["subnet-0123456789abcdef0"])),
            ("valid taskRoleArn", lambda one: one["Task"].pop("TaskRoleArn")),
            ("needs a maximumPercent of more than 100", lambda one: one["Service"].update(
                AvailabilityZoneRebalancing="ENABLED",
                DeploymentConfiguration={"MaximumPercent": 100, "MinimumHealthyPercent": 0})),
        ]
        for words, change in cases:
            with self.subTest(words):
                self.fails("Service", words, change)

    def test_an_update_that_could_not_run_is_rolled_back_and_the_service_stays(self):
        template = world()
        stack = self.create(template)
        before = self.service(stack)["taskDefinition"]
        template["Resources"]["Task"]["Properties"]["ContainerDefinitions"][0]["Secrets"][0]["ValueFrom"] = {
            "Fn::Sub": "${Secret}:other::"}
        stack = self.update(stack, template)
        self.assertEqual(stack["StackStatus"], "UPDATE_ROLLBACK_COMPLETE")
        self.assertIn("Deployment Circuit Breaker", self.reason(stack["StackId"], "Service", "UPDATE_FAILED"))
        self.assertEqual(self.service(stack)["taskDefinition"], before)

    def test_task_definitions_that_ecs_refuses(self):
        def register(**changes):
            container = {"name": "a", "image": "i", **changes.pop("container", {})}
            request = {"family": "it", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256",
                       "memory": "512", "containerDefinitions": [container, *changes.pop("more", [])], **changes}
            self.ecs.register_task_definition(**request)

        register()
        role = f"arn:aws:iam::{self.server.client('sts').get_caller_identity()['Account']}:role/it"
        waits = {"dependsOn": [{"containerName": "b", "condition": "SUCCESS"}]}
        cases = {
            "No Fargate configuration": {"memory": "4096"},
            "network mode 'awsvpc'": {"networkMode": "bridge"},
            "must be marked as essential": {"container": {"essential": False}},
            "Unknown container": {"container": waits},
            "cannot be a dependency": {"container": waits, "more": [{"name": "b", "image": "i", "essential": True}]},
            "circular": {"container": waits, "more": [
                {"name": "b", "image": "i", "essential": False,
                 "dependsOn": [{"containerName": "a", "condition": "START"}]}]},
            "must have a health check": {
                "container": {"dependsOn": [{"containerName": "b", "condition": "HEALTHY"}]},
                "more": [{"name": "b", "image": "i"}]},
            "Unknown volume": {"container": {"mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}]}},
            "'executionRoleArn'": {"container": {"secrets": [{"name": "A", "valueFrom": "arn:aws:secretsmanager:x"}]}},
            "must be unique and not shared": {
                "executionRoleArn": role, "container": {
                    "secrets": [{"name": "A", "valueFrom": "x"}], "environment": [{"name": "A", "value": "1"}]}},
            "must begin with CMD": {"container": {"healthCheck": {"command": ["exit 0"]}}},
            "health check startPeriod": {"container": {"healthCheck": {"command": ["CMD", "true"], "startPeriod": 301}}},
            "host ports and container ports": {"container": {"portMappings": [{"containerPort": 80, "hostPort": 81}]}},
            "extraHosts are not supported": {
                "container": {"extraHosts": [{"hostname": "h", "ipAddress": "127.0.0.1"}]}},
            "at most 120 seconds": {"container": {"stopTimeout": 121}},
            "transit encryption must be enabled": {"volumes": [{"name": "v", "efsVolumeConfiguration": {
                "fileSystemId": "fs-1", "authorizationConfig": {"accessPointId": "fsap-1"}}}]},
            "Container names must be unique": {"more": [{"name": "a", "image": "i"}]},
        }
        for words, changes in cases.items():
            with self.subTest(words):
                self.assertIn(words, self.refused("ClientException", register, **changes))

    def test_capacity_of_instances(self):
        template = {
            "Resources": {
                "Launch": resource("AWS::EC2::LaunchTemplate", LaunchTemplateData={"InstanceType": "m5.large"}),
                "Group": resource("AWS::AutoScaling::AutoScalingGroup", MinSize="0", MaxSize="1",
                                  AvailabilityZones=["eu-central-1a"], LaunchTemplate={
                                      "LaunchTemplateId": ref("Launch"),
                                      "Version": attribute("Launch", "LatestVersionNumber")}),
                "Provider": resource("AWS::ECS::CapacityProvider", AutoScalingGroupProvider={
                    "AutoScalingGroupArn": ref("Group"), "ManagedScaling": {"Status": "ENABLED", "TargetCapacity": "80"}}),
                "Cluster": resource("AWS::ECS::Cluster"),
                "Capacity": resource("AWS::ECS::ClusterCapacityProviderAssociations", Cluster=ref("Cluster"),
                                     CapacityProviders=["FARGATE", ref("Provider")], DefaultCapacityProviderStrategy=[
                                         {"CapacityProvider": ref("Provider"), "Weight": 1}])},
            "Outputs": {name: {"Value": ref(name)} for name in ("Provider", "Cluster")}}
        stack = self.create(template)
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE", self.problems(stack))
        found = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
        provider = self.ecs.describe_capacity_providers(capacityProviders=[found["Provider"]])["capacityProviders"][0]
        self.assertEqual(provider["autoScalingGroupProvider"]["managedScaling"]["targetCapacity"], 80)
        self.refused("ResourceInUseException", self.ecs.delete_capacity_provider, capacityProvider=found["Provider"])
        self.refused("InvalidParameterException", self.ecs.put_cluster_capacity_providers, cluster=found["Cluster"],
                     capacityProviders=["none"], defaultCapacityProviderStrategy=[])
        mixed = [{"capacityProvider": name, "weight": 1} for name in ("FARGATE", found["Provider"])]
        self.refused("InvalidParameterException", self.ecs.put_cluster_capacity_providers, cluster=found["Cluster"],
                     capacityProviders=["FARGATE", found["Provider"]], defaultCapacityProviderStrategy=mixed)
        template["Resources"]["Provider"]["Properties"]["AutoScalingGroupProvider"]["ManagedTerminationProtection"] = "ENABLED"
        self.refused("ClientException", self.ecs.create_capacity_provider, name="ecs-workers", autoScalingGroupProvider={
            "autoScalingGroupArn": "arn:aws:autoscaling:eu-central-1:123456789012:autoScalingGroup:1:autoScalingGroupName/no"})
        self.assertEqual(self.delete(stack)["StackStatus"], "DELETE_COMPLETE")
        gone = self.ecs.describe_capacity_providers(capacityProviders=[found["Provider"]])["capacityProviders"]
        self.assertEqual(gone, [])


class Scaling(LocalAwsTest):
    """Application Auto Scaling."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ecs = cls.server.client("ecs")
        cls.scaling = cls.server.client("application-autoscaling")

    def test_services_are_held_within_their_limits(self):
        template = world()
        template["Resources"]["Target"] = resource(
            "AWS::ApplicationAutoScaling::ScalableTarget", ServiceNamespace="ecs",
            ScalableDimension="ecs:service:DesiredCount", MinCapacity="2", MaxCapacity=4,
            ResourceId={"Fn::Sub": "service/${Cluster}/${Service.Name}"})
        template["Resources"]["Policy"] = resource(
            "AWS::ApplicationAutoScaling::ScalingPolicy", PolicyName="processor", PolicyType="TargetTrackingScaling",
            ScalingTargetId=ref("Target"), TargetTrackingScalingPolicyConfiguration={
                "TargetValue": 60,
                "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}})
        stack = self.create(template)
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE")
        found = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
        count = lambda: self.ecs.describe_services(  # noqa: E731
            cluster=found["Cluster"], services=[found["Service"]])["services"][0]["desiredCount"]
        self.assertEqual(count(), 2)
        name = "service/" + found["Service"].partition(":service/")[2]
        targets = lambda: self.scaling.describe_scalable_targets(  # noqa: E731
            ServiceNamespace="ecs", ResourceIds=[name])["ScalableTargets"]
        self.assertEqual([(one["MinCapacity"], one["MaxCapacity"]) for one in targets()], [(2, 4)])
        policy = self.scaling.describe_scaling_policies(ServiceNamespace="ecs", ResourceId=name)["ScalingPolicies"][0]
        self.assertEqual(policy["PolicyName"], "processor")
        # Neither an update of something else nor one of the service sets the number back.
        template["Resources"]["Task"]["Properties"]["Memory"] = "1024"
        self.assertEqual((self.update(stack, template)["StackStatus"], count()), ("UPDATE_COMPLETE", 2))
        template["Resources"]["Target"]["Properties"]["MinCapacity"] = 3
        self.assertEqual((self.update(stack, template)["StackStatus"], count()), ("UPDATE_COMPLETE", 3))
        self.assertEqual(self.delete(stack)["StackStatus"], "DELETE_COMPLETE")
        self.assertEqual(targets(), [])

    def test_what_it_refuses(self):
        names = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount", "ResourceId": "service/none/none"}
        register = lambda: self.scaling.register_scalable_target(MinCapacity=1, MaxCapacity=2, **names)  # noqa: E731
        self.assertIn("ECS service doesn't exist", self.refused("ValidationException", register))
        self.refused("ObjectNotFoundException", self.scaling.deregister_scalable_target, **names)
        self.refused("ObjectNotFoundException", self.scaling.put_scaling_policy, PolicyName="p",
                     PolicyType="TargetTrackingScaling", **names)

    def test_iam_decides_who_may_ask(self):
        role = self.role({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "application-autoscaling:DescribeScalingPolicies", "Resource": "*"}},
            trust({"AWS": "arn:aws:iam::123456789012:root"}))
        session = self.server.client("sts").assume_role(RoleArn=role, RoleSessionName="it")["Credentials"]
        client = self.server.client("application-autoscaling", session)
        client.describe_scaling_policies(ServiceNamespace="ecs")
        self.refused("AccessDeniedException", client.describe_scalable_targets, ServiceNamespace="ecs")


if __name__ == "__main__":
    unittest.main()
