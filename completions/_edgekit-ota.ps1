
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'edgekit-ota' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'edgekit-ota'
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
        'edgekit-ota' {
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
        'edgekit-ota;apply' {
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
        'edgekit-ota;plan' {
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
        'edgekit-ota;simulate' {
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
        'edgekit-ota;status' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--progress', '--progress', [CompletionResultType]::ParameterName, 'Show progress as auto, bar, plain, json or none [auto]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('--read', '--read', [CompletionResultType]::ParameterName, 'Read what runs, and show its digest')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit-ota;commit' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Make the checks of [health] first, and go back if they do not pass in time')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit-ota;rollback' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--why', '--why', [CompletionResultType]::ParameterName, 'The reason that is remembered [by hand]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit-ota;mark-bad' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--why', '--why', [CompletionResultType]::ParameterName, 'The reason that is remembered [by hand]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit-ota;unblock' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'All of them')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit-ota;settle' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit-ota;run' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this file instead of those in /etc/edgekit')
            [CompletionResult]::new('--drain', '--drain', [CompletionResultType]::ParameterName, 'How long the end may take [30s]')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'text, logfmt, json or journal [text]')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'What is logged, such as debug or info,http=debug [info]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit-ota;consent' {
            [CompletionResult]::new('--action', '--action', [CompletionResultType]::ParameterName, 'Only for this action [the one that waits]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit-ota;bundle' {
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
        'edgekit-ota;bundle;create' {
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
        'edgekit-ota;bundle;sign' {
            [CompletionResult]::new('--sign-with', '--sign-with', [CompletionResultType]::ParameterName, 'Sign with this secret key; may be given several times')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write the signed bundle there [in the place of the other]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write the signed bundle there [in the place of the other]')
            [CompletionResult]::new('--progress', '--progress', [CompletionResultType]::ParameterName, 'Show progress as auto, bar, plain, json or none [auto]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit-ota;bundle;resign' {
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
        'edgekit-ota;bundle;verify' {
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
        'edgekit-ota;bundle;inspect' {
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
        'edgekit-ota;bundle;diff' {
            [CompletionResult]::new('--method', '--method', [CompletionResultType]::ParameterName, 'Only these: binary, chunks, blocks')
            [CompletionResult]::new('--progress', '--progress', [CompletionResultType]::ParameterName, 'Show progress as auto, bar, plain, json or none [auto]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit-ota;bundle;extract' {
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
        'edgekit-ota;keygen' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('--encryption', '--encryption', [CompletionResultType]::ParameterName, 'A pair for a device: bundles are encrypted to NAME.pub, NAME.key opens them')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'edgekit-ota;keys' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('create', 'create', [CompletionResultType]::ParameterValue, 'Make a list of keys')
            [CompletionResult]::new('sign', 'sign', [CompletionResultType]::ParameterValue, 'Add signatures to a list of keys')
            break
        }
        'edgekit-ota;keys;create' {
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
        'edgekit-ota;keys;sign' {
            [CompletionResult]::new('--sign-with', '--sign-with', [CompletionResultType]::ParameterName, 'Sign with this secret key; may be given several times')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto, always or never [auto]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
