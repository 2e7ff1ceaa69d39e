
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'edgekit-rules' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'edgekit-rules'
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
        'edgekit-rules' {
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
        'edgekit-rules;check' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a fault, then one that sums up')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit-rules;test' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--junit', '--junit', [CompletionResultType]::ParameterName, 'Write the results there as JUnit XML')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--coverage', '--coverage', [CompletionResultType]::ParameterName, 'Show the lines no fixture reaches')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a fixture, then one that sums up')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit-rules;run' {
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
        'edgekit-rules;list' {
            [CompletionResult]::new('--instance', '--instance', [CompletionResultType]::ParameterName, 'The service started with ''--instance NAME''')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a rule')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit-rules;watch' {
            [CompletionResult]::new('--instance', '--instance', [CompletionResultType]::ParameterName, 'The service started with ''--instance NAME''')
            [CompletionResult]::new('--only', '--only', [CompletionResultType]::ParameterName, 'Only these: event, action, reload')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'End after this many lines')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a line')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit-rules;explain' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'text, dot (Graphviz) or svg [text]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit-rules;record' {
            [CompletionResult]::new('--instance', '--instance', [CompletionResultType]::ParameterName, 'The service started with ''--instance NAME''')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'End after this long, such as 5m [until Ctrl-C]')
            [CompletionResult]::new('--events', '--events', [CompletionResultType]::ParameterName, 'End after this many events')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit-rules;replay' {
            [CompletionResult]::new('--against', '--against', [CompletionResultType]::ParameterName, 'The rules to try [the configured folder]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a difference, then one that sums up')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit-rules;examples' {
            [CompletionResult]::new('--write', '--write', [CompletionResultType]::ParameterName, 'Write all of them there, with their fixtures')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
