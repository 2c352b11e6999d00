#!/usr/bin/ruby
# frozen_string_literal: true

# Hands published recordings over to Scalelite's spool, and notes each that arrived. BigBlueButton runs it after publishing (-m ID -f FORMAT); the unit
# bbb-server-hand-over runs it without arguments for whatever is left. A note is /var/bigbluebutton/recording/status/handed-over/ID-FORMAT.done.

require 'fileutils'
require 'open3'
require 'optparse'
require 'yaml'

CORE = File.expand_path('..', __dir__)
PROPERTIES = YAML.load_file(File.join(CORE, 'bigbluebutton.yml'))
PUBLISHED = PROPERTIES.fetch('published_dir')
NOTES = File.join(PROPERTIES.fetch('recording_dir'), 'status', 'handed-over')
SPOOL = YAML.load_file(File.join(CORE, 'scalelite.yml')).fetch('spool_dir')
ID = /\A[0-9A-Za-z_.-]+\z/

def note(id, format)
  File.join(NOTES, "#{id}-#{format}.done")
end

def left(id)
  Dir.glob(File.join(PUBLISHED, '*', id)).select { |path| File.directory?(path) }
     .map { |path| [File.basename(path), File.basename(File.dirname(path))] }
     .reject { |found, format| File.exist?(note(found, format)) }
end

# Everything of a recording that is published by now goes in one archive; the importer takes it as often as it comes.
def hand_over(id)
  recordings = left(id)
  return true if recordings.empty?

  # Without the file system behind it the spool is a folder of this very disk.
  abort "#{SPOOL} is not mounted" unless system('mountpoint', '--quiet', SPOOL)
  script = File.join(CORE, 'scalelite', 'scalelite_post_publish.rb')
  arrived = recordings.all? { |_, format| system('ruby', script, '-m', id, '-f', format) }
  if arrived
    FileUtils.mkdir_p(NOTES)
    recordings.each { |found, format| FileUtils.touch(note(found, format)) }
  else
    warn "#{id} could not be handed over; it is tried again"
  end
  arrived
end

id = nil
OptionParser.new do |options|
  options.on('-m', '--meeting-id ID') { |value| id = value }
  options.on('-f', '--format FORMAT') { |_| nil }
end.parse!
abort 'not a recording id' unless id.nil? || ID.match?(id)

lock = File.open(File.join(PROPERTIES.fetch('recording_dir'), '.hand-over.lock'), File::RDWR | File::CREAT, 0o600)
lock.flock(File::LOCK_EX)
ids = id ? [id] : left('*').map(&:first).uniq.sort
exit(ids.map { |each_id| hand_over(each_id) }.all?)
