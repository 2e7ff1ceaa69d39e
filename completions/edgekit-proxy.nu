module completions {

  def "nu-complete edgekit-proxy color" [] {
    [ "auto" "always" "never" ]
  }

  # Pass HTTP on to servers, and answer for them
  export extern edgekit-proxy [
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
    --color: string@"nu-complete edgekit-proxy color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit-proxy run color" [] {
    [ "auto" "always" "never" ]
  }

  # Run what the configuration says
  export extern "edgekit-proxy run" [
    --config: path            # Read this file instead of those in /etc/edgekit
    --instance: string        # Tell this daemon from others by a name
    --color: string@"nu-complete edgekit-proxy run color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit-proxy check color" [] {
    [ "auto" "always" "never" ]
  }

  # Find the faults of the configuration
  export extern "edgekit-proxy check" [
    --config: path            # Read this file instead of those in /etc/edgekit
    --diff                    # Show what a reload of the running proxy would change
    --instance: string        # Tell this daemon from others by a name
    --json                    # One JSON object a change
    --color: string@"nu-complete edgekit-proxy check color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit-proxy status color" [] {
    [ "auto" "always" "never" ]
  }

  # Show how a running proxy is
  export extern "edgekit-proxy status" [
    --instance: string        # Tell this daemon from others by a name
    --json                    # One JSON object with all details
    --color: string@"nu-complete edgekit-proxy status color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit-proxy drain color" [] {
    [ "auto" "always" "never" ]
  }

  # Have a running proxy take nothing new, finish what it has, and end
  export extern "edgekit-proxy drain" [
    --instance: string        # Tell this daemon from others by a name
    --deadline: string        # What is left after that is dropped [drain_timeout]
    --no-wait                 # Do not wait for its end
    --color: string@"nu-complete edgekit-proxy drain color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit-proxy routes color" [] {
    [ "auto" "always" "never" ]
  }

  # Show the routes of a running proxy
  export extern "edgekit-proxy routes" [
    --instance: string        # Tell this daemon from others by a name
    --json                    # One JSON object a route
    --color: string@"nu-complete edgekit-proxy routes color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit-proxy clusters color" [] {
    [ "auto" "always" "never" ]
  }

  # Show the clusters of a running proxy, and how their endpoints are
  export extern "edgekit-proxy clusters" [
    --instance: string        # Tell this daemon from others by a name
    --json                    # One JSON object a cluster
    --color: string@"nu-complete edgekit-proxy clusters color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit-proxy top color" [] {
    [ "auto" "always" "never" ]
  }

  # Show requests, failures and times of a running proxy as they change
  export extern "edgekit-proxy top" [
    --instance: string        # Tell this daemon from others by a name
    --interval: string        # Look so often, such as 500ms [1s]
    --count: string           # Look so often and end; tables one after the other
    --once                    # Look once and end
    --json                    # One JSON object a look
    --color: string@"nu-complete edgekit-proxy top color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit-proxy certs color" [] {
    [ "auto" "always" "never" ]
  }

  # Show the certificates of a running proxy
  export extern "edgekit-proxy certs" [
    --instance: string        # Tell this daemon from others by a name
    --json                    # One JSON object a certificate
    --color: string@"nu-complete edgekit-proxy certs color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

}

export use completions *
