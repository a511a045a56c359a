//! The image, as far as it can be without building it; the manifest and the chart, which run it in the same way.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Gid, Pid, Uid, chown};
use serde_json::{Value, json};
use tests::folder::Folder;
use tests::program::output;
use tests::root;
use tests::server::Start;

use crate::debian::alone;
use crate::machine::Machine;
use crate::template::render;
use crate::{program, read};

/// What may take longest after SIGTERM, in seconds: the default of `--drain-timeout`.
const DRAIN_SECONDS: u64 = 30;

const CONFIG: &str = "/etc/workerd/config.capnp";

/// The instructions of the image's last stage, each with what follows it.
fn instructions() -> Vec<(String, String)> {
    let file = read("deploy/docker/Dockerfile").replace("\\\n", " ");
    let last = file.rsplit("\nFROM ").next().unwrap();
    let lines = last.lines().skip(1).filter(|line| !line.starts_with('#'));
    let parted = lines.filter_map(|line| line.split_once(' '));
    parted
        .map(|(name, rest)| (name.to_owned(), rest.trim().to_owned()))
        .collect()
}

fn instruction(name: &str) -> String {
    let found = instructions().into_iter().find(|(other, _)| other == name);
    found.unwrap_or_else(|| panic!("no {name}")).1
}

/// The image's command, without the program.
fn command() -> Vec<String> {
    serde_json::from_str(&instruction("CMD")).unwrap()
}

