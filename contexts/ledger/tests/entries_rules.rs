//! What an entry may be: sides, balance, accounts, limits, conditions, overrides, amounts that balance
//! themselves, reversals, and the order in which refusals are given. One row a case.

mod rig;

use rig::script::check;

#[test]
fn an_entry_balances_between_accounts_that_exist() {
    check(
        "open bank asset                                                      | ok
         open alice liability                                                 | ok
         open bob liability                                                   | ok
         post debit bank A 100, credit alice A 100                            | ok
         post debit alice A 1, credit alice A 1                               | same-account
         post debit bank A 5, credit alice A 4                                | unbalanced-entry asset=AED debits=0.05 credits=0.04
         post debit bank A 5, credit alice B 5                                | unbalanced-entry asset=AED debits=0.05 credits=0.00
         post debit bank A 5, credit nobody A 5                               | unknown-account account=nobody
         post debit bank A 5, credit alice A 3, credit bob A 2                | ok
         post debit bank A 5, credit alice A 5, debit bob B 7, credit alice B 7 | ok
         # An account may be touched more than once where there are more than two postings.
         post debit bank A 5, credit alice A 7, debit alice A 2               | ok
         post debit bank A 10^35, credit alice A 10^35                        | ok
         balance alice A                                                      | 100000000000000000000000000000000113/100000000000000000000000000000000113
         balance bob A                                                        | 2/2
         balance bob B                                                        | -7/-7",
    );
}

#[test]
fn counters_and_amounts_do_not_overflow() {
    let mut rows = "open bank asset                                                   | ok
         open alice liability                                                         | ok
         post debit bank A max<=10^36, credit alice A rest                            | ok\n"
        .to_owned();
    for _ in 0..41 {
        rows.push_str("post debit bank A max<=10^36, credit alice A rest | ok\n");
    }
    rows.push_str(
        "post debit bank A max<=10^36, credit alice A rest                            | amount-overflow path=bank
         post debit bank A 1, credit alice A 1                                        | ok
         # What is left of the other side is an amount like any other: below 10^36.
         open carol liability                                                         | ok
         open dave liability                                                          | ok
         post debit carol A 10^35, debit carol A 10^35, credit dave A rest            | ok
         post debit carol A max<=10^36, debit carol A max<=10^36, credit dave A rest  | amount-overflow path=dave",
    );
    check(&rows);
}

#[test]
fn closed_and_frozen_accounts_and_assets() {
    check(
        "open bank asset                                | ok
         open alice liability only=A                    | ok
         open gone liability                            | ok
         close gone                                     | ok
         post debit bank A 1, credit gone A 1           | account-closed path=gone
         post debit bank B 1, credit alice B 1          | asset-not-allowed path=alice asset=AFN
         freeze alice debits                            | ok
         post debit bank A 9, credit alice A 9          | ok
         post debit alice A 1, credit bank A 1          | account-frozen path=alice direction=debit
         freeze alice credits                           | ok
         post debit alice A 1, credit bank A 1          | ok
         post debit bank A 1, credit alice A 1          | account-frozen path=alice direction=credit
         freeze alice both                              | ok
         post debit alice A 1, credit bank A 1          | account-frozen path=alice direction=debit
         thaw alice                                     | ok
         post debit alice A 1, credit bank A 1          | ok
         change alice only=B                            | ok
         post debit alice A 1, credit bank A 1          | asset-not-allowed path=alice asset=AED",
    );
}

