# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_edgekit_ota_global_optspecs
    string join \n color= h/help
end

function __fish_edgekit_ota_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_edgekit_ota_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_edgekit_ota_using_subcommand
    set -l cmd (__fish_edgekit_ota_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c edgekit-ota -n "__fish_edgekit_ota_needs_command" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-ota -n "__fish_edgekit_ota_needs_command" -f -a "apply" -d 'Install a bundle into the slot that does not run, and start it next'
complete -c edgekit-ota -n "__fish_edgekit_ota_needs_command" -f -a "plan" -d 'Show what \'apply\' would do, in bytes'
complete -c edgekit-ota -n "__fish_edgekit_ota_needs_command" -f -a "simulate" -d 'Go through an installation, its commit and its fallback, in a folder'
complete -c edgekit-ota -n "__fish_edgekit_ota_needs_command" -f -a "status" -d 'Show what runs, what is next, and what is not taken'
complete -c edgekit-ota -n "__fish_edgekit_ota_needs_command" -f -a "commit" -d 'Keep the new version: it is good'
complete -c edgekit-ota -n "__fish_edgekit_ota_needs_command" -f -a "rollback" -d 'Go back to the other slot, and block the version that is left'
complete -c edgekit-ota -n "__fish_edgekit_ota_needs_command" -f -a "mark-bad" -d 'Say that a slot is bad: it is not started again'
complete -c edgekit-ota -n "__fish_edgekit_ota_needs_command" -f -a "unblock" -d 'Take blocked versions again, and end the safe mode'
complete -c edgekit-ota -n "__fish_edgekit_ota_needs_command" -f -a "settle" -d 'Finish what a power cut left: for scripts that start before others'
complete -c edgekit-ota -n "__fish_edgekit_ota_needs_command" -f -a "run" -d 'Ask for updates, take them when it is time, and tell how it went: the daemon'
complete -c edgekit-ota -n "__fish_edgekit_ota_needs_command" -f -a "consent" -d 'Answer a server that asks for consent, through the daemon'
complete -c edgekit-ota -n "__fish_edgekit_ota_needs_command" -f -a "bundle" -d 'Make bundles, sign them, look into them'
complete -c edgekit-ota -n "__fish_edgekit_ota_needs_command" -f -a "keygen" -d 'Make a pair of keys: NAME.key to sign with, NAME.pub to give away'
complete -c edgekit-ota -n "__fish_edgekit_ota_needs_command" -f -a "keys" -d 'Make and sign the lists that say whose signatures count'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand apply" -l component -d 'Only this component; may be given several times' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand apply" -l key -d 'Believe this public key; may be given several times' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand apply" -l threshold -d 'How many of the keys must have signed [1]' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand apply" -l keys -d 'Believe this list of keys, and lists that follow it [/etc/edgekit/ota/keys.toml]' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand apply" -l max-bytes -d 'Fetch no more than this, such as 200MiB' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand apply" -l max-time -d 'Take no longer over fetching, such as 6h' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand apply" -l rate -d 'Fetch no faster, such as 256K/s' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand apply" -l decrypt-with -d 'Open an encrypted bundle with this secret key; may be given several times' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand apply" -l progress -d 'Show progress as auto, bar, plain, json or none [auto]' -r -f -a "auto\t''
bar\t''
plain\t''
json\t''
none\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand apply" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand apply" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand apply" -l no-full-fallback -d 'Refuse where no delta fits what runs'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand apply" -l force -d 'Take a version that is blocked, or that runs already'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand apply" -l json -d 'Print JSON'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand apply" -l dry-run -d 'Only show what would be done, in bytes'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand apply" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand plan" -l component -d 'Only this component; may be given several times' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand plan" -l key -d 'Believe this public key; may be given several times' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand plan" -l threshold -d 'How many of the keys must have signed [1]' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand plan" -l keys -d 'Believe this list of keys, and lists that follow it [/etc/edgekit/ota/keys.toml]' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand plan" -l max-bytes -d 'Fetch no more than this, such as 200MiB' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand plan" -l max-time -d 'Take no longer over fetching, such as 6h' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand plan" -l rate -d 'Fetch no faster, such as 256K/s' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand plan" -l decrypt-with -d 'Open an encrypted bundle with this secret key; may be given several times' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand plan" -l progress -d 'Show progress as auto, bar, plain, json or none [auto]' -r -f -a "auto\t''
bar\t''
plain\t''
json\t''
none\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand plan" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand plan" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand plan" -l no-full-fallback -d 'Refuse where no delta fits what runs'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand plan" -l force -d 'Take a version that is blocked, or that runs already'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand plan" -l json -d 'Print JSON'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand simulate" -l component -d 'Only this component; may be given several times' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand simulate" -l key -d 'Believe this public key; may be given several times' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand simulate" -l threshold -d 'How many of the keys must have signed [1]' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand simulate" -l keys -d 'Believe this list of keys, and lists that follow it [/etc/edgekit/ota/keys.toml]' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand simulate" -l max-bytes -d 'Fetch no more than this, such as 200MiB' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand simulate" -l max-time -d 'Take no longer over fetching, such as 6h' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand simulate" -l rate -d 'Fetch no faster, such as 256K/s' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand simulate" -l decrypt-with -d 'Open an encrypted bundle with this secret key; may be given several times' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand simulate" -l progress -d 'Show progress as auto, bar, plain, json or none [auto]' -r -f -a "auto\t''
bar\t''
plain\t''
json\t''
none\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand simulate" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand simulate" -l scratch -d 'Make this folder for it, and leave it there [a temporary one]' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand simulate" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand simulate" -l no-full-fallback -d 'Refuse where no delta fits what runs'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand simulate" -l force -d 'Take a version that is blocked, or that runs already'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand simulate" -l json -d 'Print JSON'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand simulate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand status" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand status" -l progress -d 'Show progress as auto, bar, plain, json or none [auto]' -r -f -a "auto\t''
bar\t''
plain\t''
json\t''
none\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand status" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand status" -l json -d 'Print JSON'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand status" -l read -d 'Read what runs, and show its digest'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand commit" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand commit" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand commit" -l json -d 'Print JSON'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand commit" -l check -d 'Make the checks of [health] first, and go back if they do not pass in time'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand commit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand rollback" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand rollback" -l why -d 'The reason that is remembered [by hand]' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand rollback" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand rollback" -l json -d 'Print JSON'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand rollback" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand mark-bad" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand mark-bad" -l why -d 'The reason that is remembered [by hand]' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand mark-bad" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand mark-bad" -l json -d 'Print JSON'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand mark-bad" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand unblock" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand unblock" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand unblock" -l json -d 'Print JSON'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand unblock" -l all -d 'All of them'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand unblock" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand settle" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand settle" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand settle" -l json -d 'Print JSON'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand settle" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand run" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand run" -l drain -d 'How long the end may take [30s]' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand run" -l log-format -d 'text, logfmt, json or journal [text]' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand run" -l log-level -d 'What is logged, such as debug or info,http=debug [info]' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand run" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand consent" -l action -d 'Only for this action [the one that waits]' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand consent" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand consent" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and not __fish_seen_subcommand_from create sign resign verify inspect diff extract" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and not __fish_seen_subcommand_from create sign resign verify inspect diff extract" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and not __fish_seen_subcommand_from create sign resign verify inspect diff extract" -f -a "create" -d 'Make a bundle from images'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and not __fish_seen_subcommand_from create sign resign verify inspect diff extract" -f -a "sign" -d 'Add signatures to a bundle'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and not __fish_seen_subcommand_from create sign resign verify inspect diff extract" -f -a "resign" -d 'Replace signatures and lists of keys, and the date it expires if one is given'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and not __fish_seen_subcommand_from create sign resign verify inspect diff extract" -f -a "verify" -d 'Check all of a bundle: who signed it, every block, every full image'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and not __fish_seen_subcommand_from create sign resign verify inspect diff extract" -f -a "inspect" -d 'Show what a bundle says of itself, believed or not'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and not __fish_seen_subcommand_from create sign resign verify inspect diff extract" -f -a "diff" -d 'Show how large a delta between two images is, by each method'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and not __fish_seen_subcommand_from create sign resign verify inspect diff extract" -f -a "extract" -d 'Write an image of a bundle to a file'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from create" -l name -d 'What is updated' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from create" -l version -d 'To which version, such as 1.4.0' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from create" -l component -d 'An image, by the name of what it replaces; may be given several times' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from create" -l source -d 'An old image to make a delta against; may be given several times' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from create" -l method -d 'How deltas are made: binary, chunks or blocks [by the sizes]' -r -f -a "binary\t''
chunks\t''
blocks\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from create" -l sign-with -d 'Sign with this secret key; may be given several times' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from create" -l list -d 'Bring this list of keys along, the oldest first; may be given several times' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from create" -l encrypt-to -d 'Let only the holder of this key read the images; may be given several times' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from create" -l compatible -d 'Hardware it is for, with * and ?; may be given several times' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from create" -l floor -d 'Once it is committed, take nothing below this version' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from create" -l min-source -d 'Devices below this version need another bundle first' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from create" -l expires -d 'When it is no longer to be installed, such as 2027-01-31' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from create" -l progress -d 'Show progress as auto, bar, plain, json or none [auto]' -r -f -a "auto\t''
bar\t''
plain\t''
json\t''
none\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from create" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from create" -l no-full -d 'Leave out the full images: for devices that have a source, and no others'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from create" -l json -d 'Print JSON'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from sign" -l sign-with -d 'Sign with this secret key; may be given several times' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from sign" -s o -l output -d 'Write the signed bundle there [in the place of the other]' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from sign" -l progress -d 'Show progress as auto, bar, plain, json or none [auto]' -r -f -a "auto\t''
bar\t''
plain\t''
json\t''
none\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from sign" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from sign" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from resign" -l sign-with -d 'Sign with this secret key; may be given several times' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from resign" -l list -d 'Bring this list of keys along, the oldest first; may be given several times' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from resign" -l expires -d 'When it is no longer to be installed, such as 2027-01-31' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from resign" -s o -l output -d 'Write the signed bundle there [in the place of the other]' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from resign" -l progress -d 'Show progress as auto, bar, plain, json or none [auto]' -r -f -a "auto\t''
bar\t''
plain\t''
json\t''
none\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from resign" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from resign" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from verify" -l key -d 'Believe this public key; may be given several times' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from verify" -l threshold -d 'How many of the keys must have signed [1]' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from verify" -l keys -d 'Believe this list of keys, and lists that follow it [/etc/edgekit/ota/keys.toml]' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from verify" -l max-bytes -d 'Fetch no more than this, such as 200MiB' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from verify" -l max-time -d 'Take no longer over fetching, such as 6h' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from verify" -l rate -d 'Fetch no faster, such as 256K/s' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from verify" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from verify" -l decrypt-with -d 'Open an encrypted bundle with this secret key; may be given several times' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from verify" -l hardware -d 'Check that it is for this hardware' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from verify" -l installed -d 'Check that this version may be updated' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from verify" -l floor -d 'Check that it is not below this version' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from verify" -l progress -d 'Show progress as auto, bar, plain, json or none [auto]' -r -f -a "auto\t''
bar\t''
plain\t''
json\t''
none\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from verify" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from verify" -l json -d 'Print JSON'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from inspect" -l max-bytes -d 'Fetch no more than this, such as 200MiB' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from inspect" -l max-time -d 'Take no longer over fetching, such as 6h' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from inspect" -l rate -d 'Fetch no faster, such as 256K/s' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from inspect" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from inspect" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from inspect" -l manifest -d 'Print the signed text as it is'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from inspect" -l json -d 'Print JSON'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from inspect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from diff" -l method -d 'Only these: binary, chunks, blocks' -r -f -a "binary\t''
chunks\t''
blocks\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from diff" -l progress -d 'Show progress as auto, bar, plain, json or none [auto]' -r -f -a "auto\t''
bar\t''
plain\t''
json\t''
none\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from diff" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from diff" -l json -d 'Print JSON'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from extract" -s o -l output -d 'Where to write the image' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from extract" -l component -d 'Which image [the only one]' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from extract" -l source -d 'An old image: a delta against it is used if there is one' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from extract" -l key -d 'Believe this public key; may be given several times' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from extract" -l threshold -d 'How many of the keys must have signed [1]' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from extract" -l keys -d 'Believe this list of keys, and lists that follow it [/etc/edgekit/ota/keys.toml]' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from extract" -l max-bytes -d 'Fetch no more than this, such as 200MiB' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from extract" -l max-time -d 'Take no longer over fetching, such as 6h' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from extract" -l rate -d 'Fetch no faster, such as 256K/s' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from extract" -l config -d 'Read this file instead of those in /etc/edgekit' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from extract" -l decrypt-with -d 'Open an encrypted bundle with this secret key; may be given several times' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from extract" -l progress -d 'Show progress as auto, bar, plain, json or none [auto]' -r -f -a "auto\t''
bar\t''
plain\t''
json\t''
none\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from extract" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from extract" -l no-full-fallback -d 'Fail where no delta fits the source'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from extract" -l json -d 'Print JSON'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand bundle; and __fish_seen_subcommand_from extract" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand keygen" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand keygen" -l encryption -d 'A pair for a device: bundles are encrypted to NAME.pub, NAME.key opens them'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand keygen" -l json -d 'Print JSON'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand keygen" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand keys; and not __fish_seen_subcommand_from create sign" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand keys; and not __fish_seen_subcommand_from create sign" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand keys; and not __fish_seen_subcommand_from create sign" -f -a "create" -d 'Make a list of keys'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand keys; and not __fish_seen_subcommand_from create sign" -f -a "sign" -d 'Add signatures to a list of keys'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand keys; and __fish_seen_subcommand_from create" -l key -d 'A public key that is to count; may be given several times' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand keys; and __fish_seen_subcommand_from create" -l threshold -d 'How many of them must sign [1]' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand keys; and __fish_seen_subcommand_from create" -l after -d 'The list it follows; without it, it is the first' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand keys; and __fish_seen_subcommand_from create" -l expires -d 'When it stops counting, such as 2027-01-31' -r
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand keys; and __fish_seen_subcommand_from create" -l sign-with -d 'Sign with this secret key; may be given several times' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand keys; and __fish_seen_subcommand_from create" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand keys; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand keys; and __fish_seen_subcommand_from sign" -l sign-with -d 'Sign with this secret key; may be given several times' -r -F
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand keys; and __fish_seen_subcommand_from sign" -l color -d 'Colour the output: auto, always or never [auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c edgekit-ota -n "__fish_edgekit_ota_using_subcommand keys; and __fish_seen_subcommand_from sign" -s h -l help -d 'Print help (see more with \'--help\')'
