
use builtin;
use str;

set edit:completion:arg-completer[edgekit-trace] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'edgekit-trace'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'edgekit-trace'= {
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
        &'edgekit-trace;doctor'= {
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'One JSON object a line'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit-trace;list'= {
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -v 'Also their arguments'
            cand --verbose 'Also their arguments'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit-trace;tools'= {
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'One JSON object a line'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit-trace;explain'= {
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
    ]
    $completions[$command]
}
