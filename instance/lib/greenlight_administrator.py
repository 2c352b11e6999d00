"""Prints the Ruby that makes Greenlight's administrator, from {"username", "password"} on standard input, to be piped into
`rails runner -`.

It runs Greenlight's own task. The password is in no argument: rails reads it from its standard input.
"""

from __future__ import annotations

import base64
import json
import sys

try:
    given = json.load(sys.stdin)
    values = [given["username"], given["password"]]
except (ValueError, KeyError, TypeError):
    sys.exit("failed: the administrator's login is not {username, password}")
mail, password = (base64.b64encode(value.encode()).decode() for value in values)
print(f"""
require 'rake'
mail, password = %w[{mail} {password}].map {{ |text| text.unpack1('m').force_encoding('UTF-8') }}
if User.exists?(email: mail, provider: 'greenlight')
  puts 'the administrator is there'
else
  Rails.application.load_tasks
  Rake::Task['admin:create'].invoke('Administrator', mail, password)
  raise 'the administrator was not made' unless User.exists?(email: mail, provider: 'greenlight')
end
""")
