"""Custom::FindAMI: the newest image that matches."""

import answer
import boto3

ec2 = boto3.client("ec2")


def handler(event, context):
    properties = event["ResourceProperties"]
    owner = {"canonical": "099720109477"}.get(properties["Owner"], properties["Owner"])
    filters = {
        "architecture": [properties["Architecture"]],
        "root-device-type": [properties["RootDeviceType"]],
        "virtualization-type": [properties["VirtualizationType"]],
        "state": ["available"],
        "image-type": ["machine"],
        "name": properties["Names"],
    }
    pages = ec2.get_paginator("describe_images").paginate(
        Owners=[owner],
        Filters=[{"Name": name, "Values": values} for name, values in filters.items()],
        PaginationConfig={"PageSize": 500},
    )
    newest = max((image for page in pages for image in page["Images"]), key=lambda image: image["CreationDate"])
    data = {
        "ImageId": newest["ImageId"],
        "Name": newest["Name"],
        "CreationDate": newest["CreationDate"],
        "CodeName": newest["Name"].split("/")[-1].split("-")[1],
        "Architecture": newest["Architecture"],
        "RootDeviceName": newest["RootDeviceName"],
    }
    answer.put(event, "SUCCESS", newest["ImageId"], data)
