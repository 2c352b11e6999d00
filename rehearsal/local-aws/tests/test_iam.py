"""IAM's evaluation of what the functions of this project do."""

from __future__ import annotations

import json
import unittest
import uuid

from support import ACCOUNT, LocalAwsTest, trust

DENIED = "AccessDeniedException"


class Iam(LocalAwsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sts = cls.server.client("sts")
        cls.user = cls.iam.create_user(UserName="caller")["User"]["Arn"]
        cls.iam.put_user_policy(UserName="caller", PolicyName="it", PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}}))
        key = cls.iam.create_access_key(UserName="caller")["AccessKey"]
        cls.key = {"AccessKeyId": key["AccessKeyId"], "SecretAccessKey": key["SecretAccessKey"]}

    def with_policy(self, *statements: dict) -> dict:
        """The credentials of a session of a role that has these statements and no other."""
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", **one} for one in statements]}
        role = self.role(policy, trust({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}))
        return self.sts.assume_role(RoleArn=role, RoleSessionName="it")["Credentials"]

    def zone(self) -> str:
        return self.server.client("route53").create_hosted_zone(
            Name="iam.test", CallerReference=uuid.uuid4().hex)["HostedZone"]["Id"].split("/")[-1]

    def change(self, client, zone: str, *records: tuple[str, str, str]):
        return client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [
            {"Action": action, "ResourceRecordSet": {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [
                {"Value": '"t"' if kind == "TXT" else "target.test"}]}} for action, name, kind in records]})

    def test_wrong_and_unknown_credentials_are_refused(self):
        wrong = self.server.client("iam", {**self.key, "SecretAccessKey": "wrong"})
        self.refused("SignatureDoesNotMatch", wrong.list_roles)
        session = self.with_policy({"Action": "*"})
        stale = self.server.client("iam", {**session, "SessionToken": "another"})
        self.refused("InvalidClientTokenId", stale.list_roles)
        unknown = self.server.client("sts", {"AccessKeyId": "AKIAUNKNOWN000000000", "SecretAccessKey": "x"})
        self.refused("InvalidClientTokenId", unknown.get_caller_identity)
        self.assertEqual(self.sts.get_caller_identity()["Arn"], f"arn:aws:iam::{ACCOUNT}:root")

    def test_acm_is_held_to_actions_and_certificates(self):
        admin = self.server.client("acm")
        mine = admin.request_certificate(DomainName="mine.test", ValidationMethod="DNS")["CertificateArn"]
        other = admin.request_certificate(DomainName="other.test", ValidationMethod="DNS")["CertificateArn"]
        acm = self.server.client("acm", self.with_policy(
            {"Action": ["acm:DescribeCertificate", "acm:DeleteCertificate"], "Resource": mine},
            {"Action": "acm:RequestCertificate", "Condition": {
                "ForAllValues:StringLike": {"acm:DomainNames": ["*.allowed.test"]},
                "StringEquals": {"acm:ValidationMethod": "DNS"}}},
        ))
        acm.describe_certificate(CertificateArn=mine)
        self.refused(DENIED, acm.describe_certificate, CertificateArn=other)
        self.refused(DENIED, acm.delete_certificate, CertificateArn=other)
        self.refused(DENIED, acm.list_certificates)
        self.refused(DENIED, acm.add_tags_to_certificate, CertificateArn=mine, Tags=[{"Key": "a"}])
        acm.request_certificate(DomainName="a.allowed.test", ValidationMethod="DNS")
        self.refused(DENIED, acm.request_certificate, DomainName="a.allowed.test")
        self.refused(DENIED, acm.request_certificate, DomainName="a.allowed.test", ValidationMethod="DNS",
                     SubjectAlternativeNames=["elsewhere.test"])

    def test_route53_is_held_to_zones_names_types_and_actions(self):
        mine, other = self.zone(), self.zone()
        prefix = "route53:ChangeResourceRecordSets"
        route53 = self.server.client("route53", self.with_policy({
            "Action": "route53:ChangeResourceRecordSets", "Resource": f"arn:aws:route53:::hostedzone/{mine}",
            "Condition": {
                "ForAllValues:StringLike": {prefix + "NormalizedRecordNames": ["_*.iam.test"]},
                "ForAllValues:StringEquals": {prefix + "RecordTypes": ["CNAME"], prefix + "Actions": ["UPSERT"]},
            }},
            {"Action": "route53:GetChange", "Resource": "arn:aws:route53:::change/*"},
        ))
        change = self.change(route53, mine, ("UPSERT", "_X.iam.test.", "CNAME"))["ChangeInfo"]
        route53.get_change(Id=change["Id"])
        denied = "AccessDenied"
        for zone, records in (
            (other, [("UPSERT", "_x.iam.test", "CNAME")]),
            (mine, [("UPSERT", "www.iam.test", "CNAME")]),
            (mine, [("UPSERT", "_x.iam.test", "TXT")]),
            (mine, [("DELETE", "_x.iam.test", "CNAME")]),
            (mine, [("UPSERT", "_x.iam.test", "CNAME"), ("UPSERT", "www.iam.test", "CNAME")]),
        ):
            with self.subTest(records=records, zone=zone):
                self.refused(denied, lambda z=zone, r=records: self.change(route53, z, *r))
        self.refused(denied, route53.list_hosted_zones_by_name)
        self.refused(denied, route53.list_resource_record_sets, HostedZoneId=mine)

    def test_invoking_is_held_to_functions_and_versions(self):
        mine, other = self.function("return"), self.function("return")
        version = self.functions.publish_version(FunctionName=mine)["Version"]
        functions = self.server.client("lambda", self.with_policy(
            {"Action": "lambda:InvokeFunction", "Resource": [mine]}))
        functions.invoke(FunctionName=mine)
        functions.invoke(FunctionName=mine, InvocationType="Event")
        self.refused(DENIED, functions.invoke, FunctionName=other)
        self.refused(DENIED, functions.invoke, FunctionName=mine, Qualifier=version)
        self.refused(DENIED, functions.put_function_event_invoke_config, FunctionName=mine, MaximumRetryAttempts=0)

    def test_a_functions_calls_are_its_roles(self):
        body = """
            return [os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"], os.environ["AWS_SESSION_TOKEN"]]
        """
        arn = self.function(body, {"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "acm:ListCertificates", "Resource": "*"}})
        key, secret, token = json.load(self.functions.invoke(FunctionName=arn)["Payload"])
        credentials = {"AccessKeyId": key, "SecretAccessKey": secret, "SessionToken": token}
        identity = self.server.client("sts", credentials).get_caller_identity()["Arn"]
        self.assertRegex(identity, rf"^arn:aws:sts::{ACCOUNT}:assumed-role/role-\w+/{arn.split(':')[6]}$")
        self.server.client("acm", credentials).list_certificates()
        self.refused("AccessDenied", self.server.client("route53", credentials).list_hosted_zones)

    def test_a_role_is_assumed_only_by_whom_it_trusts_and_with_the_external_id(self):
        sts = self.server.client("sts", self.key)
        plain = self.role(assume=trust({"AWS": self.user}))
        guarded = self.role(assume=trust({"AWS": self.user}, {"StringEquals": {"sts:ExternalId": "secret"}}))
        stranger = self.role(assume=trust({"AWS": "arn:aws:iam::999999999999:root"}))
        service = self.role()
        sts.assume_role(RoleArn=plain, RoleSessionName="it")
        sts.assume_role(RoleArn=guarded, RoleSessionName="it", ExternalId="secret")
        self.refused("AccessDenied", sts.assume_role, RoleArn=guarded, RoleSessionName="it")
        self.refused("AccessDenied", sts.assume_role, RoleArn=guarded, RoleSessionName="it", ExternalId="wrong")
        self.refused("AccessDenied", sts.assume_role, RoleArn=stranger, RoleSessionName="it")
        self.refused("AccessDenied", sts.assume_role, RoleArn=service, RoleSessionName="it")

    def test_a_stack_with_roles_needs_the_capability(self):
        template = {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": {
            "AssumeRolePolicyDocument": json.loads(trust({"Service": "lambda.amazonaws.com"}))}}}}
        self.refused("InsufficientCapabilitiesException", self.stacks.create_stack, StackName="iam",
                     TemplateBody=json.dumps(template))


if __name__ == "__main__":
    unittest.main()
