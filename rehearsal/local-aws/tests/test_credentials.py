"""Access keys, the secrets they are kept in, and what a sending user may do with them."""

from __future__ import annotations

import json
import unittest
import uuid

from support import ACCOUNT, REGION, LocalAwsTest, trust

DENIED = "AccessDeniedException"
PUNCTUATION = set("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


class Credentials(LocalAwsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.secrets = cls.server.client("secretsmanager")
        cls.sts = cls.server.client("sts")
        cls.ses = cls.server.client("ses")

    def user(self, *statements: dict) -> str:
        name = "user-" + uuid.uuid4().hex[:8]
        self.iam.create_user(UserName=name)
        if statements:
            self.iam.put_user_policy(UserName=name, PolicyName="it", PolicyDocument=json.dumps({
                "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", **one} for one in statements]}))
        return name

    def key(self, user: str) -> dict:
        return self.iam.create_access_key(UserName=user)["AccessKey"]

    def with_policy(self, *statements: dict) -> dict:
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", **one} for one in statements]}
        role = self.role(policy, trust({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}))
        return self.sts.assume_role(RoleArn=role, RoleSessionName="it")["Credentials"]

    def secret(self, **more) -> str:
        return self.secrets.create_secret(Name="secret-" + uuid.uuid4().hex[:8], **more)["ARN"]

    def verified_domain(self) -> str:
        domain = f"d{uuid.uuid4().hex[:8]}.example.com"
        token = self.ses.verify_domain_identity(Domain=domain)["VerificationToken"]
        route53 = self.server.client("route53")
        zone = route53.create_hosted_zone(Name=domain, CallerReference=domain)["HostedZone"]["Id"]
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [
            {"Action": "CREATE", "ResourceRecordSet": {"Name": "_amazonses." + domain, "Type": "TXT", "TTL": 60,
                                                       "ResourceRecords": [{"Value": f'"{token}"'}]}}]})
        self.eventually(lambda: self.ses.get_identity_verification_attributes(Identities=[domain])[
            "VerificationAttributes"][domain]["VerificationStatus"] == "Success", 3)
        return domain

    # --- access keys ---

    def test_a_user_has_at_most_two_keys(self):
        user, other = self.user(), self.user()
        keys = [self.key(user), self.key(user)]
        self.assertRegex(keys[0]["AccessKeyId"], r"^AKIA[A-Z0-9]{16}$")
        self.assertRegex(keys[0]["SecretAccessKey"], r"^[A-Za-z0-9+/]{40}$")
        self.refused("LimitExceeded", self.iam.create_access_key, UserName=user)
        listed = self.iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
        self.assertEqual({one["AccessKeyId"] for one in listed}, {one["AccessKeyId"] for one in keys})
        self.assertNotIn("SecretAccessKey", listed[0])
        first = keys[0]["AccessKeyId"]
        self.refused("NoSuchEntity", self.iam.delete_access_key, UserName=other, AccessKeyId=first)
        self.iam.delete_access_key(UserName=user, AccessKeyId=first)
        self.refused("NoSuchEntity", self.iam.delete_access_key, UserName=user, AccessKeyId=first)
        self.key(user)
        for call in (self.iam.create_access_key, self.iam.list_access_keys):
            self.refused("NoSuchEntity", call, UserName="no-such-user")
        self.refused("DeleteConflict", self.iam.delete_user, UserName=user)

    def test_a_key_works_with_its_users_policies_until_it_is_gone(self):
        user = self.user({"Action": "ses:GetSendQuota"})
        key = self.key(user)
        ses = self.server.client("ses", key)
        ses.get_send_quota()
        self.refused("AccessDenied", ses.list_identities)
        mine = self.server.client("iam", key)
        self.refused("AccessDenied", mine.create_access_key)
        self.iam.update_access_key(UserName=user, AccessKeyId=key["AccessKeyId"], Status="Inactive")
        self.refused("InvalidClientTokenId", ses.get_send_quota)
        self.iam.update_access_key(UserName=user, AccessKeyId=key["AccessKeyId"], Status="Active")
        ses.get_send_quota()
        self.iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
        self.refused("InvalidClientTokenId", ses.get_send_quota)

    def test_making_keys_is_held_to_users(self):
        mine, other = self.user(), self.user()
        iam = self.server.client("iam", self.with_policy({
            "Action": ["iam:CreateAccessKey", "iam:DeleteAccessKey"], "Resource": f"arn:aws:iam::{ACCOUNT}:user/{mine}"}))
        key = iam.create_access_key(UserName=mine)["AccessKey"]["AccessKeyId"]
        self.refused("AccessDenied", iam.create_access_key, UserName=other)
        self.refused("AccessDenied", iam.list_access_keys, UserName=mine)
        self.refused("AccessDenied", iam.update_access_key, UserName=mine, AccessKeyId=key, Status="Inactive")
        iam.delete_access_key(UserName=mine, AccessKeyId=key)

    def test_a_stack_gives_its_user_a_policy_and_takes_it_away(self):
        stacks, name = self.server.client("cloudformation"), "user-" + uuid.uuid4().hex[:8]

        def template(action: str | None) -> str:
            resources = {"User": {"Type": "AWS::IAM::User", "Properties": {"UserName": name}}}
            if action:
                resources["Policy"] = {"Type": "AWS::IAM::UserPolicy", "Properties": {
                    "UserName": {"Ref": "User"}, "PolicyName": "it", "PolicyDocument": {
                        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}}}
            return json.dumps({"Resources": resources})

        def ends_in(status: str) -> None:
            self.eventually(lambda: stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == status, 10)

        stacks.create_stack(StackName=name, TemplateBody=template("ses:GetSendQuota"), Capabilities=["CAPABILITY_NAMED_IAM"])
        ends_in("CREATE_COMPLETE")
        ses = self.server.client("ses", self.key(name))
        ses.get_send_quota()
        self.refused("AccessDenied", ses.list_identities)
        stacks.update_stack(StackName=name, TemplateBody=template(None), Capabilities=["CAPABILITY_NAMED_IAM"])
        ends_in("UPDATE_COMPLETE")
        self.refused("AccessDenied", ses.get_send_quota)

    # --- sending ---

    def test_sending_is_held_to_identities_and_sender_addresses(self):
        domain, other = self.verified_domain(), self.verified_domain()
        arn = f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/{domain}"
        key = self.key(self.user({"Action": ["ses:SendEmail", "ses:SendRawEmail"], "Resource": arn, "Condition": {
            "StringLike": {"ses:FromAddress": f"*@{domain}"}}}))
        raw_only = self.key(self.user({"Action": "ses:SendRawEmail", "Condition": {
            "StringEquals": {"ses:FromAddress": f"a@{domain}", "ses:FromDisplayName": "A"}}}))
        to = {"ToAddresses": ["success@simulator.amazonses.com"]}
        body = {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}

        def raw(sender: str) -> bytes:
            return f"From: {sender}\r\nTo: success@simulator.amazonses.com\r\nSubject: s\r\n\r\nt".encode()
        ses, sesv2 = self.server.client("ses", key), self.server.client("sesv2", key)
        ses.send_email(Source=f"A <a@{domain}>", Destination=to, Message=body)
        ses.send_raw_email(RawMessage={"Data": raw(f"a@{domain}")})
        sesv2.send_email(FromEmailAddress=f"a@{domain}", Destination=to, Content={"Simple": body})
        sesv2.send_email(Content={"Raw": {"Data": raw(f"a@{domain}")}}, Destination=to)
        for sender in (f"a@{other}", f"a@sub.{domain}"):
            self.refused("AccessDenied", ses.send_email, Source=sender, Destination=to, Message=body)
            self.refused("AccessDenied", ses.send_raw_email, RawMessage={"Data": raw(sender)})
            self.refused("AccessDenied", ses.send_raw_email, Source=f"a@{domain}", RawMessage={"Data": raw(sender)})
            self.refused(DENIED, sesv2.send_email, FromEmailAddress=sender, Destination=to, Content={"Simple": body})
        ses, sesv2 = self.server.client("ses", raw_only), self.server.client("sesv2", raw_only)
        ses.send_raw_email(RawMessage={"Data": raw(f"A <a@{domain}>")})
        sesv2.send_email(Content={"Raw": {"Data": raw(f"A <a@{domain}>")}}, Destination=to)
        self.refused("AccessDenied", ses.send_raw_email, RawMessage={"Data": raw(f"B <a@{domain}>")})
        self.refused(DENIED, sesv2.send_email, FromEmailAddress=f"A <a@{domain}>", Destination=to,
                     Content={"Simple": body})

    def test_the_rest_api_is_held_to_identities_and_tags_and_the_query_api_to_neither(self):
        mine, other = (f"d{uuid.uuid4().hex[:8]}.example.com" for _ in "12")
        arn = f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/"
        credentials = self.with_policy(
            {"Action": ["ses:CreateEmailIdentity", "ses:TagResource"], "Resource": arn + mine, "Condition": {
                "StringEquals": {"aws:RequestTag/owner": "me"}}},
            {"Action": ["ses:*EmailIdentity*", "ses:ListTagsForResource"], "Resource": arn + "*", "Condition": {
                "StringEquals": {"aws:ResourceTag/owner": "me"}}},
            {"Action": ["ses:VerifyDomainIdentity", "ses:DeleteIdentity", "ses:SetIdentityNotificationTopic"],
             "Resource": arn + "*"},
            {"Action": "ses:GetIdentityVerificationAttributes", "Condition": {"StringEquals": {"ses:ApiVersion": "1"}}})
        ses, sesv2 = self.server.client("ses", credentials), self.server.client("sesv2", credentials)
        tags = [{"Key": "owner", "Value": "me"}]
        self.refused(DENIED, sesv2.create_email_identity, EmailIdentity=mine)
        self.refused(DENIED, sesv2.create_email_identity, EmailIdentity=other, Tags=tags)
        sesv2.create_email_identity(EmailIdentity=mine, Tags=tags)
        self.ses.verify_domain_identity(Domain=other)
        sesv2.get_email_identity(EmailIdentity=mine)
        sesv2.put_email_identity_mail_from_attributes(EmailIdentity=mine, MailFromDomain="m." + mine)
        sesv2.list_tags_for_resource(ResourceArn=arn + mine)
        sesv2.tag_resource(ResourceArn=arn + mine, Tags=tags)
        self.refused(DENIED, sesv2.tag_resource, ResourceArn=arn + mine, Tags=[{"Key": "a", "Value": "b"}])
        self.refused(DENIED, sesv2.get_email_identity, EmailIdentity=other)
        self.refused(DENIED, sesv2.delete_email_identity, EmailIdentity=other)
        self.refused(DENIED, sesv2.get_account)
        sesv2.delete_email_identity(EmailIdentity=mine)
        self.refused("AccessDenied", ses.verify_domain_identity, Domain=mine)
        self.refused("AccessDenied", ses.delete_identity, Identity=other)
        self.refused("AccessDenied", ses.set_identity_notification_topic, Identity=other, NotificationType="Bounce")
        ses.get_identity_verification_attributes(Identities=[other])

    # --- secrets ---

    def test_a_version_is_made_once_for_a_token(self):
        secret, tokens = self.secret(SecretString="zero"), [uuid.uuid4().hex for _ in range(3)]

        def put(token: str, value: str) -> dict:
            return self.secrets.put_secret_value(SecretId=secret, ClientRequestToken=token, SecretString=value)

        def value(stage: str) -> tuple:
            found = self.secrets.get_secret_value(SecretId=secret, VersionStage=stage)
            return found["VersionId"], found["SecretString"]
        self.assertEqual(put(tokens[0], "one")["VersionStages"], ["AWSCURRENT"])
        self.assertEqual((value("AWSCURRENT"), value("AWSPREVIOUS")[1]), ((tokens[0], "one"), "zero"))
        put(tokens[1], "two")
        self.assertEqual((value("AWSCURRENT"), value("AWSPREVIOUS")), ((tokens[1], "two"), (tokens[0], "one")))
        again = put(tokens[0], "one")
        self.assertEqual((again["VersionId"], again["VersionStages"]), (tokens[0], ["AWSPREVIOUS"]))
        self.assertEqual(value("AWSCURRENT"), (tokens[1], "two"))
        self.refused("ResourceExistsException", put, token=tokens[1], value="other")
        self.assertEqual(value("AWSCURRENT"), (tokens[1], "two"))
        update = self.secrets.update_secret
        update(SecretId=secret, ClientRequestToken=tokens[2], SecretString="three")
        update(SecretId=secret, ClientRequestToken=tokens[2], SecretString="three")
        self.assertEqual((value("AWSCURRENT"), value("AWSPREVIOUS")), ((tokens[2], "three"), (tokens[1], "two")))
        self.refused("ResourceExistsException", update, SecretId=secret, ClientRequestToken=tokens[2], SecretString="x")
        self.refused("InvalidRequestException", self.secrets.put_secret_value, SecretId=secret)
        self.refused("ResourceNotFoundException", self.secrets.put_secret_value, SecretId="none", SecretString="x")

    def test_a_secret_is_made_once_for_a_token(self):
        request = {"Name": "once-" + uuid.uuid4().hex[:8], "ClientRequestToken": uuid.uuid4().hex, "SecretString": "v"}
        first = self.secrets.create_secret(**request)
        self.assertEqual(first["VersionId"], request["ClientRequestToken"])
        self.assertEqual(self.secrets.create_secret(**request)["ARN"], first["ARN"])
        for more in ({"SecretString": "w"}, {"ClientRequestToken": uuid.uuid4().hex}):
            self.refused("ResourceExistsException", self.secrets.create_secret, **{**request, **more})
        empty = self.secret()
        self.refused("ResourceNotFoundException", self.secrets.get_secret_value, SecretId=empty)

    def test_writing_is_held_to_secrets(self):
        mine, other = self.secret(SecretString="a"), self.secret(SecretString="a")
        secrets = self.server.client("secretsmanager", self.with_policy(
            {"Action": "secretsmanager:PutSecretValue", "Resource": mine}))
        secrets.put_secret_value(SecretId=mine, SecretString="b")
        secrets.put_secret_value(SecretId=mine.split(":secret:")[1].rsplit("-", 1)[0], SecretString="c")
        self.refused(DENIED, secrets.put_secret_value, SecretId=other, SecretString="b")
        self.refused(DENIED, secrets.get_secret_value, SecretId=mine)

    def test_a_stack_generates_secrets_as_the_flags_say(self):
        wanted = {
            "Plain": {}, "Letters": {"ExcludePunctuation": True, "ExcludeNumbers": "true", "PasswordLength": 64},
            "Digits": {"ExcludePunctuation": True, "ExcludeLowercase": True, "ExcludeUppercase": True,
                       "ExcludeCharacters": "01234567", "PasswordLength": "20", "RequireEachIncludedType": False},
            "Short": {"PasswordLength": 5, "IncludeSpace": True},
            "Template": {"SecretStringTemplate": '{"username":"u"}', "GenerateStringKey": "password"},
        }
        stack = self.create({
            "Resources": {name: {"Type": "AWS::SecretsManager::Secret", "Properties": {"GenerateSecretString": one}}
                          for name, one in wanted.items()},
            "Outputs": {name: {"Value": {"Ref": name}} for name in wanted}})
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE")
        arns = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
        self.assertTrue(all(arn.startswith(f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:") for arn in arns.values()))
        values = {name: self.secrets.get_secret_value(SecretId=arn)["SecretString"] for name, arn in arns.items()}
        self.assertEqual(len(values["Plain"]), 32)
        self.assertTrue(set(values["Plain"]) & PUNCTUATION)
        self.assertRegex(values["Letters"], r"^[A-Za-z]{64}$")
        self.assertRegex(values["Digits"], r"^[89]{20}$")
        self.assertIn(" ", values["Short"])
        template = json.loads(values["Template"])
        self.assertEqual((template["username"], len(template["password"])), ("u", 32))
        for bad in ({"GenerateStringKey": "alone"}, {"PasswordLength": 3},
                    {"SecretStringTemplate": "{", "GenerateStringKey": "p"}):
            failed = self.create({"Resources": {"Bad": {"Type": "AWS::SecretsManager::Secret", "Properties": {
                "GenerateSecretString": bad}}}})
            self.assertEqual(failed["StackStatus"], "ROLLBACK_COMPLETE", bad)

    # --- stacks ---

    def test_a_secret_of_a_stack_keeps_its_arn_and_what_was_generated(self):
        name = "named-" + uuid.uuid4().hex[:8]

        def template(description: str, name: str = name) -> dict:
            generated = {"PasswordLength": 20, "ExcludePunctuation": True}
            return {"Resources": {
                "Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {
                    "Name": name, "Description": description, "GenerateSecretString": generated}},
                "Copy": {"Type": "AWS::SSM::Parameter", "Properties": {
                    "Type": "String", "Name": f"/{name}",
                    "Value": {"Fn::Sub": "{{resolve:secretsmanager:${Secret}:SecretString}}"}}}},
                "Outputs": {"Arn": {"Value": {"Ref": "Secret"}}}}
        stack = self.create(template("one"))
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE")
        arn = stack["Outputs"][0]["OutputValue"]
        value = self.secrets.get_secret_value(SecretId=name)["SecretString"]
        self.assertEqual(self.server.client("ssm").get_parameter(Name="/" + name)["Parameter"]["Value"], value)
        self.assertEqual(self.create(template("two"))["StackStatus"], "ROLLBACK_COMPLETE")
        stack = self.update(stack, template("two"))
        self.assertEqual(stack["Outputs"][0]["OutputValue"], arn)
        self.assertEqual(self.secrets.get_secret_value(SecretId=arn)["SecretString"], value)
        self.assertEqual(self.secrets.describe_secret(SecretId=arn)["Description"], "two")
        stack = self.update(stack, template("two", name + "-renamed"))
        self.assertEqual(stack["StackStatus"], "UPDATE_COMPLETE")
        self.refused("ResourceNotFoundException", self.secrets.get_secret_value, SecretId=arn)
        self.assertEqual(self.delete(stack)["StackStatus"], "DELETE_COMPLETE")
        self.refused("ResourceNotFoundException", self.secrets.get_secret_value, SecretId=name + "-renamed")

    def test_a_user_of_a_stack_has_its_policies_and_stays_while_it_has_keys(self):
        policy = {"PolicyName": "send", "PolicyDocument": {"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "ses:GetSendQuota", "Resource": "*"}}}
        stack = self.create({"Resources": {"User": {"Type": "AWS::IAM::User", "Properties": {"Policies": [policy]}}},
                             "Outputs": {"User": {"Value": {"Ref": "User"}}}})
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE")
        user = stack["Outputs"][0]["OutputValue"]
        key = self.key(user)
        self.server.client("ses", key).get_send_quota()
        self.assertEqual(self.delete(stack)["StackStatus"], "DELETE_FAILED")
        self.assertIn("must delete access keys first", self.reason(stack["StackId"], "User", "DELETE_FAILED"))
        self.iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
        self.stacks.delete_stack(StackName=stack["StackId"])
        self.eventually(lambda: self.stacks.describe_stacks(
            StackName=stack["StackId"])["Stacks"][0]["StackStatus"] == "DELETE_COMPLETE")

    def test_the_third_key_of_a_user_fails_a_stack(self):
        key = {"Type": "AWS::IAM::AccessKey", "Properties": {"UserName": {"Ref": "User"}}}
        stack = self.create({"Resources": {"User": {"Type": "AWS::IAM::User"}, "A": key, "B": key, "C": key}})
        self.assertEqual(stack["StackStatus"], "ROLLBACK_COMPLETE")
        reasons = " ".join(one.get("ResourceStatusReason", "") for one in self.events(stack["StackId"]))
        self.assertIn("Cannot exceed quota for AccessKeysPerUser: 2", reasons)


if __name__ == "__main__":
    unittest.main()
