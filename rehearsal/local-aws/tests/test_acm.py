"""ACM's certificates and their validation."""

from __future__ import annotations

import time
import unittest
import uuid

from support import ACCOUNT, LocalAwsTest


class Acm(LocalAwsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.acm = cls.server.client("acm")
        cls.route53 = cls.server.client("route53")

    def domain(self) -> str:
        return f"d{uuid.uuid4().hex[:8]}.example.com"

    def zone(self, name: str, private: bool = False) -> str:
        more = {"VPC": {"VPCRegion": "eu-central-1", "VPCId": "vpc-12345678"}} if private else {}
        return self.route53.create_hosted_zone(Name=name, CallerReference=uuid.uuid4().hex, **more)["HostedZone"]["Id"]

    def request(self, domain: str, **more) -> str:
        return self.acm.request_certificate(DomainName=domain, ValidationMethod="DNS", **more)["CertificateArn"]

    def describe(self, arn: str) -> dict:
        return self.acm.describe_certificate(CertificateArn=arn)["Certificate"]

    def records(self, arn: str) -> list[dict]:
        def complete():
            found = [one.get("ResourceRecord") for one in self.describe(arn)["DomainValidationOptions"]]
            return found if all(found) else None
        return self.eventually(complete)

    def write(self, zone: str, records: list[dict], action: str = "UPSERT") -> None:
        unique = {one["Name"]: one for one in records}.values()
        self.route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [
            {"Action": action, "ResourceRecordSet": {"Name": one["Name"], "Type": one["Type"], "TTL": 60,
                                                     "ResourceRecords": [{"Value": one["Value"]}]}} for one in unique]})

    def issued(self, arn: str) -> bool:
        return self.describe(arn)["Status"] == "ISSUED"

    def test_a_new_certificate_is_pending_and_shows_its_record_only_after_a_moment(self):
        arn = self.request(self.domain())
        found = self.describe(arn)
        self.assertEqual(found["Status"], "PENDING_VALIDATION")
        self.assertNotIn("ResourceRecord", found["DomainValidationOptions"][0])
        self.assertNotIn("NotAfter", found)
        self.refused("RequestInProgressException", self.acm.get_certificate, CertificateArn=arn)
        self.records(arn)

    def test_apex_and_wildcard_share_a_record_that_every_certificate_of_the_account_has(self):
        domain = self.domain()
        first = self.records(self.request(domain, SubjectAlternativeNames=["*." + domain, "www." + domain]))
        self.assertEqual(first[0], first[1])
        self.assertNotEqual(first[0], first[2])
        self.assertRegex(first[0]["Name"], r"^_[0-9a-f]{32}\." + domain + r"\.$")
        self.assertRegex(first[0]["Value"], r"^_[0-9a-f]{32}\.[a-z]{10}\.acm-validations\.aws\.$")
        self.assertEqual(self.records(self.request(domain)), first[:1])
        other = self.server.client("acm", {"AccessKeyId": "210987654321", "SecretAccessKey": "test"})
        arn = other.request_certificate(DomainName=domain, ValidationMethod="DNS")["CertificateArn"]
        time.sleep(0.4)
        theirs = other.describe_certificate(CertificateArn=arn)["Certificate"]["DomainValidationOptions"][0]
        self.assertNotEqual(theirs["ResourceRecord"], first[0])

    def test_it_is_issued_when_every_record_stands_in_a_public_zone_and_stays_issued(self):
        domain = self.domain()
        public, private = self.zone(domain), self.zone(domain, private=True)
        arn = self.request(domain, SubjectAlternativeNames=["www." + domain])
        records = self.records(arn)
        self.write(private, records)
        self.write(public, records[:1])
        time.sleep(1)
        self.assertFalse(self.issued(arn))
        time.sleep(0.6)
        self.assertFalse(self.issued(arn))
        self.write(public, records[1:])
        self.assertFalse(self.issued(arn), "a record is not believed the moment it is written")
        self.eventually(lambda: self.issued(arn))
        self.write(public, records, "DELETE")
        self.assertTrue(self.issued(arn))

    def test_a_record_that_is_taken_away_again_does_not_count(self):
        domain = self.domain()
        zone, arn = self.zone(domain), self.request(domain)
        records = self.records(arn)
        self.write(zone, records)
        self.assertFalse(self.issued(arn))
        self.write(zone, records, "DELETE")
        self.assertFalse(self.issued(arn))
        time.sleep(0.6)
        self.assertFalse(self.issued(arn))

    def test_the_idempotency_token_holds_for_equal_parameters(self):
        domain = self.domain()
        arn = self.request(domain, IdempotencyToken="token")
        self.assertEqual(self.request(domain, IdempotencyToken="token"), arn)
        self.assertNotEqual(self.request(domain, IdempotencyToken="other"), arn)
        self.assertNotEqual(self.request(domain, IdempotencyToken="token", SubjectAlternativeNames=["a." + domain]), arn)
        self.acm.delete_certificate(CertificateArn=arn)
        self.assertNotEqual(self.request(domain, IdempotencyToken="token"), arn)

    def test_input_is_validated(self):
        request = self.acm.request_certificate
        for bad in ("no_underscore.example.com", "-a.example.com", "example", "a..example.com", "*.*.example.com"):
            self.refused("ValidationException", request, DomainName=bad)
        self.refused("ValidationException", request, DomainName="example.com", IdempotencyToken="not-a-word")
        self.refused("ValidationException", request, DomainName="example.com", IdempotencyToken="x" * 33)
        names = [f"n{number}.example.com" for number in range(10)]
        self.refused("LimitExceededException", request, DomainName="example.com", SubjectAlternativeNames=names)
        bad_arn = "arn:aws:acm:x:not-a-number:certificate/x"
        self.refused("ValidationException", self.acm.describe_certificate, CertificateArn=bad_arn)

    def test_without_a_method_it_is_email_and_has_no_record(self):
        arn = self.acm.request_certificate(DomainName=self.domain())["CertificateArn"]
        time.sleep(0.4)
        option = self.describe(arn)["DomainValidationOptions"][0]
        self.assertEqual(option["ValidationMethod"], "EMAIL")
        self.assertNotIn("ResourceRecord", option)

    def test_an_unknown_certificate_is_not_found_and_regions_are_separate(self):
        arn = self.request(self.domain())
        self.acm.delete_certificate(CertificateArn=arn)
        self.refused("ResourceNotFoundException", self.acm.describe_certificate, CertificateArn=arn)
        self.refused("ResourceNotFoundException", self.acm.delete_certificate, CertificateArn=arn)
        virginia = self.server.client("acm", region="us-east-1")
        there = virginia.request_certificate(DomainName=self.domain(), ValidationMethod="DNS")["CertificateArn"]
        self.assertTrue(there.startswith(f"arn:aws:acm:us-east-1:{ACCOUNT}:"))
        self.refused("ResourceNotFoundException", self.acm.describe_certificate, CertificateArn=there)
        listed = [one["CertificateArn"] for one in self.acm.list_certificates()["CertificateSummaryList"]]
        self.assertNotIn(there, listed)

    def test_a_certificate_in_use_is_not_deleted(self):
        ec2, elb = self.server.client("ec2"), self.server.client("elbv2")
        subnets = [one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]][:2]
        balancer = elb.create_load_balancer(Name="in-use", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
        domain = self.domain()
        zone, arn = self.zone(domain), self.request(domain)
        self.write(zone, self.records(arn))
        self.eventually(lambda: self.issued(arn))
        listener = elb.create_listener(
            LoadBalancerArn=balancer, Protocol="HTTPS", Port=443, Certificates=[{"CertificateArn": arn}],
            DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}],
        )["Listeners"][0]["ListenerArn"]
        self.assertEqual(self.describe(arn)["InUseBy"], [balancer])
        self.refused("ResourceInUseException", self.acm.delete_certificate, CertificateArn=arn)
        elb.delete_listener(ListenerArn=listener)
        self.acm.delete_certificate(CertificateArn=arn)

    def test_tags_and_options(self):
        arn = self.request(self.domain(), Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
        self.acm.add_tags_to_certificate(CertificateArn=arn, Tags=[{"Key": "c", "Value": "3"}])
        self.acm.remove_tags_from_certificate(
            CertificateArn=arn, Tags=[{"Key": "a"}, {"Key": "b", "Value": "another"}])
        tags = self.acm.list_tags_for_certificate(CertificateArn=arn)["Tags"]
        self.assertEqual({one["Key"]: one["Value"] for one in tags}, {"b": "2", "c": "3"})
        self.refused("InvalidTagException", self.acm.add_tags_to_certificate, CertificateArn=arn,
                     Tags=[{"Key": "aws:x", "Value": "y"}])
        self.acm.update_certificate_options(
            CertificateArn=arn, Options={"CertificateTransparencyLoggingPreference": "DISABLED"})
        self.assertEqual(self.describe(arn)["Options"]["CertificateTransparencyLoggingPreference"], "DISABLED")

    def test_listing_pages_and_shows_rsa_unless_asked(self):
        client = self.server.client("acm", region="eu-west-3")
        made = [client.request_certificate(DomainName=self.domain(), ValidationMethod="DNS")["CertificateArn"]
                for _ in range(3)]
        ec = client.request_certificate(
            DomainName=self.domain(), ValidationMethod="DNS", KeyAlgorithm="EC_prime256v1")["CertificateArn"]
        first = client.list_certificates(MaxItems=2)
        second = client.list_certificates(MaxItems=2, NextToken=first["NextToken"])
        listed = [one["CertificateArn"] for one in first["CertificateSummaryList"] + second["CertificateSummaryList"]]
        self.assertEqual(sorted(listed), sorted(made))
        self.assertNotIn("NextToken", second)
        only = client.list_certificates(Includes={"keyTypes": ["EC_prime256v1"]})["CertificateSummaryList"]
        self.assertEqual([one["CertificateArn"] for one in only], [ec])
        self.assertEqual(client.list_certificates(CertificateStatuses=["ISSUED"])["CertificateSummaryList"], [])

    def test_a_stack_writes_the_records_itself(self):
        domain = self.domain()
        zone = self.zone(domain).split("/")[-1]
        template = {"Resources": {"Certificate": {"Type": "AWS::CertificateManager::Certificate", "Properties": {
            "DomainName": domain, "ValidationMethod": "DNS",
            "DomainValidationOptions": [{"DomainName": domain, "HostedZoneId": zone}]}}},
            "Outputs": {"Arn": {"Value": {"Ref": "Certificate"}}}}
        stack = self.create(template)
        self.assertTrue(self.issued(stack["Outputs"][0]["OutputValue"]))
        self.assertEqual(self.delete(stack)["StackStatus"], "DELETE_COMPLETE")


if __name__ == "__main__":
    unittest.main()
