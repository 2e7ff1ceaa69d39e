
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
            cand trace 'Trace the kernel and count, with bpftrace''s language'
            cand rules 'Run Lua rules on events, and check, test and replay them'
            cand proxy 'Pass HTTP on to servers, and answer for them'
            cand ota 'Install updates that survive a power cut, and make bundles'
            cand help 'Explain a command or a topic'
            cand man 'Show a manual page'
            cand list 'List the applets of this build'
            cand status 'Show the running daemons and their services'
            cand reload 'Make daemons read their configuration again'
            cand upgrade 'Have a new process take over from a running daemon'
            cand log-level 'Show or change what running daemons log'
            cand config 'Show and explain the configuration of applets'
            cand install 'Make or remove links named after the applets'
            cand doctor 'Look at this machine and say what works on it'
            cand version 'Say what this file is and how it was built'
            cand completions 'Print the completion script of a shell'
        }
        &'edgekit;trace'= {
            cand -e 'Take the program from here'
            cand --program 'Take the program from here'
            cand -p 'Only events of this process; ends with it'
            cand --pid 'Only events of this process; ends with it'
            cand -c 'Run this once all is attached; ends with it'
            cand --cmd 'Run this once all is attached; ends with it'
            cand --probe-filter 'Leave out probes whose name does not match'
            cand --ring 'Size of the event buffer, such as 16K or 4M [256K]'
            cand --hook 'Let Lua see, drop or change lines: edgekit-rules(7)'
            cand --hook-allow 'Let hooks also start programs: exec'
            cand -f 'text or json, as bpftrace prints them [text]'
            cand --format 'text or json, as bpftrace prints them [text]'
            cand -o 'Write there instead of standard output'
            cand --output 'Write there instead of standard output'
            cand -B 'none, line or full: when output is written [line]'
            cand --buffer 'none, line or full: when output is written [line]'
            cand -d 'Show what the compiler made: ast, tree, ir, asm or all'
            cand --debug 'Show what the compiler made: ast, tree, ir, asm or all'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --unsafe 'Allow system() and other calls that change things'
            cand -k 'Warn when a read or a lookup fails'
            cand --verify-llvm-ir 'Does nothing: there is no LLVM'
            cand --json 'JSON in edgekit''s shape: each object names its schema'
            cand -q 'Only what the program prints'
            cand --quiet 'Only what the program prints'
            cand --no-warnings 'No warnings'
            cand -v 'Say more'
            cand --verbose 'Say more'
            cand -l 'List probes: all, those of a pattern, those of a program (-lv: arguments too)'
            cand --list 'List probes: all, those of a pattern, those of a program (-lv: arguments too)'
            cand --dry-run 'Compile and load, but do not run'
            cand --info 'What this kernel supports, in bpftrace''s shape (see also: doctor)'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand doctor 'Show what this kernel lets a tracer do, and why not'
            cand list 'List the probes of this kernel'
            cand tools 'List the embedded tools'
            cand explain 'Show what an embedded tool does, and its program'
        }
        &'edgekit;trace;doctor'= {
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'One JSON object a line'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;trace;list'= {
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -v 'Also their arguments'
            cand --verbose 'Also their arguments'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;trace;tools'= {
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'One JSON object a line'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;trace;explain'= {
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;rules'= {
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
        &'edgekit;rules;check'= {
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'One JSON object a fault, then one that sums up'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;rules;test'= {
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --junit 'Write the results there as JUnit XML'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --coverage 'Show the lines no fixture reaches'
            cand --json 'One JSON object a fixture, then one that sums up'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;rules;run'= {
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --instance 'Tell this service from others on the machine'
            cand --drain 'How long the end may take [30s]'
            cand --log-format 'text, logfmt, json or journal [text]'
            cand --log-level 'What is logged, such as debug or info,http=debug [info]'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;rules;list'= {
            cand --instance 'The service started with ''--instance NAME'''
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'One JSON object a rule'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;rules;watch'= {
            cand --instance 'The service started with ''--instance NAME'''
            cand --only 'Only these: event, action, reload'
            cand --count 'End after this many lines'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'One JSON object a line'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;rules;explain'= {
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --format 'text, dot (Graphviz) or svg [text]'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;rules;record'= {
            cand --instance 'The service started with ''--instance NAME'''
            cand --for 'End after this long, such as 5m [until Ctrl-C]'
            cand --events 'End after this many events'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;rules;replay'= {
            cand --against 'The rules to try [the configured folder]'
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'One JSON object a difference, then one that sums up'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;rules;examples'= {
            cand --write 'Write all of them there, with their fixtures'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;proxy'= {
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
        &'edgekit;proxy;run'= {
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --instance 'Tell this daemon from others by a name'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;proxy;check'= {
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --instance 'Tell this daemon from others by a name'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --diff 'Show what a reload of the running proxy would change'
            cand --json 'One JSON object a change'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;proxy;status'= {
            cand --instance 'Tell this daemon from others by a name'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'One JSON object with all details'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;proxy;drain'= {
            cand --instance 'Tell this daemon from others by a name'
            cand --deadline 'What is left after that is dropped [drain_timeout]'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --no-wait 'Do not wait for its end'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;proxy;routes'= {
            cand --instance 'Tell this daemon from others by a name'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'One JSON object a route'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;proxy;clusters'= {
            cand --instance 'Tell this daemon from others by a name'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'One JSON object a cluster'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;proxy;top'= {
            cand --instance 'Tell this daemon from others by a name'
            cand --interval 'Look so often, such as 500ms [1s]'
            cand --count 'Look so often and end; tables one after the other'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --once 'Look once and end'
            cand --json 'One JSON object a look'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;proxy;certs'= {
            cand --instance 'Tell this daemon from others by a name'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'One JSON object a certificate'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;ota'= {
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand apply 'Install a bundle into the slot that does not run, and start it next'
            cand plan 'Show what ''apply'' would do, in bytes'
            cand simulate 'Go through an installation, its commit and its fallback, in a folder'
            cand status 'Show what runs, what is next, and what is not taken'
            cand commit 'Keep the new version: it is good'
            cand rollback 'Go back to the other slot, and block the version that is left'
            cand mark-bad 'Say that a slot is bad: it is not started again'
            cand unblock 'Take blocked versions again, and end the safe mode'
            cand settle 'Finish what a power cut left: for scripts that start before others'
            cand run 'Ask for updates, take them when it is time, and tell how it went: the daemon'
            cand consent 'Answer a server that asks for consent, through the daemon'
            cand bundle 'Make bundles, sign them, look into them'
            cand keygen 'Make a pair of keys: NAME.key to sign with, NAME.pub to give away'
            cand keys 'Make and sign the lists that say whose signatures count'
        }
        &'edgekit;ota;apply'= {
            cand --component 'Only this component; may be given several times'
            cand --key 'Believe this public key; may be given several times'
            cand --threshold 'How many of the keys must have signed [1]'
            cand --keys 'Believe this list of keys, and lists that follow it [/etc/edgekit/ota/keys.toml]'
            cand --max-bytes 'Fetch no more than this, such as 200MiB'
            cand --max-time 'Take no longer over fetching, such as 6h'
            cand --rate 'Fetch no faster, such as 256K/s'
            cand --decrypt-with 'Open an encrypted bundle with this secret key; may be given several times'
            cand --progress 'Show progress as auto, bar, plain, json or none [auto]'
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --no-full-fallback 'Refuse where no delta fits what runs'
            cand --force 'Take a version that is blocked, or that runs already'
            cand --json 'Print JSON'
            cand --dry-run 'Only show what would be done, in bytes'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;ota;plan'= {
            cand --component 'Only this component; may be given several times'
            cand --key 'Believe this public key; may be given several times'
            cand --threshold 'How many of the keys must have signed [1]'
            cand --keys 'Believe this list of keys, and lists that follow it [/etc/edgekit/ota/keys.toml]'
            cand --max-bytes 'Fetch no more than this, such as 200MiB'
            cand --max-time 'Take no longer over fetching, such as 6h'
            cand --rate 'Fetch no faster, such as 256K/s'
            cand --decrypt-with 'Open an encrypted bundle with this secret key; may be given several times'
            cand --progress 'Show progress as auto, bar, plain, json or none [auto]'
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --no-full-fallback 'Refuse where no delta fits what runs'
            cand --force 'Take a version that is blocked, or that runs already'
            cand --json 'Print JSON'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;ota;simulate'= {
            cand --component 'Only this component; may be given several times'
            cand --key 'Believe this public key; may be given several times'
            cand --threshold 'How many of the keys must have signed [1]'
            cand --keys 'Believe this list of keys, and lists that follow it [/etc/edgekit/ota/keys.toml]'
            cand --max-bytes 'Fetch no more than this, such as 200MiB'
            cand --max-time 'Take no longer over fetching, such as 6h'
            cand --rate 'Fetch no faster, such as 256K/s'
            cand --decrypt-with 'Open an encrypted bundle with this secret key; may be given several times'
            cand --progress 'Show progress as auto, bar, plain, json or none [auto]'
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --scratch 'Make this folder for it, and leave it there [a temporary one]'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --no-full-fallback 'Refuse where no delta fits what runs'
            cand --force 'Take a version that is blocked, or that runs already'
            cand --json 'Print JSON'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;ota;status'= {
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --progress 'Show progress as auto, bar, plain, json or none [auto]'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'Print JSON'
            cand --read 'Read what runs, and show its digest'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;ota;commit'= {
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'Print JSON'
            cand --check 'Make the checks of [health] first, and go back if they do not pass in time'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;ota;rollback'= {
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --why 'The reason that is remembered [by hand]'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'Print JSON'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;ota;mark-bad'= {
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --why 'The reason that is remembered [by hand]'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'Print JSON'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;ota;unblock'= {
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'Print JSON'
            cand --all 'All of them'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;ota;settle'= {
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'Print JSON'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;ota;run'= {
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --drain 'How long the end may take [30s]'
            cand --log-format 'text, logfmt, json or journal [text]'
            cand --log-level 'What is logged, such as debug or info,http=debug [info]'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;ota;consent'= {
            cand --action 'Only for this action [the one that waits]'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;ota;bundle'= {
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand create 'Make a bundle from images'
            cand sign 'Add signatures to a bundle'
            cand resign 'Replace signatures and lists of keys, and the date it expires if one is given'
            cand verify 'Check all of a bundle: who signed it, every block, every full image'
            cand inspect 'Show what a bundle says of itself, believed or not'
            cand diff 'Show how large a delta between two images is, by each method'
            cand extract 'Write an image of a bundle to a file'
        }
        &'edgekit;ota;bundle;create'= {
            cand --name 'What is updated'
            cand --version 'To which version, such as 1.4.0'
            cand --component 'An image, by the name of what it replaces; may be given several times'
            cand --source 'An old image to make a delta against; may be given several times'
            cand --method 'How deltas are made: binary, chunks or blocks [by the sizes]'
            cand --sign-with 'Sign with this secret key; may be given several times'
            cand --list 'Bring this list of keys along, the oldest first; may be given several times'
            cand --encrypt-to 'Let only the holder of this key read the images; may be given several times'
            cand --compatible 'Hardware it is for, with * and ?; may be given several times'
            cand --floor 'Once it is committed, take nothing below this version'
            cand --min-source 'Devices below this version need another bundle first'
            cand --expires 'When it is no longer to be installed, such as 2027-01-31'
            cand --progress 'Show progress as auto, bar, plain, json or none [auto]'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --no-full 'Leave out the full images: for devices that have a source, and no others'
            cand --json 'Print JSON'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;ota;bundle;sign'= {
            cand --sign-with 'Sign with this secret key; may be given several times'
            cand -o 'Write the signed bundle there [in the place of the other]'
            cand --output 'Write the signed bundle there [in the place of the other]'
            cand --progress 'Show progress as auto, bar, plain, json or none [auto]'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;ota;bundle;resign'= {
            cand --sign-with 'Sign with this secret key; may be given several times'
            cand --list 'Bring this list of keys along, the oldest first; may be given several times'
            cand --expires 'When it is no longer to be installed, such as 2027-01-31'
            cand -o 'Write the signed bundle there [in the place of the other]'
            cand --output 'Write the signed bundle there [in the place of the other]'
            cand --progress 'Show progress as auto, bar, plain, json or none [auto]'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;ota;bundle;verify'= {
            cand --key 'Believe this public key; may be given several times'
            cand --threshold 'How many of the keys must have signed [1]'
            cand --keys 'Believe this list of keys, and lists that follow it [/etc/edgekit/ota/keys.toml]'
            cand --max-bytes 'Fetch no more than this, such as 200MiB'
            cand --max-time 'Take no longer over fetching, such as 6h'
            cand --rate 'Fetch no faster, such as 256K/s'
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --decrypt-with 'Open an encrypted bundle with this secret key; may be given several times'
            cand --hardware 'Check that it is for this hardware'
            cand --installed 'Check that this version may be updated'
            cand --floor 'Check that it is not below this version'
            cand --progress 'Show progress as auto, bar, plain, json or none [auto]'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'Print JSON'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;ota;bundle;inspect'= {
            cand --max-bytes 'Fetch no more than this, such as 200MiB'
            cand --max-time 'Take no longer over fetching, such as 6h'
            cand --rate 'Fetch no faster, such as 256K/s'
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --manifest 'Print the signed text as it is'
            cand --json 'Print JSON'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;ota;bundle;diff'= {
            cand --method 'Only these: binary, chunks, blocks'
            cand --progress 'Show progress as auto, bar, plain, json or none [auto]'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'Print JSON'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;ota;bundle;extract'= {
            cand -o 'Where to write the image'
            cand --output 'Where to write the image'
            cand --component 'Which image [the only one]'
            cand --source 'An old image: a delta against it is used if there is one'
            cand --key 'Believe this public key; may be given several times'
            cand --threshold 'How many of the keys must have signed [1]'
            cand --keys 'Believe this list of keys, and lists that follow it [/etc/edgekit/ota/keys.toml]'
            cand --max-bytes 'Fetch no more than this, such as 200MiB'
            cand --max-time 'Take no longer over fetching, such as 6h'
            cand --rate 'Fetch no faster, such as 256K/s'
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --decrypt-with 'Open an encrypted bundle with this secret key; may be given several times'
            cand --progress 'Show progress as auto, bar, plain, json or none [auto]'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --no-full-fallback 'Fail where no delta fits the source'
            cand --json 'Print JSON'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;ota;keygen'= {
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --encryption 'A pair for a device: bundles are encrypted to NAME.pub, NAME.key opens them'
            cand --json 'Print JSON'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;ota;keys'= {
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand create 'Make a list of keys'
            cand sign 'Add signatures to a list of keys'
        }
        &'edgekit;ota;keys;create'= {
            cand --key 'A public key that is to count; may be given several times'
            cand --threshold 'How many of them must sign [1]'
            cand --after 'The list it follows; without it, it is the first'
            cand --expires 'When it stops counting, such as 2027-01-31'
            cand --sign-with 'Sign with this secret key; may be given several times'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;ota;keys;sign'= {
            cand --sign-with 'Sign with this secret key; may be given several times'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
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
        &'edgekit;status'= {
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'One JSON object a daemon, with all details'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;reload'= {
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'One JSON object a service'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;upgrade'= {
            cand --probation 'How long both serve before the old one stops, such as 10s; if the new one ends, the old one stays'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'One JSON object a daemon'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;log-level'= {
            cand --set 'The same, where no APPLET is named: of every daemon'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;config'= {
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand show 'Show the settings in force'
            cand example 'Print a commented file with every key'
            cand schema 'Print the JSON Schema of the file'
        }
        &'edgekit;config;show'= {
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --origin 'Say where each value came from'
            cand --json 'One JSON object a line, with origins'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;config;example'= {
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit;config;schema'= {
            cand --color 'Colour the output: auto, always or never [auto]'
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
