//! What continuous integration runs are the steps that there are.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn workflow_runs_every_step_once() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Ok(steps) = fs::read_dir(root.join(".ci/steps")) else {
        skipped!("the package has no steps");
        return;
    };
    let names = steps.map(|step| step.expect("a step").file_name());
    let steps: BTreeSet<String> = names.map(|it| it.to_string_lossy().into()).collect();
    let workflow = fs::read_to_string(root.join(".github/workflows/ci.yml")).expect("the workflow");
    let (_, matrix) = workflow
        .split_once("\n        steps:\n")
        .expect("the matrix");
    let rows = matrix
        .lines()
        .map_while(|line| line.strip_prefix("          - "));
    let run: Vec<&str> = rows.flat_map(str::split_whitespace).collect();
    assert_eq!(
        run.iter().map(|&it| it.to_owned()).collect::<BTreeSet<_>>(),
        steps
    );
    assert_eq!(run.len(), steps.len(), "one runs twice");
}
