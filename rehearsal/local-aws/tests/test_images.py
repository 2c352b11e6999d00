"""EC2's images."""

from __future__ import annotations

import unittest

from support import LocalAwsTest

CANONICAL = "099720109477"
JAMMY = "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-*"


class Images(LocalAwsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ec2 = cls.server.client("ec2")

    def find(self, *filters: tuple, owners=(CANONICAL,), **more) -> list[dict]:
        listed = [{"Name": name, "Values": list(values)} for name, *values in filters]
        return self.ec2.describe_images(Owners=list(owners), Filters=listed, **more)["Images"]

    def test_the_newest_jammy_image_can_be_found(self):
        found = self.find(("name", JAMMY), ("architecture", "x86_64"), ("root-device-type", "ebs"),
                          ("virtualization-type", "hvm"), ("state", "available"))
        dates = sorted(one["CreationDate"] for one in found)
        self.assertEqual(dates[-1], "2026-11-06T06:02:11.000Z")
        self.assertEqual(dates.count(dates[-1]), 2, "two images of one moment")
        self.assertNotEqual([one["CreationDate"] for one in found], dates)
        self.assertEqual({one["OwnerId"] for one in found}, {CANONICAL})

    def test_pending_and_deprecated_images(self):
        states = {one["State"] for one in self.find(("name", JAMMY))}
        self.assertEqual(states, {"available", "pending"})
        without = self.find(("name", JAMMY))
        with_deprecated = self.find(("name", JAMMY), IncludeDeprecated=True)
        extra = [one for one in with_deprecated if one not in without]
        self.assertEqual([one["DeprecationTime"] for one in extra], ["2026-10-02T07:10:21.000Z"])

    def test_architectures_and_releases(self):
        noble = self.find(("name", "ubuntu/images/*/ubuntu-noble-24.04-arm64-server-????????"), ("architecture", "arm64"))
        self.assertEqual(len(noble), 4)
        self.assertEqual(self.find(("name", "*noble*"), ("architecture", "mips")), [])
        self.assertEqual(self.find(("name", JAMMY), owners=("self",)), [])

    def test_what_does_not_exist_is_said_so(self):
        self.refused("InvalidAMIID.NotFound", self.ec2.describe_images, ImageIds=["ami-00000000000000000"])
        self.refused("InvalidAMIID.Malformed", self.ec2.describe_images, ImageIds=["ami-x"])
        self.refused("InvalidParameterValue", lambda: self.find(("no-such-filter", "x")))

    def test_pages(self):
        pages = list(self.ec2.get_paginator("describe_images").paginate(
            Owners=[CANONICAL], PaginationConfig={"PageSize": 3}))
        self.assertGreater(len(pages), 3)
        paged = [one["ImageId"] for page in pages for one in page["Images"]]
        self.assertEqual(paged, [one["ImageId"] for one in self.find()])
        self.refused("InvalidParameterCombination", self.ec2.describe_images, ImageIds=paged[:1], MaxResults=5)

    def test_ids_are_those_of_the_region(self):
        other = self.server.client("ec2", region="us-east-1").describe_images(Owners=[CANONICAL])["Images"]
        self.assertFalse({one["ImageId"] for one in other} & {one["ImageId"] for one in self.find()})


if __name__ == "__main__":
    unittest.main()
