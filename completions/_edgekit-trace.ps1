
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'edgekit-trace' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'edgekit-trace'
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
        'edgekit-trace' {
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
        'edgekit-trace;doctor' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a line')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit-trace;list' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Also their arguments')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Also their arguments')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit-trace;tools' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a line')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit-trace;explain' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
