#!/usr/bin/ruby
# frozen_string_literal: true

# Stands in for Scalelite's script: packs what is published of a recording and moves the archive into the spool.
require 'fileutils'
require 'optparse'
require 'yaml'

id = nil
OptionParser.new do |options|
  options.on('-m ID') { |value| id = value }
  options.on('-f FORMAT') { |_| nil }
end.parse!
published = YAML.load_file(File.expand_path('../bigbluebutton.yml', __dir__)).fetch('published_dir')
settings = YAML.load_file(File.expand_path('../scalelite.yml', __dir__))
FileUtils.mkdir_p(settings['work_dir'])
archive = File.join(settings['work_dir'], "#{id}.tar")
found = Dir.chdir(published) { Dir.glob("*/#{id}") }
system('tar', '--create', '--file', archive, '--directory', published, *found) || raise('no archive')
system('rsync', '--protect-args', *settings['extra_rsync_opts'], archive, settings['spool_dir']) || raise('no transfer')
FileUtils.rm_f(archive)
