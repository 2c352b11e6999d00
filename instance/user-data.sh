#!/bin/bash
# Makes this machine a BigBlueButton server: its settings, none of them secret, and the bundle of the project's folder instance/, which does the rest.
install -d /etc/bbb-server
cat >/etc/bbb-server/settings <<'SETTINGS'
${Settings}
SETTINGS
fetch() {
  command -v aws || { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -yq install awscli; } || return 1
  aws --region ${AWS::Region} s3 cp --only-show-errors s3://${SourcesBucket}/instance/${InstanceBundle}.tar.gz /root/bundle || return 1
  echo "${InstanceBundle}  /root/bundle" | sha256sum --check --quiet || return 1
  rm -rf /opt/bbb-server /opt/bbb-server.new
  install -d /opt/bbb-server.new
  tar -xzf /root/bundle -C /opt/bbb-server.new && echo ${InstanceBundle} >/opt/bbb-server.new/bundle-id && mv /opt/bbb-server.new /opt/bbb-server
}
for try in 1 2 3 4 5; do
  # An image that was made with this bundle has it.
  [ "$(cat /opt/bbb-server/bundle-id 2>/dev/null)" = ${InstanceBundle} ] && exec /opt/bbb-server/start
  fetch || sleep 15
done
echo "bbb-server: the bundle ${InstanceBundle} cannot be fetched" | tee /dev/console
# With nothing to signal with, a server of the pool takes itself away, to be replaced.
grep -q ^ROLE=pool /etc/bbb-server/settings && poweroff
