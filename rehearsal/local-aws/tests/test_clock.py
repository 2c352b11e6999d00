"""What happens by the clock: hooks that time out, schedules, scheduled and tracked capacity, alarms."""

from __future__ import annotations

import datetime
import itertools
import json
import os
import pathlib
import tempfile
import unittest
import urllib.error
import uuid

from groups import LAUNCH, RETAIN, TERMINATE, GroupTest
from support import ACCOUNT, REGION, OwnServerTest


class Clock(OwnServerTest):
    @classmethod
    def setUpClass(cls):
        handle, cls.file = tempfile.mkstemp(prefix="clock-")
        os.close(handle)
        cls.addClassCleanup(os.unlink, cls.file)
        cls.variables = {"CLOCK_FILE": cls.file}
        super().setUpClass()

    def ahead(self) -> float:
        return int.from_bytes(pathlib.Path(self.file).read_bytes(), "little", signed=True) / 1e9

    def test_it_is_moved_forward_and_says_so_in_its_file(self):
        before = self.server.clock()
        self.assertEqual(before["ahead"], self.ahead())
        after = self.server.clock(3600)
        passed = datetime.datetime.fromisoformat(after["now"]) - datetime.datetime.fromisoformat(before["now"])
        self.assertAlmostEqual(passed.total_seconds(), 3600, delta=60)
        self.assertAlmostEqual(after["ahead"] - before["ahead"], 3600, delta=60)
        self.assertAlmostEqual(self.ahead(), after["ahead"], places=6)
        created = self.server.client("sqs").create_queue(QueueName="later")["QueueUrl"]
        stamp = self.server.client("sqs").get_queue_attributes(
            QueueUrl=created, AttributeNames=["CreatedTimestamp"])["Attributes"]["CreatedTimestamp"]
        self.assertAlmostEqual(
            int(stamp), datetime.datetime.fromisoformat(self.server.clock()["now"]).timestamp(), delta=60)

    def test_what_makes_no_sense_is_refused(self):
        for wrong in (-1, 1e12, float("nan"), "1"):
            with self.subTest(wrong), self.assertRaises(urllib.error.HTTPError) as raised:
                self.server.clock(wrong)
            self.assertEqual(raised.exception.code, 400)
            raised.exception.close()

    def test_a_function_learns_its_deadline_from_this_clock(self):
        arn = self.function("return context['Lambda-Runtime-Deadline-Ms']", Timeout=10)
        deadline = int(json.load(self.functions.invoke(FunctionName=arn)["Payload"])) / 1000
        now = datetime.datetime.fromisoformat(self.server.clock()["now"]).timestamp()
        self.assertAlmostEqual(deadline, now + 10, delta=10)


