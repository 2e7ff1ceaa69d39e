
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'edgekit' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'edgekit'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'edgekit' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('trace', 'trace', [CompletionResultType]::ParameterValue, 'Trace the kernel and count, with bpftrace''s language')
            [CompletionResult]::new('rules', 'rules', [CompletionResultType]::ParameterValue, 'Run Lua rules on events, and check, test and replay them')
            [CompletionResult]::new('proxy', 'proxy', [CompletionResultType]::ParameterValue, 'Pass HTTP on to servers, and answer for them')
            [CompletionResult]::new('ota', 'ota', [CompletionResultType]::ParameterValue, 'Install updates that survive a power cut, and make bundles')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Explain a command or a topic')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Show a manual page')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List the applets of this build')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show the running daemons and their services')
            [CompletionResult]::new('reload', 'reload', [CompletionResultType]::ParameterValue, 'Make daemons read their configuration again')
            [CompletionResult]::new('upgrade', 'upgrade', [CompletionResultType]::ParameterValue, 'Have a new process take over from a running daemon')
            [CompletionResult]::new('log-level', 'log-level', [CompletionResultType]::ParameterValue, 'Show or change what running daemons log')
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Show and explain the configuration of applets')
            [CompletionResult]::new('install', 'install', [CompletionResultType]::ParameterValue, 'Make or remove links named after the applets')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Look at this machine and say what works on it')
            [CompletionResult]::new('version', 'version', [CompletionResultType]::ParameterValue, 'Say what this file is and how it was built')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completion script of a shell')
            break
        }
        'edgekit;trace' {
            [CompletionResult]::new('-e', '-e', [CompletionResultType]::ParameterName, 'Take the program from here')
            [CompletionResult]::new('--program', '--program', [CompletionResultType]::ParameterName, 'Take the program from here')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'Only events of this process; ends with it')
            [CompletionResult]::new('--pid', '--pid', [CompletionResultType]::ParameterName, 'Only events of this process; ends with it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Run this once all is attached; ends with it')
            [CompletionResult]::new('--cmd', '--cmd', [CompletionResultType]::ParameterName, 'Run this once all is attached; ends with it')
            [CompletionResult]::new('--probe-filter', '--probe-filter', [CompletionResultType]::ParameterName, 'Leave out probes whose name does not match')
            [CompletionResult]::new('--ring', '--ring', [CompletionResultType]::ParameterName, 'Size of the event buffer, such as 16K or 4M [256K]')
            [CompletionResult]::new('--hook', '--hook', [CompletionResultType]::ParameterName, 'Let Lua see, drop or change lines: edgekit-rules(7)')
            [CompletionResult]::new('--hook-allow', '--hook-allow', [CompletionResultType]::ParameterName, 'Let hooks also start programs: exec')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'text or json, as bpftrace prints them [text]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'text or json, as bpftrace prints them [text]')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write there instead of standard output')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write there instead of standard output')
            [CompletionResult]::new('-B', '-B ', [CompletionResultType]::ParameterName, 'none, line or full: when output is written [line]')
            [CompletionResult]::new('--buffer', '--buffer', [CompletionResultType]::ParameterName, 'none, line or full: when output is written [line]')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Show what the compiler made: ast, tree, ir, asm or all')
            [CompletionResult]::new('--debug', '--debug', [CompletionResultType]::ParameterName, 'Show what the compiler made: ast, tree, ir, asm or all')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--unsafe', '--unsafe', [CompletionResultType]::ParameterName, 'Allow system() and other calls that change things')
            [CompletionResult]::new('-k', '-k', [CompletionResultType]::ParameterName, 'Warn when a read or a lookup fails')
            [CompletionResult]::new('--verify-llvm-ir', '--verify-llvm-ir', [CompletionResultType]::ParameterName, 'Does nothing: there is no LLVM')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'JSON in edgekit''s shape: each object names its schema')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only what the program prints')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only what the program prints')
            [CompletionResult]::new('--no-warnings', '--no-warnings', [CompletionResultType]::ParameterName, 'No warnings')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'List probes: all, those of a pattern, those of a program (-lv: arguments too)')
            [CompletionResult]::new('--list', '--list', [CompletionResultType]::ParameterName, 'List probes: all, those of a pattern, those of a program (-lv: arguments too)')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Compile and load, but do not run')
            [CompletionResult]::new('--info', '--info', [CompletionResultType]::ParameterName, 'What this kernel supports, in bpftrace''s shape (see also: doctor)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Show what this kernel lets a tracer do, and why not')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List the probes of this kernel')
            [CompletionResult]::new('tools', 'tools', [CompletionResultType]::ParameterValue, 'List the embedded tools')
            [CompletionResult]::new('explain', 'explain', [CompletionResultType]::ParameterValue, 'Show what an embedded tool does, and its program')
            break
        }
        'edgekit;trace;doctor' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a line')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;trace;list' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Also their arguments')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Also their arguments')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;trace;tools' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a line')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;trace;explain' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;rules' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Compile rules, run them dry, and name every fault')
            [CompletionResult]::new('test', 'test', [CompletionResultType]::ParameterValue, 'Run the fixtures *_test.toml and *_test.json beside the rules')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run the rules as a daemon')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List the rules of the running service and what they did')
            [CompletionResult]::new('watch', 'watch', [CompletionResultType]::ParameterValue, 'Show events, actions and reloads of the running service as they happen')
            [CompletionResult]::new('explain', 'explain', [CompletionResultType]::ParameterValue, 'Show how rules depend on each other, and in which order they run')
            [CompletionResult]::new('record', 'record', [CompletionResultType]::ParameterValue, 'Record the events and actions of the running service to a file')
            [CompletionResult]::new('replay', 'replay', [CompletionResultType]::ParameterValue, 'Feed a recording to rules, and show what they do otherwise')
            [CompletionResult]::new('examples', 'examples', [CompletionResultType]::ParameterValue, 'List or print the examples this file brings along')
            break
        }
        'edgekit;rules;check' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a fault, then one that sums up')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;rules;test' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--junit', '--junit', [CompletionResultType]::ParameterName, 'Write the results there as JUnit XML')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--coverage', '--coverage', [CompletionResultType]::ParameterName, 'Show the lines no fixture reaches')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a fixture, then one that sums up')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;rules;run' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--instance', '--instance', [CompletionResultType]::ParameterName, 'Tell this service from others on the machine')
            [CompletionResult]::new('--drain', '--drain', [CompletionResultType]::ParameterName, 'How long the end may take [30s]')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'text, logfmt, json or journal [text]')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'What is logged, such as debug or info,http=debug [info]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;rules;list' {
            [CompletionResult]::new('--instance', '--instance', [CompletionResultType]::ParameterName, 'The service started with ''--instance NAME''')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a rule')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;rules;watch' {
            [CompletionResult]::new('--instance', '--instance', [CompletionResultType]::ParameterName, 'The service started with ''--instance NAME''')
            [CompletionResult]::new('--only', '--only', [CompletionResultType]::ParameterName, 'Only these: event, action, reload')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'End after this many lines')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a line')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;rules;explain' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'text, dot (Graphviz) or svg [text]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;rules;record' {
            [CompletionResult]::new('--instance', '--instance', [CompletionResultType]::ParameterName, 'The service started with ''--instance NAME''')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'End after this long, such as 5m [until Ctrl-C]')
            [CompletionResult]::new('--events', '--events', [CompletionResultType]::ParameterName, 'End after this many events')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;rules;replay' {
            [CompletionResult]::new('--against', '--against', [CompletionResultType]::ParameterName, 'The rules to try [the configured folder]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a difference, then one that sums up')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;rules;examples' {
            [CompletionResult]::new('--write', '--write', [CompletionResultType]::ParameterName, 'Write all of them there, with their fixtures')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;proxy' {
            [CompletionResult]::new('--listen', '--listen', [CompletionResultType]::ParameterName, 'Listen there, such as 0.0.0.0:8080; may be repeated')
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'Pass requests on to http://HOST:PORT or https://HOST:PORT; repeated, to each in turn')
            [CompletionResult]::new('--tls-cert', '--tls-cert', [CompletionResultType]::ParameterName, 'Listen with TLS, with this certificate and what leads to its root')
            [CompletionResult]::new('--tls-key', '--tls-key', [CompletionResultType]::ParameterName, 'The key of the certificate [in the same file]')
            [CompletionResult]::new('--client-ca', '--client-ca', [CompletionResultType]::ParameterName, 'Refuse clients without a certificate that one of these issued')
            [CompletionResult]::new('--to-ca', '--to-ca', [CompletionResultType]::ParameterName, 'Who issues the servers'' certificates [what this machine trusts]')
            [CompletionResult]::new('--workers', '--workers', [CompletionResultType]::ParameterName, 'Threads that carry traffic [one a core, two at most]')
            [CompletionResult]::new('--max-rss', '--max-rss', [CompletionResultType]::ParameterName, 'Memory it may hold, such as 64MiB; at its end requests are refused')
            [CompletionResult]::new('--access-log', '--access-log', [CompletionResultType]::ParameterName, 'Add a line for each request to FILE')
            [CompletionResult]::new('--instance', '--instance', [CompletionResultType]::ParameterName, 'Open the control socket proxy@NAME.sock')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Check what was said, and end')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run what the configuration says')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Find the faults of the configuration')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show how a running proxy is')
            [CompletionResult]::new('drain', 'drain', [CompletionResultType]::ParameterValue, 'Have a running proxy take nothing new, finish what it has, and end')
            [CompletionResult]::new('routes', 'routes', [CompletionResultType]::ParameterValue, 'Show the routes of a running proxy')
            [CompletionResult]::new('clusters', 'clusters', [CompletionResultType]::ParameterValue, 'Show the clusters of a running proxy, and how their endpoints are')
            [CompletionResult]::new('top', 'top', [CompletionResultType]::ParameterValue, 'Show requests, failures and times of a running proxy as they change')
            [CompletionResult]::new('certs', 'certs', [CompletionResultType]::ParameterValue, 'Show the certificates of a running proxy')
            break
        }
        'edgekit;proxy;run' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--instance', '--instance', [CompletionResultType]::ParameterName, 'Tell this daemon from others by a name')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;proxy;check' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--instance', '--instance', [CompletionResultType]::ParameterName, 'Tell this daemon from others by a name')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--diff', '--diff', [CompletionResultType]::ParameterName, 'Show what a reload of the running proxy would change')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a change')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;proxy;status' {
            [CompletionResult]::new('--instance', '--instance', [CompletionResultType]::ParameterName, 'Tell this daemon from others by a name')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object with all details')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;proxy;drain' {
            [CompletionResult]::new('--instance', '--instance', [CompletionResultType]::ParameterName, 'Tell this daemon from others by a name')
            [CompletionResult]::new('--deadline', '--deadline', [CompletionResultType]::ParameterName, 'What is left after that is dropped [drain_timeout]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--no-wait', '--no-wait', [CompletionResultType]::ParameterName, 'Do not wait for its end')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;proxy;routes' {
            [CompletionResult]::new('--instance', '--instance', [CompletionResultType]::ParameterName, 'Tell this daemon from others by a name')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a route')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;proxy;clusters' {
            [CompletionResult]::new('--instance', '--instance', [CompletionResultType]::ParameterName, 'Tell this daemon from others by a name')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a cluster')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;proxy;top' {
            [CompletionResult]::new('--instance', '--instance', [CompletionResultType]::ParameterName, 'Tell this daemon from others by a name')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'Look so often, such as 500ms [1s]')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Look so often and end; tables one after the other')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--once', '--once', [CompletionResultType]::ParameterName, 'Look once and end')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a look')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;proxy;certs' {
            [CompletionResult]::new('--instance', '--instance', [CompletionResultType]::ParameterName, 'Tell this daemon from others by a name')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a certificate')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;ota' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('apply', 'apply', [CompletionResultType]::ParameterValue, 'Install a bundle into the slot that does not run, and start it next')
            [CompletionResult]::new('plan', 'plan', [CompletionResultType]::ParameterValue, 'Show what ''apply'' would do, in bytes')
            [CompletionResult]::new('simulate', 'simulate', [CompletionResultType]::ParameterValue, 'Go through an installation, its commit and its fallback, in a folder')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show what runs, what is next, and what is not taken')
            [CompletionResult]::new('commit', 'commit', [CompletionResultType]::ParameterValue, 'Keep the new version: it is good')
            [CompletionResult]::new('rollback', 'rollback', [CompletionResultType]::ParameterValue, 'Go back to the other slot, and block the version that is left')
            [CompletionResult]::new('mark-bad', 'mark-bad', [CompletionResultType]::ParameterValue, 'Say that a slot is bad: it is not started again')
            [CompletionResult]::new('unblock', 'unblock', [CompletionResultType]::ParameterValue, 'Take blocked versions again, and end the safe mode')
            [CompletionResult]::new('settle', 'settle', [CompletionResultType]::ParameterValue, 'Finish what a power cut left: for scripts that start before others')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Ask for updates, take them when it is time, and tell how it went: the daemon')
            [CompletionResult]::new('consent', 'consent', [CompletionResultType]::ParameterValue, 'Answer a server that asks for consent, through the daemon')
            [CompletionResult]::new('bundle', 'bundle', [CompletionResultType]::ParameterValue, 'Make bundles, sign them, look into them')
            [CompletionResult]::new('keygen', 'keygen', [CompletionResultType]::ParameterValue, 'Make a pair of keys: NAME.key to sign with, NAME.pub to give away')
            [CompletionResult]::new('keys', 'keys', [CompletionResultType]::ParameterValue, 'Make and sign the lists that say whose signatures count')
            break
        }
        'edgekit;ota;apply' {
            [CompletionResult]::new('--component', '--component', [CompletionResultType]::ParameterName, 'Only this component; may be given several times')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Believe this public key; may be given several times')
            [CompletionResult]::new('--threshold', '--threshold', [CompletionResultType]::ParameterName, 'How many of the keys must have signed [1]')
            [CompletionResult]::new('--keys', '--keys', [CompletionResultType]::ParameterName, 'Believe this list of keys, and lists that follow it [/etc/edgekit/ota/keys.toml]')
            [CompletionResult]::new('--max-bytes', '--max-bytes', [CompletionResultType]::ParameterName, 'Fetch no more than this, such as 200MiB')
            [CompletionResult]::new('--max-time', '--max-time', [CompletionResultType]::ParameterName, 'Take no longer over fetching, such as 6h')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Fetch no faster, such as 256K/s')
            [CompletionResult]::new('--decrypt-with', '--decrypt-with', [CompletionResultType]::ParameterName, 'Open an encrypted bundle with this secret key; may be given several times')
            [CompletionResult]::new('--progress', '--progress', [CompletionResultType]::ParameterName, 'Show progress as auto, bar, plain, json or none [auto]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--no-full-fallback', '--no-full-fallback', [CompletionResultType]::ParameterName, 'Refuse where no delta fits what runs')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Take a version that is blocked, or that runs already')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Only show what would be done, in bytes')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;ota;plan' {
            [CompletionResult]::new('--component', '--component', [CompletionResultType]::ParameterName, 'Only this component; may be given several times')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Believe this public key; may be given several times')
            [CompletionResult]::new('--threshold', '--threshold', [CompletionResultType]::ParameterName, 'How many of the keys must have signed [1]')
            [CompletionResult]::new('--keys', '--keys', [CompletionResultType]::ParameterName, 'Believe this list of keys, and lists that follow it [/etc/edgekit/ota/keys.toml]')
            [CompletionResult]::new('--max-bytes', '--max-bytes', [CompletionResultType]::ParameterName, 'Fetch no more than this, such as 200MiB')
            [CompletionResult]::new('--max-time', '--max-time', [CompletionResultType]::ParameterName, 'Take no longer over fetching, such as 6h')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Fetch no faster, such as 256K/s')
            [CompletionResult]::new('--decrypt-with', '--decrypt-with', [CompletionResultType]::ParameterName, 'Open an encrypted bundle with this secret key; may be given several times')
            [CompletionResult]::new('--progress', '--progress', [CompletionResultType]::ParameterName, 'Show progress as auto, bar, plain, json or none [auto]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--no-full-fallback', '--no-full-fallback', [CompletionResultType]::ParameterName, 'Refuse where no delta fits what runs')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Take a version that is blocked, or that runs already')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;ota;simulate' {
            [CompletionResult]::new('--component', '--component', [CompletionResultType]::ParameterName, 'Only this component; may be given several times')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Believe this public key; may be given several times')
            [CompletionResult]::new('--threshold', '--threshold', [CompletionResultType]::ParameterName, 'How many of the keys must have signed [1]')
            [CompletionResult]::new('--keys', '--keys', [CompletionResultType]::ParameterName, 'Believe this list of keys, and lists that follow it [/etc/edgekit/ota/keys.toml]')
            [CompletionResult]::new('--max-bytes', '--max-bytes', [CompletionResultType]::ParameterName, 'Fetch no more than this, such as 200MiB')
            [CompletionResult]::new('--max-time', '--max-time', [CompletionResultType]::ParameterName, 'Take no longer over fetching, such as 6h')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Fetch no faster, such as 256K/s')
            [CompletionResult]::new('--decrypt-with', '--decrypt-with', [CompletionResultType]::ParameterName, 'Open an encrypted bundle with this secret key; may be given several times')
            [CompletionResult]::new('--progress', '--progress', [CompletionResultType]::ParameterName, 'Show progress as auto, bar, plain, json or none [auto]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--scratch', '--scratch', [CompletionResultType]::ParameterName, 'Make this folder for it, and leave it there [a temporary one]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--no-full-fallback', '--no-full-fallback', [CompletionResultType]::ParameterName, 'Refuse where no delta fits what runs')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Take a version that is blocked, or that runs already')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;ota;status' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--progress', '--progress', [CompletionResultType]::ParameterName, 'Show progress as auto, bar, plain, json or none [auto]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('--read', '--read', [CompletionResultType]::ParameterName, 'Read what runs, and show its digest')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;ota;commit' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Make the checks of [health] first, and go back if they do not pass in time')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;ota;rollback' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--why', '--why', [CompletionResultType]::ParameterName, 'The reason that is remembered [by hand]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;ota;mark-bad' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--why', '--why', [CompletionResultType]::ParameterName, 'The reason that is remembered [by hand]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;ota;unblock' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'All of them')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;ota;settle' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;ota;run' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--drain', '--drain', [CompletionResultType]::ParameterName, 'How long the end may take [30s]')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'text, logfmt, json or journal [text]')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'What is logged, such as debug or info,http=debug [info]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;ota;consent' {
            [CompletionResult]::new('--action', '--action', [CompletionResultType]::ParameterName, 'Only for this action [the one that waits]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;ota;bundle' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('create', 'create', [CompletionResultType]::ParameterValue, 'Make a bundle from images')
            [CompletionResult]::new('sign', 'sign', [CompletionResultType]::ParameterValue, 'Add signatures to a bundle')
            [CompletionResult]::new('resign', 'resign', [CompletionResultType]::ParameterValue, 'Replace signatures and lists of keys, and the date it expires if one is given')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Check all of a bundle: who signed it, every block, every full image')
            [CompletionResult]::new('inspect', 'inspect', [CompletionResultType]::ParameterValue, 'Show what a bundle says of itself, believed or not')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Show how large a delta between two images is, by each method')
            [CompletionResult]::new('extract', 'extract', [CompletionResultType]::ParameterValue, 'Write an image of a bundle to a file')
            break
        }
        'edgekit;ota;bundle;create' {
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'What is updated')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'To which version, such as 1.4.0')
            [CompletionResult]::new('--component', '--component', [CompletionResultType]::ParameterName, 'An image, by the name of what it replaces; may be given several times')
            [CompletionResult]::new('--source', '--source', [CompletionResultType]::ParameterName, 'An old image to make a delta against; may be given several times')
            [CompletionResult]::new('--method', '--method', [CompletionResultType]::ParameterName, 'How deltas are made: binary, chunks or blocks [by the sizes]')
            [CompletionResult]::new('--sign-with', '--sign-with', [CompletionResultType]::ParameterName, 'Sign with this secret key; may be given several times')
            [CompletionResult]::new('--list', '--list', [CompletionResultType]::ParameterName, 'Bring this list of keys along, the oldest first; may be given several times')
            [CompletionResult]::new('--encrypt-to', '--encrypt-to', [CompletionResultType]::ParameterName, 'Let only the holder of this key read the images; may be given several times')
            [CompletionResult]::new('--compatible', '--compatible', [CompletionResultType]::ParameterName, 'Hardware it is for, with * and ?; may be given several times')
            [CompletionResult]::new('--floor', '--floor', [CompletionResultType]::ParameterName, 'Once it is committed, take nothing below this version')
            [CompletionResult]::new('--min-source', '--min-source', [CompletionResultType]::ParameterName, 'Devices below this version need another bundle first')
            [CompletionResult]::new('--expires', '--expires', [CompletionResultType]::ParameterName, 'When it is no longer to be installed, such as 2027-01-31')
            [CompletionResult]::new('--progress', '--progress', [CompletionResultType]::ParameterName, 'Show progress as auto, bar, plain, json or none [auto]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--no-full', '--no-full', [CompletionResultType]::ParameterName, 'Leave out the full images: for devices that have a source, and no others')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;ota;bundle;sign' {
            [CompletionResult]::new('--sign-with', '--sign-with', [CompletionResultType]::ParameterName, 'Sign with this secret key; may be given several times')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write the signed bundle there [in the place of the other]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write the signed bundle there [in the place of the other]')
            [CompletionResult]::new('--progress', '--progress', [CompletionResultType]::ParameterName, 'Show progress as auto, bar, plain, json or none [auto]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;ota;bundle;resign' {
            [CompletionResult]::new('--sign-with', '--sign-with', [CompletionResultType]::ParameterName, 'Sign with this secret key; may be given several times')
            [CompletionResult]::new('--list', '--list', [CompletionResultType]::ParameterName, 'Bring this list of keys along, the oldest first; may be given several times')
            [CompletionResult]::new('--expires', '--expires', [CompletionResultType]::ParameterName, 'When it is no longer to be installed, such as 2027-01-31')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write the signed bundle there [in the place of the other]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write the signed bundle there [in the place of the other]')
            [CompletionResult]::new('--progress', '--progress', [CompletionResultType]::ParameterName, 'Show progress as auto, bar, plain, json or none [auto]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;ota;bundle;verify' {
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Believe this public key; may be given several times')
            [CompletionResult]::new('--threshold', '--threshold', [CompletionResultType]::ParameterName, 'How many of the keys must have signed [1]')
            [CompletionResult]::new('--keys', '--keys', [CompletionResultType]::ParameterName, 'Believe this list of keys, and lists that follow it [/etc/edgekit/ota/keys.toml]')
            [CompletionResult]::new('--max-bytes', '--max-bytes', [CompletionResultType]::ParameterName, 'Fetch no more than this, such as 200MiB')
            [CompletionResult]::new('--max-time', '--max-time', [CompletionResultType]::ParameterName, 'Take no longer over fetching, such as 6h')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Fetch no faster, such as 256K/s')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--decrypt-with', '--decrypt-with', [CompletionResultType]::ParameterName, 'Open an encrypted bundle with this secret key; may be given several times')
            [CompletionResult]::new('--hardware', '--hardware', [CompletionResultType]::ParameterName, 'Check that it is for this hardware')
            [CompletionResult]::new('--installed', '--installed', [CompletionResultType]::ParameterName, 'Check that this version may be updated')
            [CompletionResult]::new('--floor', '--floor', [CompletionResultType]::ParameterName, 'Check that it is not below this version')
            [CompletionResult]::new('--progress', '--progress', [CompletionResultType]::ParameterName, 'Show progress as auto, bar, plain, json or none [auto]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;ota;bundle;inspect' {
            [CompletionResult]::new('--max-bytes', '--max-bytes', [CompletionResultType]::ParameterName, 'Fetch no more than this, such as 200MiB')
            [CompletionResult]::new('--max-time', '--max-time', [CompletionResultType]::ParameterName, 'Take no longer over fetching, such as 6h')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Fetch no faster, such as 256K/s')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--manifest', '--manifest', [CompletionResultType]::ParameterName, 'Print the signed text as it is')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;ota;bundle;diff' {
            [CompletionResult]::new('--method', '--method', [CompletionResultType]::ParameterName, 'Only these: binary, chunks, blocks')
            [CompletionResult]::new('--progress', '--progress', [CompletionResultType]::ParameterName, 'Show progress as auto, bar, plain, json or none [auto]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;ota;bundle;extract' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Where to write the image')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Where to write the image')
            [CompletionResult]::new('--component', '--component', [CompletionResultType]::ParameterName, 'Which image [the only one]')
            [CompletionResult]::new('--source', '--source', [CompletionResultType]::ParameterName, 'An old image: a delta against it is used if there is one')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Believe this public key; may be given several times')
            [CompletionResult]::new('--threshold', '--threshold', [CompletionResultType]::ParameterName, 'How many of the keys must have signed [1]')
            [CompletionResult]::new('--keys', '--keys', [CompletionResultType]::ParameterName, 'Believe this list of keys, and lists that follow it [/etc/edgekit/ota/keys.toml]')
            [CompletionResult]::new('--max-bytes', '--max-bytes', [CompletionResultType]::ParameterName, 'Fetch no more than this, such as 200MiB')
            [CompletionResult]::new('--max-time', '--max-time', [CompletionResultType]::ParameterName, 'Take no longer over fetching, such as 6h')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Fetch no faster, such as 256K/s')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--decrypt-with', '--decrypt-with', [CompletionResultType]::ParameterName, 'Open an encrypted bundle with this secret key; may be given several times')
            [CompletionResult]::new('--progress', '--progress', [CompletionResultType]::ParameterName, 'Show progress as auto, bar, plain, json or none [auto]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--no-full-fallback', '--no-full-fallback', [CompletionResultType]::ParameterName, 'Fail where no delta fits the source')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;ota;keygen' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--encryption', '--encryption', [CompletionResultType]::ParameterName, 'A pair for a device: bundles are encrypted to NAME.pub, NAME.key opens them')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;ota;keys' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('create', 'create', [CompletionResultType]::ParameterValue, 'Make a list of keys')
            [CompletionResult]::new('sign', 'sign', [CompletionResultType]::ParameterValue, 'Add signatures to a list of keys')
            break
        }
        'edgekit;ota;keys;create' {
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'A public key that is to count; may be given several times')
            [CompletionResult]::new('--threshold', '--threshold', [CompletionResultType]::ParameterName, 'How many of them must sign [1]')
            [CompletionResult]::new('--after', '--after', [CompletionResultType]::ParameterName, 'The list it follows; without it, it is the first')
            [CompletionResult]::new('--expires', '--expires', [CompletionResultType]::ParameterName, 'When it stops counting, such as 2027-01-31')
            [CompletionResult]::new('--sign-with', '--sign-with', [CompletionResultType]::ParameterName, 'Sign with this secret key; may be given several times')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;ota;keys;sign' {
            [CompletionResult]::new('--sign-with', '--sign-with', [CompletionResultType]::ParameterName, 'Sign with this secret key; may be given several times')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;help' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;man' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--list', '--list', [CompletionResultType]::ParameterName, 'List the pages')
            [CompletionResult]::new('--source', '--source', [CompletionResultType]::ParameterName, 'Print the page''s source instead of laying it out')
            [CompletionResult]::new('--no-pager', '--no-pager', [CompletionResultType]::ParameterName, 'Write straight to the terminal')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;list' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a line, with more detail')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;status' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a daemon, with all details')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;reload' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a service')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;upgrade' {
            [CompletionResult]::new('--probation', '--probation', [CompletionResultType]::ParameterName, 'How long both serve before the old one stops, such as 10s; if the new one ends, the old one stays')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a daemon')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;log-level' {
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'The same, where no APPLET is named: of every daemon')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;config' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show the settings in force')
            [CompletionResult]::new('example', 'example', [CompletionResultType]::ParameterValue, 'Print a commented file with every key')
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'Print the JSON Schema of the file')
            break
        }
        'edgekit;config;show' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--origin', '--origin', [CompletionResultType]::ParameterName, 'Say where each value came from')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a line, with origins')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;config;example' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;config;schema' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;install' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--bare', '--bare', [CompletionResultType]::ParameterName, 'Call the links APPLET instead of edgekit-APPLET')
            [CompletionResult]::new('--symlink', '--symlink', [CompletionResultType]::ParameterName, 'Make symbolic links [the default]')
            [CompletionResult]::new('--hardlink', '--hardlink', [CompletionResultType]::ParameterName, 'Make hard links')
            [CompletionResult]::new('--uninstall', '--uninstall', [CompletionResultType]::ParameterName, 'Remove the links instead')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Say what would be done and do nothing')
            [CompletionResult]::new('--systemd', '--systemd', [CompletionResultType]::ParameterName, 'Also install systemd units')
            [CompletionResult]::new('--openrc', '--openrc', [CompletionResultType]::ParameterName, 'Also install OpenRC scripts')
            [CompletionResult]::new('--procd', '--procd', [CompletionResultType]::ParameterName, 'Also install procd scripts (OpenWrt)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;doctor' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;version' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit;completions' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
