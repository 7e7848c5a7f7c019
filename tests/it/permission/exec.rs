//! Permissions from programs, polite and hostile: real scripts in a folder of their own.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{ada, mistakes, opened, question, service, tools};
use crate::config::Section;
use crate::domain::permission::Permissions;
use crate::it::stage::clock::ManualClock;
use crate::permission::chain::{Chain, ChainError, Granted};
use crate::permission::{Ask, KINDS};
use crate::plugin::{Registry, Tools};

/// A folder with a shell script that may be run.
fn script(body: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("decide");
    // Written by another process: a thread that forks meanwhile would keep our handle open, and a file open for writing is not run.
    let written = std::process::Command::new("/bin/sh")
        .args(["-c", "printf '%s' \"$2\" > \"$1\" && chmod 755 \"$1\"", "sh"])
        .arg(&path)
        .arg(format!("#!/bin/sh\n{body}\n"))
        .status();
    assert!(written.unwrap().success());
    folder
}

fn section(folder: &TempDir, more: &str) -> String {
    format!("kind = \"exec\"\ncommand = [\"{}\"]\n{more}", folder.path().join("decide").display())
}

fn chain(section: &str) -> Chain {
    let clock = Arc::new(ManualClock::new());
    Chain::new(&opened(clock.clone(), section).unwrap(), Arc::default(), clock)
}

async fn ask(folder: &TempDir, more: &str) -> Result<Granted, ChainError> {
    chain(&section(folder, more)).decide(&question(&service("wiki", &["a"]), &ada())).await
}

/// The numbers that a script wrote into `pids` are of processes that are gone, soon.
fn assert_gone(folder: &TempDir) {
    let pids = std::fs::read_to_string(folder.path().join("pids")).unwrap();
    assert!(!pids.trim().is_empty());
    let until = Instant::now() + Duration::from_secs(5);
    for pid in pids.split_whitespace() {
        let lives = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            !stat.is_empty() && !stat.contains(") Z ")
        };
        while lives() {
            assert!(Instant::now() < until, "{pid} is still there");
            std::thread::yield_now();
        }
    }
}

#[tokio::test]
async fn a_script_answers_the_question_of_the_contract() {
    let folder = script(
        "cat > \"${0%/*}/question\"\necho '{\"permissions\": {\"wiki:read\": true}, \"limits\": {\"pages\": 7}}'",
    );

    let granted = ask(&folder, "").await.unwrap();

    assert_eq!(granted.permissions, [("wiki:read".into(), true)].into());
    assert_eq!(granted.limits["pages"], 7);
    let question: Value = serde_json::from_slice(&std::fs::read(folder.path().join("question")).unwrap()).unwrap();
    assert_eq!((&question["version"], &question["service"]["id"]), (&json!(1), &json!("wiki")));
    assert_eq!(question["user"]["email"], "ada@example.com");
}

#[tokio::test]
async fn it_gets_its_arguments_its_environment_and_nothing_else() {
    let folder = script(
        "env | cut -d= -f1 | grep -v -e ^PWD -e ^_ -e ^SHLVL -e ^OLDPWD > \"$OUT/env\"\nls /proc/self/fd > \"$OUT/fds\"\n\
         printf '%s\\n' \"$@\" > \"$OUT/arguments\"\nexit 77",
    );
    let text = format!(
        "kind = \"exec\"\ncommand = [\"{0}/decide\", \"$(id) *\", \"two words\"]\nenv = {{ OUT = \"{0}\", PATH = \"/usr/bin:/bin\" }}",
        folder.path().display()
    );

    let granted = chain(&text).decide(&question(&service("wiki", &["a"]), &ada())).await.unwrap();

    assert_eq!(granted, Granted::default());
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let mut names: Vec<_> = read("env").lines().map(str::to_owned).collect();
    names.sort();
    assert_eq!(names, ["OUT", "PATH"]);
    assert_eq!(read("arguments"), "$(id) *\ntwo words\n");
    // The three pipes, the folder that `ls` itself reads, and what whoever started us hands on to all children.
    let handed_on = std::process::Command::new("ls").arg("/proc/self/fd").output().unwrap().stdout;
    let handed_on = String::from_utf8(handed_on).unwrap();
    assert_eq!(read("fds").lines().count(), handed_on.lines().count(), "{} and {handed_on}", read("fds"));
}

