"""SSM's public parameters."""

from __future__ import annotations

import unittest

from support import LocalAwsTest

CURRENT = "/aws/service/canonical/ubuntu/server/{}/stable/current/{}/hvm/{}/ami-id"


class PublicParameters(LocalAwsTest):
    def image(self, *path: str) -> dict:
        name = CURRENT.format(*path)
        value = self.server.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]
        return self.server.client("ec2").describe_images(ImageIds=[value])["Images"][0]

    def test_the_current_image_is_the_newest_available(self):
        image = self.image("22.04", "amd64", "ebs-gp2")
        self.assertIn("ubuntu-jammy-22.04-amd64-server-", image["Name"])
        self.assertEqual((image["State"], image["CreationDate"]), ("available", "2026-11-06T06:02:11.000Z"))
        self.assertEqual(self.image("noble", "arm64", "ebs-gp3")["Architecture"], "arm64")

    def test_what_canonical_does_not_publish_is_not_found(self):
        ssm = self.server.client("ssm")
        for path in (("20.04", "amd64", "ebs-gp2"), ("22.04", "amd64", "ebs-gp3"), ("22.04", "mips", "ebs-gp2")):
            with self.assertRaises(ssm.exceptions.ParameterNotFound):
                ssm.get_parameter(Name=CURRENT.format(*path))

    def test_they_cannot_be_written(self):
        ssm = self.server.client("ssm")
        with self.assertRaises(ssm.exceptions.ClientError):
            ssm.put_parameter(Name=CURRENT.format("22.04", "amd64", "ebs-gp2"), Value="ami-1", Type="String")


if __name__ == "__main__":
    unittest.main()
