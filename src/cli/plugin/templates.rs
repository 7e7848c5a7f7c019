//! What each language begins with; the texts lie in `templates/plugin`.

use clap::ValueEnum;

/// What a provider is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    /// A WebAssembly module that runs inside the server.
    Rust,
    /// A server of yours that is asked over HTTP.
    Python,
    /// A server of yours that is asked over HTTP.
    Go,
    /// A server of yours that is asked over HTTP.
    Node,
    /// Cedar policies.
    Cedar,
    /// A policy of roles and targets, in JSON.
    Policy,
    /// A shell script that is run for each question.
    Sh,
    /// A query on another database.
    Sql,
}

/// What is written, and what is to do then. `__NAME__`, `__CRATE__`, `__SECRET__` and `__DIR__` stand for what they say.
pub struct Template {
    /// Path and text.
    pub files: &'static [(&'static str, &'static str)],
    /// For providers.toml.
    pub section: &'static str,
    /// What, and how.
    pub steps: &'static [(&'static str, &'static str)],
}

macro_rules! text {
    ($path:literal) => {
        include_str!(concat!("../../../templates/plugin/", $path))
    };
}

const SHARE: (&str, &str) =
    ("Secret", "export __SECRET__=whsec_$(openssl rand -base64 32)   # for both, the provider and the server");

impl Lang {
    /// What it begins with.
    pub fn template(self) -> Template {
        match self {
            Self::Rust => RUST,
            Self::Python => PYTHON,
            Self::Go => GO,
            Self::Node => NODE,
            Self::Cedar => CEDAR,
            Self::Policy => POLICY,
            Self::Sh => SH,
            Self::Sql => SQL,
        }
    }
}

const RUST: Template = Template {
    files: &[("Cargo.toml", text!("rust/Cargo.toml.txt")), ("src/lib.rs", text!("rust/lib.rs.txt"))],
    section: text!("rust/section.toml"),
    steps: &[
        ("Once", "rustup target add wasm32-unknown-unknown"),
        ("Test", "(cd __DIR__ && cargo test)"),
        ("Build", "(cd __DIR__ && cargo build --release --target wasm32-unknown-unknown)"),
    ],
};

const PYTHON: Template = Template {
    files: &[("provider.py", text!("python/provider.py")), ("test_provider.py", text!("python/test_provider.py"))],
    section: text!("python/section.toml"),
    steps: &[SHARE, ("Test", "(cd __DIR__ && python3 -m unittest)"), ("Start", "python3 __DIR__provider.py")],
};

const GO: Template = Template {
    files: &[
        ("go.mod", text!("go/go.mod.txt")),
        ("main.go", text!("go/main.go.txt")),
        ("main_test.go", text!("go/main_test.go.txt")),
    ],
    section: text!("go/section.toml"),
    steps: &[SHARE, ("Test", "(cd __DIR__ && go test)"), ("Start", "(cd __DIR__ && go run .)")],
};

const NODE: Template = Template {
    files: &[("provider.mjs", text!("node/provider.mjs")), ("provider.test.mjs", text!("node/provider.test.mjs"))],
    section: text!("node/section.toml"),
    steps: &[SHARE, ("Test", "(cd __DIR__ && node --test)"), ("Start", "node __DIR__provider.mjs")],
};

const TRY: (&str, &str) = ("Test", "countersign permission test --all --tests __DIR____NAME__.test.toml");

const CEDAR: Template = Template {
    files: &[
        ("__NAME__.cedar", text!("cedar/policy.cedar")),
        ("__NAME__.cedarschema", text!("cedar/policy.cedarschema")),
        ("__NAME__.test.toml", text!("fixture.test.toml")),
    ],
    section: text!("cedar/section.toml"),
    steps: &[TRY],
};

const POLICY: Template = Template {
    files: &[("__NAME__.json", text!("policy/policy.json")), ("__NAME__.test.toml", text!("fixture.test.toml"))],
    section: text!("policy/section.toml"),
    steps: &[TRY],
};

const SH: Template = Template {
    files: &[("provider.sh", text!("sh/provider.sh")), ("test.sh", text!("sh/test.sh"))],
    section: text!("sh/section.toml"),
    steps: &[("Test", "__DIR__test.sh"), ("Start", "countersign serve --allow-exec")],
};

const SQL: Template = Template {
    files: &[("example.sql", text!("sql/example.sql")), ("__NAME__.test.toml", text!("sql/fixture.test.toml"))],
    section: text!("sql/section.toml"),
    steps: &[("Once", "sqlite3 __DIR____NAME__.db < __DIR__example.sql"), TRY],
};
