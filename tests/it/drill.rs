//! The drills, as the operator runs them.

use crate::process::{run, tandem};

#[tokio::test]
async fn a_lost_store_finds_its_tickets_again_and_says_what_is_lost() {
    let (here, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut command = tandem(&["drill", "lost-store"]);
    command.current_dir(here.path()).env("TMPDIR", temporary.path());
    let said = run(command).await;
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    let kept = "Kept: 3 tickets, no second one; 7 replies on the phones, none twice.";
    assert!(said.out.lines().any(|line| line == kept), "{}", said.out);
    assert!(said.out.contains("Lost with the disk:\n- 1 text that was acknowledged"), "{}", said.out);
    for directory in [&here, &temporary] {
        assert_eq!(std::fs::read_dir(directory).unwrap().count(), 0, "nothing is left in {directory:?}");
    }
}

#[tokio::test]
async fn a_drill_that_nobody_knows_is_a_wrong_usage() {
    let said = run(tandem(&["drill", "earthquake"])).await;
    assert_eq!(said.code, 2);
    assert!(said.err.contains("lost-store"), "{}", said.err);
}
