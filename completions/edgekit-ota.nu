module completions {

  def "nu-complete edgekit-ota color" [] {
    [ "auto" "always" "never" ]
  }

  # Install updates that survive a power cut, and make bundles
  export extern edgekit-ota [
    --color: string@"nu-complete edgekit-ota color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit-ota apply progress" [] {
    [ "auto" "bar" "plain" "json" "none" ]
  }

  def "nu-complete edgekit-ota apply color" [] {
    [ "auto" "always" "never" ]
  }

  # Install a bundle into the slot that does not run, and start it next
  export extern "edgekit-ota apply" [
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
    --progress: string@"nu-complete edgekit-ota apply progress" # Show progress as auto, bar, plain, json or none [auto]
    --config: path            # Read this file instead of those in /etc/edgekit
    --dry-run                 # Only show what would be done, in bytes
    --color: string@"nu-complete edgekit-ota apply color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    file: path                # A file or an address; - is standard input
  ]

  def "nu-complete edgekit-ota plan progress" [] {
    [ "auto" "bar" "plain" "json" "none" ]
  }

  def "nu-complete edgekit-ota plan color" [] {
    [ "auto" "always" "never" ]
  }

  # Show what 'apply' would do, in bytes
  export extern "edgekit-ota plan" [
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
    --progress: string@"nu-complete edgekit-ota plan progress" # Show progress as auto, bar, plain, json or none [auto]
    --config: path            # Read this file instead of those in /etc/edgekit
    --color: string@"nu-complete edgekit-ota plan color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    file: path                # A file or an address; - is standard input
  ]

  def "nu-complete edgekit-ota simulate progress" [] {
    [ "auto" "bar" "plain" "json" "none" ]
  }

  def "nu-complete edgekit-ota simulate color" [] {
    [ "auto" "always" "never" ]
  }

  # Go through an installation, its commit and its fallback, in a folder
  export extern "edgekit-ota simulate" [
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
    --progress: string@"nu-complete edgekit-ota simulate progress" # Show progress as auto, bar, plain, json or none [auto]
    --config: path            # Read this file instead of those in /etc/edgekit
    --scratch: path           # Make this folder for it, and leave it there [a temporary one]
    --color: string@"nu-complete edgekit-ota simulate color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    file: path                # A file or an address; - is standard input
  ]

  def "nu-complete edgekit-ota status progress" [] {
    [ "auto" "bar" "plain" "json" "none" ]
  }

  def "nu-complete edgekit-ota status color" [] {
    [ "auto" "always" "never" ]
  }

  # Show what runs, what is next, and what is not taken
  export extern "edgekit-ota status" [
    --config: path            # Read this file instead of those in /etc/edgekit
    --json                    # Print JSON
    --read                    # Read what runs, and show its digest
    --progress: string@"nu-complete edgekit-ota status progress" # Show progress as auto, bar, plain, json or none [auto]
    --color: string@"nu-complete edgekit-ota status color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit-ota commit color" [] {
    [ "auto" "always" "never" ]
  }

  # Keep the new version: it is good
  export extern "edgekit-ota commit" [
    --config: path            # Read this file instead of those in /etc/edgekit
    --json                    # Print JSON
    --check                   # Make the checks of [health] first, and go back if they do not pass in time
    --color: string@"nu-complete edgekit-ota commit color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit-ota rollback color" [] {
    [ "auto" "always" "never" ]
  }

  # Go back to the other slot, and block the version that is left
  export extern "edgekit-ota rollback" [
    --config: path            # Read this file instead of those in /etc/edgekit
    --json                    # Print JSON
    --why: string             # The reason that is remembered [by hand]
    --color: string@"nu-complete edgekit-ota rollback color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit-ota mark-bad slot" [] {
    [ "a" "b" "running" "other" ]
  }

  def "nu-complete edgekit-ota mark-bad color" [] {
    [ "auto" "always" "never" ]
  }

  # Say that a slot is bad: it is not started again
  export extern "edgekit-ota mark-bad" [
    --config: path            # Read this file instead of those in /etc/edgekit
    --json                    # Print JSON
    --why: string             # The reason that is remembered [by hand]
    --color: string@"nu-complete edgekit-ota mark-bad color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    slot?: string@"nu-complete edgekit-ota mark-bad slot" # a, b, running or other [running]
  ]

  def "nu-complete edgekit-ota unblock color" [] {
    [ "auto" "always" "never" ]
  }

  # Take blocked versions again, and end the safe mode
  export extern "edgekit-ota unblock" [
    --config: path            # Read this file instead of those in /etc/edgekit
    --json                    # Print JSON
    --all                     # All of them
    --color: string@"nu-complete edgekit-ota unblock color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    id?: string               # The version, as 'status' shows it
  ]

  def "nu-complete edgekit-ota settle color" [] {
    [ "auto" "always" "never" ]
  }

  # Finish what a power cut left: for scripts that start before others
  export extern "edgekit-ota settle" [
    --config: path            # Read this file instead of those in /etc/edgekit
    --json                    # Print JSON
    --color: string@"nu-complete edgekit-ota settle color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit-ota run color" [] {
    [ "auto" "always" "never" ]
  }

  # Ask for updates, take them when it is time, and tell how it went: the daemon
  export extern "edgekit-ota run" [
    --config: path            # Read this file instead of those in /etc/edgekit
    --drain: string           # How long the end may take [30s]
    --log-format: string      # text, logfmt, json or journal [text]
    --log-level: string       # What is logged, such as debug or info,http=debug [info]
    --color: string@"nu-complete edgekit-ota run color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit-ota consent word" [] {
    [ "yes" "no" ]
  }

  def "nu-complete edgekit-ota consent color" [] {
    [ "auto" "always" "never" ]
  }

  # Answer a server that asks for consent, through the daemon
  export extern "edgekit-ota consent" [
    --action: string          # Only for this action [the one that waits]
    --color: string@"nu-complete edgekit-ota consent color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    word: string@"nu-complete edgekit-ota consent word" # yes or no
  ]

  def "nu-complete edgekit-ota bundle color" [] {
    [ "auto" "always" "never" ]
  }

  # Make bundles, sign them, look into them
  export extern "edgekit-ota bundle" [
    --color: string@"nu-complete edgekit-ota bundle color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit-ota bundle create method" [] {
    [ "binary" "chunks" "blocks" ]
  }

  def "nu-complete edgekit-ota bundle create progress" [] {
    [ "auto" "bar" "plain" "json" "none" ]
  }

  def "nu-complete edgekit-ota bundle create color" [] {
    [ "auto" "always" "never" ]
  }

  # Make a bundle from images
  export extern "edgekit-ota bundle create" [
    --name: string            # What is updated
    --version: string         # To which version, such as 1.4.0
    --component: string       # An image, by the name of what it replaces; may be given several times
    --source: string          # An old image to make a delta against; may be given several times
    --no-full                 # Leave out the full images: for devices that have a source, and no others
    --method: string@"nu-complete edgekit-ota bundle create method" # How deltas are made: binary, chunks or blocks [by the sizes]
    --sign-with: path         # Sign with this secret key; may be given several times
    --list: path              # Bring this list of keys along, the oldest first; may be given several times
    --encrypt-to: path        # Let only the holder of this key read the images; may be given several times
    --compatible: string      # Hardware it is for, with * and ?; may be given several times
    --floor: string           # Once it is committed, take nothing below this version
    --min-source: string      # Devices below this version need another bundle first
    --expires: string         # When it is no longer to be installed, such as 2027-01-31
    --json                    # Print JSON
    --progress: string@"nu-complete edgekit-ota bundle create progress" # Show progress as auto, bar, plain, json or none [auto]
    --color: string@"nu-complete edgekit-ota bundle create color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    file: path                # Where to write it
  ]

  def "nu-complete edgekit-ota bundle sign progress" [] {
    [ "auto" "bar" "plain" "json" "none" ]
  }

  def "nu-complete edgekit-ota bundle sign color" [] {
    [ "auto" "always" "never" ]
  }

  # Add signatures to a bundle
  export extern "edgekit-ota bundle sign" [
    --sign-with: path         # Sign with this secret key; may be given several times
    --output(-o): path        # Write the signed bundle there [in the place of the other]
    --progress: string@"nu-complete edgekit-ota bundle sign progress" # Show progress as auto, bar, plain, json or none [auto]
    --color: string@"nu-complete edgekit-ota bundle sign color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    file: path                # The bundle
  ]

  def "nu-complete edgekit-ota bundle resign progress" [] {
    [ "auto" "bar" "plain" "json" "none" ]
  }

  def "nu-complete edgekit-ota bundle resign color" [] {
    [ "auto" "always" "never" ]
  }

  # Replace signatures and lists of keys, and the date it expires if one is given
  export extern "edgekit-ota bundle resign" [
    --sign-with: path         # Sign with this secret key; may be given several times
    --list: path              # Bring this list of keys along, the oldest first; may be given several times
    --expires: string         # When it is no longer to be installed, such as 2027-01-31
    --output(-o): path        # Write the signed bundle there [in the place of the other]
    --progress: string@"nu-complete edgekit-ota bundle resign progress" # Show progress as auto, bar, plain, json or none [auto]
    --color: string@"nu-complete edgekit-ota bundle resign color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    file: path                # The bundle
  ]

  def "nu-complete edgekit-ota bundle verify progress" [] {
    [ "auto" "bar" "plain" "json" "none" ]
  }

  def "nu-complete edgekit-ota bundle verify color" [] {
    [ "auto" "always" "never" ]
  }

  # Check all of a bundle: who signed it, every block, every full image
  export extern "edgekit-ota bundle verify" [
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
    --progress: string@"nu-complete edgekit-ota bundle verify progress" # Show progress as auto, bar, plain, json or none [auto]
    --color: string@"nu-complete edgekit-ota bundle verify color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    file: path                # The bundle: a file, an address, or - for standard input
  ]

  def "nu-complete edgekit-ota bundle inspect color" [] {
    [ "auto" "always" "never" ]
  }

  # Show what a bundle says of itself, believed or not
  export extern "edgekit-ota bundle inspect" [
    --manifest                # Print the signed text as it is
    --json                    # Print JSON
    --max-bytes: string       # Fetch no more than this, such as 200MiB
    --max-time: string        # Take no longer over fetching, such as 6h
    --rate: string            # Fetch no faster, such as 256K/s
    --config: path            # Read this file instead of those in /etc/edgekit
    --color: string@"nu-complete edgekit-ota bundle inspect color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    file: path                # The bundle: a file, an address, or - for standard input
  ]

  def "nu-complete edgekit-ota bundle diff method" [] {
    [ "binary" "chunks" "blocks" ]
  }

  def "nu-complete edgekit-ota bundle diff progress" [] {
    [ "auto" "bar" "plain" "json" "none" ]
  }

  def "nu-complete edgekit-ota bundle diff color" [] {
    [ "auto" "always" "never" ]
  }

  # Show how large a delta between two images is, by each method
  export extern "edgekit-ota bundle diff" [
    --method: string@"nu-complete edgekit-ota bundle diff method" # Only these: binary, chunks, blocks
    --json                    # Print JSON
    --progress: string@"nu-complete edgekit-ota bundle diff progress" # Show progress as auto, bar, plain, json or none [auto]
    --color: string@"nu-complete edgekit-ota bundle diff color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    old: path                 # The image that is installed
    new: path                 # The image that replaces it
  ]

  def "nu-complete edgekit-ota bundle extract progress" [] {
    [ "auto" "bar" "plain" "json" "none" ]
  }

  def "nu-complete edgekit-ota bundle extract color" [] {
    [ "auto" "always" "never" ]
  }

  # Write an image of a bundle to a file
  export extern "edgekit-ota bundle extract" [
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
    --progress: string@"nu-complete edgekit-ota bundle extract progress" # Show progress as auto, bar, plain, json or none [auto]
    --color: string@"nu-complete edgekit-ota bundle extract color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    file: path                # The bundle: a file, an address, or - for standard input
  ]

  def "nu-complete edgekit-ota keygen color" [] {
    [ "auto" "always" "never" ]
  }

  # Make a pair of keys: NAME.key to sign with, NAME.pub to give away
  export extern "edgekit-ota keygen" [
    --encryption              # A pair for a device: bundles are encrypted to NAME.pub, NAME.key opens them
    --json                    # Print JSON
    --color: string@"nu-complete edgekit-ota keygen color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    name: path                # A path without an ending; nothing is replaced
  ]

  def "nu-complete edgekit-ota keys color" [] {
    [ "auto" "always" "never" ]
  }

  # Make and sign the lists that say whose signatures count
  export extern "edgekit-ota keys" [
    --color: string@"nu-complete edgekit-ota keys color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit-ota keys create color" [] {
    [ "auto" "always" "never" ]
  }

  # Make a list of keys
  export extern "edgekit-ota keys create" [
    --key: path               # A public key that is to count; may be given several times
    --threshold: string       # How many of them must sign [1]
    --after: path             # The list it follows; without it, it is the first
    --expires: string         # When it stops counting, such as 2027-01-31
    --sign-with: path         # Sign with this secret key; may be given several times
    --color: string@"nu-complete edgekit-ota keys create color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    file: path                # Where to write it
  ]

  def "nu-complete edgekit-ota keys sign color" [] {
    [ "auto" "always" "never" ]
  }

  # Add signatures to a list of keys
  export extern "edgekit-ota keys sign" [
    --sign-with: path         # Sign with this secret key; may be given several times
    --color: string@"nu-complete edgekit-ota keys sign color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    file: path                # The list; it is replaced
  ]

}

export use completions *