#[test]
fn limits_stop_only_what_goes_further_past_them() {
    check(
        "open bank asset                                | ok
         open alice liability A>=0                      | ok
         open credit liability A>=-500                  | ok
         open cash asset A>=0 A<=100                    | ok
         post debit alice A 1, credit bank A 1          | insufficient-funds path=alice asset=AED available=0.00 requested=0.01
         post debit credit A 500, credit bank A 500     | ok
         post debit credit A 1, credit bank A 1         | insufficient-funds path=credit asset=AED available=0.00 requested=0.01
         post debit cash A 100, credit alice A 100      | ok
         post debit cash A 1, credit alice A 1          | ceiling-exceeded path=cash asset=AED room=0.00 requested=0.01
         # Another asset has limits of its own: here none.
         post debit alice B 5, credit bank B 5          | ok
         # A higher floor leaves the account overdrawn; it can be topped up in part, not drawn on.
         change alice A>=1000                           | ok
         post debit alice A 1, credit bank A 1          | insufficient-funds path=alice asset=AED available=0.00 requested=0.01
         post debit bank A 10, credit alice A 10        | ok
         post debit alice A 1, credit bank A 1          | insufficient-funds path=alice asset=AED available=0.00 requested=0.01
         # A lower ceiling likewise.
         change cash A<=50                              | ok
         post debit cash A 1, credit bank A 1           | ceiling-exceeded path=cash asset=AED room=0.00 requested=0.01
         post debit bank A 10, credit cash A 10         | ok
         # Limits hold after the whole entry, whatever stands between.
         open carol liability A>=0                      | ok
         post debit carol A 70, credit bank A 20, credit carol A 50                     | insufficient-funds path=carol asset=AED available=0.00 requested=0.20
         post debit carol A 70, credit carol A 90, debit bank A 20                      | ok
         balance carol A                                | 20/20",
    );
}

#[test]
fn an_override_passes_what_it_names() {
    check(
        "open bank asset                                                            | ok
         open alice liability A>=0 A<=10                                            | ok
         post debit alice A 1, credit bank A 1 {forbidden pass=floor}               | override-forbidden
         post debit alice A 5, credit bank A 5 {pass=ceiling}                       | insufficient-funds path=alice asset=AED available=0.00 requested=0.05
         post debit alice A 5, credit bank A 5 {pass=floor}                         | ok
         balance alice A                                                            | -5/-5
         post debit bank A 20, credit alice A 20 {pass=floor}                       | ceiling-exceeded path=alice asset=AED room=0.15 requested=0.20
         post debit bank A 20, credit alice A 20 {pass=floor+ceiling}               | ok
         balance alice A                                                            | 15/15",
    );
}

#[test]
fn conditions_look_before_and_after() {
    check(
        "open bank asset                                                            | ok
         open alice liability                                                       | ok
         post debit bank A 10, credit alice A 10 {if=alice/version=1}               | ok
         post debit bank A 10, credit alice A 10 {if=alice/version=2}               | condition-failed condition=0 version=1
         freeze alice debits                                                        | ok
         thaw alice                                                                 | ok
         post debit bank A 10, credit alice A 10 {if=alice/version=1}               | condition-failed condition=0 version=3
         seq                                                                        | 8
         post debit bank A 1, credit alice A 1 {if=alice/A/seq=6}                   | ok
         post debit bank A 1, credit alice A 1 {if=alice/A/seq=6}                   | condition-failed condition=0 last_seq=9
         post debit bank A 1, credit alice A 1 {if=alice/B/seq=0}                   | ok
         # Balances are those that the entry leaves behind.
         post debit bank A 1, credit alice A 1 {if=alice/A/posted>=14}              | condition-failed condition=0 asset=AED found=0.13
         post debit bank A 1, credit alice A 1 {if=alice/A/posted=13}               | ok
         post debit alice A 4, credit bank A 4 {if=alice/A/available>9}             | condition-failed condition=0 asset=AED found=0.09
         post debit alice A 4, credit bank A 4 {if=alice/A/posted>0 if=bank/A/available<=9} | ok
         post debit alice A 4, credit bank A 4 {if=nobody/A/posted>0}               | unknown-account account=nobody
         hold h: debit alice A 4, credit bank A 4 {if=alice/A/pending=-4 if=alice/A/available<6 if=alice/A/posted<10} | ok",
    );
}

