//! What every engine of rows promises: each test runs on a file and on PostgreSQL, the same code and the same schema.
//! PostgreSQL is the server that `CONCORD_TEST_POSTGRES` names; without one its half is not run, and CI=true fails.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod encrypted;
mod house;
mod postgres;
mod promises;

use house::House;

macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod on_a_file {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::promises::$name(super::House::file(stringify!($name))).await;
            })*
        }

        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(house) = super::House::postgres(stringify!($name)).await {
                    super::promises::$name(house).await;
                }
            })*
        }
    };
}

on_both![
    a_repeat_gets_the_first_answer_and_another_command_a_conflict,
    one_of_many_with_the_same_key_is_carried_out,
    a_guard_on_a_counter_is_never_passed,
    a_taken_key_of_a_table_has_its_command_read_again,
    a_dry_run_answers_and_stores_nothing,
    events_of_a_key_are_numbered_without_gaps,
    jobs_that_are_due_come_most_urgent_first,
    numbers_are_never_given_twice,
    rows_are_copied_in_all_or_none,
    values_come_back_as_they_went,
    a_read_sees_one_snapshot,
    every_command_is_in_the_audit,
];