#[test]
fn the_image_is_not_root_and_can_be_read_only() {
    let user = instruction("USER");
    let ids = user.split_once(':').unwrap();
    assert!(ids.0.parse::<u32>().unwrap() > 0 && ids.1.parse::<u32>().unwrap() > 0);
    assert_eq!(instruction("STOPSIGNAL"), "SIGTERM");
    assert_eq!(instruction("VOLUME"), "/data");
    assert_eq!(instruction("ENTRYPOINT"), r#"["workerd"]"#);
    assert!(instruction("HEALTHCHECK").ends_with(r#"CMD ["healthy", "/healthz"]"#));
}

#[test]
fn the_image_is_made_of_files_that_are_there() {
    let ignored = read("deploy/docker/Dockerfile.dockerignore");
    let kept: Vec<PathBuf> = ignored
        .lines()
        .filter_map(|line| line.strip_prefix('!'))
        .map(PathBuf::from)
        .collect();
    let from_context = instructions()
        .into_iter()
        .filter(|(name, rest)| name == "COPY" && !rest.starts_with("--from"));
    for (_, rest) in from_context {
        let files: Vec<_> = rest.split(' ').collect();
        for file in &files[..files.len() - 1] {
            assert!(root().join(file).exists(), "{file}");
            assert!(
                kept.iter()
                    .any(|kept| PathBuf::from(file).starts_with(kept)),
                "{file} is ignored"
            );
        }
    }
    // All that Cargo needs.
    let members = read("Cargo.toml");
    let members = members
        .split("members = [")
        .nth(1)
        .unwrap()
        .split(']')
        .next()
        .unwrap();
    for member in members.split('"').skip(1).step_by(2) {
        assert!(
            kept.iter()
                .any(|kept| PathBuf::from(member).starts_with(kept)),
            "{member} is ignored"
        );
    }
    for kept in kept {
        assert!(root().join(&kept).exists(), "{}", kept.display());
    }
}

fn healthy(path: &str, port: u64) -> bool {
    let mut healthy = Command::new(root().join("deploy/docker/healthy"));
    healthy.args([path, &port.to_string()]);
    output(healthy, &[]).status.success()
}

#[test]
fn the_images_command_serves_is_healthy_and_stops() {
    let folder = Folder::new(&[
        ("worker.js", &read("deploy/debian/worker.js")),
        ("data/x", ""),
    ]);
    let data = folder.path("data").display().to_string();
    let config = read("deploy/docker/config.capnp");
    folder.write(
        "config.capnp",
        &config.replace("\"/data\"", &format!("\"{data}\"")),
    );
    let mut server = program().command();
    for word in command() {
        let word = word.replace(CONFIG, &folder.path("config.capnp").display().to_string());
        server.arg(word.replace("127.0.0.1:9090", "127.0.0.1:0"));
    }
    server.arg("--socket-addr=http=127.0.0.1:0");
    let mut server = Start::command(server).start();
    let admin = server.wait("the admin server", 0, |event| event["event"] == "admin");
    let admin = admin["port"].as_u64().unwrap();
    assert_eq!(server.get("/a").text(), "/a: 1\n");
    assert!(healthy("/healthz", admin) && healthy("/readyz", admin));
    assert!(!healthy("/no-such-page", admin));
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait_for_end().code(), Some(0));
    assert!(!healthy("/healthz", admin));
}

/// The process that is number 1 in a container which that process has started.
fn first_of(starter: Pid) -> Pid {
    let children = |pid: Pid| {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.unwrap_or_default();
        let pids = children.split_whitespace().map(|pid| pid.parse().unwrap());
        pids.map(Pid::from_raw).collect::<Vec<_>>()
    };
    let mut waiting = children(starter);
    while let Some(pid) = waiting.pop() {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let inside = status.lines().find(|line| line.starts_with("NSpid:"));
        if inside.is_some_and(|line| line.ends_with("\t1")) {
            return pid;
        }
        waiting.extend(children(pid));
    }
    panic!("no container");
}

/// What the Dockerfile copies, in a Debian; the rest is as `docker run --read-only --cap-drop ALL` has it.
#[test]
fn the_image_runs_as_process_1_where_only_the_volume_can_be_written() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let _alone = alone();
    fs::copy(program().path(), machine.path("usr/bin/workerd")).unwrap();
    for (_, rest) in instructions()
        .iter()
        .filter(|(name, rest)| name == "COPY" && !rest.starts_with("--from"))
    {
        let (files, to) = rest.rsplit_once(' ').unwrap();
        for file in files.split(' ') {
            let name = if to.ends_with('/') {
                file.rsplit('/').next().unwrap()
            } else {
                ""
            };
            let to = format!("{to}{name}");
            let to = machine.path(to.trim_start_matches('/'));
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(root().join(file), to).unwrap();
        }
    }
    fs::create_dir(machine.path("data")).unwrap();
    let volume = Folder::new(&[]);
    let user = instruction("USER");
    let (user, group) = user.split_once(':').unwrap();
    let id = |text: &str| text.parse::<u32>().unwrap();
    chown(
        volume.root(),
        Some(Uid::from_raw(id(user))),
        Some(Gid::from_raw(id(group))),
    )
    .unwrap();
    let mut run = Command::new("systemd-nspawn");
    run.args([
        "--quiet",
        "--read-only",
        "--register=no",
        "--keep-unit",
        "--console=pipe",
    ]);
    run.arg("--directory")
        .arg(machine.path(""))
        .arg("--chdir=/data");
    run.arg(format!("--bind={}:/data", volume.root().display()));
    run.args([
        "setpriv",
        "--clear-groups",
        "--no-new-privs",
        "--bounding-set=-all",
    ]);
    run.args([format!("--reuid={user}"), format!("--regid={group}")]);
    run.arg("workerd");
    run.args(
        command()
            .iter()
            .map(|word| word.replace("127.0.0.1:9090", "127.0.0.1:0")),
    );
    run.arg("--socket-addr=http=127.0.0.1:0");
    let mut server = Start::command(run).start();
    assert_eq!(server.get("/a").text(), "/a: 1\n");
    let first = first_of(server.pid());
    let status = fs::read_to_string(format!("/proc/{first}/status")).unwrap();
    assert!(
        status.contains(&format!("\nUid:\t{user}\t{user}\t")),
        "{status}"
    );
    assert!(status.contains("\nCapBnd:\t0000000000000000\n"), "{status}");
    assert!(volume.path("counter").is_dir(), "objects are in the volume");
    kill(first, Signal::SIGTERM).unwrap();
    assert_eq!(server.wait_for_end().code(), Some(0));
}

/// The documents of a YAML file.
fn documents(text: &str) -> Vec<Value> {
    let documents = serde_yaml_ng::Deserializer::from_str(text);
    let documents = documents.map(|document| serde::Deserialize::deserialize(document).unwrap());
    documents
        .filter(|document| *document != Value::Null)
        .collect()
}

fn manifest() -> Vec<Value> {
    documents(&read("deploy/kubernetes/workerd.yaml"))
}

fn of_kind(documents: &[Value], kind: &str) -> Value {
    let found = documents.iter().find(|document| document["kind"] == kind);
    found.unwrap_or_else(|| panic!("no {kind}")).clone()
}

#[test]
fn the_manifest_runs_the_image_as_it_is_meant_to() {
    let documents = manifest();
    let deployment = of_kind(&documents, "Deployment");
    let pod = &deployment["spec"]["template"];
    let container = &pod["spec"]["containers"][0];
    assert_eq!(container["args"], json!(command()));
    let labels = &pod["metadata"]["labels"];
    assert_eq!(&deployment["spec"]["selector"]["matchLabels"], labels);
    assert_eq!(&of_kind(&documents, "Service")["spec"]["selector"], labels);
    let user = instruction("USER");
    let user: u64 = user.split(':').next().unwrap().parse().unwrap();
    assert_eq!(pod["spec"]["securityContext"]["runAsUser"], user);
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(
        container["securityContext"]["allowPrivilegeEscalation"],
        false
    );
    assert_eq!(
        container["securityContext"]["capabilities"]["drop"],
        json!(["ALL"])
    );
    for (probe, path) in [
        ("startupProbe", "/readyz"),
        ("readinessProbe", "/readyz"),
        ("livenessProbe", "/healthz"),
    ] {
        assert_eq!(
            container[probe]["exec"]["command"],
            json!(["healthy", path])
        );
    }
    let before = container["lifecycle"]["preStop"]["exec"]["command"][1]
        .as_str()
        .unwrap();
    let grace = pod["spec"]["terminationGracePeriodSeconds"]
        .as_u64()
        .unwrap();
    assert!(grace > before.parse::<u64>().unwrap() + DRAIN_SECONDS);
    let volumes = pod["spec"]["volumes"].as_array().unwrap();
    for mount in container["volumeMounts"].as_array().unwrap() {
        assert!(
            volumes.iter().any(|volume| volume["name"] == mount["name"]),
            "{mount}"
        );
    }
}

#[test]
fn the_manifests_config_serves() {
    let files = &of_kind(&manifest(), "ConfigMap")["data"];
    let folder = Folder::new(&[]);
    for (name, text) in files.as_object().unwrap() {
        folder.write(name, text.as_str().unwrap());
    }
    let mut server = program().command();
    server.arg("serve").arg(folder.path("config.capnp"));
    server.arg("--socket-addr=http=127.0.0.1:0");
    assert_eq!(Start::command(server).start().get("/").text(), "hello\n");
}

/// What the chart makes of its values with these in place of some, as a release named `workerd`.
fn chart(changes: &[(&str, Value)]) -> Result<Vec<Value>, String> {
    let one = |name: &str| documents(&read(&format!("deploy/helm/{name}"))).remove(0);
    let mut values = one("values.yaml");
    for (pointer, value) in changes {
        *values
            .pointer_mut(pointer)
            .unwrap_or_else(|| panic!("{pointer}")) = value.clone();
    }
    let chart = one("Chart.yaml");
    let chart = json!({ "Name": chart["name"], "AppVersion": chart["appVersion"] });
    let dot = json!({ "Values": values, "Chart": chart, "Release": { "Name": "workerd" } });
    let mut all = Vec::new();
    for entry in fs::read_dir(root().join("deploy/helm/templates")).unwrap() {
        let template = fs::read_to_string(entry.unwrap().path()).unwrap();
        all.extend(documents(&render(&template, &dot)?));
    }
    Ok(all)
}

#[test]
fn the_chart_makes_the_manifest() {
    let (chart, manifest) = (chart(&[]).unwrap(), manifest());
    assert_eq!(chart.len(), manifest.len());
    for kind in ["ConfigMap", "Service"] {
        let (ours, theirs) = (of_kind(&chart, kind), of_kind(&manifest, kind));
        assert_eq!(ours["data"], theirs["data"]);
        assert_eq!(ours["spec"]["ports"], theirs["spec"]["ports"]);
    }
    let (ours, theirs) = (
        of_kind(&chart, "Deployment"),
        of_kind(&manifest, "Deployment"),
    );
    let (mut ours, theirs) = (ours["spec"].clone(), theirs["spec"].clone());
    assert_eq!(ours["strategy"], theirs["strategy"]);
    assert_eq!(ours["replicas"], theirs["replicas"]);
    assert_eq!(
        ours["template"]["metadata"]["labels"],
        ours["selector"]["matchLabels"]
    );
    let pod = ours.pointer_mut("/template/spec").unwrap();
    let mut expected = theirs["template"]["spec"].clone();
    let version = pod["containers"][0]["image"].take();
    assert_eq!(version, format!("workerd:{}", env!("CARGO_PKG_VERSION")));
    expected["containers"][0]["image"].take();
    // What the chart has beyond: options that are the defaults, and names that are empty.
    let container = &mut pod["containers"][0];
    container["args"]
        .as_array_mut()
        .unwrap()
        .retain(|arg| *arg != "--drain-timeout=30s");
    for (name, default) in [
        ("env", json!([])),
        ("imagePullPolicy", json!("IfNotPresent")),
    ] {
        assert_eq!(
            container.as_object_mut().unwrap().remove(name),
            Some(default)
        );
    }
    assert_eq!(*pod, expected);
}

#[test]
fn the_chart_keeps_objects_in_one_server() {
    let volume = ("/persistence/enabled", json!(true));
    let error = chart(std::slice::from_ref(&volume)).unwrap_err();
    assert!(error.contains("replicas must be 1"), "{error}");
    let options = ("/options", json!(["--limit-heap-mb=256"]));
    let made = chart(&[volume, ("/replicas", json!(1)), options]).unwrap();
    assert_eq!(
        of_kind(&made, "PersistentVolumeClaim")["spec"]["accessModes"],
        json!(["ReadWriteOncePod"])
    );
    let spec = &of_kind(&made, "Deployment")["spec"];
    assert_eq!(spec["strategy"], json!({ "type": "Recreate" }));
    let pod = &spec["template"]["spec"];
    let args = pod["containers"][0]["args"].as_array().unwrap();
    assert!(args.contains(&json!("--limit-heap-mb=256")), "{args:?}");
    assert!(
        pod["volumes"]
            .to_string()
            .contains(r#""persistentVolumeClaim":{"claimName":"workerd"}"#)
    );
}
