# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_edgekit_trace_global_optspecs
    string join \n e/program= p/pid= c/cmd= probe-filter= ring= hook= hook-allow= unsafe k verify-llvm-ir f/format= json o/output= B/buffer= q/quiet no-warnings v/verbose l/list dry-run d/debug= info color= h/help
end

function __fish_edgekit_trace_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_edgekit_trace_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_edgekit_trace_using_subcommand
    set -l cmd (__fish_edgekit_trace_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c edgekit-trace -n "__fish_edgekit_trace_needs_command" -s e -l program -d 'Take the program from here' -r
complete -c edgekit-trace -n "__fish_edgekit_trace_needs_command" -s p -l pid -d 'Only events of this process; ends with it' -r
complete -c edgekit-trace -n "__fish_edgekit_trace_needs_command" -s c -l cmd -d 'Run this once all is attached; ends with it' -r
complete -c edgekit-trace -n "__fish_edgekit_trace_needs_command" -l probe-filter -d 'Leave out probes whose name does not match' -r
complete -c edgekit-trace -n "__fish_edgekit_trace_needs_command" -l ring -d 'Size of the event buffer, such as 16K or 4M [256K]' -r
complete -c edgekit-trace -n "__fish_edgekit_trace_needs_command" -l hook -d 'Let Lua see, drop or change lines: edgekit-rules(7)' -r -F
complete -c edgekit-trace -n "__fish_edgekit_trace_needs_command" -l hook-allow -d 'Let hooks also start programs: exec' -r -f -a "exec\t''"
complete -c edgekit-trace -n "__fish_edgekit_trace_needs_command" -s f -l format -d 'text or json, as bpftrace prints them [text]' -r
complete -c edgekit-trace -n "__fish_edgekit_trace_needs_command" -s o -l output -d 'Write there instead of standard output' -r -F
complete -c edgekit-trace -n "__fish_edgekit_trace_needs_command" -s B -l buffer -d 'none, line or full: when output is written [line]' -r
complete -c edgekit-trace -n "__fish_edgekit_trace_needs_command" -s d -l debug -d 'Show what the compiler made: ast, tree, ir, asm or all' -r
complete -c edgekit-trace -n "__fish_edgekit_trace_needs_command" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-trace -n "__fish_edgekit_trace_needs_command" -l unsafe -d 'Allow system() and other calls that change things'
complete -c edgekit-trace -n "__fish_edgekit_trace_needs_command" -s k -d 'Warn when a read or a lookup fails'
complete -c edgekit-trace -n "__fish_edgekit_trace_needs_command" -l verify-llvm-ir -d 'Does nothing: there is no LLVM'
complete -c edgekit-trace -n "__fish_edgekit_trace_needs_command" -l json -d 'JSON in edgekit\'s shape: each object names its schema'
complete -c edgekit-trace -n "__fish_edgekit_trace_needs_command" -s q -l quiet -d 'Only what the program prints'
complete -c edgekit-trace -n "__fish_edgekit_trace_needs_command" -l no-warnings -d 'No warnings'
complete -c edgekit-trace -n "__fish_edgekit_trace_needs_command" -s v -l verbose -d 'Say more'
complete -c edgekit-trace -n "__fish_edgekit_trace_needs_command" -s l -l list -d 'List probes: all, those of a pattern, those of a program (-lv: arguments too)'
complete -c edgekit-trace -n "__fish_edgekit_trace_needs_command" -l dry-run -d 'Compile and load, but do not run'
complete -c edgekit-trace -n "__fish_edgekit_trace_needs_command" -l info -d 'What this kernel supports, in bpftrace\'s shape (see also: doctor)'
complete -c edgekit-trace -n "__fish_edgekit_trace_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-trace -n "__fish_edgekit_trace_needs_command" -a "doctor" -d 'Show what this kernel lets a tracer do, and why not'
complete -c edgekit-trace -n "__fish_edgekit_trace_needs_command" -a "list" -d 'List the probes of this kernel'
complete -c edgekit-trace -n "__fish_edgekit_trace_needs_command" -a "tools" -d 'List the embedded tools'
complete -c edgekit-trace -n "__fish_edgekit_trace_needs_command" -a "explain" -d 'Show what an embedded tool does, and its program'
complete -c edgekit-trace -n "__fish_edgekit_trace_using_subcommand doctor" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-trace -n "__fish_edgekit_trace_using_subcommand doctor" -l json -d 'One JSON object a line'
complete -c edgekit-trace -n "__fish_edgekit_trace_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-trace -n "__fish_edgekit_trace_using_subcommand list" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-trace -n "__fish_edgekit_trace_using_subcommand list" -s v -l verbose -d 'Also their arguments'
complete -c edgekit-trace -n "__fish_edgekit_trace_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-trace -n "__fish_edgekit_trace_using_subcommand tools" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-trace -n "__fish_edgekit_trace_using_subcommand tools" -l json -d 'One JSON object a line'
complete -c edgekit-trace -n "__fish_edgekit_trace_using_subcommand tools" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-trace -n "__fish_edgekit_trace_using_subcommand explain" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-trace -n "__fish_edgekit_trace_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
