//! OpenSSH uses the token: the agent holds it, a server on loopback lets its owner in, and files are signed.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test may fail, and says what it found

mod harness;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use harness::stocked::stock;
use harness::{PIN, Started, command, free_port, module, run, succeeded};

/// An agent that may load any library, with its socket in the folder.
fn agent(home: &Path) -> Started {
    let socket = home.join("agent");
    let started = Started::program(command(home, "ssh-agent", &["-D", "-P", "/*", "-a", "agent"]));
    harness::until("the agent listens", || {
        std::os::unix::net::UnixStream::connect(&socket).is_ok()
    });
    started
}

/// Gives the agent the token; its PIN comes from a program, as from a desktop's PIN window.
fn add_token(home: &Path) {
    let ask = home.join("ask");
    std::fs::write(&ask, format!("#!/bin/sh\necho '{PIN}'\n")).unwrap();
    std::fs::set_permissions(&ask, Permissions::from_mode(0o700)).unwrap();
    let module = module();
    let mut add = with_agent(home, "ssh-add", &["-s", module.to_str().unwrap()]);
    succeeded(add.env("SSH_ASKPASS", ask).env("SSH_ASKPASS_REQUIRE", "force"));
}

fn with_agent(home: &Path, program: &str, arguments: &[&str]) -> std::process::Command {
    let mut command = command(home, program, arguments);
    command.env("SSH_AUTH_SOCK", home.join("agent"));
    command
}

/// A server that knows the keys of `authorized`, and nothing of the machine's own configuration.
fn server(home: &Path, port: u16) -> Started {
    run(
        home,
        "ssh-keygen",
        &["-q", "-t", "ed25519", "-N", "", "-f", "host"],
    );
    let path = |name: &str| home.join(name).display().to_string();
    let text = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n\
         StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n",
        path("host"),
        path("authorized")
    );
    std::fs::write(home.join("sshd"), text).unwrap();
    // Where the daemon drops its rights before anybody is known; Debian makes it when the service starts.
    let _ = std::fs::create_dir("/run/sshd");
    let started = Started::program(command(
        home,
        "/usr/sbin/sshd",
        &["-D", "-e", "-f", &path("sshd")],
    ));
    harness::until("the server listens", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    started
}

alone! {
    fn the_keys_of_the_token_log_in_through_the_agent(home) {
        stock(home);
        let module = module();
        let keys = run(home, "ssh-keygen", &["-D", module.to_str().unwrap()]).stdout;
        let keys = String::from_utf8(keys).unwrap();
        assert_eq!(keys.lines().count(), 2, "{keys}");
        let _agent = agent(home);
        add_token(home);
        let listed = succeeded(&mut with_agent(home, "ssh-add", &["-L"]));
        assert_eq!(String::from_utf8_lossy(&listed.stdout).lines().count(), 2);

        let port = free_port();
        std::fs::write(home.join("authorized"), "").unwrap();
        let _server = server(home, port);
        let known = std::fs::read_to_string(home.join("host.pub")).unwrap();
        std::fs::write(home.join("known"), format!("[127.0.0.1]:{port} {known}")).unwrap();
        let port = port.to_string();
        let login = [
            "-F", "none", "-p", &port, "-o", "UserKnownHostsFile=known", "-o", "StrictHostKeyChecking=yes",
            "-o", "BatchMode=yes", "-o", "PreferredAuthentications=publickey", "127.0.0.1", "echo", "let in",
        ];
        assert!(!with_agent(home, "ssh", &login).output().unwrap().status.success(), "nobody is authorised yet");
        for kind in ["ssh-rsa", "ecdsa-sha2-nistp256"] {
            let key = keys.lines().find(|line| line.starts_with(kind)).unwrap();
            std::fs::write(home.join("authorized"), format!("{key}\n")).unwrap();
            assert_eq!(succeeded(&mut with_agent(home, "ssh", &login)).stdout, b"let in\n");
        }
        succeeded(&mut with_agent(home, "ssh-add", &["-e", module.to_str().unwrap()]));
        assert!(!with_agent(home, "ssh", &login).output().unwrap().status.success(), "the token is taken out");
    }

    fn a_file_is_signed_with_a_key_of_the_token(home) {
        stock(home);
        let _agent = agent(home);
        add_token(home);
        std::fs::write(home.join("text"), "Hồ sơ").unwrap();
        let listed = succeeded(&mut with_agent(home, "ssh-add", &["-L"])).stdout;
        for key in String::from_utf8(listed).unwrap().lines() {
            std::fs::write(home.join("key.pub"), key).unwrap();
            std::fs::write(home.join("signers"), format!("an@example.vn {key}\n")).unwrap();
            let _ = std::fs::remove_file(home.join("text.sig"));
            succeeded(&mut with_agent(home, "ssh-keygen", &["-Y", "sign", "-f", "key.pub", "-n", "file", "text"]));
            let verify = "ssh-keygen -Y verify -f signers -I an@example.vn -n file -s text.sig < text";
            run(home, "sh", &["-c", verify]);
        }
    }
}