class Hooks(GroupTest, OwnServerTest):
    def waiting(self, hook: dict, **more) -> tuple[str, str]:
        """A group with an instance that waits to be terminated."""
        name = self.group([hook], **more)
        instance_id, = self.in_state(name, "InService")
        self.groups.terminate_instance_in_auto_scaling_group(
            InstanceId=instance_id, ShouldDecrementDesiredCapacity=True)
        self.in_state(name, "Terminating:Wait")
        return name, instance_id

    def beat(self, name: str, instance_id: str) -> None:
        self.groups.record_lifecycle_action_heartbeat(
            AutoScalingGroupName=name, LifecycleHookName="terminate", InstanceId=instance_id)

    def test_a_heartbeat_begins_the_wait_anew(self):
        name, instance_id = self.waiting({**TERMINATE, "HeartbeatTimeout": 600})
        for _ in range(4):
            self.advance(500)
            self.assertEqual(self.states(name)[instance_id], "Terminating:Wait")
            self.beat(name, instance_id)
        self.advance(601)
        self.in_state(name)
        self.assertIn(self.ec2_state(instance_id), ("shutting-down", "terminated"))

    def test_no_heartbeat_helps_beyond_a_hundred_of_them_or_two_days(self):
        described = {**TERMINATE, "HeartbeatTimeout": 30}
        name, instance_id = self.waiting(described)
        hook, = self.groups.describe_lifecycle_hooks(AutoScalingGroupName=name)["LifecycleHooks"]
        self.assertEqual((hook["HeartbeatTimeout"], hook["GlobalTimeout"]), (30, 3000))
        for _ in range(119):
            self.beat(name, instance_id)
            self.advance(25)
        self.assertEqual(self.states(name)[instance_id], "Terminating:Wait")
        self.beat(name, instance_id)
        self.advance(29)
        self.in_state(name)
        name, instance_id = self.waiting({**TERMINATE, "HeartbeatTimeout": 7200})
        hook, = self.groups.describe_lifecycle_hooks(AutoScalingGroupName=name)["LifecycleHooks"]
        self.assertEqual(hook["GlobalTimeout"], 172800)

    def test_a_wait_that_ends_is_what_the_hook_says(self):
        for result, left in (("CONTINUE", []), ("ABANDON", ["Terminating:Retained"])):
            with self.subTest(result):
                name, instance_id = self.waiting({**TERMINATE, "DefaultResult": result}, InstanceLifecyclePolicy=RETAIN)
                self.advance(1801)
                self.in_state(name, *left)
                alive = self.ec2_state(instance_id) == "running"
                self.assertEqual(alive, bool(left))

    def test_a_launch_that_is_not_completed_is_replaced(self):
        name = self.group([LAUNCH])
        first, = self.in_state(name, "Pending:Wait")
        self.advance(3601)
        self.eventually(lambda: first not in self.states(name) and list(self.states(name).values()) == ["Pending:Wait"])

    def test_a_termination_policy_is_asked_again(self):
        body = """
            first = not os.path.exists("/tmp/asked-" + event["AutoScalingGroupName"])
            open("/tmp/asked-" + event["AutoScalingGroupName"], "w").close()
            return {"InstanceIDs": [] if first else [one["InstanceId"] for one in event["Instances"]]}
        """
        arn = self.function(body)
        self.functions.add_permission(
            FunctionName=arn, StatementId="it", Action="lambda:InvokeFunction", Principal=(
                f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"))
        name = self.group(desired=1, TerminationPolicies=[arn])
        self.addCleanup(pathlib.Path(f"/tmp/asked-{name}").unlink, missing_ok=True)
        self.in_state(name, "InService")
        self.groups.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=0)
        self.eventually(lambda: self.requests(arn))
        self.in_state(name, "InService")
        self.advance(60)
        self.in_state(name)


class Schedules(GroupTest, OwnServerTest):
    def test_a_rule_fires_once_for_each_occurrence(self):
        arn = self.function("return")
        name = "every-minute"
        rule = self.events_api.put_rule(Name=name, ScheduleExpression="rate(1 minute)")["RuleArn"]
        self.functions.add_permission(FunctionName=arn, StatementId="it", Action="lambda:InvokeFunction",
                                      Principal="events.amazonaws.com", SourceArn=rule)
        self.events_api.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn}])
        self.advance(600)
        found = self.requests(arn)
        self.assertEqual(len(found), 10)
        self.assertEqual(found[0]["detail-type"], "Scheduled Event")
        self.assertEqual((found[0]["source"], found[0]["resources"]), ("aws.events", [rule]))
        times = [datetime.datetime.fromisoformat(one["time"].replace("Z", "+00:00")) for one in found]
        self.assertEqual({(later - sooner).total_seconds() for sooner, later in itertools.pairwise(times)}, {60})
        self.events_api.disable_rule(Name=name)
        self.advance(300)
        self.assertEqual(len(self.requests(arn)), 10)
        self.events_api.enable_rule(Name=name)
        self.advance(130)
        self.assertEqual(len(self.requests(arn)), 12)
        self.events_api.disable_rule(Name=name)

    def test_scheduled_actions_change_the_sizes(self):
        name = self.group(desired=0)
        now = datetime.datetime.fromisoformat(self.server.clock()["now"])
        soon = now + datetime.timedelta(hours=2)
        put = self.groups.put_scheduled_update_group_action
        put(AutoScalingGroupName=name, ScheduledActionName="recurring", MinSize=1, DesiredCapacity=2,
            Recurrence=f"{soon.minute} {soon.hour} * * *")
        put(AutoScalingGroupName=name, ScheduledActionName="once", MinSize=0, DesiredCapacity=0,
            StartTime=soon + datetime.timedelta(hours=1))
        self.advance(3600)
        self.assertEqual(self.described(name)["DesiredCapacity"], 0)
        self.advance(3600 + 60)
        self.assertEqual((self.described(name)["MinSize"], self.described(name)["DesiredCapacity"]), (1, 2))
        self.advance(3600)
        self.assertEqual(self.described(name)["DesiredCapacity"], 0)
        self.advance(86400)
        self.assertEqual(self.described(name)["DesiredCapacity"], 2)
        for wrong in ("61 * * * *", "every day", "0 8 * *"):
            self.refused("ValidationError", put, AutoScalingGroupName=name, ScheduledActionName="x", Recurrence=wrong)
        self.refused("ValidationError", put, AutoScalingGroupName=name, ScheduledActionName="x", DesiredCapacity=1,
                     Recurrence="0 8 * * *", TimeZone="Europe/Nowhere")

    def test_recurrences_follow_their_time_zone(self):
        name = self.group(desired=0)
        self.groups.put_scheduled_update_group_action(
            AutoScalingGroupName=name, ScheduledActionName="lessons", DesiredCapacity=1,
            Recurrence="30 7 * * MON-FRI", TimeZone="Europe/Berlin")
        self.advance(8 * 86400)
        self.assertEqual(self.described(name)["DesiredCapacity"], 1)


