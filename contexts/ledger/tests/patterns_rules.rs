//! Accounts that open on first use: what a pattern matches, how many it opens, and that a refused entry
//! opens none. One row a case.

mod rig;

use rig::script::check;

#[test]
fn patterns_do_not_overlap() {
    check(
        "pattern customers:*:wallet liability 10 A>=0    | ok
         pattern customers:*:wallet liability 10 A>=0    | pattern-overlap pattern=customers:*:wallet
         pattern customers:u1:* asset 10                 | pattern-overlap pattern=customers:*:wallet
         pattern *:*:* asset 10                          | pattern-overlap pattern=customers:*:wallet
         pattern customers:*:points liability 10         | ok
         pattern customers:* liability 10                | ok
         pattern *:* liability 10                        | pattern-overlap pattern=customers:*
         pattern shops:* liability 10 A>=5 A<=4          | invalid-limits
         pattern shops:* liability 10 A>=5 A<=5          | ok",
    );
}

#[test]
fn accounts_open_on_first_use() {
    check(
        "open bank asset                                                  | ok
         pattern p:*:wallet liability 2 only=A A>=0                       | ok
         account p:a:wallet                                               | none
         post debit bank A 5, credit p:a:wallet A 5                       | ok
         account p:a:wallet                                               | open v1 holds=0
         balance p:a:wallet A                                             | 5/5
         # Type, assets and limits are the pattern's.
         post debit bank B 5, credit p:a:wallet B 5                       | asset-not-allowed path=p:a:wallet asset=AFN
         post debit p:a:wallet A 6, credit bank A 6                       | insufficient-funds path=p:a:wallet asset=AED available=0.05 requested=0.06
         post debit bank A 5, credit p:a A 5                              | unknown-account account=p:a
         post debit bank A 5, credit p:a:b:wallet A 5                     | unknown-account account=p:a:b:wallet
         # One account is opened once, however often an entry names it.
         post debit bank A 5, credit p:b:wallet A 2, credit p:b:wallet A 3 | ok
         post debit bank A 5, credit p:c:wallet A 5                       | quota-exceeded pattern=p:*:wallet quota=2
         post debit p:b:wallet A 1, credit p:a:wallet A 1                 | ok
         restart                                                          |
         post debit bank A 5, credit p:c:wallet A 5                       | quota-exceeded pattern=p:*:wallet quota=2
         # Accounts that callers open do not count.
         open p:c:wallet liability                                        | ok
         post debit bank A 5, credit p:c:wallet A 5                       | ok",
    );
}

#[test]
fn a_refused_entry_opens_nothing() {
    check(
        "open bank asset                                                  | ok
         pattern p:* liability 1                                          | ok
         seq                                                              | 5
         post debit bank A 5, credit p:a A 4                              | unbalanced-entry asset=AED debits=0.05 credits=0.04
         account p:a                                                      | none
         post debit bank A 5, credit p:a A 5, credit none A 5             | unknown-account account=none
         post debit bank A 5, credit p:a A 4, credit p:b A 1              | quota-exceeded pattern=p:* quota=1
         try post debit bank A 5, credit p:a A 5                          | would do
         account p:a                                                      | none
         seq                                                              | 5
         # Its quota is given back too.
         post debit bank A 5, credit p:a A 5                              | ok
         seq                                                              | 7",
    );
}

#[test]
fn a_refusal_names_the_account_that_it_did_not_open() {
    check(
        "open bank asset                                                  | ok
         pattern p:* liability 9 A>=0 A<=50 only=A                        | ok
         post debit p:a A 5, credit bank A 5                              | insufficient-funds path=p:a asset=AED available=0.00 requested=0.05
         post debit bank A 51, credit p:a A 51                            | ceiling-exceeded path=p:a asset=AED room=0.50 requested=0.51
         post debit p:a A 5, credit p:b A 5                               | insufficient-funds path=p:a asset=AED available=0.00 requested=0.05
         post debit p:b A 5, credit p:a B 5                               | asset-not-allowed path=p:a asset=AFN
         hold debit p:a A 5, credit bank A 5                              | insufficient-funds path=p:a asset=AED available=0.00 requested=0.05
         try post debit p:a A 5, credit bank A 5                          | insufficient-funds path=p:a asset=AED available=0.00 requested=0.05
         keep post k1: debit p:a A 5, credit bank A 5                     | insufficient-funds path=p:a asset=AED available=0.00 requested=0.05
         post k1: debit p:a A 5, credit bank A 5                          | insufficient-funds path=p:a asset=AED available=0.00 requested=0.05
         account p:a                                                      | none",
    );
}