#[tokio::test]
async fn exit_statuses_have_meanings() {
    let abstains = script("echo '{\"permissions\": [\"wiki:read\"]}'; exit 77");
    assert_eq!(ask(&abstains, "").await.unwrap(), Granted::default());
    let denies = script("echo '{\"decision\": \"deny\", \"message\": \"not in May\"}'");
    let refused = ask(&denies, "").await.unwrap_err();
    assert!(matches!(&refused, ChainError::Denied { message, .. } if message == "not in May"), "{refused:?}");
    for status in [1, 2, 76, 78, 126, 127] {
        let fails = script(&format!("echo '{{\"permissions\": [\"wiki:read\"]}}'; exit {status}"));
        let refused = ask(&fails, "").await.unwrap_err().to_string();
        assert!(refused.contains(&format!("ended with status {status}")), "{refused}");
    }
}

#[tokio::test]
async fn every_fault_is_no_token_and_leaves_nobody_behind() {
    let note = "cd \"$(dirname \"$0\")\"; echo $$ >> pids; ";
    for (fault, body) in [
        ("garbage", "echo nonsense"),
        ("nothing", "true"),
        ("reserved claims", "echo '{\"claims\": {\"sub\": \"usr_1\"}}'"),
        ("wrong version", "echo '{\"version\": 2}'"),
        ("two answers", "echo '{}{}'"),
        ("fails", "exit 1"),
        ("kills itself", "kill -9 $$"),
        ("endless loop", "while :; do :; done"),
        ("silence", "exec sleep 60"),
        ("output without end", "exec yes '{}'"),
        ("output without end, deaf to signals", "trap '' PIPE TERM HUP INT; while :; do echo '{}' 2>/dev/null; done"),
        ("complaints without end", "exec yes >&2"),
        ("deaf to signals", "trap '' TERM HUP INT; sleep 60; sleep 60"),
        ("a child keeps the pipe open", "sleep 60 & echo $! >> pids; echo '{}'"),
        ("a child of a child", "(sleep 60 & echo $! >> pids; wait) & echo $! >> pids; wait"),
        ("slow answer", "printf '{'; sleep 60; printf '}'"),
        ("closes its output and stays", "echo '{}'; exec >&-; sleep 60"),
        ("memory bomb", "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done"),
    ] {
        let folder = script(&format!("{note}{body}"));
        let more = "timeout = \"700ms\"\nbreaker = { failures = 100 }\nenv = { PATH = \"/usr/bin:/bin\" }";
        let began = Instant::now();
        let refused = ask(&folder, more).await;
        let took = began.elapsed();
        assert!(matches!(refused, Err(ChainError::Unavailable { .. })), "{fault}: {refused:?}");
        assert!(took < Duration::from_secs(3), "{fault} took {took:?}");
        assert_gone(&folder);
    }
}

#[tokio::test]
async fn what_a_good_answer_leaves_running_is_ended_too() {
    let folder = script(
        "cd \"$(dirname \"$0\")\"; sleep 60 >/dev/null 2>&1 & echo $! > pids; echo '{\"permissions\": [\"wiki:read\"]}'",
    );

    let granted = ask(&folder, "env = { PATH = \"/usr/bin:/bin\" }\ntimeout = \"5s\"").await.unwrap();

    assert_eq!(granted.permissions.len(), 1);
    assert_gone(&folder);
}

#[tokio::test]
async fn who_stops_waiting_ends_the_program() {
    let folder = script("cd \"$(dirname \"$0\")\"; echo $$ > pids; echo > begun; exec sleep 60");
    let text = section(&folder, "env = { PATH = \"/usr/bin:/bin\" }\ntimeout = \"10s\"");
    let registry = opened(Arc::new(ManualClock::new()), &text).unwrap();
    let (wiki, user, previous) = (service("wiki", &["a"]), ada(), Permissions::new());
    let ask = Ask {
        service: &wiki,
        who: (&user).into(),
        provider: "github",
        ip: None,
        is_multi_factor: false,
        previous: &previous,
    };
    let begun = async {
        while !folder.path().join("begun").exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = registry.get("a").unwrap().permissions(&ask) => panic!("it has no answer"),
        () = begun => {}
    }
    assert_gone(&folder);
}

#[tokio::test]
async fn an_answer_may_be_as_long_as_it_may_be_and_not_longer() {
    for (length, fits) in [(64 * 1024, true), (64 * 1024 + 1, false)] {
        let folder = script(&format!("printf '%-{length}s' '{{}}'"));
        let answer = ask(&folder, "timeout = \"5s\"").await;
        assert_eq!(answer.is_ok(), fits, "{length}: {answer:?}");
    }
}

