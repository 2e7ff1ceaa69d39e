
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
            [CompletionResult]::new('bundle', 'bundle', [CompletionResultType]::ParameterValue, 'Make bundles, sign them, look into them')
            [CompletionResult]::new('keygen', 'keygen', [CompletionResultType]::ParameterValue, 'Make a pair of keys: NAME.key to sign with, NAME.pub to give away')
            [CompletionResult]::new('keys', 'keys', [CompletionResultType]::ParameterValue, 'Make and sign the lists that say whose signatures count')
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
