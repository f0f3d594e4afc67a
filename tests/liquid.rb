# Renders templates with Ruby's Liquid, the reference for mappings. It is asked by the tests.
#
#   ruby tests/liquid.rb
#
# Every line of standard input is a JSON list: a template and the values that it may use. The answer is a line for each:
# {"made": "the text"}, or {"refused": "why"} for a template that Liquid does not take or that ends in an error.
ENV['TZ'] = 'UTC'
require 'json'
require 'liquid'

# `blank` asks values for Rails' `blank?`, which Liquid leaves to the program that it runs in. This is Rails' definition.
class Object
  def blank?
    respond_to?(:empty?) ? !!empty? : !self
  end
end

class String
  def blank?
    match?(/\A[[:space:]]*\z/)
  end
end

class Numeric
  def blank?
    false
  end
end

$stdout.sync = true
$stdin.each_line do |line|
  template, values = JSON.parse(line)
  answer =
    begin
      { made: Liquid::Template.parse(template).render!(values) }
    rescue StandardError => e
      { refused: e.message }
    end
  puts JSON.generate(answer)
end
