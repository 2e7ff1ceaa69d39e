module completions {

  def "nu-complete edgekit-trace hook-allow" [] {
    [ "exec" ]
  }

  def "nu-complete edgekit-trace color" [] {
    [ "auto" "always" "never" ]
  }

  # Trace the kernel and count, with bpftrace's language
  export extern edgekit-trace [
    --program(-e): string     # Take the program from here
    --pid(-p): string         # Only events of this process; ends with it
    --cmd(-c): string         # Run this once all is attached; ends with it
    --probe-filter: string    # Leave out probes whose name does not match
    --ring: string            # Size of the event buffer, such as 16K or 4M [256K]
    --hook: path              # Let Lua see, drop or change lines: edgekit-rules(7)
    --hook-allow: string@"nu-complete edgekit-trace hook-allow" # Let hooks also start programs: exec
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
    --color: string@"nu-complete edgekit-trace color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    ...words: string          # The program, and then its words: $1, $2 ...
  ]

  def "nu-complete edgekit-trace doctor color" [] {
    [ "auto" "always" "never" ]
  }

  # Show what this kernel lets a tracer do, and why not
  export extern "edgekit-trace doctor" [
    --json                    # One JSON object a line
    --color: string@"nu-complete edgekit-trace doctor color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit-trace list color" [] {
    [ "auto" "always" "never" ]
  }

  # List the probes of this kernel
  export extern "edgekit-trace list" [
    --verbose(-v)             # Also their arguments
    --color: string@"nu-complete edgekit-trace list color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    pattern?: string          # Such as 'tracepoint:sched:*' [all]
  ]

  def "nu-complete edgekit-trace tools color" [] {
    [ "auto" "always" "never" ]
  }

  # List the embedded tools
  export extern "edgekit-trace tools" [
    --json                    # One JSON object a line
    --color: string@"nu-complete edgekit-trace tools color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete edgekit-trace explain color" [] {
    [ "auto" "always" "never" ]
  }

  # Show what an embedded tool does, and its program
  export extern "edgekit-trace explain" [
    --color: string@"nu-complete edgekit-trace explain color" # Colour the output: auto, always or never [auto]
    --help(-h)                # Print help (see more with '--help')
    tool: string              # Its name
  ]

}

export use completions *
