//! Servers and clients of TLS keep their keys in the token: nginx, whose workers are forked after the key was loaded,
//! stunnel, curl; OpenVPN lists what it could use.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test may fail, and says what it found

mod harness;

use std::path::Path;

use harness::stocked::{ENGINE, engine_configuration, key_with_pin, stock};
use harness::{PIN, Started, command, free_port, module, run, succeeded};

fn answers(port: u16) -> bool {
    std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// A server with one key of the token that asks for a client certificate of the same authority.
fn nginx(home: &Path, name: &str, port: u16) -> Started {
    let at = |file: &str| home.join(file).display().to_string();
    let text = format!(
        "daemon off;\nmaster_process on;\nworker_processes 2;\nuser root;\npid {pid};\nerror_log stderr;\nssl_engine pkcs11;\n\
         env TRIEN_HOME;\nevents {{}}\nhttp {{\n access_log off;\n client_body_temp_path {temp};\n proxy_temp_path {temp};\n\
         fastcgi_temp_path {temp};\n uwsgi_temp_path {temp};\n scgi_temp_path {temp};\n server {{\n  listen 127.0.0.1:{port} ssl;\n\
         ssl_certificate {certificate};\n  ssl_certificate_key \"engine:pkcs11:{key}\";\n  ssl_session_cache off;\n\
         ssl_client_certificate {ca};\n  ssl_verify_client optional;\n\
         location / {{ return 200 \"$ssl_client_s_dn\\n\"; }}\n }}\n}}\n",
        pid = at("nginx.pid"),
        temp = at("temp"),
        certificate = at(&format!("{name}.pem")),
        key = key_with_pin(name),
        ca = at("ca.pem"),
    );
    let configuration = format!("nginx-{name}.conf");
    std::fs::write(home.join(&configuration), text).unwrap();
    let mut server = command(
        home,
        "/usr/sbin/nginx",
        &[
            "-c",
            &at(&configuration),
            "-p",
            home.to_str().unwrap(),
            "-e",
            "stderr",
        ],
    );
    server.env("OPENSSL_CONF", engine_configuration(home));
    let started = Started::program(server);
    harness::until("nginx listens", || answers(port));
    started
}

alone! {
    fn nginx_serves_and_curl_shows_its_certificate(home) {
        stock(home);
        for name in ["rsa1", "ec1"] {
            let port = free_port();
            let _server = nginx(home, name, port);
            let url = format!("https://localhost:{port}/");
            // Both workers, which are children of the process that loaded the key.
            for _ in 0..6 {
                run(home, "curl", &["--silent", "--show-error", "--fail", "--cacert", "ca.pem", &url]);
            }
            for client in ["rsa1", "ec1"] {
                let key = key_with_pin(client);
                let certificate = format!("{client}.pem");
                let mut curl = command(home, "curl", &[
                    "--silent", "--show-error", "--fail", "--cacert", "ca.pem", "--engine", "pkcs11", "--key-type", "ENG",
                    "--key", &key, "--cert", &certificate, &url,
                ]);
                let said = succeeded(curl.env("OPENSSL_CONF", engine_configuration(home))).stdout;
                assert_eq!(String::from_utf8(said).unwrap(), format!("CN={client},O=Trien,C=VN\n"));
            }
            // The certificate comes from the token too.
            let key = key_with_pin("ec1");
            let mut curl = command(home, "curl", &[
                "--silent", "--show-error", "--fail", "--cacert", "ca.pem", "--engine", "pkcs11", "--key-type", "ENG",
                "--key", &key, "--cert-type", "ENG", "--cert", "pkcs11:token=judged;object=ec1;type=cert", &url,
            ]);
            let said = succeeded(curl.env("OPENSSL_CONF", engine_configuration(home))).stdout;
            assert_eq!(said, b"CN=ec1,O=Trien,C=VN\n");
        }
    }

    fn stunnel_serves_with_a_key_of_the_token(home) {
        stock(home);
        let [outside, inside] = [free_port(), free_port()];
        let listener = std::net::TcpListener::bind(("127.0.0.1", inside)).unwrap();
        let echo = std::thread::spawn(move || {
            use std::io::Write;
            for connection in listener.incoming().take(2) {
                connection.unwrap().write_all(b"behind the tunnel\n").unwrap();
            }
        });
        let text = format!(
            "foreground = yes\npid =\nengine = dynamic\nengineCtrl = SO_PATH:{ENGINE}\nengineCtrl = ID:pkcs11\nengineCtrl = LIST_ADD:1\n\
             engineCtrl = LOAD\nengineCtrl = MODULE_PATH:{module}\nengineCtrl = PIN:{PIN}\nengineCtrl = INIT\n[judged]\nengineNum = 1\n\
             accept = 127.0.0.1:{outside}\nconnect = 127.0.0.1:{inside}\nkey = pkcs11:token=judged;object=rsa1;type=private\n\
             cert = {certificate}\n",
            module = module().display(),
            certificate = home.join("rsa1.pem").display(),
        );
        std::fs::write(home.join("stunnel.conf"), text).unwrap();
        let _server = Started::program(command(home, "stunnel4", &["stunnel.conf"]));
        harness::until("stunnel listens", || answers(outside));
        let connect = format!("openssl s_client -quiet -verify_return_error -CAfile ca.pem -connect 127.0.0.1:{outside} < /dev/null");
        let said = run(home, "sh", &["-c", &connect]).stdout;
        assert_eq!(said, b"behind the tunnel\n");
        drop(echo);
    }

    fn openvpn_lists_what_it_could_use(home) {
        stock(home);
        let module = module();
        let said = run(home, "/usr/sbin/openvpn", &["--show-pkcs11-ids", module.to_str().unwrap()]).stdout;
        let said = String::from_utf8(said).unwrap();
        for name in ["rsa1", "ec1"] {
            assert!(said.contains(&format!("CN={name}")), "{said}");
        }
        assert!(said.contains("Serialized id"), "{said}");
    }
}
