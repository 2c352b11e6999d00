# The agent's configuration. One stream a file and server: the name of the file without /var/log, and no slash at its beginning.
def stream: sub("^/(opt/freeswitch/)?var/log/"; "") | sub("\\*"; "all"; "g");
(.turn + if $role == "turn" then [] else .server end) as $files
| {
    agent: {metrics_collection_interval: 60, run_as_user: "root"},
    logs: {
      logs_collected: {
        files: {
          collect_list: [$files[] | {file_path: ., log_group_name: $group, log_stream_name: ("{instance_id}/" + stream), timezone: "UTC"}]
        }
      }
    }
  }
| if $namespace == "" then . else
    .metrics = {
      namespace: $namespace,
      append_dimensions: (if $role == "pool" then {AutoScalingGroupName: "${aws:AutoScalingGroupName}", InstanceId: "${aws:InstanceId}"} else {InstanceId: "${aws:InstanceId}"} end),
      aggregation_dimensions: (if $role == "pool" then [["AutoScalingGroupName"]] else [] end),
      metrics_collected: {
        mem: {measurement: ["mem_used_percent"]},
        swap: {measurement: ["swap_used_percent"]},
        disk: {measurement: ["disk_used_percent"], resources: ["/", "/var/bigbluebutton"], drop_device: true},
        cpu: {measurement: ["cpu_usage_active"], totalcpu: true},
        netstat: {measurement: ["udp_socket"]}
      }
    }
  end
