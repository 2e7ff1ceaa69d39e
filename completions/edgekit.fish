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
complete -c edgekit -n "__fish_edgekit_needs_command" -f -a "help" -d 'Explain a command or a topic'
complete -c edgekit -n "__fish_edgekit_needs_command" -f -a "man" -d 'Show a manual page'
complete -c edgekit -n "__fish_edgekit_needs_command" -f -a "list" -d 'List the applets of this build'
complete -c edgekit -n "__fish_edgekit_needs_command" -f -a "install" -d 'Make or remove links named after the applets'
complete -c edgekit -n "__fish_edgekit_needs_command" -f -a "doctor" -d 'Look at this machine and say what works on it'
complete -c edgekit -n "__fish_edgekit_needs_command" -f -a "version" -d 'Say what this file is and how it was built'
complete -c edgekit -n "__fish_edgekit_needs_command" -f -a "completions" -d 'Print the completion script of a shell'
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