#[test]
fn balancing_amounts() {
    check(
        "open bank asset                                                    | ok
         open alice liability A>=0                                          | ok
         open points liability A>=0                                         | ok
         open shop liability                                                | ok
         open jar liability A<=50                                           | ok
         post debit bank A 30, credit alice A 30                            | ok
         post debit bank A 100, credit points A 100                         | ok
         # First the points, then what is left from alice.
         post debit points A max<=80, debit alice A rest, credit shop A 90  | ok
         balance points A                                                   | 20/20
         balance alice A                                                    | 20/20
         post debit alice A max, credit shop A rest                         | ok
         balance alice A                                                    | 0/0
         post debit alice A max, credit shop A rest                         | nothing-available
         # One that resolves to zero is left out.
         post debit alice A max, debit points A 5, credit shop A rest       | ok
         balance points A                                                   | 15/15
         post debit shop A max, credit bank A rest                          | max-needs-bound posting=0
         post debit shop A max<=5, credit bank A rest                       | ok
         # Room below a ceiling.
         post debit bank A rest, credit jar A max                           | ok
         balance jar A                                                      | 50/50
         post debit bank A rest, credit jar A max                           | nothing-available
         post debit bank A 7, credit jar A max, credit shop A rest          | ok
         # In posting order: what an earlier posting brings, a later one may take.
         post debit bank A 9, credit alice A 9, debit alice A max, credit shop A rest  | ok
         balance alice A                                                    | 0/0
         post debit points A max, debit points A max, credit shop A rest    | ok
         balance points A                                                   | 0/0
         post debit bank A rest, debit alice A 5, credit shop A 4           | unbalanced-entry asset=AED debits=0.05 credits=0.04
         # An overdrawn account has nothing available, not less.
         post debit alice A 5, credit bank A 5 {pass=floor}                 | ok
         post debit alice A max, credit bank A rest                         | nothing-available
         # What a hold would bring is not available to the same hold.
         post debit bank A 25, credit alice A 25                            | ok
         hold h: debit bank A 10, credit alice A 10, debit alice A max, credit shop A rest | ok
         balance alice A                                                    | 20/0",
    );
}

#[test]
fn reversals() {
    check(
        "open bank asset                                        | ok
         open alice liability A>=0                              | ok
         open shop liability                                    | ok
         post e1: debit bank A 100, credit alice A 100          | ok
         reverse r1: e1 40                                      | ok
         balance alice A                                        | 60/60
         reverse e1 61                                          | reversal-exceeds-entry posting=0 asset=AED remaining=0.60 requested=0.61
         reverse e1 0:10 1:11                                   | unbalanced-entry asset=AED debits=0.10 credits=0.11
         reverse e1 0:10 0:10                                   | invalid-share
         reverse e1 2:10                                        | invalid-share
         reverse e1 0:10 1:10                                   | ok
         reverse r1 rest                                        | reversal-of-reversal
         reverse nothing rest                                   | not-found
         post debit alice A 30, credit shop A 30                | ok
         reverse e1 rest                                        | insufficient-funds path=alice asset=AED available=0.20 requested=0.50
         reverse e1 20                                          | ok
         post debit shop A 30, credit alice A 30                | ok
         restart                                                |
         reverse e1 rest                                        | ok
         reverse e1 rest                                        | reversal-exceeds-entry posting=0 asset=AED remaining=0.00 requested=1.00
         reverse e1 1                                           | reversal-exceeds-entry posting=0 asset=AED remaining=0.00 requested=0.01
         balance alice A                                        | 0/0
         # More than two postings: each is named.
         post e2: debit bank A 50, credit alice A 30, credit shop A 20   | ok
         reverse e2 10                                          | invalid-share
         reverse e2 0:10 2:10                                   | ok
         reverse e2 0:11 2:11                                   | reversal-exceeds-entry posting=2 asset=AED remaining=0.10 requested=0.11
         # Status applies.
         freeze alice debits                                    | ok
         reverse e2 rest                                        | account-frozen path=alice direction=debit
         reverse e2 0:10 2:10                                   | ok
         thaw alice                                             | ok
         reverse e2 rest                                        | ok
         balance alice A                                        | 0/0
         balance bank A                                         | 0/0
         close alice                                            | ok
         post e3: debit bank A 5, credit shop A 5               | ok
         close shop                                             | account-not-empty open_holds=0",
    );
}

