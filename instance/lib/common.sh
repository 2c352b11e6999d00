# The files that share this one do not use everything in it.
# shellcheck disable=SC2034
# shellcheck shell=bash
# What every step may use. Sourced, first of all, by each of them.

set -euo pipefail

# Overridable for the sake of readers of these files on another machine; the units do not set them.
: "${BBB_SERVER:=/opt/bbb-server}"
readonly BBB_SERVER
export BBB_SERVER
readonly SETTINGS=/etc/bbb-server/settings
# What the install stage did, and what this server is; survives a reboot.
readonly INSTALLED=/etc/bbb-server/installed
readonly STATE=/var/lib/bbb-server
# What is true until the next boot only.
readonly BOOT=/run/bbb-server

export AWS_MAX_ATTEMPTS=5 AWS_RETRY_MODE=standard AWS_PAGER=

say() { printf '%s\n' "$*"; }

fail() {
  printf 'failed: %s\n' "$*" >&2
  exit 1
}

# The value of KEY in a file of KEY=value lines; empty if there is none. The file is never executed.
value_of() { # FILE KEY
  [ -r "$1" ] || return 0
  sed -n "s/^$2=//p" "$1" | tail -n 1
}

setting() { value_of "$SETTINGS" "$1"; }
pin() { value_of "$BBB_SERVER/pins" "$1"; }

required() {
  local value
  value=$(setting "$1")
  [ -n "$value" ] || fail "the setting $1 is missing in $SETTINGS"
  printf '%s' "$value"
}

role() { required ROLE; }

# Runs a command until it succeeds: TIMES tries, SECONDS apart. BBB_SERVER_PACE, other seconds for all, is for trials.
retry() { # TIMES SECONDS COMMAND...
  local times=$1 seconds=${BBB_SERVER_PACE:-$2} try=1
  shift 2
  until "$@"; do
    [ "$try" -lt "$times" ] || return 1
    try=$((try + 1))
    sleep "$seconds"
  done
}

# Writes standard input to a file in one step, with its mode, so that nobody ever sees half of it. A file that is the same already is not touched.
# FLAG, a file in $BOOT, is made before a file that differs is written, so that what has to follow is not forgotten if this is stopped in between.
# Nothing on standard input is what a command that failed leaves, and is an error.
put_file() { # MODE FILE [OWNER:GROUP [FLAG]]
  local mode=$1 file=$2 owner=${3:-root:root} flag=${4:-} new
  # Not install -d, which would change the mode of a folder that is there.
  mkdir -p "$(dirname "$file")" "$BOOT"
  # What a write that was stopped left may hold a secret. Nothing reads a file that is called like this.
  rm -f "$file".bbb-server.*~
  new=$(mktemp --suffix=~ "$file.bbb-server.XXXXXX")
  cat >"$new"
  if [ ! -s "$new" ]; then
    rm -f "$new"
    fail "there is nothing to write to $file"
  fi
  chmod "$mode" "$new"
  chown "$owner" "$new"
  if [ -f "$file" ] && cmp -s "$new" "$file" && [ "$(stat -c %a:%U:%G "$file")" = "$(stat -c %a:%U:%G "$new")" ]; then
    rm -f "$new"
  else
    [ -z "$flag" ] || touch "$BOOT/$flag"
    mv -f "$new" "$file"
  fi
}

# The instance's metadata, by session token only. The token goes through standard input: an argument can be read by every process.
metadata() { # PATH
  local token
  token=$(curl -fsS --max-time 5 --retry 5 --retry-connrefused -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' \
    http://169.254.169.254/latest/api/token)
  printf 'header = "X-aws-ec2-metadata-token: %s"\n' "$token" |
    curl -fsS --max-time 5 --retry 5 --retry-connrefused -K - "http://169.254.169.254/latest/$1"
}

instance_id() { metadata meta-data/instance-id; }

# The AWS command line in the server's region, never waiting for long.
amazon() { aws --region "$(required REGION)" --cli-connect-timeout 5 --cli-read-timeout 20 "$@"; }

# A secret's text, on standard output, to be piped to where it belongs.
secret() { # ARN
  amazon secretsmanager get-secret-value --secret-id "$1" --query SecretString --output text
}

# The server's name. Servers of the pool are named after their instance.
host_name() {
  local host
  host=$(setting HOST)
  if [ -n "$host" ]; then
    printf '%s' "$host"
  else
    printf 'vc-%s.%s' "$(instance_id | sed 's/^i-//')" "$(required DOMAIN)"
  fi
}

# Says that BigBlueButton has to be restarted before this configuration ends.
needs_restart() {
  mkdir -p "$BOOT"
  touch "$BOOT/restart"
}

# Has systemd read its units again if put_file wrote one with the flag `reload`.
reload_units() {
  [ -e "$BOOT/reload" ] || return 0
  systemctl daemon-reload
  rm -f "$BOOT/reload"
}

# Packages by apt, waiting for whoever else installs; a mirror that fails is asked again.
packages() {
  DEBIAN_FRONTEND=noninteractive retry 5 15 apt-get -yq -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confdef \
    -o Dpkg::Options::=--force-confold install --no-install-recommends "$@"
}

# Downloads a key and keeps it as a keyring if its fingerprint is the expected one.
keyring() { # URL FINGERPRINT KEYRING
  local directory found
  directory=$(mktemp -d)
  retry 5 10 curl -fsSL --max-time 60 -o "$directory/key" "$1"
  found=$(gpg --homedir "$directory" --batch --with-colons --show-keys "$directory/key" 2>/dev/null | sed -n 's/^fpr:*\([0-9A-F]*\):$/\1/p' | head -n 1)
  [ -n "$found" ] || fail "$1 is no key"
  [ "$found" = "$2" ] || fail "the key at $1 is $found, not ${2:-pinned}"
  gpg --homedir "$directory" --batch --yes --dearmor <"$directory/key" >"$directory/ring" 2>/dev/null || cp "$directory/key" "$directory/ring"
  put_file 0644 "$3" <"$directory/ring"
  rm -rf "$directory"
  say "key $found for $3"
}
