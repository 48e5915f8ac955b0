//! An account's life and settings. One row a case.

mod rig;

use rig::script::check;

#[test]
fn opening() {
    check(
        "open a1: alice liability A>=0 A<=10        | ok
         open alice liability                       | account-exists path=alice
         open a1: other liability                   | idempotency-conflict namespace=id differing_fields=path,constraints
         open bob asset A>=5 A<=4                   | invalid-limits
         open bob asset A>=5 A<=5                   | ok
         account alice                              | open v1 holds=0
         account bob                                | open v1 holds=0
         # The source platform's first two.
         account accounts:1                         | open v1 holds=0
         open accounts:2 liability                  | account-exists path=accounts:2
         asset PTS 0                                | ok
         asset PTS 3                                | asset-exists scale=0
         asset AED 3                                | asset-exists scale=2",
    );
}

#[test]
fn life() {
    check(
        "open bank asset                            | ok
         open alice liability                       | ok
         thaw alice                                 | account-state account_status=open
         freeze alice debits                        | ok
         account alice                              | debits v2 holds=0
         freeze alice credits                       | ok
         account alice                              | credits v3 holds=0
         freeze alice both                          | ok
         thaw alice                                 | ok
         account alice                              | open v5 holds=0
         post debit bank A 5, credit alice A 5      | ok
         close alice                                | account-not-empty open_holds=0
         post debit alice A 5, credit bank A 5      | ok
         hold h: debit alice A 5, credit bank A 5   | ok
         account alice                              | open v5 holds=1
         close alice                                | account-not-empty open_holds=1
         act h void rest                            | ok
         # Frozen accounts close too.
         freeze alice both                          | ok
         close alice                                | ok
         account alice                              | closed v7 holds=0
         close alice                                | account-state account_status=closed
         freeze alice both                          | account-state account_status=closed
         thaw alice                                 | account-state account_status=closed
         change alice A>=0                          | account-state account_status=closed
         restart                                    |
         account alice                              | closed v7 holds=0
         post debit bank A 5, credit alice A 5      | account-closed path=alice",
    );
}

#[test]
fn settings() {
    check(
        "open bank asset                            | ok
         open alice liability A>=0 B<=7             | ok
         change alice A>=-10                        | ok
         account alice                              | open v2 holds=0
         post debit alice A 10, credit bank A 10    | ok
         # Limits of other assets stand.
         post debit bank B 8, credit alice B 8      | ceiling-exceeded path=alice asset=AFN room=0.07 requested=0.08
         change alice A>=1 A<=0                     | invalid-limits
         change alice version=1 A>=5                | version-mismatch version=2
         change alice version=2 A>=5                | ok
         restart                                    |
         post debit alice A 1, credit bank A 1      | insufficient-funds path=alice asset=AED available=0.00 requested=0.01
         # Postings raise no version.
         post debit bank A 1, credit alice A 1      | ok
         account alice                              | open v3 holds=0
         # A limit may come before the first posting of its asset.
         open cash asset                            | ok
         change cash B>=0                           | ok
         post debit alice B 1, credit cash B 1      | insufficient-funds path=cash asset=AFN available=0.00 requested=0.01",
    );
}

#[test]
fn freezing_stops_what_is_new() {
    check(
        "open bank asset                            | ok
         open alice liability                       | ok
         post debit bank A 50, credit alice A 50    | ok
         hold h1: debit alice A 10, credit bank A 10 tolerance=5,5  | ok
         hold h2: debit alice A 10, credit bank A 10 expires=60     | ok
         hold h3: debit alice A 10, credit bank A 10                | ok
         freeze alice debits                        | ok
         hold debit alice A 1, credit bank A 1      | account-frozen path=alice direction=debit
         act h1 increment 1                         | account-frozen path=alice direction=debit
         # Above the held amount a capture is new; up to it, voids and expiries always pass.
         act h1 capture 11                          | account-frozen path=alice direction=debit
         act h1 capture 10                          | ok
         act h3 void rest                           | ok
         wait 61                                    |
         balance alice A                            | 40/40
         act h2 void rest                           | hold-expired hold_status=expired",
    );
}