#[test]
fn what_becomes_of_holds_is_reversed_too() {
    check(
        "open bank asset                                        | ok
         open alice liability A>=0                              | ok
         open shop liability                                    | ok
         post debit bank A 100, credit alice A 100              | ok
         hold h1: debit alice A 60, credit shop A 60            | ok
         # An open hold is voided.
         reverse h1 20                                          | ok
         balance alice A                                        | 100/60
         act c1: h1 capture 30                                  | ok
         # A capture is reversed, and the hold does not reopen.
         reverse c1 10                                          | ok
         balance alice A                                        | 80/70
         reverse h1 rest                                        | ok
         balance alice A                                        | 80/80
         reverse h1 rest                                        | hold-not-open hold_status=captured
         reverse c1 rest                                        | ok
         reverse c1 rest                                        | reversal-exceeds-entry posting=0 asset=AED remaining=0.00 requested=0.30
         balance alice A                                        | 100/100
         act h1 capture 1                                       | hold-not-open hold_status=captured",
    );
}

#[test]
fn refusals_come_in_documented_order() {
    // Every row breaks all the rules named from here on; each next row mends the first of them.
    check(
        "open bank asset                                        | ok
         open alice liability A>=0                              | ok
         open full asset A<=0                                   | ok
         open gone liability                                    | ok
         close gone                                             | ok
         open cold liability                                    | ok
         freeze cold both                                       | ok
         open other liability only=B                            | ok
         post debit full A 9, credit other A 1, debit cold A 5, credit gone A 1, debit none A 1 {at=9000000000000000 pass=floor if=alice/version=9} | effective-in-future now=2026-01-01T00:00:00.000009Z
         post debit full A 9, credit other A 1, debit cold A 5, credit gone A 1, debit none A 1 {forbidden pass=floor if=alice/version=9} | override-forbidden
         post debit full A 9, credit other A 1, debit cold A 5, credit gone A 1, debit none A 1 {if=alice/version=9} | unknown-account account=none
         post debit full A 9, credit other A 1, debit cold A 5, credit gone A 1 {if=alice/version=9} | account-closed path=gone
         post debit full A 9, credit other A 1, debit cold A 5 {if=alice/version=9}                  | account-frozen path=cold direction=debit
         post debit full A 9, credit other A 1 {if=alice/version=9}                                  | asset-not-allowed path=other asset=AED
         post debit full A 9, credit full A 1 {if=alice/version=9}                                   | same-account
         post debit full A 9, credit alice A 1, debit bank A 1 {if=alice/version=9}                  | condition-failed condition=0 version=1
         post debit alice A max, credit bank A rest {if=alice/A/posted=9}                            | nothing-available
         post debit full A 9, debit alice A 1, credit bank A 1 {if=alice/A/posted=9}                 | unbalanced-entry asset=AED debits=0.10 credits=0.01
         post debit full A 9, debit alice A 1, credit bank A 10 {if=alice/A/posted=9}                | insufficient-funds path=alice asset=AED available=0.00 requested=0.01
         post debit full A 9, debit bank A 1, credit alice A 10 {if=alice/A/posted=9}                | ceiling-exceeded path=full asset=AED room=0.00 requested=0.09
         post debit bank A 10, credit alice A 10 {if=alice/A/posted=9}                               | condition-failed condition=0 asset=AED found=0.10
         post debit bank A 10, credit alice A 10 {if=alice/A/posted=10}                              | ok",
    );
}

#[test]
fn a_dry_run_stores_nothing() {
    check(
        "open bank asset                                        | ok
         open alice liability A>=0                              | ok
         seq                                                    | 5
         try post e1: debit bank A 5, credit alice A 5          | would do
         try post debit alice A 5, credit bank A 5              | insufficient-funds path=alice asset=AED available=0.00 requested=0.05
         seq                                                    | 5
         balance alice A                                        | 0/0
         post e1: debit bank A 7, credit alice A 7              | ok
         restart                                                |
         balance alice A                                        | 7/7",
    );
}
