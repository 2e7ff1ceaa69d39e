
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'edgekit-proxy' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'edgekit-proxy'
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
        'edgekit-proxy' {
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
            [CompletionResult]::new('routes', 'routes', [CompletionResultType]::ParameterValue, 'Show the routes of a running proxy')
            [CompletionResult]::new('clusters', 'clusters', [CompletionResultType]::ParameterValue, 'Show the clusters of a running proxy, and how their endpoints are')
            [CompletionResult]::new('certs', 'certs', [CompletionResultType]::ParameterValue, 'Show the certificates of a running proxy')
            break
        }
        'edgekit-proxy;run' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--instance', '--instance', [CompletionResultType]::ParameterName, 'Tell this daemon from others by a name')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit-proxy;check' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit-proxy;routes' {
            [CompletionResult]::new('--instance', '--instance', [CompletionResultType]::ParameterName, 'Tell this daemon from others by a name')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a route')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit-proxy;clusters' {
            [CompletionResult]::new('--instance', '--instance', [CompletionResultType]::ParameterName, 'Tell this daemon from others by a name')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a cluster')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit-proxy;certs' {
            [CompletionResult]::new('--instance', '--instance', [CompletionResultType]::ParameterName, 'Tell this daemon from others by a name')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a certificate')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
