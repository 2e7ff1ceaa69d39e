module completions {

  def "nu-complete edgekit-proxy color" [] {
    [ "auto" "always" "never" ]
  }

  # Pass HTTP on to servers, and answer for them
  export extern edgekit-proxy [
    --listen: string          # Listen there, such as 0.0.0.0:8080; may be repeated
    --to: string              # Pass requests on to http://HOST:PORT; repeated, to each in turn
    --workers: string         # Threads that carry traffic [one a core, two at most]
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
    --color: string@"nu-complete edgekit-proxy check color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

}

export use completions *
