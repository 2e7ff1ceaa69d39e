
use builtin;
use str;

set edit:completion:arg-completer[edgekit-rules] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'edgekit-rules'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'edgekit-rules'= {
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand check 'Compile rules, run them dry, and name every fault'
            cand test 'Run the fixtures *_test.toml and *_test.json beside the rules'
            cand run 'Run the rules as a daemon'
            cand list 'List the rules of the running service and what they did'
            cand watch 'Show events, actions and reloads of the running service as they happen'
            cand explain 'Show how rules depend on each other, and in which order they run'
            cand record 'Record the events and actions of the running service to a file'
            cand replay 'Feed a recording to rules, and show what they do otherwise'
            cand examples 'List or print the examples this file brings along'
        }
        &'edgekit-rules;check'= {
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'One JSON object a fault, then one that sums up'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit-rules;test'= {
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --junit 'Write the results there as JUnit XML'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --coverage 'Show the lines no fixture reaches'
            cand --json 'One JSON object a fixture, then one that sums up'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit-rules;run'= {
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --instance 'Tell this service from others on the machine'
            cand --drain 'How long the end may take [30s]'
            cand --log-format 'text, logfmt, json or journal [text]'
            cand --log-level 'What is logged, such as debug or info,http=debug [info]'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit-rules;list'= {
            cand --instance 'The service started with ''--instance NAME'''
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'One JSON object a rule'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit-rules;watch'= {
            cand --instance 'The service started with ''--instance NAME'''
            cand --only 'Only these: event, action, reload'
            cand --count 'End after this many lines'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'One JSON object a line'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit-rules;explain'= {
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --format 'text, dot (Graphviz) or svg [text]'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit-rules;record'= {
            cand --instance 'The service started with ''--instance NAME'''
            cand --for 'End after this long, such as 5m [until Ctrl-C]'
            cand --events 'End after this many events'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit-rules;replay'= {
            cand --against 'The rules to try [the configured folder]'
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'One JSON object a difference, then one that sums up'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit-rules;examples'= {
            cand --write 'Write all of them there, with their fixtures'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
    ]
    $completions[$command]
}
