
use builtin;
use str;

set edit:completion:arg-completer[edgekit-ota] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'edgekit-ota'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'edgekit-ota'= {
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
        &'edgekit-ota;apply'= {
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
        &'edgekit-ota;plan'= {
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
        &'edgekit-ota;simulate'= {
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
        &'edgekit-ota;status'= {
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --progress 'Show progress as auto, bar, plain, json or none [auto]'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'Print JSON'
            cand --read 'Read what runs, and show its digest'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit-ota;commit'= {
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'Print JSON'
            cand --check 'Make the checks of [health] first, and go back if they do not pass in time'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit-ota;rollback'= {
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --why 'The reason that is remembered [by hand]'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'Print JSON'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit-ota;mark-bad'= {
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --why 'The reason that is remembered [by hand]'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'Print JSON'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit-ota;unblock'= {
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'Print JSON'
            cand --all 'All of them'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit-ota;settle'= {
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'Print JSON'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit-ota;run'= {
            cand --config 'Read this file instead of those in /etc/edgekit'
            cand --drain 'How long the end may take [30s]'
            cand --log-format 'text, logfmt, json or journal [text]'
            cand --log-level 'What is logged, such as debug or info,http=debug [info]'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit-ota;consent'= {
            cand --action 'Only for this action [the one that waits]'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit-ota;bundle'= {
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
        &'edgekit-ota;bundle;create'= {
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
        &'edgekit-ota;bundle;sign'= {
            cand --sign-with 'Sign with this secret key; may be given several times'
            cand -o 'Write the signed bundle there [in the place of the other]'
            cand --output 'Write the signed bundle there [in the place of the other]'
            cand --progress 'Show progress as auto, bar, plain, json or none [auto]'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit-ota;bundle;resign'= {
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
        &'edgekit-ota;bundle;verify'= {
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
        &'edgekit-ota;bundle;inspect'= {
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
        &'edgekit-ota;bundle;diff'= {
            cand --method 'Only these: binary, chunks, blocks'
            cand --progress 'Show progress as auto, bar, plain, json or none [auto]'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --json 'Print JSON'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit-ota;bundle;extract'= {
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
        &'edgekit-ota;keygen'= {
            cand --color 'Colour the output: auto, always or never [auto]'
            cand --encryption 'A pair for a device: bundles are encrypted to NAME.pub, NAME.key opens them'
            cand --json 'Print JSON'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit-ota;keys'= {
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand create 'Make a list of keys'
            cand sign 'Add signatures to a list of keys'
        }
        &'edgekit-ota;keys;create'= {
            cand --key 'A public key that is to count; may be given several times'
            cand --threshold 'How many of them must sign [1]'
            cand --after 'The list it follows; without it, it is the first'
            cand --expires 'When it stops counting, such as 2027-01-31'
            cand --sign-with 'Sign with this secret key; may be given several times'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'edgekit-ota;keys;sign'= {
            cand --sign-with 'Sign with this secret key; may be given several times'
            cand --color 'Colour the output: auto, always or never [auto]'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
    ]
    $completions[$command]
}