class Measures(GroupTest, OwnServerTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cloudwatch = cls.server.client("cloudwatch")

    def measured(self, namespace: str, value: float, group: str) -> None:
        """Let a function write a metric into its log, as the pool does."""
        body = f"""
            print(json.dumps({{"_aws": {{"Timestamp": int(time.time() * 1000) + int(event["ahead"] * 1000),
                "CloudWatchMetrics": [{{"Namespace": "{namespace}", "Dimensions": [["AutoScalingGroupName"]],
                "Metrics": [{{"Name": "SeatsUsed", "Unit": "Percent"}}]}}]}},
                "AutoScalingGroupName": "{group}", "SeatsUsed": {value}}}), flush=True)
        """
        arn = self.function(body)
        self.functions.invoke(FunctionName=arn, Payload=json.dumps({"ahead": self.server.clock()["ahead"]}))

    def statistics(self, namespace: str, group: str) -> list[float]:
        now = datetime.datetime.fromisoformat(self.server.clock()["now"])
        points = self.cloudwatch.get_metric_statistics(
            Namespace=namespace, MetricName="SeatsUsed", Period=60, Statistics=["Average"],
            Dimensions=[{"Name": "AutoScalingGroupName", "Value": group}],
            StartTime=now - datetime.timedelta(minutes=10), EndTime=now + datetime.timedelta(minutes=1))["Datapoints"]
        return [point["Average"] for point in points]

    def test_functions_write_metrics_into_their_logs(self):
        self.measured("Embedded", 42, "a-group")
        self.eventually(lambda: self.statistics("Embedded", "a-group") == [42])
        self.assertEqual(self.statistics("Embedded", "another"), [])

    def alarm(self, name: str, **more) -> None:
        self.cloudwatch.put_metric_alarm(**{
            "AlarmName": name, "Namespace": "Alarms", "MetricName": "Size", "Statistic": "Maximum", "Period": 60,
            "EvaluationPeriods": 3, "DatapointsToAlarm": 2, "Threshold": 5,
            "ComparisonOperator": "GreaterThanThreshold", "Dimensions": [{"Name": "of", "Value": name}], **more})

    def put(self, name: str, value: float) -> None:
        now = datetime.datetime.fromisoformat(self.server.clock()["now"])
        self.cloudwatch.put_metric_data(Namespace="Alarms", MetricData=[{
            "MetricName": "Size", "Value": value, "Timestamp": now, "Dimensions": [{"Name": "of", "Value": name}]}])

    def state(self, name: str) -> str:
        return self.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"]

    def test_alarms_look_at_whole_periods_of_their_own_metric(self):
        self.alarm("periods")
        self.put("another", 9)
        self.put("periods", 9)
        self.advance(60)
        self.assertEqual(self.state("periods"), "OK")
        self.put("periods", 9)
        self.advance(60)
        self.assertEqual(self.state("periods"), "ALARM")
        for _ in range(3):
            self.put("periods", 1)
            self.advance(60)
        self.assertEqual(self.state("periods"), "OK")
        self.advance(300)
        self.assertEqual(self.state("periods"), "INSUFFICIENT_DATA")

    def test_missing_data_is_what_the_alarm_says(self):
        self.alarm("breaching", TreatMissingData="breaching")
        self.alarm("notBreaching", TreatMissingData="notBreaching")
        self.alarm("ignore", TreatMissingData="ignore")
        self.advance(180)
        self.assertEqual([self.state(name) for name in ("breaching", "notBreaching", "ignore")],
                         ["ALARM", "OK", "INSUFFICIENT_DATA"])

    def test_queues_are_measured(self):
        queue = self.sqs.create_queue(QueueName="dead")["QueueUrl"]
        self.sqs.send_message(QueueUrl=queue, MessageBody="x")
        self.alarm("letters", Namespace="AWS/SQS", MetricName="ApproximateNumberOfMessagesVisible", Threshold=0,
                   EvaluationPeriods=1, DatapointsToAlarm=1, Dimensions=[{"Name": "QueueName", "Value": "dead"}])
        self.advance(120)
        self.assertEqual(self.state("letters"), "ALARM")

    def track(self, name: str, **more) -> None:
        self.groups.put_scaling_policy(
            AutoScalingGroupName=name, PolicyName="seats", PolicyType="TargetTrackingScaling", EstimatedInstanceWarmup=60,
            TargetTrackingConfiguration={"TargetValue": 50, "CustomizedMetricSpecification": {
                "Namespace": "Tracked", "MetricName": "SeatsUsed", "Statistic": "Average",
                "Dimensions": [{"Name": "AutoScalingGroupName", "Value": name}]}, **more})

    def use(self, name: str, percent: float, minutes: int) -> None:
        for _ in range(minutes):
            now = datetime.datetime.fromisoformat(self.server.clock()["now"])
            self.cloudwatch.put_metric_data(Namespace="Tracked", MetricData=[{
                "MetricName": "SeatsUsed", "Value": percent, "Timestamp": now,
                "Dimensions": [{"Name": "AutoScalingGroupName", "Value": name}]}])
            self.advance(60)

    def test_target_tracking_follows_the_metric(self):
        name = self.group(desired=2, MinSize=1, MaxSize=4)
        self.in_state(name, "InService", "InService")
        self.track(name)
        self.use(name, 80, 2)
        self.assertEqual(self.described(name)["DesiredCapacity"], 2)
        self.use(name, 80, 2)
        self.assertEqual(self.described(name)["DesiredCapacity"], 4)
        minutes = 0
        while self.described(name)["DesiredCapacity"] == 4 and minutes < 30:
            self.use(name, 20, 1)
            minutes += 1
        # A quarter of an hour of too little, and then as far as the target needs.
        self.assertIn(minutes, range(15, 20))
        self.assertEqual(self.described(name)["DesiredCapacity"], 2)

    def test_target_tracking_need_not_scale_in(self):
        name = self.group(desired=3)
        self.in_state(name, *["InService"] * 3)
        self.track(name, DisableScaleIn=True)
        self.use(name, 1, 20)
        self.assertEqual(self.described(name)["DesiredCapacity"], 3)


class Delivery(GroupTest, OwnServerTest):
    def rule(self, arn: str, permit: bool = True, dead_letters: str = "") -> str:
        name = "rule-" + uuid.uuid4().hex[:8]
        rule = self.events_api.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))["RuleArn"]
        if permit:
            self.functions.add_permission(FunctionName=arn, StatementId=name, Action="lambda:InvokeFunction",
                                          Principal="events.amazonaws.com", SourceArn=rule)
        target = {"Id": "1", "Arn": arn}
        if dead_letters:
            target["DeadLetterConfig"] = {"Arn": dead_letters}
        self.events_api.put_targets(Rule=name, Targets=[target])
        return name

    def queue(self, policy: bool = True) -> tuple[str, str]:
        name = "dead-" + uuid.uuid4().hex[:8]
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
        statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
                     "Resource": arn, "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/*"}}}
        attributes = {"Policy": json.dumps({"Version": "2012-10-17", "Statement": statement})} if policy else {}
        return self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"], arn

    def send(self, source: str) -> None:
        self.events_api.put_events(Entries=[{"Source": source, "DetailType": "it", "Detail": json.dumps({"n": 1})}])

    def test_a_function_gets_events_only_with_its_permission(self):
        arn = self.function("return")
        url, dead = self.queue()
        allowed, forbidden = self.rule(arn), self.rule(arn, permit=False, dead_letters=dead)
        self.send(allowed)
        self.eventually(lambda: len(self.requests(arn)) == 1)
        self.send(forbidden)
        message, = self.eventually(lambda: self.sqs.receive_message(
            QueueUrl=url, MessageAttributeNames=["All"]).get("Messages"))
        self.assertEqual(json.loads(message["Body"])["source"], forbidden)
        attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
        self.assertEqual((attributes["ERROR_CODE"], attributes["TARGET_ARN"]), ("NO_PERMISSIONS", arn))
        self.assertEqual(len(self.requests(arn)), 1)

    def test_a_dead_letter_queue_has_to_admit_eventbridge(self):
        url, dead = self.queue(policy=False)
        gone = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:gone"
        name = "rule-" + uuid.uuid4().hex[:8]
        self.events_api.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
        self.events_api.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": gone, "DeadLetterConfig": {"Arn": dead}}])
        self.send(name)
        self.assertEqual(self.sqs.receive_message(QueueUrl=url).get("Messages", []), [])

    def test_events_of_a_function_that_is_switched_off_go_to_its_destination(self):
        url, dead = self.queue()
        arn = self.function("return", {"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": dead}})
        self.functions.put_function_event_invoke_config(
            FunctionName=arn, DestinationConfig={"OnFailure": {"Destination": dead}})
        self.functions.put_function_concurrency(FunctionName=arn, ReservedConcurrentExecutions=0)
        name = self.rule(arn)
        self.send(name)
        message, = self.eventually(lambda: self.sqs.receive_message(QueueUrl=url).get("Messages"))
        record = json.loads(message["Body"])
        self.assertEqual(record["requestPayload"]["source"], name)
        self.assertEqual(record["requestContext"]["approximateInvokeCount"], 0)

    def test_a_throttled_event_waits_until_it_is_too_old(self):
        url, dead = self.queue()
        arn = self.function("time.sleep(2)", {"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": dead}}, Timeout=5)
        self.functions.put_function_event_invoke_config(
            FunctionName=arn, MaximumEventAgeInSeconds=60, DestinationConfig={"OnFailure": {"Destination": dead}})
        self.functions.put_function_concurrency(FunctionName=arn, ReservedConcurrentExecutions=1)
        name = self.rule(arn)
        for _ in range(2):
            self.send(name)
        self.eventually(lambda: len(self.requests(arn)) == 2)
        self.assertEqual(self.sqs.receive_message(QueueUrl=url).get("Messages", []), [])


