"""Answers every event with nothing: what awslambdaric itself costs."""


def handler(event, context):
    return None
