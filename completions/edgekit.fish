# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_edgekit_global_optspecs
    string join \n h/help V/version
end

function __fish_edgekit_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_edgekit_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_edgekit_using_subcommand
    set -l cmd (__fish_edgekit_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c edgekit -n "__fish_edgekit_needs_command" -s h -l help -d 'Print help'
complete -c edgekit -n "__fish_edgekit_needs_command" -s V -l version -d 'Print version'
complete -c edgekit -n "__fish_edgekit_needs_command" -f -a "trace" -d 'Trace the kernel and count, with bpftrace\'s language'
complete -c edgekit -n "__fish_edgekit_needs_command" -f -a "rules" -d 'Run Lua rules on events, and check, test and replay them'
complete -c edgekit -n "__fish_edgekit_needs_command" -f -a "proxy" -d 'Pass HTTP on to servers, and answer for them'
complete -c edgekit -n "__fish_edgekit_needs_command" -f -a "ota" -d 'Install updates that survive a power cut, and make bundles'
complete -c edgekit -n "__fish_edgekit_needs_command" -f -a "help" -d 'Explain a command or a topic'
complete -c edgekit -n "__fish_edgekit_needs_command" -f -a "man" -d 'Show a manual page'
complete -c edgekit -n "__fish_edgekit_needs_command" -f -a "list" -d 'List the applets of this build'
complete -c edgekit -n "__fish_edgekit_needs_command" -f -a "status" -d 'Show the running daemons and their services'
complete -c edgekit -n "__fish_edgekit_needs_command" -f -a "reload" -d 'Make daemons read their configuration again'
complete -c edgekit -n "__fish_edgekit_needs_command" -f -a "upgrade" -d 'Have a new process take over from a running daemon'
complete -c edgekit -n "__fish_edgekit_needs_command" -f -a "log-level" -d 'Show or change what running daemons log'
complete -c edgekit -n "__fish_edgekit_needs_command" -f -a "config" -d 'Show and explain the configuration of applets'
complete -c edgekit -n "__fish_edgekit_needs_command" -f -a "install" -d 'Make or remove links named after the applets'
complete -c edgekit -n "__fish_edgekit_needs_command" -f -a "doctor" -d 'Look at this machine and say what works on it'
complete -c edgekit -n "__fish_edgekit_needs_command" -f -a "version" -d 'Say what this file is and how it was built'
complete -c edgekit -n "__fish_edgekit_needs_command" -f -a "completions" -d 'Print the completion script of a shell'
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and not __fish_seen_subcommand_from doctor list tools explain" -s e -l program -d 'Take the program from here' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and not __fish_seen_subcommand_from doctor list tools explain" -s p -l pid -d 'Only events of this process; ends with it' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and not __fish_seen_subcommand_from doctor list tools explain" -s c -l cmd -d 'Run this once all is attached; ends with it' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and not __fish_seen_subcommand_from doctor list tools explain" -l probe-filter -d 'Leave out probes whose name does not match' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and not __fish_seen_subcommand_from doctor list tools explain" -l ring -d 'Size of the event buffer, such as 16K or 4M [256K]' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and not __fish_seen_subcommand_from doctor list tools explain" -l hook -d 'Let Lua see, drop or change lines: edgekit-rules(7)' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and not __fish_seen_subcommand_from doctor list tools explain" -l hook-allow -d 'Let hooks also start programs: exec' -r -f -a "exec\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and not __fish_seen_subcommand_from doctor list tools explain" -s f -l format -d 'text or json, as bpftrace prints them [text]' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and not __fish_seen_subcommand_from doctor list tools explain" -s o -l output -d 'Write there instead of standard output' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and not __fish_seen_subcommand_from doctor list tools explain" -s B -l buffer -d 'none, line or full: when output is written [line]' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and not __fish_seen_subcommand_from doctor list tools explain" -s d -l debug -d 'Show what the compiler made: ast, tree, ir, asm or all' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and not __fish_seen_subcommand_from doctor list tools explain" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and not __fish_seen_subcommand_from doctor list tools explain" -l unsafe -d 'Allow system() and other calls that change things'
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and not __fish_seen_subcommand_from doctor list tools explain" -s k -d 'Warn when a read or a lookup fails'
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and not __fish_seen_subcommand_from doctor list tools explain" -l verify-llvm-ir -d 'Does nothing: there is no LLVM'
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and not __fish_seen_subcommand_from doctor list tools explain" -l json -d 'JSON in edgekit\'s shape: each object names its schema'
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and not __fish_seen_subcommand_from doctor list tools explain" -s q -l quiet -d 'Only what the program prints'
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and not __fish_seen_subcommand_from doctor list tools explain" -l no-warnings -d 'No warnings'
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and not __fish_seen_subcommand_from doctor list tools explain" -s v -l verbose -d 'Say more'
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and not __fish_seen_subcommand_from doctor list tools explain" -s l -l list -d 'List probes: all, those of a pattern, those of a program (-lv: arguments too)'
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and not __fish_seen_subcommand_from doctor list tools explain" -l dry-run -d 'Compile and load, but do not run'
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and not __fish_seen_subcommand_from doctor list tools explain" -l info -d 'What this kernel supports, in bpftrace\'s shape (see also: doctor)'
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and not __fish_seen_subcommand_from doctor list tools explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and not __fish_seen_subcommand_from doctor list tools explain" -a "doctor" -d 'Show what this kernel lets a tracer do, and why not'
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and not __fish_seen_subcommand_from doctor list tools explain" -a "list" -d 'List the probes of this kernel'
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and not __fish_seen_subcommand_from doctor list tools explain" -a "tools" -d 'List the embedded tools'
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and not __fish_seen_subcommand_from doctor list tools explain" -a "explain" -d 'Show what an embedded tool does, and its program'
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and __fish_seen_subcommand_from doctor" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and __fish_seen_subcommand_from doctor" -l json -d 'One JSON object a line'
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and __fish_seen_subcommand_from doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and __fish_seen_subcommand_from list" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Also their arguments'
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and __fish_seen_subcommand_from tools" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and __fish_seen_subcommand_from tools" -l json -d 'One JSON object a line'
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and __fish_seen_subcommand_from tools" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and __fish_seen_subcommand_from explain" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand trace; and __fish_seen_subcommand_from explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and not __fish_seen_subcommand_from check test run list watch explain record replay examples" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and not __fish_seen_subcommand_from check test run list watch explain record replay examples" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and not __fish_seen_subcommand_from check test run list watch explain record replay examples" -f -a "check" -d 'Compile rules, run them dry, and name every fault'
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and not __fish_seen_subcommand_from check test run list watch explain record replay examples" -f -a "test" -d 'Run the fixtures *_test.toml and *_test.json beside the rules'
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and not __fish_seen_subcommand_from check test run list watch explain record replay examples" -f -a "run" -d 'Run the rules as a daemon'
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and not __fish_seen_subcommand_from check test run list watch explain record replay examples" -f -a "list" -d 'List the rules of the running service and what they did'
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and not __fish_seen_subcommand_from check test run list watch explain record replay examples" -f -a "watch" -d 'Show events, actions and reloads of the running service as they happen'
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and not __fish_seen_subcommand_from check test run list watch explain record replay examples" -f -a "explain" -d 'Show how rules depend on each other, and in which order they run'
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and not __fish_seen_subcommand_from check test run list watch explain record replay examples" -f -a "record" -d 'Record the events and actions of the running service to a file'
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and not __fish_seen_subcommand_from check test run list watch explain record replay examples" -f -a "replay" -d 'Feed a recording to rules, and show what they do otherwise'
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and not __fish_seen_subcommand_from check test run list watch explain record replay examples" -f -a "examples" -d 'List or print the examples this file brings along'
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from check" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from check" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from check" -l json -d 'One JSON object a fault, then one that sums up'
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from test" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from test" -l junit -d 'Write the results there as JUnit XML' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from test" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from test" -l coverage -d 'Show the lines no fixture reaches'
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from test" -l json -d 'One JSON object a fixture, then one that sums up'
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from run" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from run" -l instance -d 'Tell this service from others on the machine' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from run" -l drain -d 'How long the end may take [30s]' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from run" -l log-format -d 'text, logfmt, json or journal [text]' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from run" -l log-level -d 'What is logged, such as debug or info,http=debug [info]' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from run" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from list" -l instance -d 'The service started with \'--instance NAME\'' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from list" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from list" -l json -d 'One JSON object a rule'
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from watch" -l instance -d 'The service started with \'--instance NAME\'' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from watch" -l only -d 'Only these: event, action, reload' -r -f -a "event\t''
action\t''
reload\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from watch" -l count -d 'End after this many lines' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from watch" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from watch" -l json -d 'One JSON object a line'
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from watch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from explain" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from explain" -l format -d 'text, dot (Graphviz) or svg [text]' -r -f -a "text\t''
dot\t''
svg\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from explain" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from record" -l instance -d 'The service started with \'--instance NAME\'' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from record" -l for -d 'End after this long, such as 5m [until Ctrl-C]' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from record" -l events -d 'End after this many events' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from record" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from record" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from replay" -l against -d 'The rules to try [the configured folder]' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from replay" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from replay" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from replay" -l json -d 'One JSON object a difference, then one that sums up'
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from replay" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from examples" -l write -d 'Write all of them there, with their fixtures' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from examples" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand rules; and __fish_seen_subcommand_from examples" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and not __fish_seen_subcommand_from run check status drain routes clusters top certs" -l listen -d 'Listen there, such as 0.0.0.0:8080; may be repeated' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and not __fish_seen_subcommand_from run check status drain routes clusters top certs" -l to -d 'Pass requests on to http://HOST:PORT or https://HOST:PORT; repeated, to each in turn' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and not __fish_seen_subcommand_from run check status drain routes clusters top certs" -l tls-cert -d 'Listen with TLS, with this certificate and what leads to its root' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and not __fish_seen_subcommand_from run check status drain routes clusters top certs" -l tls-key -d 'The key of the certificate [in the same file]' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and not __fish_seen_subcommand_from run check status drain routes clusters top certs" -l client-ca -d 'Refuse clients without a certificate that one of these issued' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and not __fish_seen_subcommand_from run check status drain routes clusters top certs" -l to-ca -d 'Who issues the servers\' certificates [what this machine trusts]' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and not __fish_seen_subcommand_from run check status drain routes clusters top certs" -l workers -d 'Threads that carry traffic [one a core, two at most]' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and not __fish_seen_subcommand_from run check status drain routes clusters top certs" -l max-rss -d 'Memory it may hold, such as 64MiB; at its end requests are refused' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and not __fish_seen_subcommand_from run check status drain routes clusters top certs" -l access-log -d 'Add a line for each request to FILE' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and not __fish_seen_subcommand_from run check status drain routes clusters top certs" -l instance -d 'Open the control socket proxy@NAME.sock' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and not __fish_seen_subcommand_from run check status drain routes clusters top certs" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and not __fish_seen_subcommand_from run check status drain routes clusters top certs" -l dry-run -d 'Check what was said, and end'
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and not __fish_seen_subcommand_from run check status drain routes clusters top certs" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and not __fish_seen_subcommand_from run check status drain routes clusters top certs" -f -a "run" -d 'Run what the configuration says'
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and not __fish_seen_subcommand_from run check status drain routes clusters top certs" -f -a "check" -d 'Find the faults of the configuration'
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and not __fish_seen_subcommand_from run check status drain routes clusters top certs" -f -a "status" -d 'Show how a running proxy is'
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and not __fish_seen_subcommand_from run check status drain routes clusters top certs" -f -a "drain" -d 'Have a running proxy take nothing new, finish what it has, and end'
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and not __fish_seen_subcommand_from run check status drain routes clusters top certs" -f -a "routes" -d 'Show the routes of a running proxy'
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and not __fish_seen_subcommand_from run check status drain routes clusters top certs" -f -a "clusters" -d 'Show the clusters of a running proxy, and how their endpoints are'
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and not __fish_seen_subcommand_from run check status drain routes clusters top certs" -f -a "top" -d 'Show requests, failures and times of a running proxy as they change'
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and not __fish_seen_subcommand_from run check status drain routes clusters top certs" -f -a "certs" -d 'Show the certificates of a running proxy'
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from run" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from run" -l instance -d 'Tell this daemon from others by a name' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from run" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from check" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from check" -l instance -d 'Tell this daemon from others by a name' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from check" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from check" -l diff -d 'Show what a reload of the running proxy would change'
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from check" -l json -d 'One JSON object a change'
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from status" -l instance -d 'Tell this daemon from others by a name' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from status" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from status" -l json -d 'One JSON object with all details'
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from drain" -l instance -d 'Tell this daemon from others by a name' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from drain" -l deadline -d 'What is left after that is dropped [drain_timeout]' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from drain" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from drain" -l no-wait -d 'Do not wait for its end'
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from drain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from routes" -l instance -d 'Tell this daemon from others by a name' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from routes" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from routes" -l json -d 'One JSON object a route'
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from routes" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from clusters" -l instance -d 'Tell this daemon from others by a name' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from clusters" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from clusters" -l json -d 'One JSON object a cluster'
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from clusters" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from top" -l instance -d 'Tell this daemon from others by a name' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from top" -l interval -d 'Look so often, such as 500ms [1s]' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from top" -l count -d 'Look so often and end; tables one after the other' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from top" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from top" -l once -d 'Look once and end'
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from top" -l json -d 'One JSON object a look'
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from top" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from certs" -l instance -d 'Tell this daemon from others by a name' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from certs" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from certs" -l json -d 'One JSON object a certificate'
complete -c edgekit -n "__fish_edgekit_using_subcommand proxy; and __fish_seen_subcommand_from certs" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and not __fish_seen_subcommand_from apply plan simulate status commit rollback mark-bad unblock settle run consent bundle keygen keys" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and not __fish_seen_subcommand_from apply plan simulate status commit rollback mark-bad unblock settle run consent bundle keygen keys" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and not __fish_seen_subcommand_from apply plan simulate status commit rollback mark-bad unblock settle run consent bundle keygen keys" -f -a "apply" -d 'Install a bundle into the slot that does not run, and start it next'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and not __fish_seen_subcommand_from apply plan simulate status commit rollback mark-bad unblock settle run consent bundle keygen keys" -f -a "plan" -d 'Show what \'apply\' would do, in bytes'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and not __fish_seen_subcommand_from apply plan simulate status commit rollback mark-bad unblock settle run consent bundle keygen keys" -f -a "simulate" -d 'Go through an installation, its commit and its fallback, in a folder'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and not __fish_seen_subcommand_from apply plan simulate status commit rollback mark-bad unblock settle run consent bundle keygen keys" -f -a "status" -d 'Show what runs, what is next, and what is not taken'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and not __fish_seen_subcommand_from apply plan simulate status commit rollback mark-bad unblock settle run consent bundle keygen keys" -f -a "commit" -d 'Keep the new version: it is good'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and not __fish_seen_subcommand_from apply plan simulate status commit rollback mark-bad unblock settle run consent bundle keygen keys" -f -a "rollback" -d 'Go back to the other slot, and block the version that is left'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and not __fish_seen_subcommand_from apply plan simulate status commit rollback mark-bad unblock settle run consent bundle keygen keys" -f -a "mark-bad" -d 'Say that a slot is bad: it is not started again'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and not __fish_seen_subcommand_from apply plan simulate status commit rollback mark-bad unblock settle run consent bundle keygen keys" -f -a "unblock" -d 'Take blocked versions again, and end the safe mode'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and not __fish_seen_subcommand_from apply plan simulate status commit rollback mark-bad unblock settle run consent bundle keygen keys" -f -a "settle" -d 'Finish what a power cut left: for scripts that start before others'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and not __fish_seen_subcommand_from apply plan simulate status commit rollback mark-bad unblock settle run consent bundle keygen keys" -f -a "run" -d 'Ask for updates, take them when it is time, and tell how it went: the daemon'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and not __fish_seen_subcommand_from apply plan simulate status commit rollback mark-bad unblock settle run consent bundle keygen keys" -f -a "consent" -d 'Answer a server that asks for consent, through the daemon'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and not __fish_seen_subcommand_from apply plan simulate status commit rollback mark-bad unblock settle run consent bundle keygen keys" -f -a "bundle" -d 'Make bundles, sign them, look into them'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and not __fish_seen_subcommand_from apply plan simulate status commit rollback mark-bad unblock settle run consent bundle keygen keys" -f -a "keygen" -d 'Make a pair of keys: NAME.key to sign with, NAME.pub to give away'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and not __fish_seen_subcommand_from apply plan simulate status commit rollback mark-bad unblock settle run consent bundle keygen keys" -f -a "keys" -d 'Make and sign the lists that say whose signatures count'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from apply" -l component -d 'Only this component; may be given several times' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from apply" -l key -d 'Believe this public key; may be given several times' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from apply" -l threshold -d 'How many of the keys must have signed [1]' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from apply" -l keys -d 'Believe this list of keys, and lists that follow it [/etc/edgekit/ota/keys.toml]' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from apply" -l max-bytes -d 'Fetch no more than this, such as 200MiB' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from apply" -l max-time -d 'Take no longer over fetching, such as 6h' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from apply" -l rate -d 'Fetch no faster, such as 256K/s' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from apply" -l decrypt-with -d 'Open an encrypted bundle with this secret key; may be given several times' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from apply" -l progress -d 'Show progress as auto, bar, plain, json or none [auto]' -r -f -a "auto\t''
bar\t''
plain\t''
json\t''
none\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from apply" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from apply" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from apply" -l no-full-fallback -d 'Refuse where no delta fits what runs'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from apply" -l force -d 'Take a version that is blocked, or that runs already'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from apply" -l json -d 'Print JSON'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from apply" -l dry-run -d 'Only show what would be done, in bytes'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from apply" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from plan" -l component -d 'Only this component; may be given several times' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from plan" -l key -d 'Believe this public key; may be given several times' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from plan" -l threshold -d 'How many of the keys must have signed [1]' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from plan" -l keys -d 'Believe this list of keys, and lists that follow it [/etc/edgekit/ota/keys.toml]' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from plan" -l max-bytes -d 'Fetch no more than this, such as 200MiB' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from plan" -l max-time -d 'Take no longer over fetching, such as 6h' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from plan" -l rate -d 'Fetch no faster, such as 256K/s' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from plan" -l decrypt-with -d 'Open an encrypted bundle with this secret key; may be given several times' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from plan" -l progress -d 'Show progress as auto, bar, plain, json or none [auto]' -r -f -a "auto\t''
bar\t''
plain\t''
json\t''
none\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from plan" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from plan" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from plan" -l no-full-fallback -d 'Refuse where no delta fits what runs'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from plan" -l force -d 'Take a version that is blocked, or that runs already'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from plan" -l json -d 'Print JSON'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from simulate" -l component -d 'Only this component; may be given several times' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from simulate" -l key -d 'Believe this public key; may be given several times' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from simulate" -l threshold -d 'How many of the keys must have signed [1]' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from simulate" -l keys -d 'Believe this list of keys, and lists that follow it [/etc/edgekit/ota/keys.toml]' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from simulate" -l max-bytes -d 'Fetch no more than this, such as 200MiB' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from simulate" -l max-time -d 'Take no longer over fetching, such as 6h' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from simulate" -l rate -d 'Fetch no faster, such as 256K/s' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from simulate" -l decrypt-with -d 'Open an encrypted bundle with this secret key; may be given several times' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from simulate" -l progress -d 'Show progress as auto, bar, plain, json or none [auto]' -r -f -a "auto\t''
bar\t''
plain\t''
json\t''
none\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from simulate" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from simulate" -l scratch -d 'Make this folder for it, and leave it there [a temporary one]' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from simulate" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from simulate" -l no-full-fallback -d 'Refuse where no delta fits what runs'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from simulate" -l force -d 'Take a version that is blocked, or that runs already'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from simulate" -l json -d 'Print JSON'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from simulate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from status" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from status" -l progress -d 'Show progress as auto, bar, plain, json or none [auto]' -r -f -a "auto\t''
bar\t''
plain\t''
json\t''
none\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from status" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from status" -l json -d 'Print JSON'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from status" -l read -d 'Read what runs, and show its digest'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from commit" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from commit" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from commit" -l json -d 'Print JSON'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from commit" -l check -d 'Make the checks of [health] first, and go back if they do not pass in time'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from commit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from rollback" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from rollback" -l why -d 'The reason that is remembered [by hand]' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from rollback" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from rollback" -l json -d 'Print JSON'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from rollback" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from mark-bad" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from mark-bad" -l why -d 'The reason that is remembered [by hand]' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from mark-bad" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from mark-bad" -l json -d 'Print JSON'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from mark-bad" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from unblock" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from unblock" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from unblock" -l json -d 'Print JSON'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from unblock" -l all -d 'All of them'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from unblock" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from settle" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from settle" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from settle" -l json -d 'Print JSON'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from settle" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from run" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from run" -l drain -d 'How long the end may take [30s]' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from run" -l log-format -d 'text, logfmt, json or journal [text]' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from run" -l log-level -d 'What is logged, such as debug or info,http=debug [info]' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from run" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from consent" -l action -d 'Only for this action [the one that waits]' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from consent" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from consent" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from bundle" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from bundle" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from bundle" -f -a "create" -d 'Make a bundle from images'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from bundle" -f -a "sign" -d 'Add signatures to a bundle'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from bundle" -f -a "resign" -d 'Replace signatures and lists of keys, and the date it expires if one is given'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from bundle" -f -a "verify" -d 'Check all of a bundle: who signed it, every block, every full image'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from bundle" -f -a "inspect" -d 'Show what a bundle says of itself, believed or not'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from bundle" -f -a "diff" -d 'Show how large a delta between two images is, by each method'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from bundle" -f -a "extract" -d 'Write an image of a bundle to a file'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from keygen" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from keygen" -l encryption -d 'A pair for a device: bundles are encrypted to NAME.pub, NAME.key opens them'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from keygen" -l json -d 'Print JSON'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from keygen" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from keys" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from keys" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from keys" -f -a "create" -d 'Make a list of keys'
complete -c edgekit -n "__fish_edgekit_using_subcommand ota; and __fish_seen_subcommand_from keys" -f -a "sign" -d 'Add signatures to a list of keys'
complete -c edgekit -n "__fish_edgekit_using_subcommand help" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand man" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand man" -l list -d 'List the pages'
complete -c edgekit -n "__fish_edgekit_using_subcommand man" -l source -d 'Print the page\'s source instead of laying it out'
complete -c edgekit -n "__fish_edgekit_using_subcommand man" -l no-pager -d 'Write straight to the terminal'
complete -c edgekit -n "__fish_edgekit_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand list" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand list" -l json -d 'One JSON object a line, with more detail'
complete -c edgekit -n "__fish_edgekit_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand status" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand status" -l json -d 'One JSON object a daemon, with all details'
complete -c edgekit -n "__fish_edgekit_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand reload" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand reload" -l json -d 'One JSON object a service'
complete -c edgekit -n "__fish_edgekit_using_subcommand reload" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand upgrade" -l probation -d 'How long both serve before the old one stops, such as 10s; if the new one ends, the old one stays' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand upgrade" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand upgrade" -l json -d 'One JSON object a daemon'
complete -c edgekit -n "__fish_edgekit_using_subcommand upgrade" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand log-level" -l set -d 'The same, where no APPLET is named: of every daemon' -r
complete -c edgekit -n "__fish_edgekit_using_subcommand log-level" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand log-level" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand config; and not __fish_seen_subcommand_from show example schema" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand config; and not __fish_seen_subcommand_from show example schema" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand config; and not __fish_seen_subcommand_from show example schema" -f -a "show" -d 'Show the settings in force'
complete -c edgekit -n "__fish_edgekit_using_subcommand config; and not __fish_seen_subcommand_from show example schema" -f -a "example" -d 'Print a commented file with every key'
complete -c edgekit -n "__fish_edgekit_using_subcommand config; and not __fish_seen_subcommand_from show example schema" -f -a "schema" -d 'Print the JSON Schema of the file'
complete -c edgekit -n "__fish_edgekit_using_subcommand config; and __fish_seen_subcommand_from show" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand config; and __fish_seen_subcommand_from show" -l origin -d 'Say where each value came from'
complete -c edgekit -n "__fish_edgekit_using_subcommand config; and __fish_seen_subcommand_from show" -l json -d 'One JSON object a line, with origins'
complete -c edgekit -n "__fish_edgekit_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand config; and __fish_seen_subcommand_from example" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand config; and __fish_seen_subcommand_from example" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand config; and __fish_seen_subcommand_from schema" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand config; and __fish_seen_subcommand_from schema" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand install" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand install" -l bare -d 'Call the links APPLET instead of edgekit-APPLET'
complete -c edgekit -n "__fish_edgekit_using_subcommand install" -l symlink -d 'Make symbolic links [the default]'
complete -c edgekit -n "__fish_edgekit_using_subcommand install" -l hardlink -d 'Make hard links'
complete -c edgekit -n "__fish_edgekit_using_subcommand install" -l uninstall -d 'Remove the links instead'
complete -c edgekit -n "__fish_edgekit_using_subcommand install" -l dry-run -d 'Say what would be done and do nothing'
complete -c edgekit -n "__fish_edgekit_using_subcommand install" -l systemd -d 'Also install systemd units'
complete -c edgekit -n "__fish_edgekit_using_subcommand install" -l openrc -d 'Also install OpenRC scripts'
complete -c edgekit -n "__fish_edgekit_using_subcommand install" -l procd -d 'Also install procd scripts (OpenWrt)'
complete -c edgekit -n "__fish_edgekit_using_subcommand install" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand doctor" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand doctor" -l json -d 'One JSON object'
complete -c edgekit -n "__fish_edgekit_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand version" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand version" -l json -d 'One JSON object'
complete -c edgekit -n "__fish_edgekit_using_subcommand version" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit -n "__fish_edgekit_using_subcommand completions" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit -n "__fish_edgekit_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
