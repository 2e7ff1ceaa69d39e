
use builtin;
use str;

set edit:completion:arg-completer[edgekit-proxy] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'edgekit-proxy'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'edgekit-proxy'= {
            cand --listen 'Listen there, such as 0.0.0.0:8080; may be repeated'
            cand --to 'Pass requests on to http://HOST:PORT or https://HOST:PORT; repeated, to each in turn'
            cand --tls-cert 'Listen with TLS, with this certificate and what leads to its root'
            cand --tls-key 'The key of the certificate [in the same file]'
            cand --client-ca 'Refuse clients without a certificate that one of these issued'
            cand --to-ca 'Who issues the servers'' certificates [what this machine trusts]'
            cand --workers 'Threads that carry traffic [one a core, two at most]'
            cand --max-rss 'Memory it may hold, such as 64MiB; at its end requests are refused'
            cand --access-log 'Add a line for each request to FILE'
            cand --instance 'Open the control socket proxy@NAME.sock'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --dry-run 'Check what was said, and end'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand run 'Run what the configuration says'
            cand check 'Find the faults of the configuration'
            cand status 'Show how a running proxy is'
            cand drain 'Have a running proxy take nothing new, finish what it has, and end'
            cand routes 'Show the routes of a running proxy'
            cand clusters 'Show the clusters of a running proxy, and how their endpoints are'
            cand top 'Show requests, failures and times of a running proxy as they change'
            cand certs 'Show the certificates of a running proxy'
        }
        &'edgekit-proxy;run'= {
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --instance 'Tell this daemon from others by a name'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit-proxy;check'= {
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --instance 'Tell this daemon from others by a name'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --diff 'Show what a reload of the running proxy would change'
            cand --json 'One JSON object a change'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit-proxy;status'= {
            cand --instance 'Tell this daemon from others by a name'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'One JSON object with all details'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit-proxy;drain'= {
            cand --instance 'Tell this daemon from others by a name'
            cand --deadline 'What is left after that is dropped [drain_timeout]'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --no-wait 'Do not wait for its end'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit-proxy;routes'= {
            cand --instance 'Tell this daemon from others by a name'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'One JSON object a route'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit-proxy;clusters'= {
            cand --instance 'Tell this daemon from others by a name'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'One JSON object a cluster'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit-proxy;top'= {
            cand --instance 'Tell this daemon from others by a name'
            cand --interval 'Look so often, such as 500ms [1s]'
            cand --count 'Look so often and end; tables one after the other'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --once 'Look once and end'
            cand --json 'One JSON object a look'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit-proxy;certs'= {
            cand --instance 'Tell this daemon from others by a name'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'One JSON object a certificate'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
    ]
    $completions[$command]
}
