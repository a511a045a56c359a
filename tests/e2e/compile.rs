//! `workerd compile`: executables and encoded configs.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use tests::folder::Folder;
use tests::program::Program;
use tests::server::Start;

use super::program;

const HELLO: &str = "export default { fetch() { return new Response('compiled'); } };";

/// The encoded config of the folder, by either program.
fn encode(program: &Program, folder: &Folder) -> Vec<u8> {
    let config = folder.path("config.capnp");
    let output = program.run(&[
        "compile".as_ref(),
        "--config-only".as_ref(),
        config.as_os_str(),
    ]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

#[test]
fn a_compiled_executable_serves() {
    let folder = Folder::worker(HELLO);
    let path = folder.path("hello");
    let mut compile = program().command();
    compile
        .arg("compile")
        .arg(folder.path("config.capnp"))
        .stdout(File::create(&path).unwrap());
    assert!(compile.status().unwrap().success());
    drop(compile);
    assert!(path.metadata().unwrap().permissions().mode() & 0o100 != 0);
    // It needs none of the files it was made of.
    for file in ["config.capnp", "worker.js"] {
        std::fs::remove_file(folder.path(file)).unwrap();
    }
    for processes in [1, 2] {
        let mut server = Start::command(Command::new(&path))
            .processes(processes)
            .start();
        assert_eq!(server.get("/").text(), "compiled");
        assert_eq!(server.stop().code(), Some(0));
    }
}

#[test]
fn an_encoded_config_serves() {
    let folder = Folder::worker(HELLO);
    std::fs::write(folder.path("config.bin"), encode(&program(), &folder)).unwrap();
    std::fs::remove_file(folder.path("worker.js")).unwrap();
    let server = Start::serve(&program(), &folder.path("config.bin"))
        .arg("--binary")
        .start();
    assert_eq!(server.get("/").text(), "compiled");
}

/// `PUBLISHED_WORKERD` names the published binary; without it there is nothing to compare with.
#[test]
fn encoded_configs_go_between_this_program_and_the_published_one() {
    let Some(published) = std::env::var_os("PUBLISHED_WORKERD") else {
        return;
    };
    let published = Program::at(published.as_ref());
    let folder = Folder::worker(HELLO);
    for (writer, reader) in [(program(), &published), (published.clone(), &program())] {
        std::fs::write(folder.path("config.bin"), encode(&writer, &folder)).unwrap();
        let server = Start::serve(reader, &folder.path("config.bin"))
            .arg("--binary")
            .start();
        assert_eq!(server.get("/").text(), "compiled");
    }
}

#[test]
fn a_damaged_encoded_config_is_refused() {
    let folder = Folder::worker(HELLO);
    let whole = encode(&program(), &folder);
    for (bytes, what) in [
        (&whole[..whole.len() / 2], "cut"),
        (&b"not a message at all"[..], "text"),
        (&[], "empty"),
    ] {
        let path = folder.path("config.bin");
        std::fs::write(&path, bytes).unwrap();
        let output = program().run(&["serve".as_ref(), "-b".as_ref(), path.as_os_str()]);
        assert_eq!(output.status.code(), Some(1), "{what}");
        assert!(!output.stderr.is_empty(), "{what}");
    }
}
