module completions {

  # One static file for edge boxes and servers
  export extern edgekit [
    --help(-h)                # Print help
    --version(-V)             # Print version
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
