"""What machines are to be had, and the roles of services."""

from __future__ import annotations

from support import LocalAwsTest


class Offerings(LocalAwsTest):
    def test_a_type_is_as_large_as_its_name_says(self):
        ec2 = self.server.client("ec2")
        kinds = {one["InstanceType"]: one for one in ec2.describe_instance_types(
            InstanceTypes=["t3a.xlarge", "c5.2xlarge"])["InstanceTypes"]}
        self.assertEqual(kinds["t3a.xlarge"]["VCpuInfo"]["DefaultVCpus"], 4)
        self.assertEqual(kinds["c5.2xlarge"]["MemoryInfo"]["SizeInMiB"], 16384)
        self.refused("InvalidInstanceType", ec2.describe_instance_types, InstanceTypes=["c5.huge"])

    def test_every_zone_has_every_type(self):
        ec2 = self.server.client("ec2")
        zones = {one["ZoneName"] for one in ec2.describe_availability_zones()["AvailabilityZones"]}
        offered = ec2.describe_instance_type_offerings(
            LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": ["c5.2xlarge"]}])
        self.assertEqual({one["Location"] for one in offered["InstanceTypeOfferings"]}, zones)
        none = ec2.describe_instance_type_offerings(
            LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": ["c5.huge"]}])
        self.assertEqual(none["InstanceTypeOfferings"], [])

    def test_the_database_comes_on_classes_that_there_are(self):
        rds = self.server.client("rds")

        def options(name):
            return rds.describe_orderable_db_instance_options(
                Engine="aurora-postgresql", EngineVersion="17.7", DBInstanceClass=name)["OrderableDBInstanceOptions"]

        self.assertEqual(len(options("db.serverless")[0]["AvailabilityZones"]), 3)
        self.assertEqual(len(options("db.r8g.large")), 1)
        self.assertEqual(options("db.t3.huge"), [])


class ServiceRoles(LocalAwsTest):
    def test_a_services_role_has_its_name_and_is_made_once(self):
        iam = self.server.client("iam")
        for service, name in (("ecs.amazonaws.com", "AWSServiceRoleForECS"),
                              ("ecs.application-autoscaling.amazonaws.com",
                               "AWSServiceRoleForApplicationAutoScaling_ECSService")):
            made = iam.create_service_linked_role(AWSServiceName=service)["Role"]
            self.assertEqual(made["RoleName"], name)
            self.assertTrue(iam.get_role(RoleName=name)["Role"]["Arn"].endswith(f"/aws-service-role/{service}/{name}"))
            self.refused("InvalidInput", iam.create_service_linked_role, AWSServiceName=service)
