"""Route 53's zones, changes and order."""

from __future__ import annotations

import unittest
import uuid

from support import LocalAwsTest


class Route53(LocalAwsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.route53 = cls.server.client("route53")

    def zone(self, name: str) -> str:
        return self.route53.create_hosted_zone(Name=name, CallerReference=uuid.uuid4().hex)["HostedZone"]["Id"]

    def change(self, zone: str, *changes, **arguments) -> dict:
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": record} for action, record in changes]}
        return self.route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)["ChangeInfo"]

    def not_changed(self, zone: str, *changes, code: str = "InvalidChangeBatch") -> str:
        return self.refused(code, lambda: self.change(zone, *changes))

    def records(self, zone: str, **arguments) -> list[dict]:
        found = self.route53.list_resource_record_sets(HostedZoneId=zone, **arguments)["ResourceRecordSets"]
        return [one for one in found if one["Type"] not in ("SOA", "NS")]

    @staticmethod
    def record(name: str, kind: str = "A", *values: str, ttl: int = 60, **more) -> dict:
        given = values or ("192.0.2.1",)
        return {"Name": name, "Type": kind, "TTL": ttl, "ResourceRecords": [{"Value": one} for one in given], **more}

    def test_create_of_an_existing_record_is_refused(self):
        zone = self.zone("create.test")
        self.change(zone, ("CREATE", self.record("www.create.test")))
        self.assertEqual(
            self.not_changed(zone, ("CREATE", self.record("WWW.create.test."))),
            "[Tried to create resource record set [name='www.create.test.', type='A'] but it already exists]",
        )

    def test_delete_has_to_match_exactly(self):
        zone = self.zone("delete.test")
        self.assertIn("but it was not found", self.not_changed(zone, ("DELETE", self.record("www.delete.test"))))
        self.change(zone, ("CREATE", self.record("www.delete.test", "A", "192.0.2.1", "192.0.2.2")))
        mismatch = "but the values provided do not match the current values"
        self.assertIn(mismatch, self.not_changed(zone, ("DELETE", self.record("www.delete.test"))))
        self.assertIn(mismatch, self.not_changed(
            zone, ("DELETE", self.record("www.delete.test", "A", "192.0.2.1", "192.0.2.2", ttl=61))))
        self.change(zone, ("DELETE", self.record("www.delete.test", "A", "192.0.2.2", "192.0.2.1")))
        self.assertEqual(self.records(zone), [])

    def test_a_batch_is_all_or_nothing(self):
        zone = self.zone("atomic.test")
        self.not_changed(zone, ("CREATE", self.record("a.atomic.test")), ("DELETE", self.record("b.atomic.test")))
        self.assertEqual(self.records(zone), [])
        self.change(zone, ("CREATE", self.record("a.atomic.test")))
        other = self.record("a.atomic.test", "A", "192.0.2.9")
        self.change(zone, ("DELETE", self.record("a.atomic.test")), ("CREATE", other))
        self.assertEqual(self.records(zone)[0]["ResourceRecords"], [{"Value": "192.0.2.9"}])

    def test_a_name_outside_the_zone_is_refused(self):
        zone = self.zone("inside.test")
        for name in ("outside.test", "xinside.test", "test"):
            self.assertIn("is not permitted in zone inside.test.", self.not_changed(zone, ("UPSERT", self.record(name))))

    def test_a_cname_stands_alone(self):
        zone = self.zone("cname.test")
        alias = self.record("www.cname.test", "CNAME", "cname.test")
        self.change(zone, ("CREATE", alias))
        self.assertIn("conflicts", self.not_changed(zone, ("CREATE", self.record("www.cname.test"))))
        self.assertIn("at apex", self.not_changed(zone, ("CREATE", self.record("cname.test", "CNAME", "x.test"))))
        self.change(zone, ("DELETE", alias), ("CREATE", self.record("www.cname.test")))
        self.not_changed(zone, ("CREATE", self.record("www.cname.test", "CNAME", "a.test", "b.test")))

    def test_values_are_checked(self):
        zone = self.zone("values.test")
        self.assertIn("enclosed in quotation marks", self.not_changed(
            zone, ("UPSERT", self.record("values.test", "TXT", "v=spf1 -all"))))
        self.change(zone, ("UPSERT", self.record("values.test", "TXT", '"v=spf1 -all"', '"a" "b"')))
        self.not_changed(zone, ("UPSERT", self.record("a.values.test", "A", "not-an-address")))
        self.not_changed(zone, ("UPSERT", {"Name": "a.values.test", "Type": "A", "TTL": 60}), code="InvalidInput")

    def test_weighted_records_differ_by_their_identifier(self):
        zone = self.zone("weighted.test")
        for number in "12":
            self.change(zone, ("CREATE", self.record("w.weighted.test", SetIdentifier=number, Weight=1)))
        self.assertEqual(len(self.records(zone)), 2)
        self.not_changed(zone, ("CREATE", self.record("w.weighted.test")))

    def test_names_are_kept_in_lower_case_with_octal_escapes(self):
        zone = self.zone("Case.Test")
        self.change(zone, ("CREATE", self.record("*.Sub.CASE.test")))
        self.assertEqual(self.records(zone)[0]["Name"], "\\052.sub.case.test.")
        self.change(zone, ("DELETE", self.record("\\052.sub.case.test.")))

    def test_a_change_is_pending_and_then_in_sync(self):
        zone = self.zone("sync.test")
        change = self.change(zone, ("CREATE", self.record("www.sync.test")))
        self.assertEqual(change["Status"], "PENDING")
        status = lambda: self.route53.get_change(Id=change["Id"])["ChangeInfo"]["Status"]  # noqa: E731
        self.assertEqual(status(), "PENDING")
        self.eventually(lambda: status() == "INSYNC", 3)
        self.refused("NoSuchChange", self.route53.get_change, Id="C0000000000000")

    def test_every_zone_has_name_servers_of_its_own(self):
        first, second = self.zone("twice.test"), self.zone("twice.test")
        servers = [self.route53.get_hosted_zone(Id=one)["DelegationSet"]["NameServers"] for one in (first, second)]
        self.assertEqual([len(one) for one in servers], [4, 4])
        self.assertNotEqual(*servers)
        listed = self.route53.list_resource_record_sets(HostedZoneId=first)["ResourceRecordSets"]
        values = {one["Type"]: [value["Value"].rstrip(".") for value in one["ResourceRecords"]] for one in listed}
        self.assertEqual(values["NS"], servers[0])
        self.assertTrue(values["SOA"][0].startswith(servers[0][0]))

    def test_a_zone_with_records_is_not_deleted(self):
        zone = self.zone("full.test")
        self.change(zone, ("CREATE", self.record("www.full.test")))
        self.refused("HostedZoneNotEmpty", self.route53.delete_hosted_zone, Id=zone)
        self.change(zone, ("DELETE", self.record("www.full.test")))
        self.route53.delete_hosted_zone(Id=zone)
        self.refused("NoSuchHostedZone", self.route53.get_hosted_zone, Id=zone)

    def test_records_are_listed_by_their_labels_from_the_right(self):
        zone = self.zone("order.test")
        names = ["z.order.test.", "a.z.order.test.", "b.order.test.", "order.test."]
        self.change(zone, *[("CREATE", self.record(name)) for name in names])
        self.change(zone, ("CREATE", self.record("b.order.test", "TXT", '"t"')))
        expected = [("order.test.", "A"), ("b.order.test.", "A"), ("b.order.test.", "TXT"), ("z.order.test.", "A"),
                    ("a.z.order.test.", "A")]
        self.assertEqual([(one["Name"], one["Type"]) for one in self.records(zone)], expected)
        start = self.records(zone, StartRecordName="B.order.test", StartRecordType="TXT")
        self.assertEqual((start[0]["Name"], start[0]["Type"]), expected[2])
        page = self.route53.list_resource_record_sets(
            HostedZoneId=zone, StartRecordName="b.order.test", MaxItems="1")
        self.assertTrue(page["IsTruncated"])
        self.assertEqual((page["NextRecordName"], page["NextRecordType"]), expected[2])
        self.refused("InvalidInput", self.route53.list_resource_record_sets, HostedZoneId=zone, StartRecordType="A")

    def test_zones_are_listed_by_name_and_in_pages(self):
        client = self.server.client("route53", {"AccessKeyId": "333333333333", "SecretAccessKey": "test"})
        for name in ("b.example", "a.b.example", "a.example", "example"):
            client.create_hosted_zone(Name=name, CallerReference=name)
        expected = ["example.", "a.example.", "b.example.", "a.b.example."]
        by_name = client.list_hosted_zones_by_name()
        self.assertEqual([one["Name"] for one in by_name["HostedZones"]], expected)
        page = client.list_hosted_zones_by_name(DNSName="a.example", MaxItems="1")
        self.assertEqual([one["Name"] for one in page["HostedZones"]], ["a.example."])
        self.assertEqual((page["IsTruncated"], page["NextDNSName"]), (True, "b.example."))
        paged = [one["Name"] for page in client.get_paginator("list_hosted_zones").paginate(
            PaginationConfig={"PageSize": 1}) for one in page["HostedZones"]]
        self.assertEqual(sorted(paged), sorted(expected))

    def test_a_record_set_group_of_a_stack(self):
        zone = self.zone("group.test").split("/")[-1]
        def template(*names):
            sets = [{"Name": name, "Type": "A", "TTL": "60", "ResourceRecords": ["192.0.2.1"]} for name in names]
            return {"Resources": {"Group": {"Type": "AWS::Route53::RecordSetGroup", "Properties": {
                "HostedZoneId": zone, "RecordSets": sets}}}}
        stack = self.create(template("a.group.test", "b.group.test"))
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE")
        stack = self.update(stack, template("b.group.test", "c.group.test"))
        self.assertEqual([one["Name"] for one in self.records(zone)], ["b.group.test.", "c.group.test."])
        failed = self.create(template("c.group.test"))
        self.assertEqual(failed["StackStatus"], "ROLLBACK_COMPLETE")
        self.assertIn("but it already exists", self.reason(failed["StackId"], "Group", "CREATE_FAILED"))
        self.assertEqual(len(self.records(zone)), 2)
        self.delete(stack)
        self.assertEqual(self.records(zone), [])


if __name__ == "__main__":
    unittest.main()
