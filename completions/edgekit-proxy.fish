# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_edgekit_proxy_global_optspecs
    string join \n listen= to= tls-cert= tls-key= client-ca= to-ca= workers= max-rss= access-log= dry-run instance= color= h/help
end

function __fish_edgekit_proxy_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_edgekit_proxy_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_edgekit_proxy_using_subcommand
    set -l cmd (__fish_edgekit_proxy_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c edgekit-proxy -n "__fish_edgekit_proxy_needs_command" -l listen -d 'Listen there, such as 0.0.0.0:8080; may be repeated' -r
complete -c edgekit-proxy -n "__fish_edgekit_proxy_needs_command" -l to -d 'Pass requests on to http://HOST:PORT or https://HOST:PORT; repeated, to each in turn' -r
complete -c edgekit-proxy -n "__fish_edgekit_proxy_needs_command" -l tls-cert -d 'Listen with TLS, with this certificate and what leads to its root' -r
complete -c edgekit-proxy -n "__fish_edgekit_proxy_needs_command" -l tls-key -d 'The key of the certificate [in the same file]' -r
complete -c edgekit-proxy -n "__fish_edgekit_proxy_needs_command" -l client-ca -d 'Refuse clients without a certificate that one of these issued' -r
complete -c edgekit-proxy -n "__fish_edgekit_proxy_needs_command" -l to-ca -d 'Who issues the servers\' certificates [what this machine trusts]' -r
complete -c edgekit-proxy -n "__fish_edgekit_proxy_needs_command" -l workers -d 'Threads that carry traffic [one a core, two at most]' -r
complete -c edgekit-proxy -n "__fish_edgekit_proxy_needs_command" -l max-rss -d 'Memory it may hold, such as 64MiB; at its end requests are refused' -r
complete -c edgekit-proxy -n "__fish_edgekit_proxy_needs_command" -l access-log -d 'Add a line for each request to FILE' -r
complete -c edgekit-proxy -n "__fish_edgekit_proxy_needs_command" -l instance -d 'Open the control socket proxy@NAME.sock' -r
complete -c edgekit-proxy -n "__fish_edgekit_proxy_needs_command" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-proxy -n "__fish_edgekit_proxy_needs_command" -l dry-run -d 'Check what was said, and end'
complete -c edgekit-proxy -n "__fish_edgekit_proxy_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-proxy -n "__fish_edgekit_proxy_needs_command" -f -a "run" -d 'Run what the configuration says'
complete -c edgekit-proxy -n "__fish_edgekit_proxy_needs_command" -f -a "check" -d 'Find the faults of the configuration'
complete -c edgekit-proxy -n "__fish_edgekit_proxy_needs_command" -f -a "status" -d 'Show how a running proxy is'
complete -c edgekit-proxy -n "__fish_edgekit_proxy_needs_command" -f -a "drain" -d 'Have a running proxy take nothing new, finish what it has, and end'
complete -c edgekit-proxy -n "__fish_edgekit_proxy_needs_command" -f -a "routes" -d 'Show the routes of a running proxy'
complete -c edgekit-proxy -n "__fish_edgekit_proxy_needs_command" -f -a "clusters" -d 'Show the clusters of a running proxy, and how their endpoints are'
complete -c edgekit-proxy -n "__fish_edgekit_proxy_needs_command" -f -a "top" -d 'Show requests, failures and times of a running proxy as they change'
complete -c edgekit-proxy -n "__fish_edgekit_proxy_needs_command" -f -a "certs" -d 'Show the certificates of a running proxy'
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand run" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand run" -l instance -d 'Tell this daemon from others by a name' -r
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand run" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand check" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand check" -l instance -d 'Tell this daemon from others by a name' -r
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand check" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand check" -l diff -d 'Show what a reload of the running proxy would change'
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand check" -l json -d 'One JSON object a change'
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand status" -l instance -d 'Tell this daemon from others by a name' -r
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand status" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand status" -l json -d 'One JSON object with all details'
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand drain" -l instance -d 'Tell this daemon from others by a name' -r
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand drain" -l deadline -d 'What is left after that is dropped [drain_timeout]' -r
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand drain" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand drain" -l no-wait -d 'Do not wait for its end'
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand drain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand routes" -l instance -d 'Tell this daemon from others by a name' -r
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand routes" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand routes" -l json -d 'One JSON object a route'
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand routes" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand clusters" -l instance -d 'Tell this daemon from others by a name' -r
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand clusters" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand clusters" -l json -d 'One JSON object a cluster'
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand clusters" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand top" -l instance -d 'Tell this daemon from others by a name' -r
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand top" -l interval -d 'Look so often, such as 500ms [1s]' -r
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand top" -l count -d 'Look so often and end; tables one after the other' -r
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand top" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand top" -l once -d 'Look once and end'
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand top" -l json -d 'One JSON object a look'
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand top" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand certs" -l instance -d 'Tell this daemon from others by a name' -r
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand certs" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand certs" -l json -d 'One JSON object a certificate'
complete -c edgekit-proxy -n "__fish_edgekit_proxy_using_subcommand certs" -s h -l help -d 'Print help (see more with \'--help\')'
