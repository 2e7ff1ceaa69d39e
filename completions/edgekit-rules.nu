module completions {

  def "nu-complete edgekit-rules color" [] {
    [ "auto" "always" "never" ]
  }

  # Run Lua rules on events, and check, test and replay them
  export extern edgekit-rules [
    --color: string@"nu-complete edgekit-rules color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit-rules check color" [] {
    [ "auto" "always" "never" ]
  }

  # Compile rules, run them dry, and name every fault
  export extern "edgekit-rules check" [
    --config: path            # Read this file instead of those in /etc/edgekit
    --json                    # One JSON object a fault, then one that sums up
    --color: string@"nu-complete edgekit-rules check color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    ...paths: path            # Files or folders; - is standard input [the configured folder]
  ]

  def "nu-complete edgekit-rules test color" [] {
    [ "auto" "always" "never" ]
  }

  # Run the fixtures *_test.toml and *_test.json beside the rules
  export extern "edgekit-rules test" [
    --config: path            # Read this file instead of those in /etc/edgekit
    --coverage                # Show the lines no fixture reaches
    --junit: path             # Write the results there as JUnit XML
    --json                    # One JSON object a fixture, then one that sums up
    --color: string@"nu-complete edgekit-rules test color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    ...paths: path            # Files or folders [the configured folder]
  ]

  def "nu-complete edgekit-rules run color" [] {
    [ "auto" "always" "never" ]
  }

  # Run the rules as a daemon
  export extern "edgekit-rules run" [
    --config: path            # Read this file instead of those in /etc/edgekit
    --instance: string        # Tell this service from others on the machine
    --drain: string           # How long the end may take [30s]
    --log-format: string      # text, logfmt, json or journal [text]
    --log-level: string       # What is logged, such as debug or info,http=debug [info]
    --color: string@"nu-complete edgekit-rules run color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit-rules list color" [] {
    [ "auto" "always" "never" ]
  }

  # List the rules of the running service and what they did
  export extern "edgekit-rules list" [
    --instance: string        # The service started with '--instance NAME'
    --json                    # One JSON object a rule
    --color: string@"nu-complete edgekit-rules list color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit-rules watch only" [] {
    [ "event" "action" "reload" ]
  }

  def "nu-complete edgekit-rules watch color" [] {
    [ "auto" "always" "never" ]
  }

  # Show events, actions and reloads of the running service as they happen
  export extern "edgekit-rules watch" [
    --instance: string        # The service started with '--instance NAME'
    --only: string@"nu-complete edgekit-rules watch only" # Only these: event, action, reload
    --count: string           # End after this many lines
    --json                    # One JSON object a line
    --color: string@"nu-complete edgekit-rules watch color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit-rules explain format" [] {
    [ "text" "dot" "svg" ]
  }

  def "nu-complete edgekit-rules explain color" [] {
    [ "auto" "always" "never" ]
  }

  # Show how rules depend on each other, and in which order they run
  export extern "edgekit-rules explain" [
    --config: path            # Read this file instead of those in /etc/edgekit
    --format: string@"nu-complete edgekit-rules explain format" # text, dot (Graphviz) or svg [text]
    --color: string@"nu-complete edgekit-rules explain color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    ...paths: path            # Files or folders [the configured folder]
  ]

  def "nu-complete edgekit-rules record color" [] {
    [ "auto" "always" "never" ]
  }

  # Record the events and actions of the running service to a file
  export extern "edgekit-rules record" [
    --instance: string        # The service started with '--instance NAME'
    --for: string             # End after this long, such as 5m [until Ctrl-C]
    --events: string          # End after this many events
    --color: string@"nu-complete edgekit-rules record color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    file: path                # A file that is not there yet
  ]

  def "nu-complete edgekit-rules replay color" [] {
    [ "auto" "always" "never" ]
  }

  # Feed a recording to rules, and show what they do otherwise
  export extern "edgekit-rules replay" [
    --against: path           # The rules to try [the configured folder]
    --config: path            # Read this file instead of those in /etc/edgekit
    --json                    # One JSON object a difference, then one that sums up
    --color: string@"nu-complete edgekit-rules replay color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    file: path                # What 'record' wrote
  ]

  def "nu-complete edgekit-rules examples color" [] {
    [ "auto" "always" "never" ]
  }

  # List or print the examples this file brings along
  export extern "edgekit-rules examples" [
    --write: path             # Write all of them there, with their fixtures
    --color: string@"nu-complete edgekit-rules examples color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    name?: string             # Print this one
  ]

}

export use completions *
