# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_edgekit_rules_global_optspecs
    string join \n color= h/help
end

function __fish_edgekit_rules_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_edgekit_rules_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_edgekit_rules_using_subcommand
    set -l cmd (__fish_edgekit_rules_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c edgekit-rules -n "__fish_edgekit_rules_needs_command" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-rules -n "__fish_edgekit_rules_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-rules -n "__fish_edgekit_rules_needs_command" -f -a "check" -d 'Compile rules, run them dry, and name every fault'
complete -c edgekit-rules -n "__fish_edgekit_rules_needs_command" -f -a "test" -d 'Run the fixtures *_test.toml and *_test.json beside the rules'
complete -c edgekit-rules -n "__fish_edgekit_rules_needs_command" -f -a "run" -d 'Run the rules as a daemon'
complete -c edgekit-rules -n "__fish_edgekit_rules_needs_command" -f -a "list" -d 'List the rules of the running service and what they did'
complete -c edgekit-rules -n "__fish_edgekit_rules_needs_command" -f -a "watch" -d 'Show events, actions and reloads of the running service as they happen'
complete -c edgekit-rules -n "__fish_edgekit_rules_needs_command" -f -a "explain" -d 'Show how rules depend on each other, and in which order they run'
complete -c edgekit-rules -n "__fish_edgekit_rules_needs_command" -f -a "record" -d 'Record the events and actions of the running service to a file'
complete -c edgekit-rules -n "__fish_edgekit_rules_needs_command" -f -a "replay" -d 'Feed a recording to rules, and show what they do otherwise'
complete -c edgekit-rules -n "__fish_edgekit_rules_needs_command" -f -a "examples" -d 'List or print the examples this file brings along'
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand check" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand check" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand check" -l json -d 'One JSON object a fault, then one that sums up'
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand test" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand test" -l junit -d 'Write the results there as JUnit XML' -r -F
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand test" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand test" -l coverage -d 'Show the lines no fixture reaches'
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand test" -l json -d 'One JSON object a fixture, then one that sums up'
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand run" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand run" -l instance -d 'Tell this service from others on the machine' -r
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand run" -l drain -d 'How long the end may take [30s]' -r
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand run" -l log-format -d 'text, logfmt, json or journal [text]' -r
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand run" -l log-level -d 'What is logged, such as debug or info,http=debug [info]' -r
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand run" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand list" -l instance -d 'The service started with \'--instance NAME\'' -r
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand list" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand list" -l json -d 'One JSON object a rule'
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand watch" -l instance -d 'The service started with \'--instance NAME\'' -r
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand watch" -l only -d 'Only these: event, action, reload' -r -f -a "event\t''
action\t''
reload\t''"
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand watch" -l count -d 'End after this many lines' -r
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand watch" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand watch" -l json -d 'One JSON object a line'
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand watch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand explain" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand explain" -l format -d 'text, dot (Graphviz) or svg [text]' -r -f -a "text\t''
dot\t''
svg\t''"
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand explain" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand record" -l instance -d 'The service started with \'--instance NAME\'' -r
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand record" -l for -d 'End after this long, such as 5m [until Ctrl-C]' -r
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand record" -l events -d 'End after this many events' -r
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand record" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand record" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand replay" -l against -d 'The rules to try [the configured folder]' -r -F
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand replay" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand replay" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand replay" -l json -d 'One JSON object a difference, then one that sums up'
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand replay" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand examples" -l write -d 'Write all of them there, with their fixtures' -r -F
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand examples" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-rules -n "__fish_edgekit_rules_using_subcommand examples" -s h -l help -d 'Print help (see more with \'--help\')'
