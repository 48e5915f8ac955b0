//! Banned calls, each with its replacement in the message.

use crate::finding::Finding;
use crate::source::Source;
use crate::tree::Tree;
use crate::words::{contains, places};

const RULE: &str = "banned";

/// Which code a ban is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// Everything.
    All,
    /// All but tests.
    Code,
    /// Tests alone.
    Tests,
}

/// What must not be written, where, and what to write instead.
struct Ban {
    words: &'static [&'static str],
    scope: Scope,
    /// Beginnings of paths where it is allowed.
    except: &'static [&'static str],
    instead: &'static str,
}

const BANS: &[Ban] = &[
    Ban {
        words: &["SystemTime::now", "jiff::Timestamp::now", "Zoned::now"],
        scope: Scope::All,
        except: &["kernel/src/time.rs"],
        instead: "take `now` as an argument",
    },
    Ban {
        words: &["Instant::now"],
        scope: Scope::Code,
        except: &["kernel/", "platform/", "app/", "proof/", "xtask/"],
        instead: "take a `Clock` and ask `monotonic_us`",
    },
    Ban {
        words: &["Uuid::now_v7", "Uuid::new_v4", "rand::random", "rand::rng", "thread_rng"],
        scope: Scope::Code,
        except: &["kernel/src/id.rs", "proof/"],
        instead: "take an `IdSource` as an argument",
    },
    Ban {
        words: &["thread::sleep", "tokio::time::sleep", "time::sleep"],
        scope: Scope::Tests,
        except: &["proof/"],
        instead: "wait on a condition and move a manual clock",
    },
    Ban {
        words: &["todo!", "unimplemented!"],
        scope: Scope::All,
        except: &[],
        instead: "write it, or leave it out until its issue comes",
    },
    Ban {
        words: &["dbg!"],
        scope: Scope::All,
        except: &[],
        instead: "use `tracing` with fields, or remove it",
    },
    Ban {
        words: &["#[ignore"],
        scope: Scope::All,
        except: &[],
        instead: "make the test run; long runs take their counts from `make soak`",
    },
    Ban {
        words: &["f32", "f64"],
        scope: Scope::All,
        except: FLOATS,
        instead: "count in integers; money is `Money`, ratios are parts per million",
    },
    Ban {
        words: &["unbounded_channel", "UnboundedSender", "mpsc::unbounded", "channel::unbounded"],
        scope: Scope::All,
        except: &[],
        instead: "use a bounded channel with a named capacity",
    },
    Ban {
        words: &["println!", "eprintln!", "print!", "eprint!"],
        scope: Scope::Code,
        except: &["app/", "xtask/", "proof/"],
        instead: "use `tracing` with fields",
    },
    Ban {
        words: &["env::var", "env::vars", "env::var_os", "env::args"],
        scope: Scope::Code,
        except: &["app/", "xtask/", "proof/"],
        instead: "take the setting as an argument; only app reads the environment",
    },
    Ban {
        words: &[".unwrap()", ".unwrap_err()"],
        scope: Scope::Code,
        except: &[],
        instead: "return the error, or say why it holds with `expect(\"…\")`",
    },
];

/// Measuring and metrics, whose libraries speak floats; never money.
const FLOATS: &[&str] =
    &["proof/bench/", "app/src/bench", "platform/telemetry/", "platform/http/src/metrics", "xtask/"];

/// Checks every file.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<Finding> = tree.sources.iter().flat_map(judge).collect();
    findings.sort();
    findings.dedup();
    findings
}

fn judge(source: &Source) -> Vec<Finding> {
    let imports = source.imports();
    let mut findings = Vec::new();
    for ban in BANS {
        if ban.except.iter().any(|prefix| source.path.starts_with(prefix)) {
            continue;
        }
        for word in ban.words {
            let inline = places(&source.code, word).into_iter();
            let imported = imports.iter().filter(|(_, path)| contains(path, word)).map(|(at, _)| *at);
            for at in inline.chain(imported).filter(|&at| applies(ban.scope, source.in_test(at))) {
                findings.push(banned(source, at, word, ban.instead));
            }
        }
    }
    for at in std_channels(&source.code) {
        findings.push(banned(source, at, "channel()", "use `sync_channel` with a named capacity"));
    }
    for at in places(&source.text, MARK).into_iter().filter(|&at| !source.in_literal(at)) {
        findings.push(banned(
            source,
            at,
            MARK,
            "mend it before it is merged, or name an issue with `TODO(#n)`",
        ));
    }
    findings
}

const MARK: &str = "FIXME";

fn applies(scope: Scope, test: bool) -> bool {
    match scope {
        Scope::All => true,
        Scope::Code => !test,
        Scope::Tests => test,
    }
}

fn banned(source: &Source, at: usize, word: &str, instead: &str) -> Finding {
    let what = format!("`{word}` is banned, {instead}");
    Finding::new(&source.path, source.line(at), RULE, what, "")
}

/// Calls of `channel` without a capacity: the standard library's unbounded one.
fn std_channels(code: &str) -> Vec<usize> {
    let bare = |at: usize| {
        let rest = &code[at + "channel".len()..];
        let rest = match rest.strip_prefix("::<") {
            Some(types) => types.find(">(").map_or("", |end| &types[end + 1..]),
            None => rest,
        };
        let other = [".", "fn ", "oneshot::"].iter().any(|before| code[..at].ends_with(before));
        rest.starts_with("()") && !other
    };
    places(code, "channel").into_iter().filter(|&at| bare(at)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, text)])).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn every_ban_can_fail() {
        let place = |ban: &Ban| {
            if ban.scope == Scope::Tests { "contexts/a/tests/a.rs" } else { "contexts/a/src/a.rs" }
        };
        for ban in BANS {
            for word in ban.words {
                let text = format!("//! A.\nfn f() {{ x{word}; }}\n").replace("x.", "y.").replace(" x", " ");
                assert!(!lines(place(ban), &text).is_empty(), "{word} was not found in {text}");
                for allowed in ban.except {
                    assert!(lines(&format!("{allowed}/tests/b.rs"), &text).is_empty(), "{word} in {allowed}");
                }
            }
        }
    }

    #[test]
    fn imports_marks_and_channels_are_found() {
        assert_eq!(lines("contexts/a/tests/a.rs", "use std::{fmt, thread::sleep};\n"), [1]);
        assert_eq!(lines("kernel/src/a.rs", "// FIXME\nlet a = \"FIXME\";\n"), [1]);
        assert_eq!(
            lines(
                "kernel/src/a.rs",
                "mpsc::channel();\nchannel::<u8>();\nmpsc::channel(4); oneshot::channel();\n"
            ),
            [1, 2]
        );
    }

    #[test]
    fn tests_and_texts_are_left_alone() {
        assert!(
            lines("kernel/src/a.rs", "// a.unwrap()\n\"dbg!\";\n#[cfg(test)]\nmod t { a.unwrap() }\n")
                .is_empty()
        );
        assert!(lines("kernel/tests/a.rs", "a.unwrap(); println!(); Instant::now();\n").is_empty());
        assert!(lines("platform/http/src/a.rs", "tokio::time::sleep(d)").is_empty());
    }
}
