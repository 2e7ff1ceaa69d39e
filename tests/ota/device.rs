//! What decides on a device: its boot loader's environment, checks, hooks; with the loaders' own tools looking on.

use std::fs;
use std::process::Command;

use super::World;
use crate::harness::{Said, binary, say};

/// A device whose component is a file, with more of a configuration.
fn device(world: &World, more: &str) {
    let text =
        format!("root = \"{}\"\n[component.rootfs]\nkind = \"file\"\n{more}", world.path("sets").display());
    world.write("ota.toml", text.as_bytes());
}

/// A verb on the device.
fn on_device(world: &World, words: &[&str]) -> Said {
    let mut command = world.command();
    say(command.args(words).args(["--config", "ota.toml"]).env("STATE_DIRECTORY", world.path("state")))
}

fn apply(world: &World) -> Said {
    on_device(world, &["apply", "x.ekb", "--key", "k.pub", "--progress", "none"])
}

fn check(kind: &str) -> String {
    format!("[health]\ndeadline = \"2s\"\n[health.check.self]\n{kind}\ninterval = \"200ms\"\n")
}

/// A verb on a device that was started with this command line, in a mount namespace of its own; `None` without root.
fn started_with(world: &World, line: &str, words: &[&str]) -> Option<Said> {
    let root =
        Command::new("unshare").args(["--mount", "true"]).status().is_ok_and(|status| status.success());
    if !root {
        println!("passed over: only root mounts");
        return None;
    }
    world.write("cmdline", line.as_bytes());
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c"]);
    command
        .arg("mount --bind cmdline /proc/cmdline && exec \"$@\"")
        .arg("sh")
        .arg(binary())
        .arg("ota")
        .args(words);
    command.args(["--config", "ota.toml"]).current_dir(world.path(""));
    let folders = [("STATE_DIRECTORY", world.path("state")), ("CONFIGURATION_DIRECTORY", world.path(""))];
    Some(say(command.envs(folders)))
}

fn tool(world: &World, tool: &str, words: &[&str]) -> Option<String> {
    match Command::new(tool).args(words).current_dir(world.path("")).output() {
        Ok(done) => {
            assert!(done.status.success(), "{tool} {words:?}: {}", String::from_utf8_lossy(&done.stderr));
            Some(String::from_utf8_lossy(&done.stdout).into_owned())
        }
        Err(_) => {
            println!("passed over: there is no '{tool}' here");
            None
        }
    }
}

#[test]
fn what_is_not_healthy_is_left_and_blocked() {
    let world = World::new();
    world.bundle(&[]).ends(0);
    device(&world, &check("kind = \"exec\"\ncommand = [\"sh\", \"-c\", \"echo no sensor >&2; exit 1\"]"));
    apply(&world).ends(0);
    let said = on_device(&world, &["commit", "--check"]).ends(1);
    assert!(
        said.err.contains("warning: check 'self': 'sh' ended with exit status: 1: no sensor"),
        "{}",
        said.err
    );
    assert!(said.err.contains("gw 1.4 is not healthy: check 'self' did not pass"), "{}", said.err);
    let said = apply(&world).ends(1);
    assert!(said.err.contains("blocked"), "{}", said.err);
    assert!(
        !world.path("sets/current/rootfs").exists(),
        "there was nothing before, and there is nothing again"
    );
}

#[test]
fn what_is_healthy_is_kept() {
    let world = World::new();
    world.bundle(&[]).ends(0);
    let file = world.path("sets/current/rootfs");
    device(
        &world,
        &check(&format!("kind = \"exec\"\ncommand = [\"test\", \"-s\", \"{}\"]\ntimes = 2", file.display())),
    );
    apply(&world).ends(0);
    let said = on_device(&world, &["commit", "--check"]).ends(0);
    assert!(said.out.contains("gw 1.4 is committed"), "{}", said.out);
    assert!(fs::read(file).expect("there") == world.read("new"));
}

