
use builtin;
use str;

set edit:completion:arg-completer[edgekit] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'edgekit'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'edgekit'= {
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
            cand help 'Explain a command or a topic'
            cand man 'Show a manual page'
            cand list 'List the applets of this build'
            cand install 'Make or remove links named after the applets'
            cand doctor 'Look at this machine and say what works on it'
            cand version 'Say what this file is and how it was built'
            cand completions 'Print the completion script of a shell'
        }
        &'edgekit;help'= {
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;man'= {
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --list 'List the pages'
            cand --source 'Print the page''s source instead of laying it out'
            cand --no-pager 'Write straight to the terminal'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;list'= {
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'One JSON object a line, with more detail'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;install'= {
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --bare 'Call the links APPLET instead of edgekit-APPLET'
            cand --symlink 'Make symbolic links [the default]'
            cand --hardlink 'Make hard links'
            cand --uninstall 'Remove the links instead'
            cand --dry-run 'Say what would be done and do nothing'
            cand --systemd 'Also install systemd units'
            cand --openrc 'Also install OpenRC scripts'
            cand --procd 'Also install procd scripts (OpenWrt)'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;doctor'= {
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'One JSON object'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;version'= {
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'One JSON object'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;completions'= {
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
    ]
    $completions[$command]
}
