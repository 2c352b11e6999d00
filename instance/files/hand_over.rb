#!/usr/bin/ruby
# frozen_string_literal: true

# Hands published recordings over to Scalelite's spool, and notes each that arrived. BigBlueButton runs it after publishing (-m ID -f FORMAT); the unit
# bbb-server-hand-over runs it without arguments for whatever is left. A note is /var/bigbluebutton/recording/status/handed-over/ID-FORMAT.done.
#
# Scalelite's importer unpacks every *.tar in the spool, takes FORMAT/ID/metadata.xml from it, publishes what is beside it in place of what it had, and
# removes the archive. Hence one archive for each format, under a name that nothing else is written to while the importer reads it; hence a name that it
# does not look for until all is there; and hence no archive without metadata, over which it would stumble for ever.

require 'fileutils'
require 'optparse'
require 'yaml'

CORE = File.expand_path('..', __dir__)
PROPERTIES = YAML.load_file(File.join(CORE, 'bigbluebutton.yml'))
PUBLISHED = PROPERTIES.fetch('published_dir')
STATUS = File.join(PROPERTIES.fetch('recording_dir'), 'status')
NOTES = File.join(STATUS, 'handed-over')
SPOOL = '/var/bigbluebutton/spool'
ID = /\A[0-9A-Za-z_.-]+\z/

def note(id, format)
  File.join(NOTES, "#{id}-#{format}.done")
end

# [format, id] of what BigBlueButton has published to the end.
def published(id)
  Dir.glob(File.join(PUBLISHED, '*', id, 'metadata.xml')).map { |path| path.split('/')[-3..-2] }
     .select { |format, found| File.exist?(File.join(STATUS, 'published', "#{found}-#{format}.done")) }
end

# Whether it was noted, and was not published anew since.
def arrived?(format, id)
  noted = note(id, format)
  File.exist?(noted) && File.mtime(noted) >= File.mtime(File.join(STATUS, 'published', "#{id}-#{format}.done"))
end

def left(id)
  published(id).reject { |format, found| arrived?(format, found) }
end

# What arrived goes from here. BigBlueButton would list it as published for ever, which is what the pool takes for a recording that would be lost with the
# server. The raw media stay, of which it can be made again.
def remove_arrived
  published('*').select { |format, found| arrived?(format, found) }.each do |format, found|
    FileUtils.rm_rf(File.join(PUBLISHED, format, found))
  end
end

def hand_over(format, id)
  # Without the file system behind it the spool is a folder of this very disk.
  abort "#{SPOOL} is not mounted" unless system('mountpoint', '--quiet', SPOOL)
  part = File.join(SPOOL, ".#{id}-#{format}.tar.part")
  if system('tar', '--create', '--file', part, '--directory', PUBLISHED, File.join(format, id))
    File.open(part, &:fsync)
    File.rename(part, File.join(SPOOL, "#{id}-#{format}.tar"))
    FileUtils.mkdir_p(NOTES)
    FileUtils.touch(note(id, format))
    true
  else
    FileUtils.rm_f(part)
    warn "#{id} (#{format}) could not be handed over; it is tried again"
    false
  end
rescue SystemCallError => e
  warn "#{id} (#{format}) could not be handed over; it is tried again: #{e.message}"
  false
end

id = nil
OptionParser.new do |options|
  options.on('-m', '--meeting-id ID') { |value| id = value }
  options.on('-f', '--format FORMAT') { |_| nil }
  options.on('-b', '--break-timestamp TIME') { |_| nil }
end.parse!
abort 'not a recording id' unless id.nil? || ID.match?(id)

lock = File.open(File.join(PROPERTIES.fetch('recording_dir'), '.hand-over.lock'), File::RDWR | File::CREAT, 0o600)
lock.flock(File::LOCK_EX)
complete = left(id || '*').sort.map { |format, found| hand_over(format, found) }.all?
# Not when BigBlueButton calls: others of its scripts may read it after this one.
remove_arrived unless id
exit(complete)
