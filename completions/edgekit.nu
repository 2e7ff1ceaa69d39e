module completions {

  # One static file for edge boxes and servers
  export extern edgekit [
    --help(-h)                # Print help
    --version(-V)             # Print version
  ]

  def "nu-complete edgekit trace hook-allow" [] {
    [ "exec" ]
  }

  def "nu-complete edgekit trace color" [] {
    [ "auto" "always" "never" ]
  }

  # Trace the kernel and count, with bpftrace's language
  export extern "edgekit trace" [
    --program(-e): string     # Take the program from here
    --pid(-p): string         # Only events of this process; ends with it
    --cmd(-c): string         # Run this once all is attached; ends with it
    --probe-filter: string    # Leave out probes whose name does not match
    --ring: string            # Size of the event buffer, such as 16K or 4M [256K]
    --hook: path              # Let Lua see, drop or change lines: edgekit-rules(7)
    --hook-allow: string@"nu-complete edgekit trace hook-allow" # Let hooks also start programs: exec
    --unsafe                  # Allow system() and other calls that change things
    -k                        # Warn when a read or a lookup fails
    --verify-llvm-ir          # Does nothing: there is no LLVM
    --format(-f): string      # text or json, as bpftrace prints them [text]
    --json                    # JSON in edgekit's shape: each object names its schema
    --output(-o): path        # Write there instead of standard output
    --buffer(-B): string      # none, line or full: when output is written [line]
    --quiet(-q)               # Only what the program prints
    --no-warnings             # No warnings
    --verbose(-v)             # Say more
    --list(-l)                # List probes: all, those of a pattern, those of a program (-lv: arguments too)
    --dry-run                 # Compile and load, but do not run
    --debug(-d): string       # Show what the compiler made: ast, tree, ir, asm or all
    --info                    # What this kernel supports, in bpftrace's shape (see also: doctor)
    --color: string@"nu-complete edgekit trace color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    ...words: string          # The program, and then its words: $1, $2 ...
  ]

  def "nu-complete edgekit trace doctor color" [] {
    [ "auto" "always" "never" ]
  }

  # Show what this kernel lets a tracer do, and why not
  export extern "edgekit trace doctor" [
    --json                    # One JSON object a line
    --color: string@"nu-complete edgekit trace doctor color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit trace list color" [] {
    [ "auto" "always" "never" ]
  }

  # List the probes of this kernel
  export extern "edgekit trace list" [
    --verbose(-v)             # Also their arguments
    --color: string@"nu-complete edgekit trace list color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    pattern?: string          # Such as 'tracepoint:sched:*' [all]
  ]

  def "nu-complete edgekit trace tools color" [] {
    [ "auto" "always" "never" ]
  }

  # List the embedded tools
  export extern "edgekit trace tools" [
    --json                    # One JSON object a line
    --color: string@"nu-complete edgekit trace tools color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit trace explain color" [] {
    [ "auto" "always" "never" ]
  }

  # Show what an embedded tool does, and its program
  export extern "edgekit trace explain" [
    --color: string@"nu-complete edgekit trace explain color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    tool: string              # Its name
  ]

  def "nu-complete edgekit rules color" [] {
    [ "auto" "always" "never" ]
  }

  # Run Lua rules on events, and check, test and replay them
  export extern "edgekit rules" [
    --color: string@"nu-complete edgekit rules color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit rules check color" [] {
    [ "auto" "always" "never" ]
  }

  # Compile rules, run them dry, and name every fault
  export extern "edgekit rules check" [
    --config: path            # Read this file instead of those in /etc/edgekit
    --json                    # One JSON object a fault, then one that sums up
    --color: string@"nu-complete edgekit rules check color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    ...paths: path            # Files or folders; - is standard input [the configured folder]
  ]

  def "nu-complete edgekit rules test color" [] {
    [ "auto" "always" "never" ]
  }

  # Run the fixtures *_test.toml and *_test.json beside the rules
  export extern "edgekit rules test" [
    --config: path            # Read this file instead of those in /etc/edgekit
    --coverage                # Show the lines no fixture reaches
    --junit: path             # Write the results there as JUnit XML
    --json                    # One JSON object a fixture, then one that sums up
    --color: string@"nu-complete edgekit rules test color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    ...paths: path            # Files or folders [the configured folder]
  ]

  def "nu-complete edgekit rules run color" [] {
    [ "auto" "always" "never" ]
  }

  # Run the rules as a daemon
  export extern "edgekit rules run" [
    --config: path            # Read this file instead of those in /etc/edgekit
    --instance: string        # Tell this service from others on the machine
    --drain: string           # How long the end may take [30s]
    --log-format: string      # text, logfmt, json or journal [text]
    --log-level: string       # What is logged, such as debug or info,http=debug [info]
    --color: string@"nu-complete edgekit rules run color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit rules list color" [] {
    [ "auto" "always" "never" ]
  }

  # List the rules of the running service and what they did
  export extern "edgekit rules list" [
    --instance: string        # The service started with '--instance NAME'
    --json                    # One JSON object a rule
    --color: string@"nu-complete edgekit rules list color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit rules watch only" [] {
    [ "event" "action" "reload" ]
  }

  def "nu-complete edgekit rules watch color" [] {
    [ "auto" "always" "never" ]
  }

  # Show events, actions and reloads of the running service as they happen
  export extern "edgekit rules watch" [
    --instance: string        # The service started with '--instance NAME'
    --only: string@"nu-complete edgekit rules watch only" # Only these: event, action, reload
    --count: string           # End after this many lines
    --json                    # One JSON object a line
    --color: string@"nu-complete edgekit rules watch color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit rules explain format" [] {
    [ "text" "dot" "svg" ]
  }

  def "nu-complete edgekit rules explain color" [] {
    [ "auto" "always" "never" ]
  }

  # Show how rules depend on each other, and in which order they run
  export extern "edgekit rules explain" [
    --config: path            # Read this file instead of those in /etc/edgekit
    --format: string@"nu-complete edgekit rules explain format" # text, dot (Graphviz) or svg [text]
    --color: string@"nu-complete edgekit rules explain color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    ...paths: path            # Files or folders [the configured folder]
  ]

  def "nu-complete edgekit rules record color" [] {
    [ "auto" "always" "never" ]
  }

  # Record the events and actions of the running service to a file
  export extern "edgekit rules record" [
    --instance: string        # The service started with '--instance NAME'
    --for: string             # End after this long, such as 5m [until Ctrl-C]
    --events: string          # End after this many events
    --color: string@"nu-complete edgekit rules record color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    file: path                # A file that is not there yet
  ]

  def "nu-complete edgekit rules replay color" [] {
    [ "auto" "always" "never" ]
  }

  # Feed a recording to rules, and show what they do otherwise
  export extern "edgekit rules replay" [
    --against: path           # The rules to try [the configured folder]
    --config: path            # Read this file instead of those in /etc/edgekit
    --json                    # One JSON object a difference, then one that sums up
    --color: string@"nu-complete edgekit rules replay color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    file: path                # What 'record' wrote
  ]

  def "nu-complete edgekit rules examples color" [] {
    [ "auto" "always" "never" ]
  }

  # List or print the examples this file brings along
  export extern "edgekit rules examples" [
    --write: path             # Write all of them there, with their fixtures
    --color: string@"nu-complete edgekit rules examples color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    name?: string             # Print this one
  ]

  def "nu-complete edgekit proxy color" [] {
    [ "auto" "always" "never" ]
  }

  # Pass HTTP on to servers, and answer for them
  export extern "edgekit proxy" [
    --listen: string          # Listen there, such as 0.0.0.0:8080; may be repeated
    --to: string              # Pass requests on to http://HOST:PORT or https://HOST:PORT; repeated, to each in turn
    --tls-cert: string        # Listen with TLS, with this certificate and what leads to its root
    --tls-key: string         # The key of the certificate [in the same file]
    --client-ca: string       # Refuse clients without a certificate that one of these issued
    --to-ca: string           # Who issues the servers' certificates [what this machine trusts]
    --workers: string         # Threads that carry traffic [one a core, two at most]
    --max-rss: string         # Memory it may hold, such as 64MiB; at its end requests are refused
    --access-log: string      # Add a line for each request to FILE
    --dry-run                 # Check what was said, and end
    --instance: string        # Open the control socket proxy@NAME.sock
    --color: string@"nu-complete edgekit proxy color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit proxy run color" [] {
    [ "auto" "always" "never" ]
  }

  # Run what the configuration says
  export extern "edgekit proxy run" [
    --config: path            # Read this file instead of those in /etc/edgekit
    --instance: string        # Tell this daemon from others by a name
    --color: string@"nu-complete edgekit proxy run color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit proxy check color" [] {
    [ "auto" "always" "never" ]
  }

  # Find the faults of the configuration
  export extern "edgekit proxy check" [
    --config: path            # Read this file instead of those in /etc/edgekit
    --diff                    # Show what a reload of the running proxy would change
    --instance: string        # Tell this daemon from others by a name
    --json                    # One JSON object a change
    --color: string@"nu-complete edgekit proxy check color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit proxy status color" [] {
    [ "auto" "always" "never" ]
  }

  # Show how a running proxy is
  export extern "edgekit proxy status" [
    --instance: string        # Tell this daemon from others by a name
    --json                    # One JSON object with all details
    --color: string@"nu-complete edgekit proxy status color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit proxy drain color" [] {
    [ "auto" "always" "never" ]
  }

  # Have a running proxy take nothing new, finish what it has, and end
  export extern "edgekit proxy drain" [
    --instance: string        # Tell this daemon from others by a name
    --deadline: string        # What is left after that is dropped [drain_timeout]
    --no-wait                 # Do not wait for its end
    --color: string@"nu-complete edgekit proxy drain color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit proxy routes color" [] {
    [ "auto" "always" "never" ]
  }

  # Show the routes of a running proxy
  export extern "edgekit proxy routes" [
    --instance: string        # Tell this daemon from others by a name
    --json                    # One JSON object a route
    --color: string@"nu-complete edgekit proxy routes color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit proxy clusters color" [] {
    [ "auto" "always" "never" ]
  }

  # Show the clusters of a running proxy, and how their endpoints are
  export extern "edgekit proxy clusters" [
    --instance: string        # Tell this daemon from others by a name
    --json                    # One JSON object a cluster
    --color: string@"nu-complete edgekit proxy clusters color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit proxy top color" [] {
    [ "auto" "always" "never" ]
  }

  # Show requests, failures and times of a running proxy as they change
  export extern "edgekit proxy top" [
    --instance: string        # Tell this daemon from others by a name
    --interval: string        # Look so often, such as 500ms [1s]
    --count: string           # Look so often and end; tables one after the other
    --once                    # Look once and end
    --json                    # One JSON object a look
    --color: string@"nu-complete edgekit proxy top color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit proxy certs color" [] {
    [ "auto" "always" "never" ]
  }

  # Show the certificates of a running proxy
  export extern "edgekit proxy certs" [
    --instance: string        # Tell this daemon from others by a name
    --json                    # One JSON object a certificate
    --color: string@"nu-complete edgekit proxy certs color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit ota color" [] {
    [ "auto" "always" "never" ]
  }

  # Install updates that survive a power cut, and make bundles
  export extern "edgekit ota" [
    --color: string@"nu-complete edgekit ota color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit ota apply progress" [] {
    [ "auto" "bar" "plain" "json" "none" ]
  }

  def "nu-complete edgekit ota apply color" [] {
    [ "auto" "always" "never" ]
  }

  # Install a bundle into the slot that does not run, and start it next
  export extern "edgekit ota apply" [
    --component: string       # Only this component; may be given several times
    --no-full-fallback        # Refuse where no delta fits what runs
    --force                   # Take a version that is blocked, or that runs already
    --key: path               # Believe this public key; may be given several times
    --threshold: string       # How many of the keys must have signed [1]
    --keys: path              # Believe this list of keys, and lists that follow it [/etc/edgekit/ota/keys.toml]
    --max-bytes: string       # Fetch no more than this, such as 200MiB
    --max-time: string        # Take no longer over fetching, such as 6h
    --rate: string            # Fetch no faster, such as 256K/s
    --decrypt-with: path      # Open an encrypted bundle with this secret key; may be given several times
    --json                    # Print JSON
    --progress: string@"nu-complete edgekit ota apply progress" # Show progress as auto, bar, plain, json or none [auto]
    --config: path            # Read this file instead of those in /etc/edgekit
    --dry-run                 # Only show what would be done, in bytes
    --color: string@"nu-complete edgekit ota apply color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    file: path                # A file or an address; - is standard input
  ]

  def "nu-complete edgekit ota plan progress" [] {
    [ "auto" "bar" "plain" "json" "none" ]
  }

  def "nu-complete edgekit ota plan color" [] {
    [ "auto" "always" "never" ]
  }

  # Show what 'apply' would do, in bytes
  export extern "edgekit ota plan" [
    --component: string       # Only this component; may be given several times
    --no-full-fallback        # Refuse where no delta fits what runs
    --force                   # Take a version that is blocked, or that runs already
    --key: path               # Believe this public key; may be given several times
    --threshold: string       # How many of the keys must have signed [1]
    --keys: path              # Believe this list of keys, and lists that follow it [/etc/edgekit/ota/keys.toml]
    --max-bytes: string       # Fetch no more than this, such as 200MiB
    --max-time: string        # Take no longer over fetching, such as 6h
    --rate: string            # Fetch no faster, such as 256K/s
    --decrypt-with: path      # Open an encrypted bundle with this secret key; may be given several times
    --json                    # Print JSON
    --progress: string@"nu-complete edgekit ota plan progress" # Show progress as auto, bar, plain, json or none [auto]
    --config: path            # Read this file instead of those in /etc/edgekit
    --color: string@"nu-complete edgekit ota plan color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    file: path                # A file or an address; - is standard input
  ]

  def "nu-complete edgekit ota simulate progress" [] {
    [ "auto" "bar" "plain" "json" "none" ]
  }

  def "nu-complete edgekit ota simulate color" [] {
    [ "auto" "always" "never" ]
  }

  # Go through an installation, its commit and its fallback, in a folder
  export extern "edgekit ota simulate" [
    --component: string       # Only this component; may be given several times
    --no-full-fallback        # Refuse where no delta fits what runs
    --force                   # Take a version that is blocked, or that runs already
    --key: path               # Believe this public key; may be given several times
    --threshold: string       # How many of the keys must have signed [1]
    --keys: path              # Believe this list of keys, and lists that follow it [/etc/edgekit/ota/keys.toml]
    --max-bytes: string       # Fetch no more than this, such as 200MiB
    --max-time: string        # Take no longer over fetching, such as 6h
    --rate: string            # Fetch no faster, such as 256K/s
    --decrypt-with: path      # Open an encrypted bundle with this secret key; may be given several times
    --json                    # Print JSON
    --progress: string@"nu-complete edgekit ota simulate progress" # Show progress as auto, bar, plain, json or none [auto]
    --config: path            # Read this file instead of those in /etc/edgekit
    --scratch: path           # Make this folder for it, and leave it there [a temporary one]
    --color: string@"nu-complete edgekit ota simulate color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    file: path                # A file or an address; - is standard input
  ]

  def "nu-complete edgekit ota status progress" [] {
    [ "auto" "bar" "plain" "json" "none" ]
  }

  def "nu-complete edgekit ota status color" [] {
    [ "auto" "always" "never" ]
  }

  # Show what runs, what is next, and what is not taken
  export extern "edgekit ota status" [
    --config: path            # Read this file instead of those in /etc/edgekit
    --json                    # Print JSON
    --read                    # Read what runs, and show its digest
    --progress: string@"nu-complete edgekit ota status progress" # Show progress as auto, bar, plain, json or none [auto]
    --color: string@"nu-complete edgekit ota status color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit ota commit color" [] {
    [ "auto" "always" "never" ]
  }

  # Keep the new version: it is good
  export extern "edgekit ota commit" [
    --config: path            # Read this file instead of those in /etc/edgekit
    --json                    # Print JSON
    --check                   # Make the checks of [health] first, and go back if they do not pass in time
    --color: string@"nu-complete edgekit ota commit color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit ota rollback color" [] {
    [ "auto" "always" "never" ]
  }

  # Go back to the other slot, and block the version that is left
  export extern "edgekit ota rollback" [
    --config: path            # Read this file instead of those in /etc/edgekit
    --json                    # Print JSON
    --why: string             # The reason that is remembered [by hand]
    --color: string@"nu-complete edgekit ota rollback color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit ota mark-bad slot" [] {
    [ "a" "b" "running" "other" ]
  }

  def "nu-complete edgekit ota mark-bad color" [] {
    [ "auto" "always" "never" ]
  }

  # Say that a slot is bad: it is not started again
  export extern "edgekit ota mark-bad" [
    --config: path            # Read this file instead of those in /etc/edgekit
    --json                    # Print JSON
    --why: string             # The reason that is remembered [by hand]
    --color: string@"nu-complete edgekit ota mark-bad color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    slot?: string@"nu-complete edgekit ota mark-bad slot" # a, b, running or other [running]
  ]

  def "nu-complete edgekit ota unblock color" [] {
    [ "auto" "always" "never" ]
  }

  # Take blocked versions again, and end the safe mode
  export extern "edgekit ota unblock" [
    --config: path            # Read this file instead of those in /etc/edgekit
    --json                    # Print JSON
    --all                     # All of them
    --color: string@"nu-complete edgekit ota unblock color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    id?: string               # The version, as 'status' shows it
  ]

  def "nu-complete edgekit ota settle color" [] {
    [ "auto" "always" "never" ]
  }

  # Finish what a power cut left: for scripts that start before others
  export extern "edgekit ota settle" [
    --config: path            # Read this file instead of those in /etc/edgekit
    --json                    # Print JSON
    --color: string@"nu-complete edgekit ota settle color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit ota run color" [] {
    [ "auto" "always" "never" ]
  }

  # Ask for updates, take them when it is time, and tell how it went: the daemon
  export extern "edgekit ota run" [
    --config: path            # Read this file instead of those in /etc/edgekit
    --drain: string           # How long the end may take [30s]
    --log-format: string      # text, logfmt, json or journal [text]
    --log-level: string       # What is logged, such as debug or info,http=debug [info]
    --color: string@"nu-complete edgekit ota run color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit ota consent word" [] {
    [ "yes" "no" ]
  }

  def "nu-complete edgekit ota consent color" [] {
    [ "auto" "always" "never" ]
  }

  # Answer a server that asks for consent, through the daemon
  export extern "edgekit ota consent" [
    --action: string          # Only for this action [the one that waits]
    --color: string@"nu-complete edgekit ota consent color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    word: string@"nu-complete edgekit ota consent word" # yes or no
  ]

  def "nu-complete edgekit ota bundle color" [] {
    [ "auto" "always" "never" ]
  }

  # Make bundles, sign them, look into them
  export extern "edgekit ota bundle" [
    --color: string@"nu-complete edgekit ota bundle color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit ota bundle create method" [] {
    [ "binary" "chunks" "blocks" ]
  }

  def "nu-complete edgekit ota bundle create progress" [] {
    [ "auto" "bar" "plain" "json" "none" ]
  }

  def "nu-complete edgekit ota bundle create color" [] {
    [ "auto" "always" "never" ]
  }

  # Make a bundle from images
  export extern "edgekit ota bundle create" [
    --name: string            # What is updated
    --version: string         # To which version, such as 1.4.0
    --component: string       # An image, by the name of what it replaces; may be given several times
    --source: string          # An old image to make a delta against; may be given several times
    --no-full                 # Leave out the full images: for devices that have a source, and no others
    --method: string@"nu-complete edgekit ota bundle create method" # How deltas are made: binary, chunks or blocks [by the sizes]
    --sign-with: path         # Sign with this secret key; may be given several times
    --list: path              # Bring this list of keys along, the oldest first; may be given several times
    --encrypt-to: path        # Let only the holder of this key read the images; may be given several times
    --compatible: string      # Hardware it is for, with * and ?; may be given several times
    --floor: string           # Once it is committed, take nothing below this version
    --min-source: string      # Devices below this version need another bundle first
    --expires: string         # When it is no longer to be installed, such as 2027-01-31
    --json                    # Print JSON
    --progress: string@"nu-complete edgekit ota bundle create progress" # Show progress as auto, bar, plain, json or none [auto]
    --color: string@"nu-complete edgekit ota bundle create color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    file: path                # Where to write it
  ]

  def "nu-complete edgekit ota bundle sign progress" [] {
    [ "auto" "bar" "plain" "json" "none" ]
  }

  def "nu-complete edgekit ota bundle sign color" [] {
    [ "auto" "always" "never" ]
  }

  # Add signatures to a bundle
  export extern "edgekit ota bundle sign" [
    --sign-with: path         # Sign with this secret key; may be given several times
    --output(-o): path        # Write the signed bundle there [in the place of the other]
    --progress: string@"nu-complete edgekit ota bundle sign progress" # Show progress as auto, bar, plain, json or none [auto]
    --color: string@"nu-complete edgekit ota bundle sign color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    file: path                # The bundle
  ]

  def "nu-complete edgekit ota bundle resign progress" [] {
    [ "auto" "bar" "plain" "json" "none" ]
  }

  def "nu-complete edgekit ota bundle resign color" [] {
    [ "auto" "always" "never" ]
  }

  # Replace signatures and lists of keys, and the date it expires if one is given
  export extern "edgekit ota bundle resign" [
    --sign-with: path         # Sign with this secret key; may be given several times
    --list: path              # Bring this list of keys along, the oldest first; may be given several times
    --expires: string         # When it is no longer to be installed, such as 2027-01-31
    --output(-o): path        # Write the signed bundle there [in the place of the other]
    --progress: string@"nu-complete edgekit ota bundle resign progress" # Show progress as auto, bar, plain, json or none [auto]
    --color: string@"nu-complete edgekit ota bundle resign color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    file: path                # The bundle
  ]

  def "nu-complete edgekit ota bundle verify progress" [] {
    [ "auto" "bar" "plain" "json" "none" ]
  }

  def "nu-complete edgekit ota bundle verify color" [] {
    [ "auto" "always" "never" ]
  }

  # Check all of a bundle: who signed it, every block, every full image
  export extern "edgekit ota bundle verify" [
    --key: path               # Believe this public key; may be given several times
    --threshold: string       # How many of the keys must have signed [1]
    --keys: path              # Believe this list of keys, and lists that follow it [/etc/edgekit/ota/keys.toml]
    --max-bytes: string       # Fetch no more than this, such as 200MiB
    --max-time: string        # Take no longer over fetching, such as 6h
    --rate: string            # Fetch no faster, such as 256K/s
    --config: path            # Read this file instead of those in /etc/edgekit
    --decrypt-with: path      # Open an encrypted bundle with this secret key; may be given several times
    --hardware: string        # Check that it is for this hardware
    --installed: string       # Check that this version may be updated
    --floor: string           # Check that it is not below this version
    --json                    # Print JSON
    --progress: string@"nu-complete edgekit ota bundle verify progress" # Show progress as auto, bar, plain, json or none [auto]
    --color: string@"nu-complete edgekit ota bundle verify color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    file: path                # The bundle: a file, an address, or - for standard input
  ]

  def "nu-complete edgekit ota bundle inspect color" [] {
    [ "auto" "always" "never" ]
  }

  # Show what a bundle says of itself, believed or not
  export extern "edgekit ota bundle inspect" [
    --manifest                # Print the signed text as it is
    --json                    # Print JSON
    --max-bytes: string       # Fetch no more than this, such as 200MiB
    --max-time: string        # Take no longer over fetching, such as 6h
    --rate: string            # Fetch no faster, such as 256K/s
    --config: path            # Read this file instead of those in /etc/edgekit
    --color: string@"nu-complete edgekit ota bundle inspect color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    file: path                # The bundle: a file, an address, or - for standard input
  ]

  def "nu-complete edgekit ota bundle diff method" [] {
    [ "binary" "chunks" "blocks" ]
  }

  def "nu-complete edgekit ota bundle diff progress" [] {
    [ "auto" "bar" "plain" "json" "none" ]
  }

  def "nu-complete edgekit ota bundle diff color" [] {
    [ "auto" "always" "never" ]
  }

  # Show how large a delta between two images is, by each method
  export extern "edgekit ota bundle diff" [
    --method: string@"nu-complete edgekit ota bundle diff method" # Only these: binary, chunks, blocks
    --json                    # Print JSON
    --progress: string@"nu-complete edgekit ota bundle diff progress" # Show progress as auto, bar, plain, json or none [auto]
    --color: string@"nu-complete edgekit ota bundle diff color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    old: path                 # The image that is installed
    new: path                 # The image that replaces it
  ]

  def "nu-complete edgekit ota bundle extract progress" [] {
    [ "auto" "bar" "plain" "json" "none" ]
  }

  def "nu-complete edgekit ota bundle extract color" [] {
    [ "auto" "always" "never" ]
  }

  # Write an image of a bundle to a file
  export extern "edgekit ota bundle extract" [
    --output(-o): path        # Where to write the image
    --component: string       # Which image [the only one]
    --source: path            # An old image: a delta against it is used if there is one
    --no-full-fallback        # Fail where no delta fits the source
    --key: path               # Believe this public key; may be given several times
    --threshold: string       # How many of the keys must have signed [1]
    --keys: path              # Believe this list of keys, and lists that follow it [/etc/edgekit/ota/keys.toml]
    --max-bytes: string       # Fetch no more than this, such as 200MiB
    --max-time: string        # Take no longer over fetching, such as 6h
    --rate: string            # Fetch no faster, such as 256K/s
    --config: path            # Read this file instead of those in /etc/edgekit
    --decrypt-with: path      # Open an encrypted bundle with this secret key; may be given several times
    --json                    # Print JSON
    --progress: string@"nu-complete edgekit ota bundle extract progress" # Show progress as auto, bar, plain, json or none [auto]
    --color: string@"nu-complete edgekit ota bundle extract color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    file: path                # The bundle: a file, an address, or - for standard input
  ]

  def "nu-complete edgekit ota keygen color" [] {
    [ "auto" "always" "never" ]
  }

  # Make a pair of keys: NAME.key to sign with, NAME.pub to give away
  export extern "edgekit ota keygen" [
    --encryption              # A pair for a device: bundles are encrypted to NAME.pub, NAME.key opens them
    --json                    # Print JSON
    --color: string@"nu-complete edgekit ota keygen color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    name: path                # A path without an ending; nothing is replaced
  ]

  def "nu-complete edgekit ota keys color" [] {
    [ "auto" "always" "never" ]
  }

  # Make and sign the lists that say whose signatures count
  export extern "edgekit ota keys" [
    --color: string@"nu-complete edgekit ota keys color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit ota keys create color" [] {
    [ "auto" "always" "never" ]
  }

  # Make a list of keys
  export extern "edgekit ota keys create" [
    --key: path               # A public key that is to count; may be given several times
    --threshold: string       # How many of them must sign [1]
    --after: path             # The list it follows; without it, it is the first
    --expires: string         # When it stops counting, such as 2027-01-31
    --sign-with: path         # Sign with this secret key; may be given several times
    --color: string@"nu-complete edgekit ota keys create color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    file: path                # Where to write it
  ]

  def "nu-complete edgekit ota keys sign color" [] {
    [ "auto" "always" "never" ]
  }

  # Add signatures to a list of keys
  export extern "edgekit ota keys sign" [
    --sign-with: path         # Sign with this secret key; may be given several times
    --color: string@"nu-complete edgekit ota keys sign color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    file: path                # The list; it is replaced
  ]

  def "nu-complete edgekit help color" [] {
    [ "auto" "always" "never" ]
  }

  # Explain a command or a topic
  export extern "edgekit help" [
    --color: string@"nu-complete edgekit help color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    topic?: string            # A command, or a topic of the guide
  ]

  def "nu-complete edgekit man color" [] {
    [ "auto" "always" "never" ]
  }

  # Show a manual page
  export extern "edgekit man" [
    --list                    # List the pages
    --source                  # Print the page's source instead of laying it out
    --no-pager                # Write straight to the terminal
    --color: string@"nu-complete edgekit man color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    page?: string             # A command, edgekit-COMMAND, or edgekit.7
  ]

  def "nu-complete edgekit list color" [] {
    [ "auto" "always" "never" ]
  }

  # List the applets of this build
  export extern "edgekit list" [
    --json                    # One JSON object a line, with more detail
    --color: string@"nu-complete edgekit list color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit status color" [] {
    [ "auto" "always" "never" ]
  }

  # Show the running daemons and their services
  export extern "edgekit status" [
    --json                    # One JSON object a daemon, with all details
    --color: string@"nu-complete edgekit status color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    applet?: string           # Only this daemon: APPLET, or APPLET@INSTANCE
  ]

  def "nu-complete edgekit reload color" [] {
    [ "auto" "always" "never" ]
  }

  # Make daemons read their configuration again
  export extern "edgekit reload" [
    --json                    # One JSON object a service
    --color: string@"nu-complete edgekit reload color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    applet?: string           # Only this daemon: APPLET, or APPLET@INSTANCE
  ]

  def "nu-complete edgekit upgrade color" [] {
    [ "auto" "always" "never" ]
  }

  # Have a new process take over from a running daemon
  export extern "edgekit upgrade" [
    --probation: string       # How long both serve before the old one stops, such as 10s; if the new one ends, the old one stays
    --json                    # One JSON object a daemon
    --color: string@"nu-complete edgekit upgrade color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    applet?: string           # Only this daemon: APPLET, or APPLET@INSTANCE
  ]

  def "nu-complete edgekit log-level color" [] {
    [ "auto" "always" "never" ]
  }

  # Show or change what running daemons log
  export extern "edgekit log-level" [
    --set: string             # The same, where no APPLET is named: of every daemon
    --color: string@"nu-complete edgekit log-level color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    applet?: string           # Only this daemon: APPLET, or APPLET@INSTANCE
    level?: string            # What to log from now on
  ]

  def "nu-complete edgekit config color" [] {
    [ "auto" "always" "never" ]
  }

  # Show and explain the configuration of applets
  export extern "edgekit config" [
    --color: string@"nu-complete edgekit config color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit config show color" [] {
    [ "auto" "always" "never" ]
  }

  # Show the settings in force
  export extern "edgekit config show" [
    --origin                  # Say where each value came from
    --json                    # One JSON object a line, with origins
    --color: string@"nu-complete edgekit config show color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    applet?: string           # Of this applet only
  ]

  def "nu-complete edgekit config example color" [] {
    [ "auto" "always" "never" ]
  }

  # Print a commented file with every key
  export extern "edgekit config example" [
    --color: string@"nu-complete edgekit config example color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    applet: string            # The applet
  ]

  def "nu-complete edgekit config schema color" [] {
    [ "auto" "always" "never" ]
  }

  # Print the JSON Schema of the file
  export extern "edgekit config schema" [
    --color: string@"nu-complete edgekit config schema color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    applet: string            # The applet
  ]

  def "nu-complete edgekit install color" [] {
    [ "auto" "always" "never" ]
  }

  # Make or remove links named after the applets
  export extern "edgekit install" [
    --bare                    # Call the links APPLET instead of edgekit-APPLET
    --symlink                 # Make symbolic links [the default]
    --hardlink                # Make hard links
    --uninstall               # Remove the links instead
    --dry-run                 # Say what would be done and do nothing
    --systemd                 # Also install systemd units
    --openrc                  # Also install OpenRC scripts
    --procd                   # Also install procd scripts (OpenWrt)
    --color: string@"nu-complete edgekit install color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    dir?: path                # Where to
  ]

  def "nu-complete edgekit doctor color" [] {
    [ "auto" "always" "never" ]
  }

  # Look at this machine and say what works on it
  export extern "edgekit doctor" [
    --json                    # One JSON object
    --color: string@"nu-complete edgekit doctor color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit version color" [] {
    [ "auto" "always" "never" ]
  }

  # Say what this file is and how it was built
  export extern "edgekit version" [
    --json                    # One JSON object
    --color: string@"nu-complete edgekit version color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit completions shell" [] {
    [ "bash" "zsh" "fish" "elvish" "powershell" "nushell" ]
  }

  def "nu-complete edgekit completions color" [] {
    [ "auto" "always" "never" ]
  }

  # Print the completion script of a shell
  export extern "edgekit completions" [
    --color: string@"nu-complete edgekit completions color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    shell: string@"nu-complete edgekit completions shell" # The shell to complete in
  ]

}

export use completions *