#[tokio::test]
async fn a_program_has_no_more_memory_than_the_file_says_nor_has_what_it_starts() {
    for (length, more, fits) in
        [(1_000_000, "memory = \"16 MiB\"", true), (30_000_000, "memory = \"16 MiB\"", false), (30_000_000, "", true)]
    {
        for shell in ["", "exec /bin/sh -c"] {
            let act = format!("x=$(head -c {length} /dev/zero | tr \"\\0\" a); echo \"{{}}\"");
            let folder = script(&if shell.is_empty() { act } else { format!("cat > /dev/null; {shell} '{act}'") });
            let answer =
                ask(&folder, &format!("timeout = \"10s\"\nenv = {{ PATH = \"/usr/bin:/bin\" }}\n{more}")).await;
            assert_eq!(answer.is_ok(), fits, "{length} {more}: {answer:?}");
            assert!(fits || !answer.unwrap_err().to_string().contains("in time"), "it is ended, not waited for");
        }
    }
}

#[tokio::test]
async fn a_program_need_not_read_the_question() {
    let folder = script("echo '{\"permissions\": [\"wiki:read\"]}'");
    let user = crate::domain::user::User {
        groups: (0..5000).map(|n| format!("github:acme/team-number-{n}")).collect(),
        ..ada()
    };
    let chain = chain(&section(&folder, "timeout = \"5s\""));

    let granted = chain.decide(&question(&service("wiki", &["a"]), &user)).await.unwrap();

    assert_eq!(granted.permissions.len(), 1);
}

#[test]
fn programs_run_only_where_the_start_allowed_it() {
    let folder = script("exit 77");
    let clock = Arc::new(ManualClock::new());
    let tools = Tools { may_run_programs: false, ..tools(clock) };

    let found = Registry::open(&[Section::for_test("a", &section(&folder, ""))], KINDS, &tools).err().unwrap();

    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].code, found[0].message.as_str()),
        ("CS-C192", "kind `exec` runs programs: start with `--allow-exec`")
    );
}

#[test]
fn another_program_at_the_same_path_is_another_provider() {
    let folder = script("exit 77");
    let hash = || {
        let registry = opened(Arc::new(ManualClock::new()), &section(&folder, "")).unwrap();
        registry.get("a").unwrap().policy().config_hash
    };
    let before = hash();
    assert_eq!(hash(), before);
    std::fs::write(folder.path().join("decide"), "#!/bin/sh\nexit 0\n# longer\n").unwrap();
    assert_ne!(hash(), before);
}

#[test]
fn a_section_that_cannot_work_stops_the_start() {
    let folder = script("exit 77");
    assert_eq!(mistakes(&section(&folder, "")), [""; 0]);
    std::fs::set_permissions(folder.path().join("decide"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let dir = folder.path().display();
    for (command, said) in [
        (format!("[\"{dir}/decide\"]"), "chmod +x"),
        (format!("[\"{dir}\"]"), "cannot be run"),
        (format!("[\"{dir}/gone\"]"), "there is no program at"),
        ("[\"sh\"]".into(), "`PATH` is not searched"),
        ("[]".into(), "is empty"),
        ("[\"\"]".into(), "is empty"),
        ("[\"/bin/sh\", \"a\\u0000b\"]".into(), "zero byte"),
    ] {
        let found = mistakes(&format!("kind = \"exec\"\ncommand = {command}"));
        assert!(
            found.len() == 1 && found[0].starts_with("CS-C193 ") && found[0].contains(said),
            "{command}: {found:?}"
        );
    }
    for (memory, mistakes_found) in [("16 MiB", 0), ("64 GiB", 0), ("15 MiB", 1), ("65 GiB", 1)] {
        let text = format!("kind = \"exec\"\ncommand = [\"/bin/sh\"]\nmemory = \"{memory}\"");
        assert_eq!(mistakes(&text).len(), mistakes_found, "{memory}");
    }
    for env in ["{ \"A=B\" = \"x\" }", "{ \"\" = \"x\" }", "{ A = \"x\\u0000s3cr3t\" }"] {
        let found = mistakes(&format!("kind = \"exec\"\ncommand = [\"/bin/sh\"]\nenv = {env}"));
        assert!(
            found.len() == 1 && found[0].starts_with("CS-C194 ") && !found[0].contains("s3cr3t"),
            "{env}: {found:?}"
        );
    }
}
