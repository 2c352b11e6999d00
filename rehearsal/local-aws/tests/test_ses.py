"""SES's identities: what they are verified by, in both APIs."""

from __future__ import annotations

import json
import time
import unittest
import uuid

from support import ACCOUNT, REGION, LocalAwsTest

# Lists a TXT record for each of its values.
RECORDS = """
    p = event["ResourceProperties"]
    answer(event, physical_id="records", Data={"RecordSets": [
        {**p["RecordSetDefaults"], "Name": f"r{number}.{p['Domain']}.", "Type": "TXT", "ResourceRecords": ['"' + value + '"']}
        for number, value in enumerate(p["Values"])]})
"""


class Ses(LocalAwsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ses = cls.server.client("ses")
        cls.sesv2 = cls.server.client("sesv2")
        cls.route53 = cls.server.client("route53")

    def domain(self) -> str:
        return f"d{uuid.uuid4().hex[:8]}.example.com"

    def zone(self, name: str, private: bool = False) -> str:
        more = {"VPC": {"VPCRegion": REGION, "VPCId": "vpc-12345678"}} if private else {}
        return self.route53.create_hosted_zone(Name=name, CallerReference=uuid.uuid4().hex, **more)["HostedZone"]["Id"]

    def write(self, zone: str, *records: tuple, action: str = "UPSERT") -> None:
        self.route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [
            {"Action": action, "ResourceRecordSet": {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [
                {"Value": value} for value in values]}} for name, kind, *values in records]})

    def dkim_records(self, domain: str, tokens: list[str]) -> list[tuple]:
        return [(f"{token}._domainkey.{domain}", "CNAME", f"{token}.dkim.amazonses.com") for token in tokens]

    def get(self, domain: str) -> dict:
        return self.sesv2.get_email_identity(EmailIdentity=domain)

    def verification(self, domain: str) -> dict:
        return self.ses.get_identity_verification_attributes(Identities=[domain])["VerificationAttributes"].get(domain)

    def mail_from(self, domain: str) -> dict:
        found = self.ses.get_identity_mail_from_domain_attributes(Identities=[domain])
        return found["MailFromDomainAttributes"][domain]

    def verified_domain(self) -> str:
        domain = self.domain()
        self.write(self.zone(domain), ("_amazonses." + domain, "TXT", '"{}"'.format(
            self.ses.verify_domain_identity(Domain=domain)["VerificationToken"])))
        self.eventually(lambda: self.verification(domain)["VerificationStatus"] == "Success", 3)
        return domain

    def test_a_new_identity_is_not_verified_and_both_apis_know_it(self):
        domain = self.domain()
        made = self.sesv2.create_email_identity(EmailIdentity=domain, Tags=[{"Key": "k", "Value": "v"}])
        self.assertEqual((made["IdentityType"], made["VerifiedForSendingStatus"]), ("DOMAIN", False))
        tokens = made["DkimAttributes"]["Tokens"]
        self.assertEqual((len(set(tokens)), made["DkimAttributes"]["Status"]), (3, "NOT_STARTED"))
        self.assertTrue(all(len(token) == 32 and token.isalnum() for token in tokens))
        found = self.get(domain)
        self.assertEqual((found["VerificationStatus"], found["DkimAttributes"]["Status"]), ("PENDING", "PENDING"))
        self.assertEqual(found["DkimAttributes"]["Tokens"], tokens)
        self.assertEqual((found["Tags"], found["Policies"]), ([{"Key": "k", "Value": "v"}], {}))
        self.assertEqual(found["MailFromAttributes"], {"BehaviorOnMxFailure": "USE_DEFAULT_VALUE"})
        self.assertTrue(found["FeedbackForwardingStatus"])
        self.assertEqual(self.ses.verify_domain_dkim(Domain=domain)["DkimTokens"], tokens)
        self.assertEqual(self.verification(domain)["VerificationStatus"], "Pending")
        self.refused("AlreadyExistsException", self.sesv2.create_email_identity, EmailIdentity=domain.upper())
        other = self.server.client("sesv2", region="us-east-1")
        self.refused("NotFoundException", other.get_email_identity, EmailIdentity=domain)
        self.assertNotEqual(other.create_email_identity(EmailIdentity=domain)["DkimAttributes"]["Tokens"], tokens)

    def test_easy_dkim_needs_all_three_records_in_a_public_zone(self):
        domain = self.domain()
        tokens = self.sesv2.create_email_identity(EmailIdentity=domain)["DkimAttributes"]["Tokens"]
        records = self.dkim_records(domain, tokens)
        self.write(self.zone(domain, private=True), *records)
        public = self.zone(domain)
        self.write(public, *records[:2], (records[2][0], "CNAME", "wrong.dkim.amazonses.com"))
        time.sleep(0.4)
        found = self.get(domain)
        self.assertEqual((found["VerificationStatus"], found["VerificationInfo"]["ErrorType"]), ("PENDING", "INVALID_VALUE"))
        self.write(public, records[2])
        found = self.eventually(lambda: self.get(domain)["VerifiedForSendingStatus"] and self.get(domain), 3)
        self.assertEqual((found["VerificationStatus"], found["DkimAttributes"]["Status"]), ("SUCCESS", "SUCCESS"))
        self.assertIn("LastSuccessTimestamp", found["VerificationInfo"])
        self.assertEqual(self.verification(domain)["VerificationStatus"], "Success")
        dkim = self.ses.get_identity_dkim_attributes(Identities=[domain])["DkimAttributes"][domain]
        self.assertEqual(dkim, {"DkimEnabled": True, "DkimVerificationStatus": "Success", "DkimTokens": tokens})
        self.write(public, records[0], action="DELETE")
        self.assertEqual(self.get(domain)["DkimAttributes"]["Status"], "TEMPORARY_FAILURE")
        self.assertEqual(self.verification(domain)["VerificationStatus"], "TemporaryFailure")

    def test_a_record_that_stands_already_counts_only_after_a_moment(self):
        domain = self.domain()
        zone, other = self.zone(domain), self.domain()
        tokens = self.ses.verify_domain_dkim(Domain=domain)["DkimTokens"]
        self.write(zone, *self.dkim_records(domain, tokens))
        self.sesv2.delete_email_identity(EmailIdentity=domain)
        self.assertEqual(self.sesv2.create_email_identity(EmailIdentity=domain)["DkimAttributes"]["Tokens"], tokens)
        self.assertFalse(self.get(domain)["VerifiedForSendingStatus"])
        self.eventually(lambda: self.get(domain)["VerifiedForSendingStatus"], 3)
        self.refused("NotFoundException", self.sesv2.get_email_identity, EmailIdentity=other)

    def test_the_text_record_has_to_hold_the_very_token(self):
        domain = self.domain()
        token = self.ses.verify_domain_identity(Domain=domain)["VerificationToken"]
        self.assertEqual(self.verification(domain), {"VerificationStatus": "Pending", "VerificationToken": token})
        dkim = self.ses.get_identity_dkim_attributes(Identities=[domain])["DkimAttributes"][domain]
        self.assertEqual(dkim, {"DkimEnabled": False, "DkimVerificationStatus": "NotStarted"})
        zone, name = self.zone(domain), "_amazonses." + domain
        self.write(zone, (name, "TXT", f'"{token.lower()}"'))
        time.sleep(0.4)
        self.assertEqual(self.verification(domain)["VerificationStatus"], "Pending")
        self.write(zone, (name, "TXT", '"other"', f'"{token}"'))
        self.eventually(lambda: self.verification(domain)["VerificationStatus"] == "Success", 3)
        self.assertEqual(self.ses.verify_domain_identity(Domain=domain)["VerificationToken"], token)
        self.assertEqual(self.get(domain)["VerificationStatus"], "SUCCESS")
        self.assertIsNone(self.verification(self.domain()))

    def test_the_closest_zone_is_the_one_that_counts(self):
        parent = self.domain()
        domain = "mail." + parent
        record = ("_amazonses." + domain, "TXT", '"{}"'.format(
            self.ses.verify_domain_identity(Domain=domain)["VerificationToken"]))
        self.zone(domain)
        self.write(self.zone(parent), record)
        time.sleep(0.4)
        self.assertEqual(self.verification(domain)["VerificationStatus"], "Pending")

    def test_mail_from_needs_one_exchange_and_the_sender_policy(self):
        domain = self.domain()
        self.refused("InvalidParameterValue", self.ses.set_identity_mail_from_domain, Identity=domain,
                     MailFromDomain="bounce." + domain)
        self.ses.verify_domain_identity(Domain=domain)
        self.assertEqual(self.mail_from(domain), {"BehaviorOnMXFailure": "UseDefaultValue"})
        for name in (domain, "elsewhere.test", "x" + domain):
            message = self.refused("InvalidParameterValue", self.ses.set_identity_mail_from_domain, Identity=domain,
                                   MailFromDomain=name)
            self.assertIn("is not subdomain of the domain of the identity", message)
        name = "bounce." + domain
        self.ses.set_identity_mail_from_domain(
            Identity=domain, MailFromDomain=name, BehaviorOnMXFailure="RejectMessage")
        self.assertEqual(self.mail_from(domain), {
            "MailFromDomain": name, "MailFromDomainStatus": "Pending", "BehaviorOnMXFailure": "RejectMessage"})
        zone = self.zone(domain)
        exchange = f"10 feedback-smtp.{REGION}.amazonses.com"
        policy = (name, "TXT", '"v=spf1 include:amazonses.com ~all"')
        for records in ([(name, "MX", exchange)], [(name, "MX", exchange.replace("10", "20")), policy],
                        [(name, "MX", exchange, "20 mx.example.com"), policy]):
            self.write(zone, *records)
            time.sleep(0.35)
            self.assertEqual(self.mail_from(domain)["MailFromDomainStatus"], "Pending", records)
        self.write(zone, (name, "MX", exchange), policy)
        self.eventually(lambda: self.mail_from(domain)["MailFromDomainStatus"] == "Success", 3)
        shown = {"MailFromDomain": name, "MailFromDomainStatus": "SUCCESS", "BehaviorOnMxFailure": "REJECT_MESSAGE"}
        self.assertEqual(self.get(domain)["MailFromAttributes"], shown)
        self.ses.set_identity_mail_from_domain(Identity=domain)
        self.assertEqual(self.mail_from(domain), {"BehaviorOnMXFailure": "UseDefaultValue"})
        self.sesv2.put_email_identity_mail_from_attributes(EmailIdentity=domain, MailFromDomain=name)
        self.assertEqual(self.get(domain)["MailFromAttributes"]["MailFromDomain"], name)
        self.refused("BadRequestException", self.sesv2.put_email_identity_mail_from_attributes, EmailIdentity=domain,
                     MailFromDomain=domain)
        self.sesv2.put_email_identity_mail_from_attributes(EmailIdentity=domain)
        self.assertNotIn("MailFromDomain", self.get(domain)["MailFromAttributes"])
        self.refused("NotFoundException", self.sesv2.put_email_identity_mail_from_attributes, EmailIdentity=self.domain())

    def test_settings_of_the_rest_api(self):
        domain = self.domain()
        for name in ("no-dot", "a..test", "-a.test", "space here.test", domain + "."):
            self.refused("BadRequestException", self.sesv2.create_email_identity, EmailIdentity=name)
        self.refused("InvalidParameterValue", self.ses.verify_domain_identity, Domain=domain + ".")
        self.refused("NotFoundException", self.sesv2.create_email_identity, EmailIdentity=domain,
                     ConfigurationSetName="no-such-set")
        self.refused("BadRequestException", self.sesv2.create_email_identity, EmailIdentity=domain,
                     DkimSigningAttributes={"DomainSigningSelector": "alone"})
        first = self.sesv2.create_email_identity(EmailIdentity=domain, DkimSigningAttributes={
            "NextSigningKeyLength": "RSA_1024_BIT"})["DkimAttributes"]
        self.assertEqual(first["NextSigningKeyLength"], "RSA_1024_BIT")
        changed = self.sesv2.put_email_identity_dkim_signing_attributes(
            EmailIdentity=domain, SigningAttributesOrigin="AWS_SES",
            SigningAttributes={"NextSigningKeyLength": "RSA_2048_BIT"})
        self.assertNotEqual(changed["DkimTokens"], first["Tokens"])
        self.sesv2.put_email_identity_dkim_attributes(EmailIdentity=domain, SigningEnabled=False)
        self.sesv2.put_email_identity_feedback_attributes(EmailIdentity=domain, EmailForwardingEnabled=False)
        found = self.get(domain)
        self.assertEqual((found["DkimAttributes"]["SigningEnabled"], found["FeedbackForwardingStatus"]), (False, False))
        self.sesv2.delete_email_identity(EmailIdentity=domain)
        for call in (self.sesv2.delete_email_identity, self.sesv2.put_email_identity_dkim_attributes,
                     self.sesv2.put_email_identity_feedback_attributes, self.sesv2.get_email_identity_policies):
            self.refused("NotFoundException", call, EmailIdentity=domain)
        address = f"someone@{domain}"
        self.assertEqual(self.sesv2.create_email_identity(EmailIdentity=address)["IdentityType"], "EMAIL_ADDRESS")
        self.assertEqual(self.get(address)["VerificationStatus"], "PENDING")

    def test_tags(self):
        domain = self.domain()
        self.sesv2.create_email_identity(EmailIdentity=domain)
        arn = f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/{domain}"
        tags = lambda: self.sesv2.list_tags_for_resource(ResourceArn=arn)["Tags"]  # noqa: E731
        self.sesv2.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
        self.sesv2.untag_resource(ResourceArn=arn, TagKeys=["a"])
        self.assertEqual((tags(), self.get(domain)["Tags"]), ([{"Key": "b", "Value": "2"}],) * 2)
        self.sesv2.delete_email_identity(EmailIdentity=domain)
        self.refused("NotFoundException", tags)
        self.sesv2.create_email_identity(EmailIdentity=domain)
        self.assertEqual(tags(), [])

    def test_identities_are_listed_in_pages_and_deleted_without_a_word(self):
        region = "eu-west-3"
        ses, sesv2 = self.server.client("ses", region=region), self.server.client("sesv2", region=region)
        domains = sorted(self.domain() for _ in range(5))
        for domain in domains:
            ses.verify_domain_identity(Domain=domain)
        ses.verify_email_identity(EmailAddress="a@example.com")
        pages = ses.get_paginator("list_identities").paginate(IdentityType="Domain", PaginationConfig={"PageSize": 2})
        self.assertEqual([page["Identities"] for page in pages], [domains[:2], domains[2:4], domains[4:]])
        self.assertEqual(ses.list_identities(IdentityType="EmailAddress")["Identities"], ["a@example.com"])
        first = sesv2.list_email_identities(PageSize=4)
        rest = sesv2.list_email_identities(PageSize=4, NextToken=first["NextToken"])
        shown = {one["IdentityName"]: one["VerificationStatus"] for one in first["EmailIdentities"] + rest["EmailIdentities"]}
        self.assertEqual(shown, dict.fromkeys([*domains, "a@example.com"], "PENDING"))
        for _ in range(2):
            ses.delete_identity(Identity=domains[0])
        self.assertEqual(len(ses.list_identities()["Identities"]), 5)
        self.refused("InvalidParameterValue", ses.list_identities, NextToken="nonsense")

    def test_policies_of_both_apis_are_the_same(self):
        pending, domain = self.domain(), self.verified_domain()
        self.ses.verify_domain_identity(Domain=pending)

        def policy(name=domain, **more) -> str:
            return json.dumps({"Version": "2012-10-17", "Statement": [{
                "Sid": "s", "Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": ["ses:SendEmail"],
                "Resource": f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/{name}",
                "Condition": {"StringLike": {"ses:FromAddress": "a@*"}}, **more}]})
        put = self.ses.put_identity_policy
        for bad in ("{", policy("other.test"), policy(Action="s3:*"), policy(Principal=None)):
            self.refused("InvalidPolicy", put, Identity=domain, PolicyName="one", Policy=bad)
        self.refused("InvalidParameterValue", put, Identity=pending, PolicyName="one", Policy=policy(pending))
        self.refused("InvalidParameterValue", put, Identity=domain, PolicyName="a b", Policy=policy())
        put(Identity=domain, PolicyName="one-1", Policy=policy())
        self.sesv2.create_email_identity_policy(EmailIdentity=domain, PolicyName="two", Policy=policy())
        self.refused("AlreadyExistsException", self.sesv2.create_email_identity_policy, EmailIdentity=domain,
                     PolicyName="two", Policy=policy())
        changed = policy(Effect="Deny")
        self.sesv2.update_email_identity_policy(EmailIdentity=domain, PolicyName="two", Policy=changed)
        self.refused("NotFoundException", self.sesv2.update_email_identity_policy, EmailIdentity=domain,
                     PolicyName="three", Policy=changed)
        expected = {"one-1": policy(), "two": changed}
        self.assertEqual(self.ses.list_identity_policies(Identity=domain)["PolicyNames"], ["one-1", "two"])
        found = self.ses.get_identity_policies(Identity=domain, PolicyNames=["one-1", "two", "three"])["Policies"]
        self.assertEqual((found, self.get(domain)["Policies"]), (expected, expected))
        self.assertEqual(self.sesv2.get_email_identity_policies(EmailIdentity=domain)["Policies"], expected)
        for _ in range(2):
            self.ses.delete_identity_policy(Identity=domain, PolicyName="one-1")
        self.sesv2.delete_email_identity_policy(EmailIdentity=domain, PolicyName="two")
        self.assertEqual(self.get(domain)["Policies"], {})
        self.refused("NotFoundException", self.sesv2.delete_email_identity_policy, EmailIdentity=domain, PolicyName="two")

    def test_an_account_begins_in_the_sandbox(self):
        region = "eu-west-2"
        sesv2 = self.server.client("sesv2", region=region)
        account = sesv2.get_account()
        self.assertEqual((account["ProductionAccessEnabled"], account["SendQuota"]["Max24HourSend"]), (False, 200.0))
        self.assertEqual(self.server.client("ses", region=region).get_send_quota()["MaxSendRate"], 1.0)
        sesv2.put_account_details(MailType="TRANSACTIONAL", WebsiteURL="https://example.com",
                                  UseCaseDescription="it", ProductionAccessEnabled=True)
        self.assertTrue(sesv2.get_account()["ProductionAccessEnabled"])

    def test_only_a_verified_domain_sends_and_from_the_sandbox_only_to_verified_ones(self):
        domain, other = self.verified_domain(), self.domain()
        self.ses.verify_domain_identity(Domain=other)

        def send(sender: str, recipient: str):
            return self.ses.send_email(Source=sender, Destination={"ToAddresses": [recipient]}, Message={
                "Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}})
        send(f"a@{domain}", f"b@{domain}")
        send(f"a@sub.{domain}", "success@simulator.amazonses.com")
        self.refused("MessageRejected", send, sender=f"a@{other}", recipient=f"b@{domain}")
        self.refused("MessageRejected", send, sender=f"a@{domain}", recipient="b@example.org")

    def test_receipt_rule_sets(self):
        region = "eu-west-1"
        ses = self.server.client("ses", region=region)
        active = lambda: ses.describe_active_receipt_rule_set().get("Metadata", {}).get("Name")  # noqa: E731
        self.assertIsNone(active())
        self.refused("RuleSetDoesNotExist", ses.set_active_receipt_rule_set, RuleSetName="none")
        ses.create_receipt_rule_set(RuleSetName="one")
        self.refused("AlreadyExists", ses.create_receipt_rule_set, RuleSetName="one")
        ses.set_active_receipt_rule_set(RuleSetName="one")
        self.assertEqual(active(), "one")
        self.assertIsNone(self.ses.describe_active_receipt_rule_set().get("Metadata"))
        self.refused("CannotDelete", ses.delete_receipt_rule_set, RuleSetName="one")
        ses.set_active_receipt_rule_set()
        self.assertIsNone(active())
        ses.delete_receipt_rule_set(RuleSetName="one")

    def test_a_stack_writes_the_records_a_custom_resource_lists(self):
        domain = self.domain()
        zone = self.zone(domain).split("/")[-1]
        provider = self.function(RECORDS, Timeout=10)

        def template(weight: str, values: list) -> dict:
            return {"Resources": {
                "Records": {"Type": "Custom::Records", "Properties": {
                    "ServiceToken": provider, "ServiceTimeout": 10, "Domain": domain, "Values": values,
                    "RecordSetDefaults": {"TTL": 60, "Weight": weight, "SetIdentifier": REGION}}},
                "Group": {"Type": "AWS::Route53::RecordSetGroup", "Properties": {
                    "HostedZoneId": zone, "RecordSets": {"Fn::GetAtt": ["Records", "RecordSets"]}}}}}

        def records() -> list[dict]:
            found = self.route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
            return [one for one in found if one["Type"] == "TXT"]
        token = self.ses.verify_domain_identity(Domain=domain)["VerificationToken"]
        stack = self.create(template("1", [token]))
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE")
        expected = {"Name": f"r0.{domain}.", "Type": "TXT", "TTL": 60, "Weight": 1, "SetIdentifier": REGION,
                    "ResourceRecords": [{"Value": f'"{token}"'}]}
        self.assertEqual(records(), [expected])
        stack = self.update(stack, template("2", [token, "more"]))
        self.assertEqual(stack["StackStatus"], "UPDATE_COMPLETE")
        self.assertEqual([one["Weight"] for one in records()], [2, 2])
        stack = self.update(stack, template("2", ["more"]))
        self.assertEqual([one["ResourceRecords"][0]["Value"] for one in records()], ['"more"'])
        self.assertEqual(self.delete(stack)["StackStatus"], "DELETE_COMPLETE")
        self.assertEqual(records(), [])

    def test_an_identity_of_a_stack_is_the_same_kind_of_identity(self):
        domain = self.domain()
        template = {"Resources": {"Identity": {"Type": "AWS::SES::EmailIdentity", "Properties": {
            "EmailIdentity": domain, "MailFromAttributes": {"MailFromDomain": "bounce." + domain}}}},
            "Outputs": {"Name": {"Value": {"Fn::GetAtt": ["Identity", "DkimDNSTokenName1"]}}}}
        stack = self.create(template)
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE")
        found = self.get(domain)
        self.assertEqual(found["VerificationStatus"], "PENDING")
        self.assertEqual(stack["Outputs"][0]["OutputValue"],
                         f"{found['DkimAttributes']['Tokens'][0]}._domainkey.{domain}")
        again = self.create(template)
        self.assertEqual(again["StackStatus"], "ROLLBACK_COMPLETE")
        self.get(domain)
        self.assertEqual(self.delete(stack)["StackStatus"], "DELETE_COMPLETE")
        self.refused("NotFoundException", self.get, domain=domain)


if __name__ == "__main__":
    unittest.main()