class Waiting(OwnServerTest):
    """An event for a function that has no room for it."""

    def busy(self) -> str:
        """A function that is busy with one of two events."""
        arn = self.function('if event:\n    print("event", int(time.time()), flush=True)\n    time.sleep(1)')
        self.functions.put_function_concurrency(FunctionName=arn, ReservedConcurrentExecutions=1)
        for _ in range(2):
            self.functions.invoke(FunctionName=arn, InvocationType="Event", Payload=b'{"a": 1}')
        self.eventually(lambda: self.is_busy(arn))
        return arn

    def is_busy(self, arn: str) -> bool:
        try:
            self.functions.invoke(FunctionName=arn, Payload=b"{}")
        except self.functions.exceptions.TooManyRequestsException:
            return True
        return False

    def times(self, arn: str) -> list[int]:
        return sorted(int(line.split()[1]) for line in self.output(arn) if line.startswith("event"))

    def test_the_clock_waits_for_it(self):
        arn = self.busy()
        self.server.clock(3600)
        one, other = self.times(arn)
        self.assertLess(other - one, 60)

    def test_it_is_lost_when_the_function_is_switched_off(self):
        arn = self.busy()
        self.functions.put_function_concurrency(FunctionName=arn, ReservedConcurrentExecutions=0)
        self.server.clock(1)
        self.functions.put_function_concurrency(FunctionName=arn, ReservedConcurrentExecutions=1)
        self.server.clock(1)
        self.assertEqual(len(self.times(arn)), 1)


if __name__ == "__main__":
    unittest.main()
