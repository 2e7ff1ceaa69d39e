
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
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show how a running proxy is')
            [CompletionResult]::new('drain', 'drain', [CompletionResultType]::ParameterValue, 'Have a running proxy take nothing new, finish what it has, and end')
            [CompletionResult]::new('routes', 'routes', [CompletionResultType]::ParameterValue, 'Show the routes of a running proxy')
            [CompletionResult]::new('clusters', 'clusters', [CompletionResultType]::ParameterValue, 'Show the clusters of a running proxy, and how their endpoints are')
            [CompletionResult]::new('top', 'top', [CompletionResultType]::ParameterValue, 'Show requests, failures and times of a running proxy as they change')
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
            [CompletionResult]::new('--instance', '--instance', [CompletionResultType]::ParameterName, 'Tell this daemon from others by a name')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--diff', '--diff', [CompletionResultType]::ParameterName, 'Show what a reload of the running proxy would change')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a change')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit-proxy;status' {
            [CompletionResult]::new('--instance', '--instance', [CompletionResultType]::ParameterName, 'Tell this daemon from others by a name')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object with all details')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit-proxy;drain' {
            [CompletionResult]::new('--instance', '--instance', [CompletionResultType]::ParameterName, 'Tell this daemon from others by a name')
            [CompletionResult]::new('--deadline', '--deadline', [CompletionResultType]::ParameterName, 'What is left after that is dropped [drain_timeout]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--no-wait', '--no-wait', [CompletionResultType]::ParameterName, 'Do not wait for its end')
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
        'edgekit-proxy;top' {
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
