#!/bin/bash
# Stands in for BigBlueButton's installer: takes its options, installs the real nginx, HAProxy, coturn, Redis and Ruby from the distribution, stand-ins for
# BigBlueButton's own packages, and writes the same values into the same files. Like the real one it ends well after most failures.
set -u
log=/var/log/stand-ins/bbb-install
mkdir -p "${log%/*}"
{ printf '%q ' "$0" "$@"; printf '\n'; env; } >>"$log"

GREENLIGHT=no VERSION='' HOST='' PROVIDED=no
while getopts "v:s:e:r:c:dgwj" option; do
  case $option in
    v) VERSION=$OPTARG ;;
    s) HOST=$OPTARG ;;
    d) PROVIDED=yes ;;
    g) GREENLIGHT=yes ;;
    r | e | w | j) ;;
    *) exit 1 ;;
  esac
done
case $VERSION in jammy-30*) ;; *) echo "bbb-install: this script installs BigBlueButton 3.0" >&2; exit 1 ;; esac
[ "$PROVIDED" = yes ] || { echo "bbb-install: the trial only gives certificates" >&2; exit 1; }
: "${IP:?the real one would ask the metadata service without a token here}"

export DEBIAN_FRONTEND=noninteractive
# A fault that the trial asks for: something does not install, and nobody notices.
packages=(nginx coturn redis-server ruby rsync xmlstarlet iptables-persistent bigbluebutton bbb-web bbb-html5)
[ -e /srv/faults/no-haproxy ] || packages+=(haproxy)
apt-get update -q
apt-get install -yq --no-install-recommends "${packages[@]}"
systemctl enable -q --now redis-server

freeswitch=/opt/freeswitch/etc/freeswitch
sed -i "s/external_rtp_ip=[^\"]*/external_rtp_ip=$IP/; s/external_sip_ip=[^\"]*/external_sip_ip=$IP/" $freeswitch/vars.xml
sed -i "s/\(name=\"ws-binding\" value=\"\)[^\"]*/\1$IP:5066/" $freeswitch/sip_profiles/external.xml
ip addr add "$IP" dev lo
cat >/lib/systemd/system/dummy-nic.service <<END
[Unit]
Description=Configure dummy NIC for FreeSWITCH
Before=freeswitch.service
After=network.target

[Service]
ExecStart=/sbin/ip addr add $IP dev lo

[Install]
WantedBy=multi-user.target
END
systemctl daemon-reload
systemctl enable -q dummy-nic

