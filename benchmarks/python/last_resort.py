"""Answers CloudFormation FAILED for a function that could not."""

import answer


def handler(event, context):
    function = event["requestContext"]["functionArn"].split(":")[6]
    problem = event["responsePayload"]["errorMessage"]
    request = event["requestPayload"]
    answer.put(request, "FAILED", "outcome-unknown", reason=f"{function} gave no answer: {problem}")