#[test]
fn hooks_refuse_and_defer() {
    let world = World::new();
    world.bundle(&[]).ends(0);
    fs::create_dir(world.path("hooks")).expect("made");
    device(&world, &format!("[hooks]\nfolder = \"{}\"\n", world.path("hooks").display()));
    let hook = |point: &str, body: &str| {
        let text =
            format!("hook {{ name = \"site\", on = \"{point}\", run = function(event) {body} end }}\n");
        world.write("hooks/site.luau", text.as_bytes());
    };
    hook(
        "ota.decide",
        "return change{ defer = 3600, reason = event.name .. \" \" .. event.version .. \" by night\" }",
    );
    let said = apply(&world).ends(75);
    assert!(said.err.contains("a hook wants it 3600 s later: gw 1.4 by night"), "{}", said.err);
    hook("ota.pre", "error(\"oh\")");
    let said = apply(&world).ends(1);
    assert!(
        said.err.contains("a hook refused it: hook 'site' failed: ") && said.err.contains("oh"),
        "{}",
        said.err
    );
    assert!(!world.path("sets/current/rootfs").exists(), "it is not in use");
    hook("ota.pre", "");
    apply(&world).ends(0);
    assert!(world.path("sets/current/rootfs").exists());
    hook("ota.decid", "");
    let said = apply(&world).ends(65);
    assert!(said.err.contains("did you mean 'ota.decide'?"), "{}", said.err);
}

#[test]
fn fw_printenv_sees_what_was_decided() {
    let world = World::new();
    let lines =
        ["env 0x0 0x4000", "env 0x8000 0x4000"].map(|line| format!("{}/{line}\n", world.path("").display()));
    world.write("fw_env.config", lines.concat().as_bytes());
    world.write("env", &[0; 0xc000]);
    world.write("default", b"BOOT_ORDER=a b\nbootcmd=run edgekit\n");
    let words = ["-c", "fw_env.config", "-f", "default", "serial#", "1"];
    if tool(&world, "fw_setenv", &words).is_none() {
        return;
    }
    device(
        &world,
        &format!("[boot]\nkind = \"uboot\"\nplace = \"{}\"\n", world.path("fw_env.config").display()),
    );
    let Some(said) = started_with(&world, "quiet edgekit.slot=a\n", &["mark-bad", "other"]) else { return };
    said.ends(0);
    let seen = tool(&world, "fw_printenv", &["-c", "fw_env.config"]).expect("it is there");
    let expected = "BOOT_ORDER=a b\nBOOT_a_LEFT=3\nBOOT_a_OK=1\nBOOT_b_LEFT=0\nBOOT_b_OK=0\nbootcmd=run edgekit\nserial#=1\n";
    assert_eq!(seen, expected);
    let said = started_with(&world, "quiet\n", &["mark-bad", "other"]).expect("root").ends(78);
    assert!(
        said.err.contains("nothing says which slot runs") && said.err.contains("edgekit.slot=a"),
        "{}",
        said.err
    );
}

#[test]
fn grub_editenv_sees_what_was_decided() {
    let world = World::new();
    if tool(&world, "grub-editenv", &["grubenv", "create"]).is_none() {
        return;
    }
    tool(&world, "grub-editenv", &["grubenv", "set", "kernelopts=quiet"]);
    device(&world, &format!("[boot]\nkind = \"grub\"\nplace = \"{}\"\n", world.path("grubenv").display()));
    let Some(said) = started_with(&world, "rauc.slot=b\n", &["mark-bad", "other"]) else { return };
    said.ends(0);
    let seen = tool(&world, "grub-editenv", &["grubenv", "list"]).expect("it is there");
    assert_eq!(seen, "kernelopts=quiet\nORDER=b a\na_LEFT=0\na_OK=0\nb_LEFT=0\nb_OK=1\n");
    tool(&world, "grub-editenv", &["grubenv", "set", "ORDER=a b"]);
    assert_eq!(world.read("grubenv").len(), 1024);
}