mkdir -p "/etc/letsencrypt/live/$HOST" /etc/bigbluebutton/bbb-webrtc-sfu /etc/bigbluebutton/nginx /var/www/bigbluebutton-default/assets
ln -sf /local/certs/fullchain.pem "/etc/letsencrypt/live/$HOST/fullchain.pem"
ln -sf /local/certs/privkey.pem "/etc/letsencrypt/live/$HOST/privkey.pem"
cat >/etc/nginx/sites-available/bigbluebutton <<END
server {
  listen 80;
  listen [::]:80;
  server_name $HOST;
  location ^~ / { return 301 https://\$server_name\$request_uri; }
  location ^~ /.well-known/acme-challenge/ {
    default_type "text/plain";
    root /var/www/bigbluebutton-default/assets;
  }
}
set_real_ip_from 127.0.0.1;
real_ip_header proxy_protocol;
server {
  listen 127.0.0.1:81 proxy_protocol;
  listen 127.0.0.1:82 proxy_protocol;
  server_name $HOST;
  location / { root /var/www/bigbluebutton-default/assets; }
  include /etc/bigbluebutton/nginx/*.nginx;
}
END
ln -sf ../sites-available/bigbluebutton /etc/nginx/sites-enabled/bigbluebutton
rm -f /etc/nginx/sites-enabled/default
systemctl restart nginx

cat >/etc/bigbluebutton/bbb-webrtc-sfu/production.yml <<END
freeswitch:
  ip: "$IP"
  sip_ip: "$IP"
  esl_password: "$(sed -n 's/^ *password="\(.*\)"/\1/p' /etc/bigbluebutton/bbb-fsesl-akka.conf)"
mediasoup:
  webrtc:
    listenIps:
      - ip: "0.0.0.0"
        announcedIp: "$IP"
  plainRtp:
    listenIp:
      ip: "0.0.0.0"
      announcedIp: "$IP"
END

secret=$(openssl rand -base64 32)
cat >/etc/turnserver.conf <<END
listening-port=3478
listening-ip=$INTERNAL_IP
relay-ip=$INTERNAL_IP
min-port=32769
max-port=65535
fingerprint
lt-cred-mech
use-auth-secret
static-auth-secret=$secret
realm=$HOST
no-cli
denied-peer-ip=0.0.0.0-255.255.255.255
allowed-peer-ip=$IP
allowed-peer-ip=$INTERNAL_IP
END
chown root:turnserver /etc/turnserver.conf
chmod 640 /etc/turnserver.conf
mkdir -p /var/log/turnserver
chown turnserver:turnserver /var/log/turnserver
sed "s|SECRET|$secret|; s|HOST|$HOST|" >/usr/share/bbb-web/WEB-INF/classes/spring/turn-stun-servers.xml <<'END'
<beans><bean id="turn0"><constructor-arg index="0" value="SECRET"/><constructor-arg index="1" value="turn:HOST:3478"/></bean></beans>
END
systemctl restart coturn

if [ -d /etc/haproxy ]; then
  cat >/etc/haproxy/haproxy.cfg <<END
global
	log /dev/log local0
	user haproxy
	group haproxy
	daemon
defaults
	log global
	timeout connect 5000
	timeout client 50000
	timeout server 50000
frontend nginx_or_turn
  bind *:443 ssl crt /etc/haproxy/certbundle.pem ssl-min-ver TLSv1.2 alpn http/1.1,stun.turn
  mode tcp
  use_backend turn if { ssl_fc_alpn stun.turn }
  default_backend nginx
backend turn
  mode tcp
  server localhost $INTERNAL_IP:3478
backend nginx
  mode tcp
  server localhost 127.0.0.1:81 send-proxy check
END
  mkdir -p /etc/letsencrypt/renewal-hooks/deploy
  cat >/etc/letsencrypt/renewal-hooks/deploy/haproxy <<END
#!/bin/bash -e
touch /etc/haproxy/certbundle.pem.new
chmod 0640 /etc/haproxy/certbundle.pem.new
{ cat /etc/letsencrypt/live/$HOST/fullchain.pem; echo; cat /etc/letsencrypt/live/$HOST/privkey.pem; } >/etc/haproxy/certbundle.pem.new
chown root:haproxy /etc/haproxy/certbundle.pem.new
mv /etc/haproxy/certbundle.pem.new /etc/haproxy/certbundle.pem
systemctl reload haproxy
END
  chmod 0755 /etc/letsencrypt/renewal-hooks/deploy/haproxy
  /etc/letsencrypt/renewal-hooks/deploy/haproxy
  systemctl enable -q --now haproxy
fi
iptables -t nat -A OUTPUT -p udp -s "$INTERNAL_IP" -d "$IP" -j DNAT --to-destination "$INTERNAL_IP"
netfilter-persistent save >/dev/null 2>&1
if [ "$GREENLIGHT" = yes ]; then
  mkdir -p /root/greenlight-v3
  printf 'BIGBLUEBUTTON_ENDPOINT=https://%s/bigbluebutton/\nBIGBLUEBUTTON_SECRET=%s\n#SMTP_SERVER=\n' "$HOST" \
    "$(sed -n 's/^securitySalt=//p' /usr/share/bbb-web/WEB-INF/classes/bigbluebutton.properties)" >/root/greenlight-v3/.env
fi
bbb-conf --setip "$HOST"
bbb-conf --status
echo "bbb-install: done"
